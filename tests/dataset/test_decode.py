"""Any picture's bytes to clean RGB, or a reason."""

import importlib
import io
from typing import Any

import numpy as np
import pytest
from odd_images import (
    BLUE,
    GREEN,
    GREY,
    RED,
    SIDE,
    WHITE,
    encoded,
    invalid_images,
    plain,
    valid_images,
    with_exif,
)
from PIL import Image

from dataset.decode import decode, edge_colour, parse_background, to_square
from dataset.errors import DecodeError
from dataset.trim import figure_box

VALID_IMAGES, INVALID_IMAGES = valid_images(), invalid_images()


@pytest.mark.parametrize("name", VALID_IMAGES)
def test_every_kind_of_picture_becomes_what_a_person_would_see(name: str) -> None:
    content, colour = VALID_IMAGES[name]
    image = decode(content).image
    assert image.mode == "RGB"
    middle = image.getpixel((image.width // 2, image.height // 2))
    # One step of rounding, where a lossy format or a colour transform had its hand in.
    assert np.abs(np.subtract(middle, colour)).max() <= 1, middle


@pytest.mark.parametrize("name", INVALID_IMAGES)
def test_what_is_no_picture_is_refused_with_its_reason(name: str) -> None:
    content, reason = INVALID_IMAGES[name]
    with pytest.raises(DecodeError, match=reason):
        decode(content)


# Where EXIF says the stored left half (red) belongs: left, right, top or bottom.
RED_HALF = {1: "left", 2: "right", 3: "right", 4: "left", 5: "top", 6: "top", 7: "bottom", 8: "bottom"}


@pytest.mark.parametrize("orientation", RED_HALF)
def test_a_picture_is_turned_as_its_camera_was_held(orientation: int) -> None:
    image = decode(with_exif(orientation)).image
    positions = {"left": (2, 12), "right": (21, 12), "top": (12, 2), "bottom": (12, 21)}
    red = [name for name, index in positions.items() if image.getpixel(index) == RED]
    blue = [name for name, index in positions.items() if image.getpixel(index) == BLUE]
    half = RED_HALF[orientation]
    assert half in red
    assert {"left": "right", "right": "left", "top": "bottom", "bottom": "top"}[half] in blue


@pytest.mark.parametrize(
    ("background", "colour"), [("white", WHITE), ("black", (0, 0, 0)), ("#102030", (16, 32, 48))]
)
def test_the_background_shines_through_where_the_picture_is_clear(
    background: str, colour: tuple[int, ...]
) -> None:
    image = plain((0, 0, 0, 0), "RGBA")
    image.putpixel((0, 0), (*RED, 255))
    decoded = decode(encoded(image, "PNG"), parse_background(background)).image
    assert decoded.getpixel((12, 12)) == colour
    assert decoded.getpixel((0, 0)) == RED


@pytest.mark.parametrize(
    ("kind", "values", "bytes_"),
    [
        (np.int32, (0, 100, 255), (0, 100, 255)),
        (np.int32, (0, 32768, 65535), (0, 128, 255)),
        (np.int32, (0, 128, 256), (0, 0, 1)),
        (np.float32, (0, 100.6, 255), (0, 101, 255)),
        (np.float32, (0, 0.5, 1), (0, 128, 255)),
    ],
)
def test_deep_grey_is_scaled_by_the_white_that_its_values_tell(
    kind: type, values: tuple[float, ...], bytes_: tuple[int, ...]
) -> None:
    image = Image.fromarray(np.array(values, kind).repeat(4)[None].repeat(12, 0))
    decoded = decode(encoded(image, "TIFF")).image
    assert tuple(decoded.getpixel((x, 5)) for x in (0, 4, 8)) == tuple((byte,) * 3 for byte in bytes_)


def test_that_a_tiff_has_more_pages_is_said_and_a_damaged_one_harms_nothing() -> None:
    content = encoded(plain(RED), "TIFF", save_all=True, append_images=[plain(GREEN), plain(BLUE)])
    decoded = decode(content)
    assert decoded.note == "page 1 of 3; to take the others, save them as files"
    damaged = decode(content[:-2000])
    for image in (decoded.image, damaged.image):
        assert image.getpixel((5, 5)) == RED


def test_edge_takes_the_colour_of_the_opaque_border() -> None:
    image = plain((*GREEN, 255), "RGBA")
    image.paste((*BLUE, 0), (4, 4, 20, 20))  # a clear hole inside a green frame
    decoded = decode(encoded(image, "PNG"), parse_background("edge")).image
    assert decoded.getpixel((12, 12)) == GREEN


def test_edge_is_black_where_the_whole_border_is_clear() -> None:
    image = plain((*BLUE, 0), "RGBA")
    image.paste((*RED, 255), (4, 4, 20, 20))
    assert edge_colour(image) == (0, 0, 0)


def test_edge_is_one_of_two_colours_never_a_mixture() -> None:
    image = plain(GREEN)
    image.paste(BLUE, (0, 0, 24, 9))
    assert edge_colour(image) == GREEN


def test_edge_takes_colours_that_hardly_differ_for_one() -> None:
    image = plain(RED)  # red all over but for the upper and lower edge
    for x in range(SIDE):
        image.putpixel((x, 0), (x % 12, 0, 0))
        image.putpixel((x, SIDE - 1), (x % 12, 0, 0))
    assert edge_colour(image)[0] in range(3, 9)


def test_edge_counts_clear_pixels_too() -> None:
    boots = plain((0, 0, 0, 0), "RGBA")
    boots.paste((*GREEN, 255), (4, 20, 10, 24))
    assert edge_colour(boots) == (0, 0, 0)  # a border that is mostly clear has no colour of its own
    tall = plain((*GREEN, 255), "RGBA")
    tall.paste((*BLUE, 100), (0, 0, SIDE, 8))
    assert edge_colour(tall) == GREEN


def test_edge_is_the_border_whatever_is_inside() -> None:
    image = plain(GREY)
    image.paste(RED, (1, 1, 23, 23))
    image.putpixel((0, 0), WHITE)
    assert edge_colour(image) == GREY


@pytest.mark.parametrize("text", ["", "red", "#fff", "#12345g", "Black", "rgb(1,2,3)", "#1234567"])
def test_other_backgrounds_are_not_understood(text: str) -> None:
    with pytest.raises(ValueError, match="^" + text.replace("(", "\\(").replace(")", "\\)")):
        parse_background(text)


def tall() -> Image.Image:
    """40x80: the upper half red, the lower half blue."""
    image = Image.new("RGB", (40, 80), RED)
    image.paste(BLUE, (0, 40, 40, 80))
    return image


def test_pad_keeps_everything_and_fills_both_sides_alike() -> None:
    square = to_square(tall(), 80, "pad", WHITE)
    assert square.size == (80, 80)
    assert square.crop((20, 0, 60, 80)).tobytes() == tall().tobytes()
    assert set(square.crop((0, 0, 20, 80)).get_flattened_data()) == {WHITE}
    assert set(square.crop((60, 0, 80, 80)).get_flattened_data()) == {WHITE}


def test_pad_by_edge_takes_the_pictures_own_colour() -> None:
    image = Image.new("RGB", (40, 80), GREEN)
    assert set(to_square(image, 80, "pad", None).get_flattened_data()) == {GREEN}


def test_crop_keeps_the_middle_of_the_longer_side() -> None:
    image = Image.new("RGB", (80, 160), RED)
    image.paste(BLUE, (0, 40, 80, 120))
    assert set(to_square(image, 80, "crop", None).get_flattened_data()) == {BLUE}


def test_stretch_uses_the_whole_picture_and_the_whole_square() -> None:
    square = to_square(tall(), 80, "stretch", WHITE)
    assert square.getpixel((0, 0)) == RED
    assert square.getpixel((79, 79)) == BLUE
    assert WHITE not in set(square.get_flattened_data())


@pytest.mark.parametrize("fit", ["pad", "crop", "stretch"])
def test_a_picture_of_the_right_size_is_not_touched(fit: str) -> None:
    noise = Image.fromarray(np.random.default_rng(3).integers(0, 256, (SIDE, SIDE, 3), np.uint8))
    assert to_square(noise, SIDE, fit, None).tobytes() == noise.tobytes()  # type: ignore[arg-type]


def test_finer_detail_than_the_pixels_becomes_its_mean_not_a_pattern() -> None:
    stripes = np.zeros((400, 400, 3), np.uint8)
    stripes[:, ::2] = 255
    square = np.asarray(to_square(Image.fromarray(stripes), 80, "pad", None))
    # Nearest or bilinear sampling of every fifth pixel would give stripes again.
    assert np.abs(square[:, 1:-1].astype(int) - 128).max() <= 3


def test_an_enlarged_edge_is_sharper_than_a_straight_line_between_its_sides() -> None:
    halves = plain((64, 64, 64), size=(20, 20))
    halves.paste((192, 192, 192), (10, 0, 20, 20))
    row = np.asarray(to_square(halves, 80, "pad", None))[40, :, 0].astype(int)
    assert row.min() < 60  # Lanczos overshoots beside an edge; linear filters never leave 64 to 192
    assert row.max() > 196


def test_pixel_art_is_enlarged_by_whole_numbers_and_keeps_its_colours() -> None:
    art = plain(RED, size=(32, 20))
    art.paste(BLUE, (3, 3, 9, 9))
    art.putpixel((20, 10), WHITE)
    square = to_square(art, 80, "pad", GREEN, "nearest")
    assert square.crop((8, 20, 72, 60)).tobytes() == art.resize((64, 40), Image.Resampling.NEAREST).tobytes()
    assert {colour for _, colour in square.getcolors()} == {RED, BLUE, WHITE, GREEN}
    assert len(to_square(art, 16, "pad", RED, "nearest").getcolors()) <= 3


def test_margins_of_the_corners_colour_are_cut_off_on_every_side() -> None:
    image = plain((3, 0, 2), size=(60, 40))
    image.paste(GREEN, (10, 5, 30, 35))
    image.putpixel((15, 20), (0, 0, 0))
    left, upper, right, lower = figure_box(image, None)
    assert (right - left, lower - upper) == (20, 30)
    assert figure_box(plain(RED), None) == (0, 0, SIDE, SIDE)


def test_palettes_are_not_resized_as_numbers() -> None:
    # Entry 1 lies between entries 0 and 2; averaging indexes of 0 and 2 would give its green.
    image = Image.new("P", (160, 160), 0)
    image.putpalette([*RED, *GREEN, *BLUE])
    image.paste(2, (80, 0, 160, 160))
    decoded = decode(encoded(image, "PNG")).image
    square = np.asarray(to_square(decoded, 80, "pad", None))
    assert square[..., 1].max() == 0


def animation(kind: str, frames: int) -> bytes:
    """A white square that goes down the diagonal, each frame drawn on the one before."""
    images = []
    for number in range(frames):
        image = Image.new("RGB", (64, 64), (0, 0, 90))
        image.paste((255, 255, 255), (number % 56, number % 56, number % 56 + 8, number % 56 + 8))
        images.append(image)
    file = io.BytesIO()
    images[0].save(file, kind, save_all=True, append_images=images[1:], lossless=True)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_a_frame_is_the_same_whichever_were_decoded_before(kind: str) -> None:
    content = animation(kind, 9)
    wanted = [1, 2, 5, 5, 9, 3, 4]
    frames = [decode(content, frame=number).image for number in wanted]
    for number, frame in zip(wanted, frames, strict=True):
        assert frame.getpixel((number + 3, number + 3)) == (255, 255, 255)
        assert frame.getbbox() == (0, 0, 64, 64)
        corner = frame.getpixel((number + 20, number + 20))
        assert isinstance(corner, tuple)
        assert corner[2] in range(85, 95)


@pytest.mark.parametrize(
    ("kind", "reader", "step"), [("GIF", "GifImageFile", "_seek"), ("WEBP", "WebPImageFile", "_get_next")]
)
def test_the_frames_of_a_long_animation_are_each_decoded_once(
    kind: str, reader: str, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    content, steps = animation(kind, 60), 0
    owner = getattr(importlib.import_module(f"PIL.{kind.title().replace('Webp', 'WebP')}ImagePlugin"), reader)
    take_step = getattr(owner, step)

    def counted(image: Image.Image, *arguments: Any, **options: Any) -> Any:
        nonlocal steps
        steps += 1
        return take_step(image, *arguments, **options)

    monkeypatch.setattr(owner, step, counted)
    for number in range(1, 61):
        decode(content, frame=number)
    assert steps < 4 * 60  # counted once, passed over once, decoded once; from the start each time: 1,800
