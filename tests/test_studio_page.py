"""The studio's page in a real browser: all that a person does on it, and what they see when something is wrong."""

import base64
import io
import json
import os
import re
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, Request, Route, expect, sync_playwright
from studio_server import serving

from gan.codes import MAX_LATENT, decode, encode, quantised
from gan.models import built_in_model
from studio.engine import Engine, load_engine

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
CHROMIUM_ARGS = ["--no-sandbox", "--disable-dev-shm-usage"]
TWO_COLOURS = {(0, 0, 0, 0), (255, 0, 0, 255), (0, 0, 255, 255)}
PHONE = {"viewport": {"width": 375, "height": 667}, "has_touch": True, "is_mobile": True}

expect.set_options(timeout=20_000)

Opening = Callable[..., Page]


@pytest.fixture(scope="module")
def engine() -> Engine:
    return load_engine(built_in_model())


@pytest.fixture(scope="module")
def url(engine) -> Iterator[str]:
    with serving(engine) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        words = "no chromium on this machine (Debian: apt-get install chromium)"
        pytest.fail(words) if os.environ.get("CI") else pytest.skip(words)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=CHROMIUM_ARGS,
            ignore_default_args=["--disable-ipc-flooding-protection"],  # people's browsers have it
        )
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser, url) -> Iterator[Opening]:
    """Opens the page, each as in a browser of its own; none may fail, nor ask another machine for anything."""
    contexts, elsewhere, failures = [], [], []

    def note(request: Request) -> None:
        if not request.url.startswith((url, "data:", "blob:")):
            elsewhere.append(request.url)

    def open_page(address: str = "/", **options: object) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        context.on("request", note)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.on("console", lambda line: failures.append(line.text) if "Content Security" in line.text else None)
        page.goto(url + address)
        expect(page.locator("body")).to_have_class(re.compile("ready"))
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert elsewhere == []
    assert failures == []


def painted(cards: Locator) -> Locator:
    """The same cards, once the first and the last have their pictures."""
    expect(cards.first).to_have_class(re.compile("drawn"))
    expect(cards.last).to_have_class(re.compile("drawn"))
    return cards


def pick(page: Page, place: int = 0) -> None:
    """Bring a character from the wall to the bench."""
    painted(page.locator("#wall-grid .card").nth(place)).click()
    expect(page.locator("#name")).not_to_have_text("…")


def code_of(page: Page) -> str:
    """The share code in the address."""
    return page.evaluate("location.hash").removeprefix("#")


def pixels_of(canvas: Locator) -> NDArray[np.uint8]:
    """What a canvas shows: [side, side, 3]."""
    encoded = canvas.evaluate("canvas => canvas.toDataURL()").partition(",")[2]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGB"))


def drawn(engine: Engine, *codes: str) -> NDArray[np.uint8]:
    """What codes mean, drawn without the page."""
    return engine.draw(np.stack([decode(code).latent for code in codes]))


def expect_portrait(page: Page, engine: Engine) -> None:
    """The large picture is, to the byte, the character of the address."""
    expect(page.locator("#picture")).to_be_visible()
    meant = drawn(engine, code_of(page))[0]
    for _ in range(100):
        if np.array_equal(pixels_of(page.locator("#picture")), meant):
            return
        page.wait_for_timeout(50)
    raise AssertionError("the large picture is another character")


def changed_code(page: Page, before: str) -> str:
    """The code in the address, once it is another than before."""
    expect(page).not_to_have_url(re.compile(re.escape(before)))
    return code_of(page)


def test_the_wall_has_24_characters_and_more_below(open_page):
    page = open_page()
    cards = page.locator("#wall-grid .card")
    expect(cards).to_have_count(24)
    painted(cards)
    assert len({cards.nth(n).get_attribute("title") for n in range(24)}) > 20
    page.mouse.wheel(0, 4000)
    expect(cards).to_have_count(48)
    page.locator("#more").click()
    expect(cards.nth(71)).to_be_attached()
    for width in (1180, 1220, 1280):  # from where the words stand beside the characters
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_the_knob_goes_from_alike_to_surprising(open_page):
    page = open_page()
    cards = painted(page.locator("#wall-grid .card"))

    def variety(spread: int) -> float:
        before, last = cards.first.get_attribute("title"), cards.nth(11).get_attribute("title")
        page.locator("#spread").fill(str(spread))
        expect(cards.first).not_to_have_attribute("title", before)
        expect(cards.nth(11)).not_to_have_attribute("title", last)
        shown = np.stack([pixels_of(cards.nth(n).locator("canvas")) for n in range(12)]).astype(float)
        return shown.std(0).mean()

    assert variety(30) < variety(120)


