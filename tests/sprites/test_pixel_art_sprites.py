"""Sprites pixel for pixel: their set's grid, clean rims, outlines, Scale2x and Scale3x; answers known by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from kit.islands import without_small_islands
from sprites.errors import SpriteSettingsError
from sprites.pixels import Grid, SpriteSettings, make_sprites
from sprites.rims import clean_masks, dot_masks, outline_masks, reaches_edge
from sprites.upscaling import scale2x, scale3x, upscale

RED, BLUE, BLACK = (200, 0, 0), (0, 0, 200), (0, 0, 0)


def drawn(*rows: str) -> np.ndarray:
    """A mask: # is the figure."""
    return np.array([[letter == "#" for letter in row] for row in rows])


def numbers(*rows: str) -> np.ndarray:
    return np.array([[int(letter) for letter in row] for row in rows], np.uint8)


def red_where(mask: np.ndarray) -> np.ndarray:
    """RGBA, one image."""
    image = np.zeros((*mask.shape, 4), np.uint8)
    image[mask] = (*RED, 255)
    return image[None]


def test_small_islands_vanish_and_corners_hold_together() -> None:
    field = drawn("#....#", "......", "..###.", "..###.", ".....#")
    assert np.array_equal(without_small_islands(field, 2), drawn("......", "......", "..###.", "..###.", ".....#"))
    assert np.array_equal(without_small_islands(field[:1], 9), field[:1]), "the largest stays"
    assert not without_small_islands(np.zeros((3, 3), bool), 4).any()


@given(arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))), st.integers(1, 6))
def test_islands_are_those_that_a_walk_from_pixel_to_pixel_finds(field: np.ndarray, least_px: int) -> None:
    left = {tuple(place) for place in np.argwhere(field).tolist()}
    islands = []
    while left:
        todo, island = [left.pop()], []
        while todo:
            y, x = todo.pop()
            island.append((y, x))
            near = {(y + down, x + right) for down in (-1, 0, 1) for right in (-1, 0, 1)} & left
            left -= near
            todo += near
        islands.append(island)
    largest = max(map(len, islands), default=0)
    expected = np.zeros_like(field)
    for island in islands:
        if len(island) >= min(least_px, largest):
            expected[tuple(np.transpose(island))] = True
    assert np.array_equal(without_small_islands(field, least_px), expected)


def test_dots_on_an_even_edge_go_and_the_tip_of_a_sword_and_a_slope_stay() -> None:
    dotted = drawn(".......", ".#.#...", "#######", "#######", "...#...")
    assert np.array_equal(
        clean_masks(dotted[None], 4)[0], drawn(".......", ".......", "#######", "#######", ".......")
    )
    for kept in (drawn("..#..", "..#..", ".###.", ".###."), drawn("#....", "##...", "###..", "####.")):
        assert not dot_masks(kept[None]).any()
    assert np.array_equal(clean_masks(dotted[None], 0)[0], dotted)


def test_an_outline_is_closed_also_at_the_edge_of_the_frame() -> None:
    mask = drawn("..##.", "..##.", ".....", ".....")
    assert np.array_equal(outline_masks(mask[None])[0], drawn(".####", ".#..#", "..##.", "....."))
    assert reaches_edge(mask[None]).tolist() == [True]
    assert reaches_edge(drawn(".....", ".###.", ".....")[None]).tolist() == [False]


def test_an_outlined_sprite_has_the_colour_in_its_palette() -> None:
    mask = np.zeros((16, 16), bool)
    mask[4:12, 4:12] = True
    sprites = make_sprites(red_where(mask), SpriteSettings(outline=BLUE))
    assert sprites.palette.tolist() == [list(BLUE), list(RED)]
    assert sprites.rgba()[0, 3, 5].tolist() == [*BLUE, 255]
    assert (sprites.indexes > 0).sum() == 64 + 4 * 8
    of_the_palette = make_sprites(red_where(mask), SpriteSettings(outline=BLUE, palette=(RED, (0, 0, 190))))
    assert of_the_palette.rgba()[0, 3, 5].tolist() == [0, 0, 190, 255]


def test_each_pixel_of_the_sets_grid_becomes_one_of_the_sprite() -> None:
    rng = np.random.default_rng(0)
    small = np.zeros((10, 10, 4), np.uint8)
    small[2:8, 2:8] = (*RED, 255)
    small[4:6, 3:7] = (*BLUE, 255)
    large = np.zeros((32, 32, 4), np.uint8)
    large[1:31, 2:32] = small.repeat(3, 0).repeat(3, 1)
    noisy = large.copy()
    opaque = large[..., 3] > 0
    noise = rng.integers(-20, 21, (*large.shape[:2], 3))
    noisy[..., :3] = np.where(opaque[..., None], np.clip(large[..., :3] + noise, 0, 255), 0)
    settings = SpriteSettings(palette=(RED, BLUE), grid=Grid(3, left_px=2, top_px=1))
    sprite = make_sprites(noisy[None], settings).rgba()[0]
    assert np.array_equal(sprite, small)
    assert settings.side_px(32) == 10
    assert make_sprites(noisy[None], SpriteSettings(grid=Grid(3, 2, 1), sprite_px=8)).indexes.shape == (1, 8, 8)


def test_scale2x_rounds_a_step_and_scale3x_too() -> None:
    step = numbers("100", "110", "111")
    assert np.array_equal(scale2x(step[None])[0][:4, :4], numbers("1100", "1110", "1110", "1111"))
    corner = numbers("000", "011", "011")
    assert np.array_equal(scale3x(corner[None])[0][3:6, 3:6], numbers("001", "011", "111"))
    line = numbers("000", "111", "000")
    for scale, factor in ((scale2x, 2), (scale3x, 3)):
        assert np.array_equal(scale(line[None])[0], line.repeat(factor, 0).repeat(factor, 1))


@settings(deadline=None)
@given(arrays(np.uint8, (1, 5, 6), elements=st.integers(0, 3)))
def test_no_method_invents_a_colour_and_the_middle_of_each_square_stays(pixels: np.ndarray) -> None:
    for method, factor in (("nearest", 2), ("scale2x", 4), ("scale3x", 3)):
        large = upscale(pixels, factor, method)
        assert large.shape == (1, factor * 5, factor * 6)
        assert set(np.unique(large)) <= set(np.unique(pixels))
    assert np.array_equal(upscale(pixels, 3, "scale3x")[:, 1::3, 1::3], pixels)
    for turn in range(1, 4):
        turned = np.rot90(pixels, turn, (1, 2))
        for scale in (scale2x, scale3x):
            assert np.array_equal(scale(turned), np.rot90(scale(pixels), turn, (1, 2)))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"upscale_with": "hq2x"}, "--upscale-with hq2x: choose one of nearest, scale2x, scale3x"),
        ({"upscale_with": "scale2x"}, "--upscale-with scale2x: needs --upscale 2 or 4"),
        ({"upscale_with": "scale3x", "upscale": 6}, "--upscale-with scale3x: needs --upscale 3 or 9"),
        ({"min_island_px": 65}, "--min-island 65: choose 0 to 64 pixels"),
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict, message: str) -> None:
    with pytest.raises(SpriteSettingsError, match=message):
        SpriteSettings(**wrong)
