"""Measures of pictures whose answer is known by hand."""

import numpy as np
import pytest
from numpy.typing import NDArray

from gan.sampling.measures import measure

SIDE = 80


def picture(mask: NDArray[np.bool_], colour: tuple[int, int, int]) -> NDArray[np.uint8]:
    """A figure of one colour on black."""
    return (mask[..., None] * np.array(colour)).astype(np.uint8)


def box(left: int, right: int, top: int, bottom: int) -> NDArray[np.bool_]:
    mask = np.zeros((SIDE, SIDE), bool)
    mask[top:bottom, left:right] = True
    return mask


def disc(radius: float) -> NDArray[np.bool_]:
    rows, columns = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    return rows**2 + columns**2 < radius**2


def one(image: NDArray[np.uint8]) -> dict[str, float]:
    return {name: float(values[0]) for name, values in measure(image[None]).items()}


def test_a_red_box_measures_what_it_is():
    result = one(picture(box(20, 60, 30, 50), (255, 0, 0)))
    assert result == pytest.approx(
        {
            "brightness": 0.299,
            "warmth": 1,
            "hue_x": 1,
            "hue_y": 0,
            "colourfulness": 1,
            "size": 1 / 8,
            "width": 38 / SIDE,  # the thin share at its ends is left out
            "height": 20 / SIDE,
            "roundness": 800**2 / (2 * np.pi * 800 * (40**2 + 20**2) / 12),
            "symmetry": 1,
            "outline": 0,
            "detail": 0,
        },
        abs=1e-5,
    )


def test_hue_is_an_angle_and_cold_is_below_0():
    green, blue = one(picture(disc(20), (0, 200, 0))), one(picture(disc(20), (0, 0, 200)))
    assert np.degrees(np.arctan2(green["hue_y"], green["hue_x"])) == pytest.approx(120, abs=0.01)
    assert np.degrees(np.arctan2(blue["hue_y"], blue["hue_x"])) == pytest.approx(-120, abs=0.01)
    assert blue["warmth"] < 0


def test_a_disc_is_round_and_nothing_is_rounder():
    assert one(picture(disc(30), (99, 99, 99)))["roundness"] == pytest.approx(1, abs=0.002)
    assert one(picture(box(20, 60, 20, 60), (99, 99, 99)))["roundness"] == pytest.approx(3 / np.pi, abs=0.001)


def test_a_dark_rim_is_an_outline_and_a_pattern_is_detail():
    image = picture(disc(30), (60, 60, 60))
    image[disc(29)] = 180
    plain = one(image)
    assert plain["outline"] > 0.5
    image[::2][disc(25)[::2]] = 90
    assert one(image)["detail"] > 3 * plain["detail"]


def test_half_red_half_blue_is_no_mirror_image_wherever_it_stands():
    image = picture(box(10, 40, 30, 60), (200, 0, 0))
    image[30:60, 25:40] = (0, 0, 200)
    assert one(image)["symmetry"] == pytest.approx(1 - 2 / 3 * 200 / 255, abs=0.03)


def test_what_is_enclosed_belongs_to_the_figure_and_what_is_clear_does_not():
    ring = disc(30) & ~disc(10)
    assert one(picture(ring, (200, 200, 200)))["size"] == pytest.approx(disc(30).mean())
    image = np.full((SIDE, SIDE, 4), 255, np.uint8)
    image[..., 3] = disc(30) * 255
    assert one(image)["size"] == pytest.approx(disc(30).mean())


def test_an_empty_picture_measures_0_everywhere():
    assert set(one(np.full((SIDE, SIDE, 3), 77, np.uint8)).values()) == {0}
