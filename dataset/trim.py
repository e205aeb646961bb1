"""Empty margins: where the figure is, and a picture of it alone, with as much around it as is wanted."""

from typing import Any, Literal, NamedTuple, Self, get_args

import numpy as np
from PIL import Image

Trim = Literal["none", "each", "together"]
TRIMS: tuple[Trim, ...] = get_args(Trim)
TRIM_STEPS = 8
"""How far, in steps of a channel, a margin may be from its own colour, or from wholly clear."""


class Box(NamedTuple):
    """Edges in pixels, as `Image.crop` takes them."""

    left: int
    top: int
    right: int
    bottom: int

    def relative_to_ground(self, image: Image.Image) -> Self:
        """The same, seen from the middle of an image's lower edge."""
        return self._moved(-(image.width // 2), -image.height)

    def placed_on(self, image: Image.Image) -> Self:
        """The other way round, on another image."""
        return self._moved(image.width // 2, image.height)

    def _moved(self, x: int, y: int) -> Self:
        return self._replace(left=self.left + x, top=self.top + y, right=self.right + x, bottom=self.bottom + y)


def figure_box(rgb: Image.Image, rgba: Image.Image | None) -> Box:
    """Where a picture is neither clear nor, all along a side, of one colour with JPEG's noise in it.

    Args:
        rgb: the picture over its background.
        rgba: the same with alpha, where any pixel is not opaque.

    Returns:
        All of a picture of one colour.
    """
    if rgba:
        differs = np.asarray(rgba.getchannel("A")) > TRIM_STEPS
    else:
        pixels = np.asarray(rgb).astype(np.int16)
        differs = np.abs(pixels - pixels[0, 0]).max(axis=2) > TRIM_STEPS
    rows, columns = np.flatnonzero(differs.any(axis=1)), np.flatnonzero(differs.any(axis=0))
    if not len(rows):
        return Box(0, 0, *rgb.size)
    return Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)


def cut_out(image: Image.Image, box: Box, fill: Any) -> Image.Image:
    """What is in a box, which may reach beyond the image: there it is filled."""
    if box.left >= 0 and box.top >= 0 and box.right <= image.width and box.bottom <= image.height:
        return image.crop(box)
    canvas = Image.new(image.mode, (box.right - box.left, box.bottom - box.top), fill)
    canvas.paste(image, (-box.left, -box.top))
    return canvas


def with_margin(image: Image.Image, margin_px: int, fill: Any) -> Image.Image:
    """An image with so much around it."""
    if not margin_px:
        return image
    canvas = Image.new(image.mode, (image.width + 2 * margin_px, image.height + 2 * margin_px), fill)
    canvas.paste(image, (margin_px, margin_px))
    return canvas