def test_a_click_brings_a_character_to_the_bench_with_its_code_in_the_address(open_page, engine):
    page = open_page()
    pick(page, 3)
    assert decode(code_of(page)).model == engine.info.hash[:8]
    expect_portrait(page, engine)
    expect(page.locator("#looks")).to_have_text(re.compile("Mostly|empty"))
    page.go_back()
    expect(page.locator("#wall")).to_be_visible()
    page.go_forward()
    expect(page.locator("#bench")).to_be_visible()


def test_children_resemble_their_parent_as_far_as_the_slider_says(open_page):
    page = open_page()
    pick(page)
    parent = decode(code_of(page)).latent
    angles = []
    for strength in (5, 80):
        page.locator("#strength").fill(str(strength))
        code = code_of(page)
        painted(page.locator("#children .card")).nth(5).click()
        child = decode(changed_code(page, code)).latent
        angles.append(np.arccos(child @ parent / np.linalg.norm(child) / np.linalg.norm(parent)))
        page.locator("#undo").click()
        expect(page).to_have_url(re.compile(re.escape(code)))
    assert angles[0] < 0.15
    assert angles[1] > 0.9


def test_undo_redo_and_the_family_line(open_page, engine):
    page = open_page()
    pick(page)
    codes = [code_of(page)]
    for _ in range(2):
        painted(page.locator("#children .card")).nth(1).click()
        codes.append(changed_code(page, codes[-1]))
    line = page.locator("#family .card")
    expect(line).to_have_count(3)
    expect(page.locator("#family .how")).to_have_text(["picked", "child", "child"])
    expect(page.locator("#heard")).to_have_text(
        re.compile(rf"^{page.locator('#name').inner_text()}: (Mostly|Nearly)")
    )
    page.keyboard.press("z")
    page.keyboard.press("Control+z")
    assert code_of(page) == codes[0]
    page.keyboard.press("Control+Shift+z")
    page.keyboard.press("y")
    assert code_of(page) == codes[2]
    painted(line).nth(1).click()
    assert code_of(page) == codes[1]
    page.reload()
    expect(line).to_have_count(2)
    expect_portrait(page, engine)


@pytest.mark.parametrize("size", [{}, PHONE], ids=["desk", "phone"])
def test_a_long_family_line_scrolls_and_pushes_nothing_aside(open_page, size):
    page = open_page(**size)
    pick(page)
    before = page.locator("#portrait").bounding_box()
    for length in range(2, 8):
        page.locator("#reroll").click()
        expect(page.locator("#family .card")).to_have_count(length)
    assert page.locator("#portrait").bounding_box() == before
    assert page.locator("#family").evaluate("line => line.scrollWidth > line.clientWidth && line.scrollLeft > 0")
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def trait(page: Page, place: int) -> Locator:
    """One of the rows under Shape."""
    page.locator("#tab-traits").click()
    return page.locator(".trait").nth(place)


def amount(latent: NDArray[np.float32], direction: NDArray[np.float32]) -> float:
    return float(latent @ direction / (direction @ direction))


def test_a_trait_goes_one_step_by_its_pictures_and_anywhere_by_its_slider(open_page, engine):
    direction = engine.directions()[2]
    page = open_page()
    pick(page)
    code = code_of(page)
    start = amount(decode(code).latent, direction)
    row = trait(page, 2)
    row.locator(".side").last.click()
    assert amount(decode(changed_code(page, code)).latent, direction) == pytest.approx(start + 1, abs=0.01)
    row.locator("[type=range]").fill("-2")
    row.locator("[type=range]").dispatch_event("change")
    expect(row.locator(".value")).to_have_text("−2.0")
    assert amount(decode(code_of(page)).latent, direction) == pytest.approx(-2, abs=0.01)
    expect_portrait(page, engine)
    expect(page.locator("#family .how")).to_have_text(["picked", "shaped"])
    row.get_by_role("button", name="Reset").click()
    assert amount(decode(code_of(page)).latent, direction) == pytest.approx(start, abs=0.01)


