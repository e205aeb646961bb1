"""Figures without their background: from the border inwards, so that the same colour inside them stays."""

import numpy as np
from numpy.typing import NDArray


def background_colours(pictures: NDArray[np.uint8]) -> NDArray[np.int16]:
    """The median colour of the outermost pixels of each RGB picture: [N, H, W, 3] -> [N, 3]."""
    edges = [pictures[:, 0], pictures[:, -1], pictures[:, 1:-1, 0], pictures[:, 1:-1, -1]]
    colours: NDArray[np.int16] = np.median(np.concatenate(edges, axis=1), axis=1).astype(np.int16)
    return colours


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
    distances = np.abs(pictures - background_colours(pictures)[:, None, None]).max(axis=3)
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
