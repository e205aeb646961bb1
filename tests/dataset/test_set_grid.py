"""The grid of a set of pixel art: what a build records, and what it does not."""

import json
from pathlib import Path

import numpy as np
import pytest
from image_sets import make
from PIL import Image

from dataset.set_grid import SetGrid, grid_of_set, shared_grid


def figure(side: int, seed: int) -> Image.Image:
    """Pixels of three colours, with two clear ones around them."""
    colours = np.array([(200, 40, 40, 255), (10, 0, 20, 255), (240, 240, 90, 255)], np.uint8)
    pixels = colours[np.random.default_rng(seed).integers(0, 3, (side - 4, side - 4))]
    return Image.fromarray(np.pad(pixels, ((2, 2), (2, 2), (0, 0))))


def test_pixel_art_enlarged_by_one_number_has_a_grid(tmp_path: Path, out: Path) -> None:
    for seed in (0, 1):
        figure(16, seed).save(tmp_path / f"{seed}.png")
    make(tmp_path, out, size_px=56, pixel_art="on")  # 48 pixels, 4 at each side
    assert json.loads((out / "report.json").read_text())["grid"] == {"block_px": 3, "left_px": 1, "top_px": 1}
    for folder in (out, out / "rgb_images", out / "rgba_images"):
        assert grid_of_set(folder) == SetGrid(3, 1, 1)


def test_pictures_of_several_scales_or_of_none_have_no_grid(tmp_path: Path, out: Path) -> None:
    figure(16, 2).save(tmp_path / "a.png")
    figure(24, 2).save(tmp_path / "b.png")
    make(tmp_path, out, size_px=48, pixel_art="on")
    assert grid_of_set(out) is None
    assert shared_grid([]) is None


@pytest.mark.parametrize("grid", ["3", "[3]", '{"block_px": 3}', '{"block_px": 2, "left_px": 2, "top_px": 0}'])
def test_a_grid_that_cannot_be_is_none(tmp_path: Path, grid: str) -> None:
    (tmp_path / "report.json").write_text(f'{{"grid": {grid}}}')
    assert grid_of_set(tmp_path) is None
