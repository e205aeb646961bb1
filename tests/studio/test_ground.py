"""Transparent characters on the page: over the ground that people choose."""

import re

from playwright.sync_api import Browser, expect
from studio_page import painted
from studio_server import FlatEngine, HalfClearEngine, serving


def test_a_transparent_character_lies_over_the_ground_that_was_chosen(browser: Browser) -> None:
    with serving(HalfClearEngine()) as url:
        page = browser.new_page()
        page.goto(url)
        expect(page.locator("body")).to_have_class(re.compile("ready"))
        canvas = painted(page.locator("#wall-grid .card")).first.locator("canvas")
        alpha = canvas.evaluate("each => each.getContext('2d').getImageData(0, 0, 1, 1).data[3]")
        assert alpha == 128
        expect(page.locator("html")).to_have_attribute("data-ground", "chequer")
        page.locator("#ground").select_option("white")
        expect(canvas).to_have_css("background-color", "rgb(255, 255, 255)")
        for width in (320, 375, 481, 760):
            page.set_viewport_size({"width": width, "height": 667})
            brand, tools = (page.locator(each).bounding_box() for each in (".brand", ".tools"))
            name = page.locator(".brand span").bounding_box()
            assert max(each["x"] + each["width"] for each in (brand, name)) <= tools["x"], width
            assert tools["x"] + tools["width"] <= width
        page.reload()
        expect(page.locator("#ground")).to_have_value("white")
        page.close()


def test_a_model_without_alpha_offers_no_ground(browser: Browser) -> None:
    with serving(FlatEngine()) as url:
        page = browser.new_page()
        page.goto(url)
        expect(page.locator("body")).to_have_class(re.compile("ready"))
        expect(page.locator("#ground-choice")).to_be_hidden()
        page.close()
