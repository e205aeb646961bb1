"""Figures without their background: from the border inwards, so that the same colour inside them stays."""

import numpy as np
from numpy.typing import NDArray

TOLERANCE = 32
"""How far, in steps of a channel, from the background's colour is still background: more than JPEG's noise."""


def background_colour(picture: NDArray[np.uint8], tolerance: int) -> NDArray[np.int16]:
    """The colour on the border that most of the border is like, within ``tolerance`` in every channel.

    A figure that reaches beyond more than half of the border has many colours there, the background one.

    Args:
        picture: [H, W, 3] uint8 RGB.
        tolerance: 0 to 255.

    Returns:
        [3]: the median of those like pixels.
    """
    border = np.concatenate([picture[0], picture[-1], picture[1:-1, 0], picture[1:-1, -1]]).astype(np.int16)
    colours, counts = np.unique(border, axis=0, return_counts=True)
    alike = np.abs(colours[:, None] - colours).max(axis=2) <= tolerance
    most = alike[(alike @ counts).argmax()]
    median: NDArray[np.int16] = np.median(colours[most].repeat(counts[most], axis=0), axis=0).astype(np.int16)
    return median


def median_border_colour(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The median over all border pixels of a set, a channel at a time: the background of most of its images.

    Args:
        images: [N, H, W, 3] uint8.

    Returns:
        [3] uint8; of an even number of pixels the lower one in the middle.
    """
    sides = (images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1])
    border = np.concatenate([side.reshape(-1, 3) for side in sides])
    middle = (len(border) - 1) // 2
    median: NDArray[np.uint8] = np.partition(border, middle, axis=0)[middle]
    return median


def figure_masks(pictures: NDArray[np.uint8], tolerance: int) -> NDArray[np.bool_]:
    """Where the figures are.

    Background is what can be reached from the border, going up, down, left and right over pixels whose every
    channel is within ``tolerance`` of the background's colour. Comparing with that colour, and not from pixel to
    pixel, keeps the flood from climbing into a figure over a soft edge.

    Args:
        pictures: [N, H, W, 3] uint8 RGB.
        tolerance: 0 to 255.

    Returns:
        [N, H, W], True on the figure.
    """
    backgrounds = np.stack([background_colour(picture, tolerance) for picture in pictures])
    distances = np.abs(pictures - backgrounds[:, None, None]).max(axis=3)
    return ~flooded(distances <= tolerance)


def flooded(open_: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The open pixels that the border reaches in each field [N, H, W]: sweeps to and fro until nothing is new."""
    reached = open_.copy()
    reached[:, 1:-1, 1:-1] = False
    before = -1
    while before != (before := int(reached.sum())):
        for lines, ways in ((reached, open_), (reached.swapaxes(1, 2), open_.swapaxes(1, 2))):
            last = lines.shape[1] - 1
            for line in range(1, last + 1):
                lines[:, line] |= lines[:, line - 1] & ways[:, line]
            for line in range(last - 1, -1, -1):
                lines[:, line] |= lines[:, line + 1] & ways[:, line]
    return reached