def test_a_locked_trait_stays_while_the_rest_is_rerolled_and_bred(open_page, engine):
    directions = engine.directions()
    page = open_page()
    pick(page)
    code = code_of(page)
    row = trait(page, 0)
    row.get_by_role("button", name="Lock").click()
    expect(row.get_by_role("button", name="Lock")).to_have_attribute("aria-pressed", "true")
    page.locator("#reroll-rest").click()
    other = changed_code(page, code)
    page.locator("#tab-children").click()
    page.locator("#strength").fill("80")
    painted(page.locator("#children .card")).first.click()
    child = changed_code(page, other)
    before, rerolled, bred = (decode(each).latent for each in (code, other, child))
    assert amount(rerolled, directions[0]) == pytest.approx(amount(before, directions[0]), abs=0.02)
    assert amount(bred, directions[0]) == pytest.approx(amount(before, directions[0]), abs=0.02)
    assert abs(np.corrcoef(rerolled, before)[0, 1]) < 0.7
    page.locator("#tab-traits").click()
    row.get_by_role("button", name="Lock").click()
    expect(row.get_by_role("button", name="Lock")).to_have_attribute("aria-pressed", "false")


def test_a_traits_name_is_the_persons_own_and_stays(open_page):
    page = open_page()
    pick(page)
    name = trait(page, 1).locator(".title")
    name.fill("Grumpiness")
    name.press("Enter")
    page.reload()
    expect(trait(page, 1).locator(".title")).to_have_value("Grumpiness")
    expect(page.get_by_role("slider", name="Grumpiness")).to_be_visible()


def drag(page: Page, source: Locator, target: Locator) -> None:
    """With the mouse, from the middle of one to the middle of the other."""
    source.scroll_into_view_if_needed()
    for place, element in enumerate((source, target)):
        box = element.bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=5)
        if place == 0:
            page.mouse.down()
    page.mouse.up()


def test_dragging_one_character_onto_another_mixes_them_along_a_great_circle(open_page, engine):
    page = open_page()
    pick(page, 0)
    page.locator("#keep").click()
    first = code_of(page)
    page.locator("#home").click()
    pick(page, 1)
    second = code_of(page)
    nowhere = page.locator("#looks")
    drag(page, painted(page.locator("#tray .card")).first, nowhere)
    assert code_of(page) == second
    drag(page, page.locator("#tray .card").first, page.locator("#portrait"))
    mixed = changed_code(page, second)
    expect(page.locator("#mixing")).to_be_visible()
    expect(page.locator("#family .how")).to_have_text(["picked", "mixed"])
    a, b = decode(second).latent, decode(first).latent
    middle = a / np.linalg.norm(a) + b / np.linalg.norm(b)
    middle *= (np.linalg.norm(a) + np.linalg.norm(b)) / 2 / np.linalg.norm(middle)
    assert decode(mixed).latent == pytest.approx(middle, abs=0.01)
    expect_portrait(page, engine)
    page.locator("#share-of-b").fill("100")
    page.locator("#share-of-b").dispatch_event("change")
    assert changed_code(page, mixed) == first
    drag(page, painted(page.locator("#steps .card")).first, nowhere)
    assert code_of(page) == first
    page.wait_for_timeout(100)
    page.locator("#steps .card").first.click()
    assert changed_code(page, first) == second


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
    page.wait_for_timeout(500)
    finger("touchMove", ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2))
    finger("touchMove", end)
    finger("touchEnd")
    changed_code(page, code)
    expect(page.locator("#panel-mix")).to_be_visible()
    assert page.evaluate("scrollY") == 0
    mixed, start = code_of(page), middle(page.locator("#mix-words"))
    finger("touchStart", start)
    for step in range(1, 6):
        finger("touchMove", (start[0], start[1] - 40 * step))
    finger("touchEnd")
    page.wait_for_timeout(300)
    assert page.evaluate("scrollY") > 50
    assert code_of(page) == mixed


def test_a_link_shows_the_same_character_in_another_browser(open_page, engine, url):
    page = open_page()
    pick(page, 7)
    page.locator("#share").click()
    expect(page.locator("#said")).to_contain_text("Link copied")
    link = page.evaluate("navigator.clipboard.readText()")
    other = open_page(link.removeprefix(url))
    expect(other.locator("#name")).to_have_text(page.locator("#name").inner_text())
    expect_portrait(other, engine)


