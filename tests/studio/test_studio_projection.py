"""A picture without a code on the studio's page: the character most like it is bred, shown, taken or left."""

import io
import re

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Page, expect
from studio_page import code_of, drop_file, expect_portrait, pick, pixels_of

from gan.sampling.projection import figure_distance, with_background
from gan.sampling.share_codes import quantise
from studio.engine import Engine


def image_of(engine: Engine, seed: int) -> NDArray[np.uint8]:
    """A character that no page has drawn yet."""
    rng = np.random.default_rng(seed)
    return engine.draw(quantise(rng.normal(size=(1, engine.info.latent_dim)).astype(np.float32)))[0]


def encoded(image: NDArray[np.uint8], kind: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, kind)
    return file.getvalue()


def far(images: NDArray[np.uint8], wanted: NDArray[np.uint8]) -> NDArray[np.float32]:
    """How unlike the figures of pictures [N, H, W, 3] are to that of one [H, W, 3], counted without the page."""
    values = [torch.from_numpy(np.moveaxis(each, -1, -3) / np.float32(127.5) - 1) for each in (images, wanted)]
    return figure_distance(*values, -torch.ones(3, 1, 1)).numpy()


def let_searches_end_by_their_rounds(page: Page) -> None:
    """A search ends after 15 seconds too, which on a busy machine is before it has found anything."""
    page.evaluate("const now = performance.now.bind(performance); performance.now = () => now() / 100;")


def search(page: Page, image: NDArray[np.uint8]) -> None:
    drop_file(page, encoded(image, "WEBP"), "mine.webp")
    expect(page.locator("#projection-dialog")).to_be_visible()


def test_the_page_compares_figures_as_the_command_does(open_page, engine):
    page = open_page()
    images = np.stack([image_of(engine, seed) for seed in range(4)])
    counted = page.evaluate(
        """async (all) => {
            const { cropFigure, figureDistance } = await import('/model/projection.js');
            const figures = all.map((each) => cropFigure(Uint8Array.from(each), 80, [0, 0, 0]));
            return figures.map((each) => figureDistance(each, figures[0]));
        }""",
        [each.ravel().tolist() for each in images],
    )
    assert counted == pytest.approx((127.5 * far(images, images[0])).tolist(), rel=1e-3, abs=0.01)
    assert counted[0] == 0


def test_the_page_takes_for_background_what_the_command_does(open_page):
    page = open_page()
    noise = np.random.default_rng(1).integers(0, 12, (16, 16, 3), dtype=np.uint8)
    paper = 240 + noise
    paper[4:13, 5:16] = (30, 140, 90)  # a figure that reaches the border
    paper[7:9, 7:10] = 245  # white of its eye
    changed = page.evaluate(
        "async (v) => { const { replaceBackground } = await import('/model/background.js');"
        "return [...replaceBackground(Uint8Array.from(v), 16, [10, 20, 30])]; }",
        paper.ravel().tolist(),
    )
    ground = (torch.tensor([10.0, 20, 30]) / 127.5 - 1).view(3, 1, 1)
    meant = with_background(Image.fromarray(paper), ground).add(1).mul(127.5).round().permute(1, 2, 0).numpy()
    assert np.array_equal(np.reshape(changed, (16, 16, 3)), meant)
    assert (meant[0, 0] == (10, 20, 30)).all()
    assert (meant[8, 8] == 245).all()
    black = page.evaluate(
        "async (all) => { const { backgroundOf } = await import('/model/background.js');"
        "return backgroundOf(all.map((each) => Uint8Array.from(each)), 16); }",
        [noise.ravel().tolist(), (noise * 0 + 3).ravel().tolist(), paper.ravel().tolist()],
    )
    assert max(black) < 12


