"""The character most like a picture: found again where it is one, near where it is none."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from gan.config import PRESETS
from gan.errors import SettingsError
from gan.images import to_images
from gan.networks.build import build_generator
from gan.runs.checkpoint import GeneratorHeader, save_generator
from gan.sampling.generate import GenerateSettings, generate
from gan.sampling.projection import (
    STEPS,
    align_figure,
    figure_distance,
    multiscale_distance,
    project,
    read_target,
    to_sphere,
    with_background,
)
from gan.sampling.sample import latents_from_seeds
from gan.sampling.share_codes import decode

SMALL = replace(PRESETS["dcgan"].generator, widths=(8, 8, 8), size_px=16, modulation_width=0)


@pytest.fixture
def generator() -> torch.nn.Module:
    """Of 16x16 pictures, untrained."""
    torch.manual_seed(0)
    return build_generator(SMALL).eval().requires_grad_(False)


@pytest.fixture
def model(generator, tmp_path) -> Path:
    path = tmp_path / "model.safetensors"
    save_generator(path, generator, GeneratorHeader(SMALL, "dcgan", 7, "noise"))
    return path


def test_pictures_differ_at_every_size_or_only_at_the_finest_and_most_by_colour():
    white, grey = torch.ones(3, 16, 16), torch.zeros(3, 16, 16)
    checked = torch.tensor([[1.0, -1], [-1, 1]]).repeat(3, 8, 8)
    red = grey.clone()
    red[0] = 1
    # Five sizes: 16, 8, 4, 2, 1. White differs from grey by 1 in one of three opponent colours; the squares of a
    # chessboard cancel at all sizes but the finest; red is 1/3 light, 1 red against green, -1/2 against yellow.
    expected = [0, 5 / 3, 1 / 3, 5 * (1 / 3 + 1.5 * 1 + 1.5 * 0.5) / 3]
    assert multiscale_distance(torch.stack([grey, white, checked, red]), grey).tolist() == pytest.approx(expected)


def figure(top: int, left: int, height: int, width: int) -> torch.Tensor:
    """On black, [3, 32, 32]: blue above, green below."""
    image = -torch.ones(3, 32, 32)
    image[2, top : top + height // 2, left : left + width] = 1
    image[1, top + height // 2 : top + height, left : left + width] = 1
    return image


def test_figures_are_alike_wherever_and_however_large_they_are_but_not_stretched():
    black = -torch.ones(3, 1, 1)
    feelers = figure(8, 8, 16, 8)
    feelers[:, 5:8, 11] = 1  # so thin that the figure's box leaves them out
    others = torch.stack([figure(2, 20, 8, 4), figure(8, 8, 16, 8), figure(8, 8, 16, 16), feelers])
    result = figure_distance(others, figure(0, 0, 16, 8), black).tolist()
    assert result[:2] == [0, 0]
    assert result[2] == pytest.approx(math.log(2))
    assert result[3] == 0
    moved = align_figure(figure(0, 0, 16, 8), figure(10, 20, 8, 4), black)
    assert (moved - figure(10, 20, 8, 4)).abs().max() < 0.3  # a soft seam where blue meets green
    # A picture of background alone counts as a figure as large as itself.
    assert figure_distance(black.expand(1, 3, 32, 32), figure(0, 0, 16, 8), black) > 1


def test_a_picture_that_the_generator_has_drawn_is_found_again(generator):
    drawn = generator(to_sphere(latents_from_seeds([9_000, 9_001], 100)))
    seen = []
    latents = project(generator, 100, list(to_images(drawn)), lambda *output: seen.append(output[:2]))
    assert seen == [(done, 2 * STEPS) for done in range(1, 2 * STEPS + 1)]
    among = generator(latents_from_seeds(range(256), 100))
    for image, result in zip(drawn, generator(latents), strict=True):
        assert multiscale_distance(result[None], image) < 0.4 * multiscale_distance(among, image).min()
    # As far from the middle as a normal vector of a hundred numbers; rounded to 16 bits each.
    assert latents.norm(dim=1).tolist() == pytest.approx([10, 10], abs=0.01)
    assert torch.equal(latents, latents.half().float())


def test_a_drawing_on_paper_is_looked_for_whole_and_on_the_generators_own_background(tmp_path):
    paper = Image.new("RGB", (64, 32), (250, 250, 245))
    paper.paste((255, 0, 0), (16, 8, 48, 24))
    paper.paste((250, 250, 245), (28, 12, 36, 20))  # the paper's colour inside the figure is the figure's
    paper.save(tmp_path / "drawing.jpg", quality=95)
    square = read_target(tmp_path / "drawing.jpg", 16)
    assert (square.size, square.mode) == ((16, 16), "RGB")
    wanted = with_background(square, torch.tensor([-1.0, 0, 1]).view(3, 1, 1))
    for y, x in ((0, 0), (5, 8), (8, 1), (15, 15)):
        assert wanted[:, y, x].tolist() == [-1, 0, 1]
    assert wanted[:, 8, 5].tolist() == pytest.approx([1, -1, -1], abs=0.1)
    assert wanted[:, 7, 7].min() > 0.7


def test_what_is_transparent_is_background(tmp_path):
    sprite = Image.new("RGBA", (16, 16))
    sprite.paste((0, 0, 255, 255), (4, 0, 12, 16))  # reaches the border, but less than half of it
    sprite.save(tmp_path / "sprite.png")
    wanted = with_background(read_target(tmp_path / "sprite.png", 16), torch.zeros(3, 1, 1))
    assert wanted[:, 8, 8].tolist() == [-1, -1, 1]
    assert not wanted[..., :4].any()


def test_like_draws_a_character_with_a_code_that_draws_it_again(model, tmp_path):
    def draw(out, **more):
        generate(GenerateSettings(model=str(model), out=tmp_path / out, device="cpu", **more))
        return [(tmp_path / out / name).read_bytes() for name in ("0000.png", "0001.png")]

    draw("first", count=2, seed=50)
    likes = tuple(tmp_path / "first" / name for name in ("0001.png", "0000.png"))
    result = draw("found", likes=likes)
    assert draw("again", likes=likes) == result
    codes = [Image.open(tmp_path / "found" / name).info["code"] for name in ("0000.png", "0001.png")]
    assert draw("by-code", codes=tuple(codes)) == result
    for code, seed in zip(codes, (51, 50), strict=True):
        cosine = torch.cosine_similarity(
            torch.tensor(decode(code).latent), latents_from_seeds([seed], 100)[0], dim=0
        )
        assert cosine > 0.5  # two at random: 0, give or take 0.1


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "cannot be read: No such file"), (b"", "an empty file"), (b"<html>", "a web page, not a picture")],
)
def test_a_file_without_a_picture_is_named(content, message, model, tmp_path):
    path = tmp_path / "x.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match=rf"--like .*x\.png: {message}"):
        generate(GenerateSettings(model=str(model), out=tmp_path / "out", device="cpu", likes=(path,)))


def test_a_picture_of_nothing_is_named(tmp_path):
    Image.new("RGB", (30, 20), "white").save(tmp_path / "paper.png")
    with pytest.raises(SettingsError, match=r"--like .*paper\.png: nothing on it but background"):
        read_target(tmp_path / "paper.png", 16)


@pytest.mark.parametrize("more", [{"seeds": "1"}, {"truncation": 0.5}, {"best_of": 2}])
def test_like_and_another_choice_cannot_both_be_followed(more):
    with pytest.raises(SettingsError, match="--like says whom to draw: leave out"):
        GenerateSettings(likes=(Path("x"),), **more)
    with pytest.raises(SettingsError, match="--code says all of a character: leave out"):
        GenerateSettings(likes=(Path("x"),), codes=("vgc1-x",))
