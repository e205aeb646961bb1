"""Grids of images."""

import pytest
from PIL import Image

from kit.image_grid import GAP_PX, GRID_COLOUR, evenly_spaced, image_grid

RED, BLUE = (255, 0, 0), (0, 0, 255)


def test_what_is_shown_is_spread_evenly() -> None:
    assert evenly_spaced(range(10), 5) == [0, 2, 4, 6, 8]
    assert evenly_spaced("abc", 5) == ["a", "b", "c"]


def test_a_grid_goes_row_by_row_with_gaps_and_crisp_pixels() -> None:
    two = Image.new("RGB", (2, 1), RED)
    two.putpixel((1, 0), BLUE)
    grid = image_grid([two, two, two], columns=2, scale=3)
    assert grid.size == (2 * 6 + 3 * GAP_PX, 2 * 3 + 3 * GAP_PX)
    second_row = GAP_PX + 3 + GAP_PX
    assert [grid.getpixel((GAP_PX + x, second_row)) for x in range(6)] == [RED] * 3 + [BLUE] * 3
    assert grid.getpixel((GAP_PX + 6 + GAP_PX, second_row)) == GRID_COLOUR


def test_a_grid_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        image_grid([], 4)
