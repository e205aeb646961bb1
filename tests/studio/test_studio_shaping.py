"""Shaping a character in the page: children, traits, mixing, undo."""

import re

import numpy as np
import pytest
import requests
from numpy.typing import NDArray
from playwright.sync_api import expect
from studio_page import (
    Held,
    amount,
    changed_code,
    code_of,
    drag,
    drawn,
    expect_portrait,
    painted,
    pick,
    pixels_of,
    trait,
)

from gan.sampling.interpolation import slerp
from gan.sampling.measures import measure
from gan.sampling.sample import latents_from_seeds
from gan.sampling.share_codes import decode

SLIDE = """(slider, values) => {
    for (const value of values) {
        slider.value = value;
        slider.dispatchEvent(new Event("input"));
    }
    slider.dispatchEvent(new Event("change"));
}"""


@pytest.fixture(scope="module")
def directions(url) -> NDArray[np.float32]:
    """The steps of all sliders, in their order."""
    answer = requests.get(f"{url}/api/directions", timeout=120)
    return np.array([each["vector"] for each in answer.json()], np.float32)


def test_children_resemble_their_parent_as_far_as_the_slider_says(open_page):
    page = open_page()
    pick(page)
    parent = decode(code_of(page)).latent
    angles = []
    for strength in (5, 80):
        page.locator("#mutation-rate").fill(str(strength))
        code = code_of(page)
        painted(page.locator("#children .card")).nth(5).click()
        child = decode(changed_code(page, code)).latent
        angles.append(np.arccos(child @ parent / np.linalg.norm(child) / np.linalg.norm(parent)))
        page.locator("#undo").click()
        expect(page).to_have_url(re.compile(re.escape(code)))
    first = pixels_of(painted(page.locator("#children .card")).first.locator("canvas"))
    page.locator("#more-children").click()
    assert not np.array_equal(pixels_of(painted(page.locator("#children .card")).first.locator("canvas")), first)
    assert angles[0] < 0.15
    assert angles[1] > 0.9


def test_undo_redo_and_the_family_line(open_page, engine):
    page = open_page()
    pick(page)
    codes = [code_of(page)]
    for _ in range(2):
        painted(page.locator("#children .card")).nth(1).click()
        codes.append(changed_code(page, codes[-1]))
    line = page.locator("#lineage .card")
    expect(line).to_have_count(3)
    expect(page.locator("#lineage .how")).to_have_text(["picked", "child", "child"])
    expect(page.locator("#live-region")).to_have_text(
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


def test_a_trait_goes_one_step_by_its_pictures_and_anywhere_by_its_slider(open_page, engine, directions):
    direction = directions[2]
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
    expect(page.locator("#lineage .how")).to_have_text(["picked", "shaped"])
    row.locator("[type=range]").focus()
    page.keyboard.press("z")
    expect(row.locator("[type=range]")).to_have_value(f"{round(start + 1, 1) + 0.0:g}")
    row.get_by_role("button", name="Reset").click()
    assert amount(decode(code_of(page)).latent, direction) == pytest.approx(start, abs=0.01)


def test_a_locked_trait_stays_while_the_rest_is_rerolled_and_bred(open_page, directions):
    page = open_page()
    pick(page)
    code = code_of(page)
    row = trait(page, 0)
    row.get_by_role("button", name="Lock").click()
    expect(row.get_by_role("button", name="Lock")).to_have_attribute("aria-pressed", "true")
    page.locator("#reroll-rest").click()
    other = changed_code(page, code)
    page.locator("#tab-children").click()
    page.locator("#mutation-rate").fill("80")
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


def test_a_name_that_an_earlier_page_kept_by_its_number_is_still_the_free_traits(open_page, engine):
    page = open_page()
    key = f"vgc-traits-{engine.info.hash[:8]}"
    page.evaluate("(key) => localStorage.setItem(key, JSON.stringify({ 9: 'Antlers' }))", key)
    page.reload()
    pick(page)
    page.locator("#tab-traits").click()
    expect(page.get_by_role("slider", name="Antlers")).to_be_visible()
    expect(page.locator("#free-traits .title").last).to_have_value("Antlers")


def test_named_traits_stand_above_the_free_ones_and_do_what_they_say(open_page, engine, directions):
    page = open_page()
    pick(page)
    expect(trait(page, 0)).to_be_visible()
    names = [title.input_value() for title in page.locator("#traits .title").all()]
    assert {"Brightness", "Hue", "Height"} <= set(names)
    expect(page.get_by_role("heading", name="What else this network likes to vary")).to_be_visible()
    latents = latents_from_seeds(range(16), engine.info.latent_dim).numpy()
    for name, direction in zip(names, directions, strict=False):
        if name == "Hue":
            continue
        values = [measure(engine.draw(latents + by * direction))[name.lower()].mean() for by in (-2, 2)]
        assert values[1] > values[0] * 1.1


def test_traits_that_could_not_be_asked_for_come_when_the_studio_is_back(open_page):
    page = open_page()
    pick(page)
    page.route("**/api/directions?*", lambda route: route.abort(), times=1)
    page.reload()
    expect(page.locator("#announcement")).to_contain_text("All is back")
    expect(trait(page, 9)).to_be_visible()


def test_dragging_a_slider_never_piles_up_work(open_page):
    page = open_page()
    pick(page)
    slider = trait(page, 0).locator("[type=range]")
    page.wait_for_load_state("networkidle")
    held = Held(page, "**/api/draw")
    for step in range(30):
        slider.evaluate("(s, v) => { s.value = v; s.dispatchEvent(new Event('input')); }", -1.5 + step / 10)
    for asked in (1, 2):
        held.wait_for(asked)
        page.wait_for_timeout(100)
        assert len(held.routes) == asked
        held.routes[-1].continue_()
    page.unroute_all(behavior="ignoreErrors")


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
    expect(page.locator("#lineage .how")).to_have_text(["picked", "mixed"])
    a, b = decode(second).latent, decode(first).latent
    assert decode(mixed).latent == pytest.approx(slerp(a, b, 0.5), abs=0.01)
    expect_portrait(page, engine)
    page.locator("#share-of-b").fill("100")
    page.locator("#share-of-b").dispatch_event("change")
    assert changed_code(page, mixed) == first
    drag(page, painted(page.locator("#steps .card")).first, nowhere)
    assert code_of(page) == first
    page.wait_for_timeout(100)
    third = pixels_of(page.locator("#steps .card").nth(2).locator("canvas"))
    page.locator("#steps .card").nth(2).click()
    assert np.array_equal(drawn(engine, changed_code(page, first))[0], third)
    before = code_of(page)
    page.locator("#steps .card").first.click()
    assert changed_code(page, before) == second


@pytest.mark.parametrize("tab", ["traits", "mix"])
def test_a_slow_answer_to_a_slider_does_not_come_over_what_was_taken_since(open_page, engine, tab):
    page = open_page()
    pick(page)
    slider = trait(page, 0).locator("[type=range]")
    if tab == "mix":
        page.locator("#tab-mix").click()
        painted(page.locator("#partners .card")).first.click()
        slider = painted(page.locator("#steps .card")) and page.locator("#share-of-b")
    page.wait_for_load_state("networkidle")
    held, code = Held(page, "**/api/draw"), code_of(page)
    slider.evaluate(SLIDE, [1, 2])
    changed_code(page, code)
    page.locator("#undo").click()
    held.answer()
    page.wait_for_timeout(500)
    assert code_of(page) == code
    expect_portrait(page, engine)


def test_a_slider_that_was_dragged_away_and_back_forgets_its_character_with_the_next(open_page):
    page = open_page()
    pick(page)
    slider = trait(page, 0).locator("[type=range]")
    slider.evaluate(SLIDE, [0])
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] + 40, middle[1])
    page.mouse.move(*middle)
    page.mouse.up()
    before = code_of(page)
    page.locator("#reroll").click()
    rerolled = changed_code(page, before)
    trait(page, 3).locator("[type=range]").evaluate(SLIDE, [1])
    shaped = decode(changed_code(page, rerolled)).latent
    assert np.corrcoef(shaped, decode(rerolled).latent)[0, 1] > 0.7


