"""PNGs that are written quickly are the pictures that they were."""

import io

import numpy as np
import pytest
from PIL import Image

from kit.png import quick_png


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
@pytest.mark.parametrize("size", [(1, 1), (7, 3), (80, 80)])
def test_a_quick_png_holds_every_pixel(mode, size):
    shape = (size[1], size[0]) if mode == "L" else (size[1], size[0], len(mode))
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    with Image.open(io.BytesIO(quick_png(pixels))) as read:
        read.verify()
    with Image.open(io.BytesIO(quick_png(pixels))) as read:
        assert (read.format, read.mode, read.size, read.tobytes()) == ("PNG", mode, size, pixels.tobytes())
