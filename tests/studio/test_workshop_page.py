"""The workshop's pages in Chromium: a set looked through and put right, by mouse and by keyboard; axe on each."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect
from studio_page import Held
from studio_server import FlatEngine, serving

from dataset.build import BuildSettings, build

expect.set_options(timeout=60_000)
SET = "/workshop/set.html?folder=set"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set of 62 pictures, three of them alike, with a copy, and a file that is none and has a hostile name."""
    root = tmp_path_factory.mktemp("root")
    (root / "raw/heroes").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(60):
        Image.fromarray(rng.integers(0, 256, (20, 24, 3), np.uint8)).save(root / f"raw/{number:02d}.png")
    first = np.asarray(Image.open(root / "raw/00.png")).copy()
    for name in ("like-00", "also-like-00"):
        first[:4] += 1
        Image.fromarray(first).save(root / f"raw/heroes/{name}.png")
    (root / "raw/heroes/copy-of-03.png").write_bytes((root / "raw/03.png").read_bytes())
    (root / "raw/<img src=x onerror=alert(1)>.png").write_bytes(b"<html>")
    build(BuildSettings(root / "raw", root / "set", size_px=16, workers=1, tables="none"))
    return root


@pytest.fixture(scope="module")
def url(root: Path) -> Iterator[str]:
    with serving(FlatEngine(), root=root) as address:
        yield address


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that may not fail."""
    context = browser.new_context(viewport={"width": 600, "height": 420})
    page, failures = context.new_page(), []
    page.on("pageerror", lambda error: failures.append(str(error)))
    page.on("console", lambda line: failures.append(line.text) if "Content Security" in line.text else None)
    page.on("dialog", lambda dialog: failures.append(dialog.message))
    yield page
    context.close()
    assert failures == []


def tile(page: Page, index: int) -> Locator:
    return page.locator(f"#picture-{index}")


def shown_names(page: Page) -> list[str]:
    """Those in sight, in order."""
    tiles = page.locator(".tile:visible").evaluate_all(
        "tiles => tiles.sort((a, b) => a.index - b.index).map((tile) => tile.title.split(',')[0])"
    )
    return [str(name) for name in tiles]


def last_line(root: Path) -> dict[str, object]:
    return json.loads((root / "raw/curation.jsonl").read_text().splitlines()[-1])


def test_the_start_page_leads_to_a_set_of_which_only_what_is_in_sight_exists(page: Page, url: str) -> None:
    page.goto(f"{url}/workshop/")
    page.locator("#sets a").first.click()
    expect(page.locator("#about")).to_contain_text("62 of 64 shown, 0 selected")
    expect(tile(page, 0)).to_be_visible()
    assert page.locator(".tile:visible").count() < 62
    page.locator("#wall").press("End")
    expect(tile(page, 61)).to_be_in_viewport()
    page.locator(".chip[name=rejected]").click()
    expect(tile(page, 0)).to_contain_text("<img src=x onerror=alert(1)>.png: a web page")
    for shown, answer in (("rejected", "These were rejected"), ("duplicates", "left out already, as copies")):
        page.locator(f".chip[name={shown}]").click()
        page.locator("#wall").press("Control+a")
        page.keyboard.press("x")
        expect(page.locator("#announcement")).to_contain_text(answer)
    expect(page.locator(".chip[name=left] b")).to_have_text("0")


def test_a_large_sets_first_pictures_stand_before_its_list_has_come(page: Page, url: str) -> None:
    page.route(
        "**/set?folder=set&first=*",
        lambda route: route.continue_(url=f"{url}/api/workshop/set?folder=set&first=9"),
    )
    held = Held(page, "**/set?folder=set")
    page.goto(url + SET)
    expect(tile(page, 8)).to_be_visible()
    held.wait_for(1)
    expect(page.locator("#about")).to_have_text("The list of all pictures is on its way.")
    tile(page, 3).click()
    page.keyboard.press("x")
    expect(page.locator("#act-leave")).to_be_disabled()
    expect(page.locator(".filters")).to_have_attribute("inert", "")
    held.answer()
    expect(page.locator("#about")).to_contain_text("62 of 64 shown, 1 selected · 03.png")
    expect(page.locator(".chip[name=all] b")).to_have_text("62")
    expect(page.locator(".tile.left:visible")).to_have_count(0)
    page.locator("#wall").press("End")
    expect(tile(page, 61)).to_be_in_viewport()


def test_pictures_are_left_out_turned_grouped_and_cropped_by_single_keys_and_all_is_undone(
    page: Page, url: str, root: Path
) -> None:
    page.goto(url + SET)
    tile(page, 0).click()
    tile(page, 2).click(modifiers=["Shift"])
    page.context.set_offline(True)
    page.keyboard.press("x")
    expect(page.locator("#alert")).to_contain_text("does not answer")
    expect(page.locator("#announcement")).to_contain_text("Not written")
    expect(page.locator("#act-undo")).to_be_disabled()
    expect(page.locator(".tile.left:visible")).to_have_count(0)
    page.context.set_offline(False)
    page.keyboard.press("x")
    expect(page.locator("#alert")).to_be_empty()
    expect(page.locator(".tile.left:visible")).to_have_count(3)
    expect(tile(page, 0)).to_have_text("left out")
    assert float(tile(page, 0).locator("img").evaluate("image => getComputedStyle(image).opacity")) > 0.5
    expect(page.locator(".chip[name=decided] b")).to_have_text("0")
    page.keyboard.press("z")
    expect(page.locator(".tile.left:visible")).to_have_count(0)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("r")
    expect(tile(page, 3)).to_contain_text("turned 90°")
    page.keyboard.press("g")
    page.locator("#group-name").fill("knight")
    page.keyboard.press("Enter")
    expect(tile(page, 3)).to_contain_text("knight")
    page.keyboard.press("c")
    page.locator("#crop-right").fill("12")
    page.locator("#crop-go").click()
    expect(tile(page, 3)).to_contain_text("cropped")
    expect(page.locator("#about")).to_contain_text("03.png · 24×20 · Changed since the set was made: 1.")
    page.locator("#build").click()
    expect(page.locator("#announcement")).to_have_text("The set is made: 62 pictures.")
    expect(page.locator("#about")).to_contain_text("62 of 64 shown, 0 selected")
    expect(page.locator(".chip[name=decided] b")).to_have_text("1")
    line = last_line(root)
    assert (line["crop"], line["turn_degrees"], line["group"]) == ([0, 0, 12, 20], 90, "knight")
    page.reload()
    for _ in range(3):
        page.locator("#act-undo").click()
    expect(tile(page, 3)).not_to_contain_text("turned")  # the first step, taken back last
    expect(page.locator("#about")).to_contain_text("Changed since the set was made: 1.")
    assert last_line(root).keys() == {"sha256"}
    page.reload()
    expect(page.locator("#about")).to_contain_text("Changed since the set was made: 1.")
    page.locator("#build").click()
    expect(page.locator("#announcement")).to_have_text("The set is made: 62 pictures.")
    expect(page.locator("#about")).not_to_contain_text("Changed")


def test_one_of_a_pair_is_kept_and_the_other_taken_back_and_the_order_stays(page: Page, url: str) -> None:
    page.goto(url + SET)
    page.locator("#sort").select_option("outlier")
    unusual = shown_names(page)
    assert unusual != sorted(unusual)
    tile(page, 0).click()
    expect(page.locator("#act-leave")).to_be_enabled()
    expect(page.locator("#act-keep")).to_be_disabled()  # nothing stands beside it that it looks like
    page.locator(".chip[name=pairs]").click()
    expect(page.locator("#about")).to_contain_text("6 of 64 shown, 0 selected")
    tile(page, 0).click()
    expect(page.locator("#act-keep")).to_be_enabled()
    tile(page, 1).click(modifiers=["Shift"])
    page.locator("#act-keep").click()
    expect(page.locator("#announcement")).to_contain_text("select the one of two that stays")
    tile(page, 0).click()
    page.locator("#act-keep").click()
    expect(tile(page, 1)).to_contain_text("left out")
    expect(page.locator(".chip[name=left] b")).to_have_text("1")
    page.locator("#build").click()
    expect(page.locator("#announcement")).to_contain_text("61 pictures")
    page.locator(".chip[name=left]").click()
    expect(page.locator("#about")).to_contain_text("1 of 64 shown, 0 selected")
    tile(page, 0).click()
    page.locator("#act-back").click()
    expect(tile(page, 0)).to_have_text("back when the set is made again")
    page.locator("#build").click()
    expect(page.locator("#announcement")).to_contain_text("62 pictures")
    page.locator(".chip[name=all]").click()
    expect(page.locator("#sort")).to_have_value("outlier")
    for _ in range(1000):
        if shown_names(page) == unusual:  # soon: pictures that have come back are measured
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"in another order: {shown_names(page)}")


@pytest.mark.parametrize("width", [390, 1280])
def test_pairs_fill_the_width_of_their_wall(browser: Browser, url: str, width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 700})
    page.goto(url + SET)
    page.locator(".chip[name=pairs]").click()
    expect(page.locator("#about")).to_contain_text("6 of 64 shown")
    side, room = tile(page, 0).bounding_box()["width"], page.locator("#wall").evaluate("wall => wall.clientWidth")
    columns = room // side
    assert columns % 2 == 0
    assert 0 <= room - columns * side < 10 * columns  # the gaps alone
    page.close()


@pytest.mark.parametrize(
    ("images", "noise", "verdict"),
    [
        (
            384,
            False,
            "After 384 pictures shown it has learned next to nothing of this set yet: let it train longer",
        ),
        (1200, True, "After 1,200 pictures shown it has learned next to nothing of this set yet"),
        (1200, False, ""),
    ],
)
def test_a_run_that_was_too_short_says_so_and_where_its_curves_are(
    page: Page, url: str, root: Path, images: int, noise: bool, verdict: str
) -> None:
    run = root / f"train_output/{images}-{noise}"
    (run / "samples").mkdir(parents=True)
    (run / "generator.safetensors").touch()
    Image.new("RGB", (16, 16)).save(run / f"samples/{images:08d}.png")
    (run / "outcome.json").write_text(json.dumps({"images": images, "noise": noise}))
    page.goto(f"{url}/workshop/run.html?run=train_output/{run.name}")
    expect(page.locator("#state")).to_have_text("Done")
    expect(page.locator("#verdicts")).to_contain_text(verdict)
    assert page.locator("#verdicts li").count() == bool(verdict)
    expect(page.locator("#actions .main")).to_have_text("Another 20 min" if verdict else "Meet them")
    expect(page.locator("#curves")).to_contain_text("They begin at 1,000 pictures shown.")


def test_axe_finds_nothing_and_nothing_sticks_out(browser: Browser, url: str) -> None:
    for scheme, width in (("light", 320), ("dark", 1280)):
        context = browser.new_context(viewport={"width": width, "height": 700}, color_scheme=scheme)
        page = context.new_page()
        for address in ("/workshop/", SET):
            page.goto(url + address)
            page.locator("body.ready").wait_for()
            if address == SET:
                tile(page, 1).click()
            violations = Axe().run(page).response["violations"]
            assert violations == [], (scheme, width, address)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.locator(".top").bounding_box()["width"] == width
        context.close()