def test_the_round_arrow_leads_back_to_before_the_shaping_from_an_ancestor_too(open_page):
    page = open_page()
    pick(page)
    start = code_of(page)
    trait(page, 2).locator(".side").last.click()
    shaped = changed_code(page, start)
    page.locator("#tab-children").click()
    painted(page.locator("#children .card")).first.click()
    changed_code(page, shaped)
    painted(page.locator("#lineage .card")).nth(1).click()
    expect(page).to_have_url(re.compile(re.escape(shaped)))
    trait(page, 2).get_by_role("button", name="Reset").click()
    assert decode(changed_code(page, shaped)).latent == pytest.approx(decode(start).latent, abs=0.01)


def test_a_click_takes_what_the_card_shows_and_never_twice(open_page, engine):
    page = open_page()
    pick(page)
    parent, cards = code_of(page), painted(page.locator("#children .card"))
    shown = pixels_of(cards.nth(4).locator("canvas"))
    held = Held(page, "**/api/draw")
    page.locator("#more-children").click()
    cards.nth(4).dblclick()
    cards.first.click()
    drag(page, cards.first, page.locator(".tray"))
    held.answer()
    expect(page.locator("#lineage .how")).to_have_text(["picked", "child"])
    assert np.array_equal(drawn(engine, changed_code(page, parent))[0], shown)
    expect(page.locator("#tray .card")).to_have_count(0)


def test_what_is_no_mix_ends_the_mixing_at_once(open_page, engine):
    page = open_page()
    pick(page)
    page.locator("#tab-mix").click()
    painted(page.locator("#partners .card")).first.click()
    painted(page.locator("#steps .card"))
    expect(page.locator("#mix-text")).to_contain_text("on the left")
    held = Held(page, "**/api/draw")
    page.locator("#reroll").click()
    expect(page.locator("#mixing")).to_be_hidden()
    expect(page.locator("#mix-text")).to_be_hidden()
    expect(page.locator("#mix-how")).to_be_visible()
    held.answer()
    expect_portrait(page, engine)
    for _ in range(2):
        before = code_of(page)
        painted(page.locator("#partners .card")).first.click()
        changed_code(page, before)
    expect(page.locator("#mixing")).to_be_visible()
    page.locator("#undo").click()  # to a mix, but with another parent
    expect(page.locator("#mixing")).to_be_hidden()
