"""Clean rims of cut-out figures: no specks, no dots along an even edge, one outline."""

import numpy as np
from numpy.typing import NDArray

from kit.islands import without_small_islands

Masks = NDArray[np.bool_]
"""[N, H, W], True on the figures."""


def clean_masks(masks: Masks, least_px: int) -> Masks:
    """Figures without islands of fewer than ``least_px`` pixels, and without the dots that an even edge has.

    A dot is a pixel that stands alone on an edge of three; the tip of a line, and a step of a slope, are none.
    """
    if not least_px:
        return masks
    edged = np.stack([without_small_islands(mask, least_px) for mask in masks])
    return edged & ~dot_masks(edged)


def dot_masks(masks: Masks) -> Masks:
    """Pixels that stand alone on an edge of three."""
    padded = np.pad(masks, ((0, 0), (1, 1), (1, 1)))
    dots = np.zeros_like(masks)
    for turn in range(4):
        around = np.rot90(padded, turn, (1, 2))
        rows = [around[:, row : around.shape[1] - 2 + row] for row in range(3)]
        above, middle, below = ([row[:, :, at : row.shape[2] - 2 + at] for at in range(3)] for row in rows)
        alone = middle[1] & ~(middle[0] | middle[2] | above[0] | above[1] | above[2])
        dots |= np.rot90(alone & below[0] & below[1] & below[2], -turn, (1, 2))
    return dots


def rim_masks(masks: Masks) -> Masks:
    """Pixels of the figures beside a clear one, up, down, left or right; nothing is beyond the frame's edge."""
    return masks & _beside(~masks)


def _beside(masks: Masks) -> Masks:
    padded = np.pad(masks, ((0, 0), (1, 1), (1, 1)))
    return padded[:, :-2, 1:-1] | padded[:, 2:, 1:-1] | padded[:, 1:-1, :-2] | padded[:, 1:-1, 2:]


def outline_masks(masks: Masks) -> Masks:
    """A closed line of one pixel around the figures; at the frame's edge it takes their own outermost pixels."""
    edge = np.ones(masks.shape[1:], bool)
    edge[1:-1, 1:-1] = False
    return (_beside(masks) & ~masks) | (masks & edge)


def reaches_edge(masks: Masks) -> NDArray[np.bool_]:
    """[N] whether a figure touches its frame's edge, where it may have been cut."""
    sides = np.concatenate([masks[:, 0], masks[:, -1], masks[:, :, 0], masks[:, :, -1]], axis=1)
    return np.asarray(sides.any(axis=1))