def test_steps_too_fast_for_the_address_leave_the_picture_and_the_link_true(open_page, engine):
    page = open_page()
    pick(page)
    before = code_of(page)
    page.evaluate("for (let n = 0; n < 250; n++) history.replaceState(null, '', location.href)")
    painted(page.locator("#children .card")).first.click()
    page.keyboard.press("c")
    expect(page.locator("#said")).to_contain_text("Link copied")
    copied = page.evaluate("navigator.clipboard.readText()").partition("#")[2]
    assert copied != before
    assert changed_code(page, before) == copied
    expect_portrait(page, engine)


def saved_png(page: Page, folder: Path) -> Path:
    """The bench's character, saved."""
    with page.expect_download() as download:
        page.locator("#save").click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def drop_file(page: Page, content: bytes, name: str) -> None:
    page.evaluate(
        """([bytes, name]) => {
            const dropped = new DataTransfer();
            dropped.items.add(new File([new Uint8Array(bytes)], name));
            document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: dropped, bubbles: true }));
        }""",
        [list(content), name],
    )


def test_a_saved_png_holds_its_pixels_and_code_and_brings_the_character_back(open_page, engine, tmp_path):
    page = open_page()
    pick(page, 5)
    path = saved_png(page, tmp_path)
    with Image.open(path) as picture:
        assert (picture.mode, picture.size) == ("RGB", (80, 80))
        assert picture.info["code"] == code_of(page)
        assert picture.info["Software"] == "vgc"
        assert np.array_equal(np.asarray(picture), drawn(engine, code_of(page))[0])
    other = open_page()
    drop_file(other, path.read_bytes(), "renamed.png")
    expect(other.locator("#bench")).to_be_visible()
    assert code_of(other) == code_of(page)
    third = open_page()
    third.keyboard.press("o")
    third.locator("#file").set_input_files(path)
    third.locator("#open-go").click()
    expect_portrait(third, engine)


def paste(page: Page, text: str) -> None:
    page.evaluate(
        """(text) => {
            const clipboardData = new DataTransfer();
            clipboardData.setData("text", text);
            document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true }));
        }""",
        text,
    )


def test_a_pasted_code_or_link_opens(open_page, engine):
    code = encode(engine.info.hash, quantised(np.linspace(-2, 2, 100, dtype=np.float32)))
    for text in (code, f"look at this: http://elsewhere.example/#{code} !"):
        page = open_page()
        paste(page, text)
        expect(page.locator("#bench")).to_be_visible()
        assert code_of(page) == code


def plain_png() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "PNG")
    return file.getvalue()


def test_what_is_none_of_ours_is_said_in_words(open_page, engine):
    latent = np.zeros(engine.info.latent_dim, np.float32)
    code = encode(engine.info.hash, latent)
    page = open_page()
    pasted = {
        "hello": "no share code",
        code[:-3]: "damaged",
        code[:40] + "x" + code[41:]: "damaged",
        encode("f" * 64, latent): "made with another model (ffffffff)",
        encode(engine.info.hash, latent[:7]): "damaged",
    }
    for text, words in pasted.items():
        paste(page, text)
        expect(page.locator("#said")).to_contain_text(words)
    for content, words in ((plain_png(), "carries no code"), (b"GIF89a", "no PNG"), (b"", "no PNG")):
        drop_file(page, content, "x.png")
        expect(page.locator("#said")).to_contain_text(words)
    expect(page.locator("#wall")).to_be_visible()
    page.locator("#open").click()
    page.locator("#code").fill("nonsense")
    page.locator("#open-go").click()
    expect(page.locator("#open-wrong")).to_contain_text("no share code")
    page = open_page(f"/#{code[:60]}")
    expect(page.locator("#said")).to_contain_text("damaged")
    expect(page.locator("#wall")).to_be_visible()


def test_kept_characters_survive_a_reload_and_can_be_let_go(open_page):
    page = open_page()
    pick(page)
    page.keyboard.press("k")
    expect(page.locator("#said")).to_contain_text("is kept")
    expect(page.locator("#keep")).to_have_attribute("aria-pressed", "true")
    code = code_of(page)
    drag(page, painted(page.locator("#children .card")).first, page.locator(".tray"))
    expect(page.locator("#tray .card")).to_have_count(2)
    page.goto(page.url.partition("#")[0])
    page.reload()
    painted(page.locator("#tray .card")).last.click()
    assert code_of(page) == code
    page.locator("#tray li").last.hover()
    page.locator("#tray .away").last.click()
    expect(page.locator("#tray .card")).to_have_count(1)
    expect(page.locator("#keep")).to_have_attribute("aria-pressed", "false")


