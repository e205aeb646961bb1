"""The studio's page for everybody: by keyboard, by finger, with a screen reader, on a desk and on a phone."""

import re

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from numpy.typing import NDArray
from playwright.sync_api import Locator, Page, expect
from studio_page import PHONE, WALL, changed_code, code_of, drop_file, painted, pick, trait


def test_the_keyboard_reaches_everything(open_page):
    page = open_page()
    painted(page.locator("#wall-grid .card"))
    page.keyboard.press("Tab")
    expect(page.locator("#skip")).to_be_focused()
    page.locator("#fresh").focus()
    page.keyboard.press("Tab")
    cards = page.locator("#wall-grid .card")
    expect(cards.first).to_be_focused()
    for key, index in (
        ("ArrowRight", 1),
        ("ArrowDown", 7),
        ("ArrowLeft", 6),
        ("ArrowUp", 0),
        ("End", 23),
        ("Home", 0),
    ):
        page.keyboard.press(key)
        expect(cards.nth(index)).to_be_focused()
    page.keyboard.press("ArrowRight")
    page.locator("#more").press("Enter")
    assert cards.evaluate_all("cards => cards.map((card) => card.tabIndex).indexOf(0)") == 1
    cards.nth(1).press("Enter")
    expect(page.locator("#bench")).to_be_visible()
    for key, panel in (("2", "traits"), ("3", "mix"), ("1", "children")):
        page.keyboard.press(key)
        expect(page.locator(f"#panel-{panel}")).to_be_visible()
        expect(page.get_by_role("tab", selected=True)).to_have_id(f"tab-{panel}")
    page.locator("#tab-children").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#tab-traits")).to_be_focused()
    expect(page.locator("#panel-traits")).to_be_visible()
    code = code_of(page)
    page.keyboard.press("r")
    changed_code(page, code)
    page.keyboard.press("w")
    expect(page.locator("#wall")).to_be_visible()
    page.keyboard.press("?")
    page.locator("#single-keys").uncheck()
    page.keyboard.press("Escape")
    first = painted(cards.first).get_attribute("title")
    page.keyboard.press("n")
    page.wait_for_timeout(300)
    expect(cards.first).to_have_attribute("title", first)


def test_a_finger_that_holds_still_drags_and_one_that_swipes_scrolls(open_page):
    page = open_page(**PHONE)
    pick(page)
    touch = page.context.new_cdp_session(page)

    def finger(kind: str, *points: tuple[float, float]) -> None:
        touch.send(
            "Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y} for x, y in points]}
        )

    def middle(element: Locator) -> tuple[float, float]:
        box = element.bounding_box()
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    card = painted(page.locator("#children .card")).first
    code, start, end = code_of(page), middle(card), middle(page.locator("#portrait"))
    finger("touchStart", start)
    expect(page.locator("body")).to_have_class(re.compile("dragging"))  # once it has been held for long enough
    finger("touchMove", ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2))
    finger("touchMove", end)
    finger("touchEnd")
    changed_code(page, code)
    expect(page.locator("#panel-mix")).to_be_visible()
    assert page.evaluate("scrollY") == 0
    mixed, start = code_of(page), middle(page.locator("#mix-text"))
    finger("touchStart", start)
    for step in range(1, 6):
        finger("touchMove", (start[0], start[1] - 40 * step))
    finger("touchEnd")
    page.wait_for_function("scrollY > 50")
    assert code_of(page) == mixed


COLOURS = {
    "red": (200, 30, 30),
    "orange": (250, 130, 20),
    "brown": (120, 70, 30),
    "yellow": (240, 230, 40),
    "olive": (110, 140, 20),
    "green": (30, 180, 60),
    "teal": (20, 170, 160),
    "blue": (40, 60, 220),
    "purple": (130, 40, 210),
    "pink": (240, 60, 180),
    "white": (240, 240, 240),
    "grey": (120, 120, 120),
    "dark": (50, 50, 50),
}


def test_a_picture_is_described_by_its_colours_and_its_shape(open_page):
    page = open_page()

    def description(image: NDArray[np.uint8]) -> str:
        return page.evaluate(
            "async (rgb) => (await import('/model/describe.js')).describe(Uint8Array.from(rgb), 40)",
            image.ravel().tolist(),
        )

    for name, colour in COLOURS.items():
        image = np.zeros((40, 40, 3), np.uint8)
        image[10:30, 10:30] = colour
        assert description(image) == f"Mostly {name}; stocky"
    image[10:30, 10:15] = COLOURS["teal"]
    assert description(image) == "Mostly dark, some teal; stocky"
    image[15:] = 0
    assert description(image) == "Mostly dark, some teal; wide"
    assert description(image.transpose(1, 0, 2)) == "Mostly dark, some teal; tall"
    assert description(np.full_like(image, 20)) == "Nearly empty"
    label = painted(page.locator("#wall-grid .card").first).get_attribute("aria-label")
    assert re.fullmatch(r"\w+: (Mostly \w+(, some \w+)?; (tall|wide|stocky)|Nearly empty)", label)


@pytest.mark.parametrize("size", [{}, PHONE], ids=["desk", "phone"])
def test_the_help_begins_at_its_top_and_names_the_keys(open_page, size):
    page = open_page(**size)
    page.locator("#help").click()
    expect(page.locator("#help-title")).to_be_in_viewport()
    expect(page.locator("#shortcuts kbd").first).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.locator("#single-keys")).to_be_focused()


def overhang(page: Page) -> int:
    """How much sticks out at the right, pixels; on a phone the window itself grows with what is in it."""
    return page.evaluate("document.documentElement.scrollWidth") - page.viewport_size["width"]


