"""The studio's page in a browser: the wall, what is kept, a studio that is gone."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from chromium import CHROMIUM_ARGS, CHROMIUM_WITH_PROFILE
from playwright.sync_api import expect
from studio_page import (
    code_of,
    drag,
    expect_portrait,
    painted,
    pick,
    pixels_of,
)
from studio_server import serving

from gan.sampling.share_codes import decode
from studio.engine import Engine


def test_the_wall_has_24_characters_and_more_below(open_page):
    page = open_page()
    cards = page.locator("#wall-grid .card")
    expect(cards).to_have_count(24)
    painted(cards)
    assert cards.evaluate_all("all => new Set(all.map((card) => card.shown.join())).size") == 24
    assert len({cards.nth(n).get_attribute("title") for n in range(24)}) > 15  # of 576 names some may come again
    page.mouse.wheel(0, 4000)
    expect(cards).to_have_count(48)
    page.locator("#more").press("Enter")
    expect(cards.nth(71)).to_be_attached()
    for width in (1180, 1220, 1280):  # from where the words stand beside the characters
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_of_what_a_generator_began_with_only_its_own_pictures_are_told_at_once(open_page):
    page = open_page()
    began = ("base (dcgan, 9 images, free pictures), b3cf2678", "base (dcgan, 5 images, others), fc7eeac0")
    sources = "; started from ".join(("242 pictures of mine", *began))
    info = {**page.request.get(page.url + "api/info").json(), "trained_on": sources}
    page.route("**/api/info", lambda route: route.fulfill(json=info))
    page.reload()
    expect(page.locator("#model")).to_have_text(re.compile("which learned from 242 pictures of mine\\.$"))
    ancestors = page.locator(".provenance li")
    expect(ancestors.first).to_be_hidden()
    page.get_by_text("What it began with").first.click()
    expect(ancestors).to_have_text(began)
    page.locator("#help").click()
    expect(page.locator("#about")).to_contain_text("It has learned from 242 pictures of mine. Learned")
    expect(page.locator("#help-dialog .ancestors")).to_be_visible()


def test_the_knob_goes_from_alike_to_surprising(open_page):
    page = open_page()
    cards = painted(page.locator("#wall-grid .card"))

    def variety(truncation: int) -> float:
        before, last = cards.first.get_attribute("title"), cards.nth(11).get_attribute("title")
        page.locator("#truncation").fill(str(truncation))
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


def test_kept_characters_survive_a_reload_and_can_be_let_go(open_page):
    page = open_page()
    pick(page)
    page.keyboard.press("k")
    expect(page.locator("#announcement")).to_contain_text("is kept")
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


def test_what_is_kept_in_one_tab_is_there_in_another(open_page):
    page = open_page()
    pick(page)
    other = page.context.new_page()
    other.goto(page.url)
    page.locator("#keep").click()
    expect(other.locator("#tray .card")).to_have_count(1)
    expect(other.locator("#keep")).to_have_attribute("aria-pressed", "true")


def test_a_browser_that_blocks_cookies_shows_everything_and_keeps_nothing(browser, url, tmp_path):
    (tmp_path / "Default").mkdir()
    blocked = {"profile": {"default_content_setting_values": {"cookies": 2}}}
    (tmp_path / "Default/Preferences").write_text(json.dumps(blocked))
    context = browser.browser_type.launch_persistent_context(
        tmp_path, executable_path=CHROMIUM_WITH_PROFILE, args=CHROMIUM_ARGS
    )
    page = context.new_page()
    page.goto(url)
    pick(page)
    page.keyboard.press("k")
    expect(page.locator("#announcement")).to_contain_text("This browser stores nothing")
    expect(page.locator("#tray .card")).to_have_count(1)
    context.close()


def test_a_studio_that_is_gone_is_said_and_its_return_too(open_page, engine):
    page = open_page()
    pick(page)
    page.context.set_offline(True)
    page.locator("#reroll").click()
    expect(page.locator("#alert")).to_contain_text("does not answer")
    page.context.set_offline(False)
    expect(page.locator("#announcement")).to_contain_text("All is back")
    expect(page.locator("#alert")).to_be_empty()
    expect_portrait(page, engine)
    painted(page.locator("#children .card"))


def test_the_pages_chance_is_gaussian_and_a_child_stays_on_its_parents_sphere(open_page):
    page = open_page()
    sample = np.array(page.evaluate("async () => [...(await import('/model/random.js')).gaussian(7, 40000)]"))
    assert abs(sample.mean()) < 0.02
    assert sample.std() == pytest.approx(1, abs=0.02)
    assert (np.abs(sample) < 1.96).mean() == pytest.approx(0.95, abs=0.01)
    parent = np.random.default_rng(0).normal(size=100)
    children = page.evaluate(
        "async (v) => { const g = await import('/model/latents.js');"
        "return [0, 0.5, 1].map((s) => [...g.mutate(Float32Array.from(v), s, 3)]); }",
        parent.tolist(),
    )
    assert children[0] == pytest.approx(parent, abs=1e-5)
    for child in children:
        assert np.linalg.norm(child) == pytest.approx(np.linalg.norm(parent), rel=1e-4)


class OtherEngine:
    """The engine with another model behind it: other pictures, another hash."""

    def __init__(self, engine: Engine) -> None:
        self.info = replace(engine.info, model="another", hash="0" * 64)
        self.path = None
        self.directions = engine.directions
        self.draw = lambda latents: 255 - engine.draw(latents)


def test_a_studio_restarted_with_another_model_draws_nothing_for_the_old_page_and_offers_a_reload(
    browser, engine, tmp_path
):
    page = browser.new_page()
    with serving(engine) as url:
        page.goto(url)
        pick(page)
        name, code, before = page.locator("#name").inner_text(), code_of(page), pixels_of(page.locator("#picture"))
        painted(page.locator("#children .card"))
    with serving(OtherEngine(engine), port=int(url.rpartition(":")[2]), root=tmp_path):
        page.locator("#reroll").click()
        expect(page.locator("#alert")).to_contain_text("the studio draws with another now")
        page.locator("#undo").click()
        expect(page.locator("#name")).to_have_text(name)
        assert np.array_equal(pixels_of(page.locator("#picture")), before)
        page.locator("#tab-traits").click()
        page.get_by_role("button", name="Reload").click()
        expect(page.locator("#announcement")).to_contain_text(f"made with another model ({decode(code).model})")
        expect(page.locator("#alert")).to_be_empty()
        expect(page.locator("#workshop")).to_be_visible()
        pick(page, 2)
        assert decode(code_of(page)).model == "00000000" != decode(code).model
        page.locator("#tab-traits").click()
        traits = page.evaluate("fetch('/api/directions').then((answer) => answer.json())")
        assert len(traits) >= 10
        expect(page.locator(".trait")).to_have_count(len(traits))
        page.keyboard.press("g")
        expect(page.locator("#sprites-wrong")).to_be_empty()
    page.close()
