"""A figure without its background: from the border inwards, so that the same colour inside it stays."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

OUTSIDE, SIMILAR, OTHER = 128, 255, 0


def background_colour(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The median colour of the outermost pixels of an RGB picture [H, W, 3]: [3]."""
    border = np.concatenate([picture[0], picture[-1], picture[1:-1, 0], picture[1:-1, -1]])
    colour: NDArray[np.uint8] = np.median(border, axis=0).astype(np.uint8)
    return colour


def figure_mask(picture: NDArray[np.uint8], tolerance: int) -> NDArray[np.bool_]:
    """Where the figure is.

    Background is what can be reached from the border, going up, down, left and right over pixels whose every
    channel is within ``tolerance`` of the background's colour. Comparing with that colour, and not from pixel to
    pixel, keeps the flood from climbing into a figure over a soft edge.

    Args:
        picture: [H, W, 3] uint8 RGB.
        tolerance: 0 to 255.

    Returns:
        [H, W], True on the figure.
    """
    distance = np.abs(picture.astype(np.int16) - background_colour(picture)).max(axis=2)
    similar = np.where(distance <= tolerance, SIMILAR, OTHER).astype(np.uint8)
    # The frame joins all of the border; the copy is Pillow's own memory, for an array's cannot be painted on.
    field = Image.fromarray(np.pad(similar, 1, constant_values=SIMILAR)).copy()
    ImageDraw.floodfill(field, (0, 0), OUTSIDE)
    figure: NDArray[np.bool_] = np.asarray(field)[1:-1, 1:-1] != OUTSIDE
    return figure
