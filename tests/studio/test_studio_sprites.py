"""The dialog "For a game" and its live sprite, with pictures known by hand."""

from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect
from studio_page import pick
from studio_server import FlatEngine, HalfClearEngine, serving

from sprites.pixels import Grid

RED = (255, 0, 0)


@pytest.fixture
def dialog(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The page with the dialog open, of half clear pictures or as a test names them."""
    engine, defaults = getattr(request, "param", (HalfClearEngine(), {}))
    with serving(engine, sprite_defaults=defaults) as url:
        page = browser.new_page()
        page.goto(url)
        pick(page)
        page.keyboard.press("g")
        expect(page.locator("#sprites-dialog")).to_be_visible()
        yield page
        page.close()


def expect_sprite(page: Page, colours: set[tuple[int, ...]], side_px: int = 8) -> None:
    """The preview comes to have just these RGBA colours."""
    canvas = page.locator("#sprites-preview")
    for _ in range(1000):
        script = "each => [each.width, ...each.getContext('2d').getImageData(0, 0, each.width, each.height).data]"
        width, *values = canvas.evaluate(script)
        shown = {tuple(colour) for colour in np.reshape(values, (-1, 4)).tolist()}
        if (width, shown) == (side_px, colours):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"{width} pixels, {shown}")


def set_value(page: Page, selector: str, value: str) -> None:
    """As a person moves a slider or picks a colour."""
    script = """(each, value) => {
        each.value = value;
        for (const type of ["input", "change"]) each.dispatchEvent(new Event(type, { bubbles: true }));
    }"""
    page.locator(selector).evaluate(script, value)


def test_what_is_less_opaque_than_wanted_becomes_clear(dialog: Page) -> None:
    expect(dialog.locator("#sprites-tolerance-field")).to_be_hidden()
    set_value(dialog, "#sprites-alpha", "129")
    expect_sprite(dialog, {(0, 0, 0, 0)})


def test_an_outline_of_the_chosen_colour_surrounds_the_live_sprite(dialog: Page) -> None:
    set_value(dialog, "#sprites-alpha", "1")
    set_value(dialog, "#sprites-outline", "#ff0000")
    expect(dialog.locator("#sprites-outlined")).to_be_checked()
    canvas = dialog.locator("#sprites-preview")
    for _ in range(1000):
        pixel = canvas.evaluate("each => [...each.getContext('2d').getImageData(0, 0, 1, 1).data]")
        if pixel == [*RED, 255]:
            break
        dialog.wait_for_timeout(50)
    assert pixel == [*RED, 255]


def test_the_ground_behind_the_live_sprite_is_the_chosen_colour(dialog: Page) -> None:
    set_value(dialog, "#sprites-ground", "#102030")
    expect(dialog.locator("#sprites-preview")).to_have_css("background-color", "rgb(16, 32, 48)")
    dialog.locator("#sprites-grounded").uncheck()
    expect(dialog.locator("#sprites-preview")).not_to_have_css("background-color", "rgb(16, 32, 48)")


@pytest.mark.parametrize(
    "dialog", [(HalfClearEngine(), {"palette": (RED,), "grid": Grid(2)})], indirect=True, ids=["a set with both"]
)
def test_palette_and_grid_of_the_set_are_offered_first(dialog: Page) -> None:
    expect(dialog.locator("#sprites-colours")).to_have_value("set")
    expect(dialog.locator("#sprites-size")).to_have_text("Each picture will be 4 × 4 pixels.")
    expect_sprite(dialog, {(*RED, 255)}, side_px=4)


@pytest.mark.parametrize("dialog", [(FlatEngine(), {})], indirect=True, ids=["no alpha"])
def test_a_model_without_alpha_is_cut_by_its_backgrounds_colour(dialog: Page) -> None:
    expect(dialog.locator("#sprites-alpha-field")).to_be_hidden()
    expect(dialog.locator("#sprites-tolerance-field")).to_be_visible()
    expect_sprite(dialog, {(0, 0, 0, 0)})  # one colour all over is all background
