"""Larger pixels: squares, or the edges of AdvanceMAME's Scale2x and Scale3x, which invent no colour.

Source: Andrea Mazzoleni, https://www.scale2x.it/algorithm, whose letters stand for a pixel and those around it::

    A B C
    D E F
    G H I
"""

from collections.abc import Callable
from functools import reduce
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

UpscaleWith = Literal["nearest", "scale2x", "scale3x"]
UPSCALE_WITH: tuple[UpscaleWith, ...] = get_args(UpscaleWith)

Values = NDArray[Any]
"""[N, H, W]: a whole number for each colour"""


def upscale(values: Values, factor: int, method: UpscaleWith) -> Values:
    """Enlarge [N, H, W] to [N, factor H, factor W]; ValueError if the method cannot, see `is_power`."""
    if method == "nearest":
        return values.repeat(factor, 1).repeat(factor, 2)
    step, base = STEPS[method]
    if not is_power(factor, base):
        raise ValueError(f"{factor} is no power of {base}")
    return reduce(lambda smaller, _: step(smaller), range(round(np.log(factor) / np.log(base))), values)


def is_power(factor: int, base: int) -> bool:
    """Whether a factor is the base, or the base times itself so often."""
    while factor > base and factor % base == 0:
        factor //= base
    return factor == base


def scale2x(pixels: Values) -> Values:
    """[N, H, W] to [N, 2 H, 2 W]: corners take the value of their two neighbours, if those agree."""
    _, b, _, d, e, f, _, h, _ = _neighbours(pixels)
    edge = (b != h) & (d != f)
    corners = [np.where(edge & (one == other), one, e) for one, other in ((d, b), (f, b), (d, h), (f, h))]
    return _interleaved(corners, 2)


def scale3x(pixels: Values) -> Values:
    """[N, H, W] to [N, 3 H, 3 W]: corners as in `scale2x`, and the middle of a side beside them."""
    a, b, c, d, e, f, g, h, i = _neighbours(pixels)
    edge = (b != h) & (d != f)
    db, bf, dh, hf = (edge & (one == other) for one, other in ((d, b), (b, f), (d, h), (h, f)))
    blocks = [
        np.where(db, d, e),
        np.where((db & (e != c)) | (bf & (e != a)), b, e),
        np.where(bf, f, e),
        np.where((db & (e != g)) | (dh & (e != a)), d, e),
        e,
        np.where((bf & (e != i)) | (hf & (e != c)), f, e),
        np.where(dh, d, e),
        np.where((dh & (e != i)) | (hf & (e != g)), h, e),
        np.where(hf, f, e),
    ]
    return _interleaved(blocks, 3)


STEPS: dict[UpscaleWith, tuple[Callable[[Values], Values], int]] = {
    "scale2x": (scale2x, 2),
    "scale3x": (scale3x, 3),
}
"""Each method, and by how much it enlarges."""


def _neighbours(pixels: Values) -> list[Values]:
    """A to I; beyond the edge are the outermost pixels."""
    padded = np.pad(pixels, ((0, 0), (1, 1), (1, 1)), mode="edge")
    _, height, width = pixels.shape
    return [padded[:, row : row + height, column : column + width] for row in range(3) for column in range(3)]


def _interleaved(parts: list[Values], factor: int) -> Values:
    """Each pixel becomes a square of factor x factor, whose pixels the parts are, row by row."""
    count, height, width = parts[0].shape
    squares = np.stack(parts).reshape(factor, factor, count, height, width)
    return squares.transpose(2, 3, 0, 4, 1).reshape(count, factor * height, factor * width)
