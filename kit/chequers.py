"""Transparent images on a ground that shows where they are clear."""

import numpy as np
from PIL import Image

LIGHT, DARK = 204, 153
SQUARES = 10
"""Along a side."""


def on_chequers(image: Image.Image) -> Image.Image:
    """RGBA over a grey chequerboard, as RGB; any other image as it is."""
    if image.mode != "RGBA":
        return image
    width, height = image.size
    square = max(2, max(width, height) // SQUARES)
    columns, rows = np.arange(width) // square, np.arange(height) // square
    shades = np.where((columns + rows[:, None]) % 2, DARK, LIGHT).astype(np.uint8)
    ground = Image.fromarray(shades).convert("RGBA")
    return Image.alpha_composite(ground, image).convert("RGB")