def test_a_child_of_two_has_each_gene_from_one_of_them(open_page):
    page = open_page()
    one, other = np.random.default_rng(2).normal(size=(2, 100))
    child, moved = np.array(
        page.evaluate(
            "async ([a, b]) => { const { crossover } = await import('/model/latents.js');"
            "const parents = [a, b].map((each) => Float32Array.from(each));"
            "return [0, 0.5].map((step) => [...crossover(...parents, step, 5)]); }",
            [one.tolist(), other.tolist()],
        )
    )
    scale = np.median(child / np.where(abs(child / one - np.median(child / one)) < 1e-3, one, other))
    from_one, from_other = (np.isclose(child, scale * each, atol=1e-4) for each in (one, other))
    assert (from_one | from_other).all()
    assert 30 < from_one.sum() < 70
    assert [np.linalg.norm(child), np.linalg.norm(moved)] == pytest.approx([10, 10], rel=1e-5)
    cosine = child @ moved / 100
    assert 0.8 < cosine < 0.99  # a step of a half, beside genes of about one


def test_a_character_without_its_code_is_nearly_found_again_then_looked_for_anew_and_taken(open_page, engine):
    page = open_page()
    image = image_of(engine, 3)
    let_searches_end_by_their_rounds(page)
    search(page, image)
    expect(page.locator("#projection-dialog")).to_contain_text("a chat program or an editor has removed the code")
    expect(page.locator("#projection-text")).to_have_text(re.compile("another search may find"), timeout=600_000)
    assert np.abs(pixels_of(page.locator("#projection-target")).astype(int) - image).mean() < 6  # WebP's loss
    others = np.concatenate([image_of(engine, seed)[None] for seed in range(100, 300)])
    first = pixels_of(page.locator("#projection-best"))
    page.locator("#projection-again").click()
    expect(page.locator("#projection-again")).to_be_disabled()
    expect(page.locator("#projection-again")).to_be_enabled(timeout=600_000)
    both = np.stack([first, pixels_of(page.locator("#projection-best"))])
    assert far(both, image).min() < 0.7 * far(others, image).min()  # a search is left to chance
    name = page.locator("#projection-name")
    expect(name).not_to_have_text("…")
    page.locator("#projection-take").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#name")).to_have_text(name.inner_text())
    expect_portrait(page, engine)


def test_a_search_can_be_left_and_asks_for_no_more_pictures(open_page, engine):
    page = open_page()
    pick(page)
    before = code_of(page)
    search(page, image_of(engine, 4))
    expect(page.locator("#projection-take")).to_be_enabled()
    page.keyboard.press("Enter")  # meant for nothing yet
    expect(page.locator("#projection-dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#projection-dialog")).to_be_hidden()
    page.wait_for_timeout(300)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(600)
    assert asked == []
    assert code_of(page) == before


def test_a_picture_of_nothing_is_said_and_not_looked_for(open_page):
    page = open_page()
    for colour in ((255, 255, 255, 255), (0, 0, 0, 0)):
        page.evaluate("document.getElementById('announcement').textContent = ''")
        drop_file(page, encoded(np.full((20, 30, 4), colour, np.uint8), "PNG"), "nothing.png")
        expect(page.locator("#announcement")).to_contain_text("shows only background")
    expect(page.locator("#projection-dialog")).to_be_hidden()


def test_a_search_can_be_ended_early_with_the_best_so_far_and_undone(open_page, engine):
    page = open_page()
    pick(page)
    before = code_of(page)
    page.locator("#open").click()
    page.locator("#file").set_input_files(
        {"name": "mine.png", "mimeType": "image/png", "buffer": encoded(image_of(engine, 5), "PNG")}
    )
    page.locator("#open-go").click()
    expect(page.locator("#open-dialog")).to_be_hidden()
    name = page.locator("#projection-name")
    expect(name).not_to_have_text("…")
    page.locator("#projection-take").click()
    expect(page.locator("#name")).to_have_text(name.inner_text())
    expect_portrait(page, engine)
    page.keyboard.press("z")
    expect(page).to_have_url(re.compile(re.escape(before)))


def test_a_search_ends_with_a_word_when_the_studio_is_gone(open_page, engine):
    page = open_page()
    search(page, image_of(engine, 6))
    expect(page.locator("#projection-name")).not_to_have_text("…")
    page.context.set_offline(True)
    expect(page.locator("#alert")).to_contain_text("does not answer")
    expect(page.locator("#projection-dialog")).to_be_hidden()
