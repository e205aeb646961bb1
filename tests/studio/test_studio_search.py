"""Looking for somebody on the wall, by words."""

import re

import numpy as np
import pytest
from playwright.sync_api import Page, expect
from studio_page import Opening, code_of, drawn, expect_portrait, painted, pick

from gan.sampling.measures import measure
from gan.sampling.share_codes import decode
from studio.engine import Engine


def look_for(page: Page, words: str) -> None:
    page.locator("#search-words").fill(words)
    page.get_by_role("button", name="Find").click()


def latents(page: Page) -> np.ndarray:
    return np.array(
        page.locator("#wall-grid .card").evaluate_all("cards => cards.map((card) => [...card.latent])")
    )


def measured(page: Page, engine: Engine) -> dict[str, float]:
    """Means over the wall."""
    values = measure(engine.draw(latents(page).astype(np.float32)))
    return {name: float(each.mean()) for name, each in values.items()}


def test_words_pick_those_of_whom_they_are_true(open_page: Opening, engine: Engine):
    page = open_page()
    # Always the same wall: of 24 at random the means may stand otherwise by chance.
    page.add_init_script("crypto.getRandomValues = (numbers) => numbers.fill(1)")
    page.reload()
    painted(page.locator("#wall-grid .card"))
    anybody = measured(page, engine)
    look_for(page, "Small, round and BLUE")
    expect(page.locator("#search-text")).to_have_text("Small round blue: the best of 240 first.")
    small = measured(page, engine)
    assert small["size"] < anybody["size"] * 0.95
    assert small["roundness"] > anybody["roundness"]
    assert small["warmth"] < anybody["warmth"]
    look_for(page, "large warm")
    expect(page.locator("#search-text")).to_have_text("Large warm: the best of 240 first.")
    large = measured(page, engine)
    assert large["size"] > anybody["size"] * 1.05
    assert large["warmth"] > anybody["warmth"]
    count = len(latents(page))
    page.locator("#more").click()
    # Where the wall's end came in sight on the way to the button, it has grown by itself too.
    expect(page.locator("#wall-grid .card").nth(count + 24 - 1)).to_be_attached()
    pick(page)
    expect_portrait(page, engine)
    assert drawn(engine, code_of(page)).shape == (1, 80, 80, 3)
    assert decode(code_of(page)).latent == pytest.approx(latents(page)[0], abs=1e-6)


def test_an_empty_field_brings_everybody_back(open_page: Opening):
    page = open_page()
    before = latents(page)
    look_for(page, "tall")
    expect(page.locator("#search-text")).to_contain_text("the best of 240")
    assert not np.array_equal(latents(page), before)
    page.locator("#search-words").fill("")
    expect(page.locator("#search-text")).to_be_empty()
    assert np.array_equal(latents(page), before)


def test_next_to_nothing_is_not_the_smallest_character(open_page: Opening):
    ranked = """async () => (await import("/model/words.js")).rank(
        [{ size: 0.01, green: 1 }, { size: 0.3, green: 0 }, { size: 0.1, green: 1 }],
        [{ name: "size", sign: -1 }, { name: "green", sign: 1 }],
    )"""
    assert open_page().evaluate(ranked) == [2, 1, 0]


def test_words_that_are_not_known_are_said_and_the_rest_is_looked_for(open_page: Opening):
    page = open_page()
    before = latents(page)
    look_for(page, "grumpy <b>")
    expect(page.locator("#search-text")).to_have_text(re.compile("Not understood: “grumpy”, “b”. Try .*red"))
    assert np.array_equal(latents(page), before)
    look_for(page, "grumpy tall")
    expect(page.locator("#search-text")).to_contain_text("the best of 240 first. Not understood: “grumpy”.")
    look_for(page, "   ")
    expect(page.locator("#search-text")).to_contain_text("Try words such as")
