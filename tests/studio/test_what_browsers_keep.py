"""What the page of version 0.1.0 left in a browser: kept characters, names of traits, a switch, a family line."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

KEPT = json.loads((Path(__file__).parents[1] / "compat/files/browser.json").read_text("utf-8"))
NAMES = ["Lumta", "Belwen"]
"""Of the kept characters, the newest first, as the old page showed them."""


def test_the_page_finds_what_an_older_one_left_in_the_browser(open_page):
    page: Page = open_page()
    for store, values in KEPT.items():
        page.evaluate("([store, values]) => Object.assign(window[store], values)", [store, values])
    *_, bench = json.loads(KEPT["sessionStorage"]["vgc-line"])
    page.evaluate("code => history.replaceState(null, '', `#${code}`)", bench["code"])
    page.reload()
    expect(page.locator("#tray li")).to_have_count(len(NAMES))
    for card, name in zip(page.locator("#tray .card").all(), NAMES, strict=True):
        expect(card).to_have_attribute("title", name)
    expect(page.locator("#lineage li")).to_have_count(2)
    page.locator("#tab-traits").click()
    expect(page.get_by_label("Name of trait 2")).to_have_value("Height")
    page.locator("#help").click()
    expect(page.locator("#single-keys")).not_to_be_checked()


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
    expect(page.get_by_label("Name of trait 1", exact=True)).to_have_value("Trait 1")
    page.locator("#keep").click()
    expect(page.locator("#tray li")).to_have_count(1 - kept)
    expect(page.locator("#alert")).to_be_hidden()
