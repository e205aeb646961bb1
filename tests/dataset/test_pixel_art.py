"""Pixel art: brought back to its grid, enlarged by whole numbers, never with a new colour."""

import io
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_sets import make, noise
from PIL import Image

from dataset.decode import decode
from dataset.errors import DatasetSettingsError
from dataset.pixel_art import to_own_grid

NEAREST, BICUBIC = Image.Resampling.NEAREST, Image.Resampling.BICUBIC
COLOURS = np.array([[20, 16, 24], [180, 40, 50], [240, 210, 160], [60, 90, 190], [250, 250, 250]], np.uint8)


def sprite(seed: int = 0, side: int = 32) -> Image.Image:
    """Patches of five colours, in a clear frame."""
    rng = np.random.default_rng(seed)
    inner = COLOURS[rng.integers(0, 5, (side - 8, side - 8))]
    pixels = np.zeros((side, side, 4), np.uint8)
    pixels[4:-4, 4:-4, :3], pixels[4:-4, 4:-4, 3] = inner, 255
    return Image.fromarray(pixels)


def on_black(image: Image.Image) -> Image.Image:
    return Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image).convert("RGB")


def own_grid(image: Image.Image, kind: str = "PNG", **options: Any) -> Image.Image:
    file = io.BytesIO()
    image.save(file, kind, **options)
    decoded = to_own_grid(decode(file.getvalue()), (0, 0, 0))
    return decoded.rgba or decoded.image


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
def test_enlarged_blocks_become_the_very_pixels_they_were(scale: int) -> None:
    original = sprite()
    assert own_grid(original.resize((32 * scale, 32 * scale), NEAREST)).tobytes() == original.tobytes()


def test_blocks_are_found_in_a_picture_that_was_cropped() -> None:
    cropped = sprite().resize((128, 128), NEAREST).crop((2, 5, 128, 125))
    assert own_grid(cropped).crop((4, 3, 28, 27)).tobytes() == sprite().crop((4, 4, 28, 28)).tobytes()


@pytest.mark.parametrize(
    "enlarged",
    [
        lambda image: image.resize((80, 80), NEAREST),
        lambda image: image.resize((128, 128), NEAREST).resize((102, 102), BICUBIC),
    ],
)
def test_blocks_of_broken_sides_and_soft_borders_are_found(enlarged: Any) -> None:
    original = on_black(sprite())
    found = own_grid(enlarged(original))
    assert found.size == (32, 32)
    assert np.abs(np.asarray(found).astype(int) - np.asarray(original)).mean() < 4


@pytest.mark.parametrize("scale", [2, 4])
def test_blocks_are_found_through_jpeg_and_its_colours_become_few(scale: int) -> None:
    original = on_black(sprite())
    found = own_grid(original.resize((32 * scale, 32 * scale), NEAREST), "JPEG", quality=85, subsampling=0)
    assert found.size == (32, 32)
    assert np.abs(np.asarray(found).astype(int) - np.asarray(original)).mean() < 6
    assert len(found.getcolors() or []) <= 12


@pytest.mark.parametrize("scale", [2, 3])
def test_small_blocks_are_found_though_jpeg_halves_their_colours(scale: int) -> None:
    blocks = on_black(sprite()).resize((32 * scale, 32 * scale), NEAREST)
    assert own_grid(blocks, "JPEG", quality=75).size == (32, 32)


def test_art_that_was_not_enlarged_keeps_its_size_as_jpeg() -> None:
    mosaic = Image.new("RGB", (64, 64))
    for number in range(4):
        mosaic.paste(on_black(sprite(number)), (number % 2 * 32, number // 2 * 32))
    assert own_grid(mosaic, "JPEG", quality=75).size == (64, 64)
    smooth = on_black(sprite()).resize((64, 64), BICUBIC)
    assert own_grid(smooth, "JPEG", quality=75).size == (64, 64)


def test_a_smooth_picture_and_noise_keep_their_size() -> None:
    smooth = on_black(sprite()).resize((128, 128), Image.Resampling.LANCZOS)
    assert own_grid(smooth).size == (128, 128)
    assert own_grid(noise(3)).size == (20, 20)


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    folder = tmp_path / "raw"
    folder.mkdir()
    sprite(0, 20).save(folder / "small.png")
    sprite(1, 20).resize((80, 80), NEAREST).save(folder / "large.png")
    return folder


def colours(path: Path) -> set[tuple[int, ...]]:
    with Image.open(path) as image:
        return {colour for _, colour in image.convert("RGBA").getcolors(100_000) or []}


def test_a_set_of_pixel_art_has_whole_blocks_and_no_new_colour(raw: Path, out: Path) -> None:
    make(raw, out, size_px=48, pixel_art="on")
    allowed = {(0, 0, 0, 0), *((*colour, 255) for colour in COLOURS.tolist())}
    for name in ("small.png", "large.png"):
        assert colours(out / "rgba_images" / name) <= allowed
        with Image.open(out / "rgba_images" / name) as image:
            block = image.crop((12, 12, 36, 36))
            assert block.resize((12, 12), NEAREST).resize((24, 24), NEAREST).tobytes() == block.tobytes()


def test_auto_leaves_drawings_smooth(raw: Path, out: Path) -> None:
    noise(5).resize((200, 200), BICUBIC).save(raw / "drawing.png")
    make(raw, out, size_px=48, pixel_art="auto")
    assert len(colours(out / "rgb_images/drawing.png")) > 1000
    assert len(colours(out / "rgb_images/small.png")) <= 6


def test_a_size_that_no_network_draws_is_padded_to_one_that_is_named(
    raw: Path, out: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        make(raw, out, size_px=72, pixel_art="on")
    assert "--size 72: no network of vgc draws this size; padded to 80" in caplog.text
    with Image.open(out / "rgb_images/small.png") as image:
        assert image.size == (80, 80)
    with pytest.raises(DatasetSettingsError, match="--pixel-art some: choose off, auto or on"):
        make(raw, out, pixel_art="some")
