"""What the page of version 0.1.0 left in a browser: kept characters, names of traits, a switch, a family line."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from studio_server import serving

from gan.runs.model_files import built_in_model, pretrained_model
from studio.engine import Engine
from studio.engine_loader import load_engine

KEPT = json.loads((Path(__file__).parents[1] / "compat/files/browser.json").read_text("utf-8"))
THAT_TIME = "builtin-characters-1"
NAMES_KEY = "vgc-traits-6d1a70c4"
NAMES = ["Lumta", "Belwen"]
"""Of the kept characters, the newest first, as the old page showed them."""


@pytest.fixture(scope="module")
def engine() -> Engine:
    """The built-in generator of that time."""
    return load_engine(pretrained_model(THAT_TIME))


def test_the_page_finds_what_an_older_one_left_in_the_browser(open_page):
    page: Page = open_page()
    names = {"localStorage": {NAMES_KEY: json.dumps({**json.loads(KEPT["localStorage"][NAMES_KEY]), "4": "Ears"})}}
    for store, values in [*KEPT.items(), *names.items()]:
        page.evaluate("([store, values]) => Object.assign(window[store], values)", [store, values])
    *_, bench = json.loads(KEPT["sessionStorage"]["vgc-line"])
    page.evaluate("code => history.replaceState(null, '', `#${code}`)", bench["code"])
    page.reload()
    expect(page.locator("#tray li")).to_have_count(len(NAMES))
    for card, name in zip(page.locator("#tray .card").all(), NAMES, strict=True):
        expect(card).to_have_attribute("title", name)
    expect(page.locator("#lineage li")).to_have_count(2)
    page.locator("#tab-traits").click()
    # The second free trait, whose name was given then, is told by traits with names of their own now.
    expect(page.locator("#free-traits input.title").nth(1)).to_have_value("Ears")
    page.locator("#help").click()
    expect(page.locator("#single-keys")).not_to_be_checked()


def test_the_page_says_with_which_model_it_shows_what_was_kept_of_another(browser):
    with serving(load_engine(built_in_model())) as url:
        page = browser.new_page()
        page.goto(url)
        expect(page.locator("body")).to_have_class(re.compile("ready"))
        expect(page.locator("#tray-others")).to_be_hidden()
        page.evaluate("values => Object.assign(localStorage, values)", KEPT["localStorage"])
        page.reload()
        remedy = f"vgc studio --model {THAT_TIME}"
        expect(page.locator("#tray-others")).to_have_text(f"2 more with another model: {remedy}")
        page.evaluate("code => history.replaceState(null, '', `#${code}`)", GOOD)
        page.reload()
        expect(page.locator("#announcement")).to_contain_text(remedy)
        page.close()


(KEPT_KEY,) = (key for key in KEPT["localStorage"] if key.startswith("vgc-kept-"))
GOOD = json.loads(KEPT["localStorage"][KEPT_KEY])[0]


@pytest.mark.parametrize(
    ("stored", "kept"),
    [
        ("{", 0),
        ("5", 0),
        ("null", 0),
        (json.dumps("<img src=x onerror=alert()>"), 0),
        (json.dumps({"length": 3}), 0),
        (json.dumps([5, None, [GOOD], {"code": GOOD}, "<b>", GOOD, GOOD[:-1], GOOD]), 1),
    ],
)
def test_the_page_takes_of_what_others_left_in_the_browser_only_what_it_understands(open_page, stored, kept):
    page: Page = open_page()
    keys = [*KEPT["localStorage"], "vgc-line", KEPT_KEY.replace("kept", "traits")]
    page.evaluate(
        """([keys, stored]) => {
            for (const store of [localStorage, sessionStorage]) for (const key of keys) store[key] = stored;
        }""",
        [keys, stored],
    )
    page.evaluate("code => history.replaceState(null, '', `#${code}`)", GOOD)
    page.reload()
    expect(page.locator("#name")).not_to_have_text("…")
    expect(page.locator("#tray li")).to_have_count(kept)
    page.locator("#tab-traits").click()
    expect(page.get_by_label("Name of trait 1", exact=True)).to_have_value("Brightness")
    page.locator("#keep").click()
    expect(page.locator("#tray li")).to_have_count(1 - kept)
    expect(page.locator("#alert")).to_be_hidden()