@pytest.mark.parametrize("size", [{}, PHONE], ids=["desk", "phone"])
def test_a_long_family_line_scrolls_and_pushes_nothing_aside(open_page, size):
    page = open_page(**size)
    pick(page)
    before = page.locator("#portrait").bounding_box()
    for length in range(2, 8):
        page.locator("#reroll").click()
        expect(page.locator("#lineage .card")).to_have_count(length)
    assert page.locator("#portrait").bounding_box() == before
    assert page.locator("#lineage").evaluate("line => line.scrollWidth > line.clientWidth && line.scrollLeft > 0")
    assert overhang(page) <= 0


@pytest.mark.parametrize(("scheme", "size"), [("light", {}), ("dark", PHONE)], ids=["desk", "phone"])
def test_axe_finds_nothing_and_nothing_sticks_out(open_page, scheme, size):
    page = open_page(color_scheme=scheme, reduced_motion="reduce", **size)
    painted(page.locator("#wall-grid .card").nth(3))

    def check(where: str) -> None:
        result = Axe().run(page).response["violations"]
        assert [(where, each["id"], each["nodes"][0]["html"]) for each in result] == []
        assert overhang(page) <= 0, where

    check("wall")
    page.locator("#wall-grid .card").first.click()
    page.locator("#keep").click()
    painted(page.locator("#children .card"))
    check("breed")
    expect(trait(page, 9)).to_be_visible()
    check("shape")
    page.locator("#tab-mix").click()
    painted(page.locator("#partners .card").first).click()
    painted(page.locator("#steps .card"))
    check("mix")
    for button, dialog in (("sprites", "sprites-dialog"), ("help", "help-dialog"), ("open", "open-dialog")):
        page.locator(f"#{button}").click()
        expect(page.locator(f"#{dialog}")).to_be_visible()
        check(dialog)
        page.keyboard.press("Escape")
    drop_file(page, WALL.read_bytes(), "wall.png")
    expect(page.locator("#projection-take")).to_be_enabled()
    check("projection-dialog")


@pytest.mark.parametrize("text_percent", [100, 200])
def test_the_smallest_phone_and_the_largest_text_need_no_scrolling_aside(open_page, text_percent):
    page = open_page(**{**PHONE, "viewport": {"width": 320, "height": 568}})
    page.evaluate("percent => document.documentElement.style.textSizeAdjust = `${percent}%`", text_percent)
    expect(page.locator("#skip")).not_to_be_in_viewport()
    assert overhang(page) <= 0
    pick(page)
    page.evaluate("document.querySelector('#name').textContent = 'Emberbert'")  # the widest there is
    for tab in ("children", "traits", "mix"):
        page.locator(f"#tab-{tab}").click()
        assert overhang(page) <= 0, tab
    for button in ("sprites", "help", "open"):
        page.locator(f"#{button}").click()
        assert overhang(page) <= 0, button
        page.keyboard.press("Escape")


@pytest.mark.parametrize(("width", "height"), [(375, 667), (320, 256)], ids=["phone", "zoomed to 400 percent"])
def test_what_the_keyboard_reaches_lies_under_nothing(open_page, width, height):
    page = open_page(viewport={"width": width, "height": height})
    painted(page.locator("#wall-grid .card").first).press("Enter")
    painted(page.locator("#children .card"))
    page.locator("#tray-title").evaluate("title => { title.tabIndex = -1; title.focus(); }")
    for _ in range(11):
        page.keyboard.press("Shift+Tab")
        assert page.evaluate(
            """() => {
                const box = document.activeElement.getBoundingClientRect();
                const there = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
                return document.activeElement.contains(there);
            }"""
        ), page.evaluate("document.activeElement.outerHTML")


NEVER_SEEN = """async (selectors) => {
    // What has a new size is known after the next frame.
    for (let frame = 0; frame < 2; frame++) await new Promise(requestAnimationFrame);
    return selectors.filter((selector) => {
        for (let top = 0; top <= 1200; top += 40) {
            scrollTo(0, top);
            const box = [...document.querySelectorAll(selector)].at(-1).getBoundingClientRect();
            const there = document.elementFromPoint(box.x + 4, box.bottom - 4);
            if (there?.closest(selector)) return false;
        }
        return true;
    });
}"""


@pytest.mark.parametrize("text_percent", [100, 200])
@pytest.mark.parametrize(("width", "height"), [(1280, 600), (1280, 481), (1280, 400), (900, 600), (320, 480)])
def test_on_short_windows_the_tray_covers_no_text_for_good(open_page, width, height, text_percent):
    page = open_page(viewport={"width": width, "height": height})
    page.evaluate("percent => { document.documentElement.style.fontSize = `${percent}%`; }", text_percent)
    shown = ["#fresh", "#search-words", *(["#model"] if width > 760 else [])]
    for batches in (2, 3, 4):  # a wall has no end at which its column could go up
        page.evaluate("document.querySelector('#more').click()")
        expect(page.locator("#wall-grid .card")).to_have_count(24 * batches)
    assert page.evaluate(NEVER_SEEN, shown) == []
    pick(page)
    page.locator("#reroll").click()
    expect(page.locator("#lineage .card")).to_have_count(2)
    assert page.evaluate(NEVER_SEEN, ["#looks", "#sprites", "#lineage .card", "#children .card"]) == []


def test_nothing_jumps_while_the_wall_comes(open_page):
    page = open_page(**PHONE)
    expect(page.locator("#wall-grid .card").first).to_have_class("card drawn")
    shifts = page.evaluate(
        """() => new Promise((done) => {
            const told = (list) => done(list.getEntries().map((shift) => shift.value));
            new PerformanceObserver(told).observe({ type: "layout-shift", buffered: true });
            setTimeout(done, 500, []);
        })"""
    )
    assert sum(shifts) < 0.05  # 0.1 is what web.dev calls good
