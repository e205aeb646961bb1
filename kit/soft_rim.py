"""Soft rims of figures on one colour: how much of it is in them, and the figures' own colours without it."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

LEAST_ALPHA = 1 / 16
"""Below it there is too little of a colour to tell it from the background's."""
HALF = 0.5

Pixels = NDArray[np.uint8]
Values = NDArray[np.float32]
Mask = NDArray[np.bool_]


def with_soft_rim(pixels: Pixels, figure: Mask, background: NDArray[np.int16]) -> Pixels:
    """[H, W, 4] RGBA, clear outside of the figure; its outermost pixels are unmixed.

    Args:
        pixels: [H, W, 3].
        figure: [H, W].
        background: [3].
    """
    rim = _rim(pixels, figure, background)
    alpha = np.where(rim.alpha >= LEAST_ALPHA, rim.alpha.clip(0, 1), 0)
    unmixed = rim.own / np.maximum(alpha, LEAST_ALPHA)[:, None] + background
    inside = figure & ~rim.mask
    result = np.zeros((*figure.shape, 4), np.uint8)
    result[inside] = np.pad(pixels[inside], ((0, 0), (0, 1)), constant_values=255)
    result[rim.mask] = np.column_stack([unmixed, 255 * alpha]).round().clip(0, 255)
    result[result[..., 3] == 0] = 0
    return result


def with_hard_rim(pixels: Pixels, figure: Mask, background: NDArray[np.int16]) -> tuple[Pixels, Mask]:
    """The colours [H, W, 3] and the mask [H, W] of a figure without the pixels that are background by half.

    Those that have less of it take the figure's colour beside them. Arguments as of `with_soft_rim`.
    """
    rim = _rim(pixels, figure, background)
    colours, mask = pixels.copy(), figure.copy()
    mask[rim.mask] = rim.alpha >= HALF
    colours[rim.mask] = (np.where(rim.alpha[:, None] < 1, rim.beside, rim.own) + background).round().clip(0, 255)
    return colours, mask


class _Rim(NamedTuple):
    mask: Mask
    """[H, W] the figure's pixels with a neighbour outside of it."""
    own: Values
    """[N, 3] their colours, less the background's."""
    beside: Values
    """[N, 3] the figure's beside them: the mean of their neighbours inside; their own where there are none."""
    alpha: Values
    """[N] share of that colour in their own: over 1 where they are further from the background's."""


def _rim(pixels: Pixels, figure: Mask, background: NDArray[np.int16]) -> _Rim:
    rim = figure & (neighbour_count(~figure) > 0)
    inside = figure & ~rim
    count = neighbour_count(inside)[rim]
    colours = pixels.astype(np.float32) - background
    sums = np.stack([neighbour_count(colours[..., channel] * inside) for channel in range(3)], 2)[rim]
    own = colours[rim]
    beside = np.where(count[:, None] > 0, sums / np.maximum(count, 1)[:, None], own)
    alpha = (own * beside).sum(1) / np.maximum((beside**2).sum(1), 1e-6)
    return _Rim(rim, own, beside, alpha)


def neighbour_count(values: NDArray[np.generic]) -> Values:
    """The sum over the eight neighbours and itself, [H, W] -> [H, W]; nothing lies beyond the edge."""
    padded = np.pad(values.astype(np.float32), 1)
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    result: Values = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]
    return result