def test_a_step_to_the_bench_that_came_too_fast_for_the_address_still_leads_back_to_the_wall(open_page):
    page = open_page()
    page.evaluate("for (let n = 0; n < 250; n++) history.replaceState(null, '', location.href)")
    pick(page)
    painted(page.locator("#children .card")).first.click()
    expect(page).to_have_url(re.compile("#.+"))
    page.go_back()
    expect(page.locator("#wall")).to_be_visible()


def test_a_browser_that_blocks_cookies_shows_everything_and_keeps_nothing(browser, url, tmp_path):
    (tmp_path / "Default").mkdir()
    blocked = {"profile": {"default_content_setting_values": {"cookies": 2}}}
    (tmp_path / "Default/Preferences").write_text(json.dumps(blocked))
    context = browser.browser_type.launch_persistent_context(
        tmp_path, executable_path=CHROMIUM, args=CHROMIUM_ARGS
    )
    page = context.new_page()
    page.goto(url)
    pick(page)
    page.keyboard.press("k")
    expect(page.locator("#said")).to_contain_text("This browser keeps nothing")
    expect(page.locator("#tray .card")).to_have_count(1)
    context.close()


def test_the_zip_for_a_game_holds_what_the_dialog_promised(open_page, tmp_path):
    page = open_page()
    for place in (0, 1):
        pick(page, place)
        page.locator("#keep").click()
        if place == 0:
            page.locator("#home").click()
    page.locator("#game").click()
    page.get_by_label("All 2 kept ones").check()
    page.locator("#game-upscale").select_option("2")
    page.locator("#game-side").select_option("40")
    page.locator("#game-colours").select_option("given")
    (tmp_path / "two.hex").write_text("ff0000\n0000ff\n")
    page.locator("#game-file").set_input_files(tmp_path / "two.hex")
    expect(page.locator("#game-size")).to_have_text("Each picture will be 80 × 80 pixels.")
    shown = page.locator("#game-preview")
    expect(shown).to_have_attribute("width", "40")
    for _ in range(100):
        encoded = shown.evaluate("canvas => canvas.toDataURL()").partition(",")[2]
        preview = np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGBA"))
        if {tuple(colour) for colour in preview.reshape(-1, 4)} <= TWO_COLOURS:
            break
        page.wait_for_timeout(50)
    with page.expect_download() as download:
        page.locator("#game-go").click()
    download.value.save_as(tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert {"sheet.png", "sheet.json", "walk.gif", "IMPORT.txt", "LICENCE.txt"} < set(archive.namelist())
        codes = [each["code"] for each in json.loads(archive.read("characters.json"))["characters"]]
        sprite = np.asarray(Image.open(io.BytesIO(archive.read("sprites/000.png"))))
    assert codes[0] == code_of(page)
    assert sprite.shape == (80, 80, 4)
    assert {tuple(colour) for colour in sprite.reshape(-1, 4)} <= {
        (0, 0, 0, 0),
        (255, 0, 0, 255),
        (0, 0, 255, 255),
    }
    expect(page.locator("#game-dialog")).to_be_hidden()


def test_a_wrong_palette_is_said_where_it_was_chosen(open_page, tmp_path):
    page = open_page()
    pick(page)
    page.keyboard.press("g")
    page.locator("#game-colours").select_option("given")
    (tmp_path / "no.hex").write_text("not a colour")
    page.locator("#game-file").set_input_files(tmp_path / "no.hex")
    page.locator("#game-go").click()
    expect(page.locator("#game-wrong")).to_contain_text("line 1 of the palette")


def test_a_studio_that_is_gone_is_said_and_its_return_too(open_page, engine):
    page = open_page()
    pick(page)
    page.context.set_offline(True)
    page.locator("#reroll").click()
    expect(page.locator("#alarm")).to_contain_text("does not answer")
    page.context.set_offline(False)
    expect(page.locator("#said")).to_contain_text("All is back")
    expect(page.locator("#alarm")).to_be_empty()
    expect_portrait(page, engine)
    painted(page.locator("#children .card"))


def test_dragging_a_slider_never_piles_up_work(open_page):
    page = open_page()
    pick(page)
    slider = trait(page, 0).locator("[type=range]")
    page.wait_for_load_state("networkidle")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/api/draw", hold)
    for step in range(30):
        slider.evaluate("(s, v) => { s.value = v; s.dispatchEvent(new Event('input')); }", -1.5 + step / 10)
    page.wait_for_timeout(100)
    assert len(held) == 1
    held[0].continue_()
    page.wait_for_timeout(300)
    assert len(held) == 2
    page.unroute_all(behavior="ignoreErrors")


def test_the_keyboard_reaches_everything(open_page):
    page = open_page()
    painted(page.locator("#wall-grid .card"))
    page.keyboard.press("Tab")
    expect(page.locator("#skip")).to_be_focused()
    page.locator("#fresh").focus()
    page.keyboard.press("Tab")
    cards = page.locator("#wall-grid .card")
    expect(cards.first).to_be_focused()
    for key, place in (
        ("ArrowRight", 1),
        ("ArrowDown", 7),
        ("ArrowLeft", 6),
        ("ArrowUp", 0),
        ("End", 23),
        ("Home", 0),
    ):
        page.keyboard.press(key)
        expect(cards.nth(place)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#bench")).to_be_visible()
    for key, panel in (("2", "traits"), ("3", "mix"), ("1", "children")):
        page.keyboard.press(key)
        expect(page.locator(f"#panel-{panel}")).to_be_visible()
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


@pytest.mark.parametrize("size", [{}, PHONE], ids=["desk", "phone"])
def test_the_help_begins_at_its_top_and_names_the_keys(open_page, size):
    page = open_page(**size)
    page.locator("#help").click()
    expect(page.locator("#help-title")).to_be_in_viewport()
    expect(page.locator("#shortcuts kbd").first).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.locator("#single-keys")).to_be_focused()


@pytest.mark.parametrize(("scheme", "size"), [("light", {}), ("dark", PHONE)], ids=["desk", "phone"])
def test_axe_finds_nothing_and_nothing_sticks_out(open_page, scheme, size):
    page = open_page(color_scheme=scheme, reduced_motion="reduce", **size)
    painted(page.locator("#wall-grid .card").nth(3))

    def check(where: str) -> None:
        found = Axe().run(page).response["violations"]
        assert [(where, each["id"], each["nodes"][0]["html"]) for each in found] == []
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, where

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
    for button, dialog in (("game", "game-dialog"), ("help", "help-dialog"), ("open", "open-dialog")):
        page.locator(f"#{button}").click()
        expect(page.locator(f"#{dialog}")).to_be_visible()
        check(dialog)
        page.keyboard.press("Escape")


def test_the_page_counts_and_encodes_as_python_does(open_page, engine):
    page = open_page()
    rng = np.random.default_rng(5)
    values = (rng.normal(size=3000) * 10.0 ** rng.integers(-9, 2, 3000)).astype(np.float32)
    values = np.concatenate([values, [0, -0.0, 1e-8, 2**-24, 2**-25, 3 * 2**-25, MAX_LATENT]]).astype(np.float32)
    values = values.clip(-MAX_LATENT, MAX_LATENT)
    assert quantised(values).tolist() == page.evaluate(
        "async (v) => [...(await import('/genetics.js')).latentOf(Float32Array.from(v), 16)]", values.tolist()
    )
    every_half = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    finite = every_half[np.isfinite(every_half)].astype(np.float32)
    bits = page.evaluate("async (v) => v.map((await import('/genetics.js')).halfBits)", finite.tolist())
    assert np.array(bits, np.uint16).tobytes() == finite.astype(np.float16).tobytes()
    latent = quantised(rng.normal(size=100).astype(np.float32))
    code = page.evaluate(
        "async ([h, v]) => (await import('/codes.js')).encode(h, Float32Array.from(v))",
        [engine.info.hash, latent.tolist()],
    )
    assert code == encode(engine.info.hash, latent)


def test_the_pages_chance_is_gaussian_and_a_child_stays_on_its_parents_sphere(open_page):
    page = open_page()
    sample = np.array(page.evaluate("async () => [...(await import('/genetics.js')).gaussian(7, 40000)]"))
    assert abs(sample.mean()) < 0.02
    assert sample.std() == pytest.approx(1, abs=0.02)
    assert (np.abs(sample) < 1.96).mean() == pytest.approx(0.95, abs=0.01)
    parent = np.random.default_rng(0).normal(size=100)
    children = page.evaluate(
        "async (v) => { const g = await import('/genetics.js');"
        "return [0, 0.5, 1].map((s) => [...g.mutated(Float32Array.from(v), s, 3)]); }",
        parent.tolist(),
    )
    assert children[0] == pytest.approx(parent, abs=1e-5)
    for child in children:
        assert np.linalg.norm(child) == pytest.approx(np.linalg.norm(parent), rel=1e-4)
