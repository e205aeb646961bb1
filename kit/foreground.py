"""Figures without their background: from the border inwards, so that the same colour inside them stays."""

import numpy as np
from numpy.typing import NDArray

TOLERANCE = 32
"""How far, in steps of a channel, from the background's colour is still background: more than JPEG's noise."""
IMAGES_AT_ONCE = 1024
"""Whose borders are counted in one go, for the memory's sake."""


def background_colour(image: NDArray[np.uint8], tolerance: int) -> NDArray[np.int16]:
    """The colour on the border that most of the border is like, within ``tolerance`` in every channel.

    A figure that reaches beyond more than half of the border has many colours there, the background one.

    Args:
        image: [H, W, 3] uint8 RGB.
        tolerance: 0 to 255.

    Returns:
        [3]: the median of those like pixels.
    """
    border = np.concatenate([image[0], image[-1], image[1:-1, 0], image[1:-1, -1]]).astype(np.int16)
    colours, counts = np.unique(border, axis=0, return_counts=True)
    similar = np.abs(colours[:, None] - colours).max(axis=2) <= tolerance
    most = similar[(similar @ counts).argmax()]
    median: NDArray[np.int16] = np.median(colours[most].repeat(counts[most], axis=0), axis=0).astype(np.int16)
    return median


def median_border_colour(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The median over all border pixels of a set, a channel at a time: the background of most of its images.

    Args:
        images: [N, H, W, 3] uint8.

    Returns:
        [3] uint8; of an even number of pixels the lower one in the middle.
    """
    counts = np.zeros((3, 256), np.int64)
    for block in (images[start : start + IMAGES_AT_ONCE] for start in range(0, len(images), IMAGES_AT_ONCE)):
        for side in (block[:, 0], block[:, -1], block[:, :, 0], block[:, :, -1]):
            for channel in range(3):
                counts[channel] += np.bincount(side[..., channel].ravel(), minlength=256)
    middle = (counts[0].sum() - 1) // 2
    median: NDArray[np.uint8] = (counts.cumsum(1) > middle).argmax(1).astype(np.uint8)
    return median


def foreground_masks(images: NDArray[np.uint8], tolerance: int) -> NDArray[np.bool_]:
    """Where the figures are.

    Background is what can be reached from the border, going up, down, left and right over pixels whose every
    channel is within ``tolerance`` of the background's colour. Comparing with that colour, and not from pixel to
    pixel, keeps the flood from climbing into a figure over a soft edge.

    Args:
        images: [N, H, W, 3] uint8 RGB.
        tolerance: 0 to 255.

    Returns:
        [N, H, W], True on the figure.
    """
    backgrounds = np.stack([background_colour(image, tolerance) for image in images])
    distances = np.abs(images - backgrounds[:, None, None]).max(axis=3)
    return ~flood_from_border(distances <= tolerance)


def flood_from_border(open_: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The open pixels that the border reaches in each field [N, H, W]."""
    reached = open_.copy()
    reached[:, 1:-1, 1:-1] = False
    return flood(reached, open_)


def flood(start: NDArray[np.bool_], open_: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The open pixels that ``start`` reaches in each field [N, H, W]: sweeps to and fro until nothing is new."""
    reached = start & open_
    before = -1
    while before != (before := int(reached.sum())):
        for lines, ways in ((reached, open_), (reached.swapaxes(1, 2), open_.swapaxes(1, 2))):
            last = lines.shape[1] - 1
            for line in range(1, last + 1):
                lines[:, line] |= lines[:, line - 1] & ways[:, line]
            for line in range(last - 1, -1, -1):
                lines[:, line] |= lines[:, line + 1] & ways[:, line]
    return reached
