"""The base set: only free pictures, only figures, and what draws them."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from release import base_set, meshes, rasterizer


def smile(shirt: str, size: int = 120) -> Image.Image:
    """A small person on transparent ground."""
    image = Image.new("RGBA", (size, size))
    draw = ImageDraw.Draw(image)
    draw.ellipse((40, 10, 80, 50), fill="#f5cfa0")
    draw.ellipse((50, 22, 54, 28), fill="black")
    draw.ellipse((66, 22, 70, 28), fill="black")
    draw.rectangle((35, 50, 85, 110), fill=shirt)
    return image


def test_the_set_keeps_figures_and_drops_copies_silhouettes_and_plain_shapes(tmp_path: Path) -> None:
    silhouette = Image.new("RGBA", (64, 64))
    ImageDraw.Draw(silhouette).ellipse((8, 8, 56, 56), fill="black")
    button = Image.new("RGBA", (64, 64), "#ff8800")
    empty = Image.new("RGBA", (64, 64))
    mirrored_size = smile("#2060c0", 200)
    clipart = iter([smile("#2060c0"), silhouette, button, empty, mirrored_size])
    counts = base_set.build(tmp_path, {"clipart": clipart, "crawl": iter([smile("#c02020")])})
    assert counts == {"clipart": 1, "crawl": 1}
    written = sorted(path.name for path in (tmp_path / "rgba").iterdir())
    assert written == ["clipart-00000.png", "crawl-00000.png"]
    output = json.loads((tmp_path / "sources.json").read_text())
    assert [(source["name"], source["pictures"]) for source in output] == [("clipart", 1), ("crawl", 1)]


def test_a_figure_is_cropped_and_touches_two_opposite_edges() -> None:
    square = base_set.fitted(smile("#2060c0"))
    assert square is not None
    assert square.size == (80, 80)
    box = square.getchannel("A").point(lambda alpha: 255 * (alpha > 128)).getbbox()
    assert box is not None
    assert (box[1], box[3]) == (0, 80)


def test_every_source_is_in_the_public_domain_or_under_cc0() -> None:
    assert all(
        source.licence in ("public domain", "CC0 1.0", "CC0 1.0 or public domain") for source in base_set.SOURCES
    )


def test_none_of_the_demos_styles_is_in_the_set() -> None:
    pytest.importorskip("resvg_py")  # of the extra ``draw``
    from scraper.demosite.draw import STYLE_COUNTS

    assert not set(base_set.STYLE_COUNTS) & set(STYLE_COUNTS)


def test_tiles_of_unclear_ownership_stay_out() -> None:
    assert base_set.is_clear(Path("mon/animals/wolf.png"))
    assert not base_set.is_clear(Path("mon/unique/nikola.png"))
    assert not base_set.is_clear(Path("mon/undead/zombie_bat.png"))


def test_the_pixels_of_an_enlarged_tile_are_no_squares() -> None:
    tile = np.full((8, 8, 4), 255, np.uint8)
    tile[:, :4, :3], tile[:, 4:, :3] = 100, 140
    row = np.asarray(base_set.upscaled(Image.fromarray(tile)))[16].astype(int)
    steps = np.diff(row[:, 0])
    assert (row[0, 0], row[-1, 0], len(row)) == (100, 140, 32)
    assert 0 < steps.max() <= 15
    assert (row[:, 3] == 255).all()


def test_an_enlarged_tile_has_round_steps_and_straight_edges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base_set, "BLUR_PX", 0)
    white, black = [255, 255, 255, 255], [0, 0, 0, 255]
    diagonal = np.array([[black, white, white], [black, black, white], [black, black, black]], dtype=np.uint8)
    larger = np.asarray(base_set.upscaled(Image.fromarray(diagonal)))[..., 0]
    assert larger.shape == (12, 12)
    assert larger[4, 7] == 255  # the middle pixel's upper right corner joins the white
    straight = np.array([[white] * 3, [black] * 3, [black] * 3], dtype=np.uint8)
    enlarged = np.asarray(base_set.upscaled(Image.fromarray(straight)))
    assert np.array_equal(enlarged, straight.repeat(4, 0).repeat(4, 1))


def test_a_turn_about_the_upright_axis_brings_the_front_to_the_left() -> None:
    turned = meshes.rotation(0, np.pi / 2, 0) @ np.array([0.0, 0.0, 1.0])
    assert np.allclose(turned, [1, 0, 0])


def test_a_pixel_that_the_samples_missed_takes_its_neighbours() -> None:
    nearest = np.full((5, 5), 0)
    nearest[2, 2] = -1
    nearest[:, 4] = -1  # a real edge
    filled = rasterizer.without_holes(nearest, np.array([1.0]), 0.1)
    assert filled[2, 2] == 0
    assert (filled[1:4, 4] == -1).sum() <= 3


def test_each_triangle_is_cut_into_sixteen_and_stays_in_its_place() -> None:
    faces = meshes.double_sided(meshes.grid_triangles(2, 2))
    corners = np.array([[-1.0, 1, 0], [1, 1, 0], [-1, -1, 0], [1, -1, 0]])
    assert faces.shape == (4, 3)
    fine, points = meshes.subdivided(corners, faces[:2], 2)
    assert len(fine) == 2 * 16
    assert np.allclose(points.min(0), [-1, -1, 0])


def test_the_same_seed_draws_the_same_colours() -> None:
    def drawn() -> Iterator[str]:
        rng = base_set.random.Random(3)
        yield from (base_set.vivid(rng) for _ in range(3))

    assert list(drawn()) == list(drawn())
