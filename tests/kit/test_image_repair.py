"""Damaged files of which no pixel is missing."""

import io

import numpy as np
import pytest
from odd_images import chunk, encoded
from PIL import Image

from kit.image_repair import repair_image


def noisy(mode: str = "RGB") -> Image.Image:
    return Image.fromarray(np.random.default_rng(1).integers(0, 256, (70, 90, 3), np.uint8)).convert(mode)


def pixels(content: bytes) -> bytes:
    return Image.open(io.BytesIO(content)).tobytes()


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("cut", [1, 2])
def test_a_jpeg_without_its_end_has_the_same_pixels(progressive: bool, mode: str, cut: int) -> None:
    whole = encoded(noisy(mode), "JPEG", progressive=progressive)
    result = repair_image(whole[:-cut])
    assert result
    assert pixels(result[0]) == pixels(whole)


@pytest.mark.parametrize("cut", [8, 40, 400, 2000])
def test_a_jpeg_that_lacks_pixels_is_not_repaired(cut: int) -> None:
    assert repair_image(encoded(noisy(), "JPEG")[:-cut]) is None


def test_a_png_loses_a_text_with_a_wrong_checksum_and_no_pixel() -> None:
    whole = encoded(noisy(), "PNG")
    text = bytearray(chunk(b"tEXt", b"Comment\0of some editor"))
    text[-1] ^= 1
    broken = whole[:33] + bytes(text) + whole[33:]  # after the signature and IHDR
    result = repair_image(broken)
    assert result == (whole, "wrong checksum in tEXt")


def test_a_png_with_damaged_pixels_is_not_repaired() -> None:
    whole = bytearray(encoded(noisy(), "PNG"))
    whole[len(whole) // 2] ^= 255
    assert repair_image(bytes(whole)) is None


@pytest.mark.parametrize("content", [b"", b"\xff\xd8", b"\x89PNG\r\n\x1a\n\xff\xff\xff\xff", b"GIF89a"])
def test_what_is_hardly_a_file_is_not_repaired(content: bytes) -> None:
    assert repair_image(content) is None
