"""The grid of a set of enlarged pixel art, where all its pictures share one; in the report, for the sprites."""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dataset.staging import read_report

GRID = "grid"
"""In ``report.json``: the fields of `SetGrid` by name."""


class SetGrid(NamedTuple):
    """Squares of the same colour in every picture of a set, from a corner on."""

    block_px: int
    left_px: int
    top_px: int


def shared_grid(files: Iterable[Path]) -> SetGrid | None:
    """The grid of pictures of one size, the coarsest that fits; None where their pixels are not enlarged."""
    columns, rows = None, None
    for file in files:
        with Image.open(file) as image:
            pixels = np.asarray(image)
        across, down = _changes(pixels), _changes(pixels.swapaxes(0, 1))
        columns = across if columns is None else columns | across
        rows = down if rows is None else rows | down
        if _spacing(columns, rows) == 1:
            return None
    if columns is None or rows is None or not (columns.any() and rows.any()):
        return None
    block = _spacing(columns, rows)
    if block < 2:
        return None
    return SetGrid(block, *(int(np.flatnonzero(places)[0] + 1) % block for places in (columns, rows)))


def _changes(pixels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """[W - 1] where a column differs from the next."""
    changes: NDArray[np.bool_] = (pixels[:, 1:] != pixels[:, :-1]).any(axis=(0, 2))
    return changes


def _spacing(columns: NDArray[np.bool_], rows: NDArray[np.bool_]) -> int:
    """The largest number that all distances between changes are multiples of, in both directions."""
    return math.gcd(*np.diff(np.flatnonzero(columns)).tolist(), *np.diff(np.flatnonzero(rows)).tolist())


def grid_of_set(images: Path) -> SetGrid | None:
    """What the report of a set says of its grid; None where it says nothing, or what cannot be.

    Args:
        images: the set's folder, or one of its folders of pictures.
    """
    for folder in (images, images.parent):
        written = read_report(folder).get(GRID)
        if isinstance(written, dict):
            block, left, top = numbers = [written.get(name, -1) for name in SetGrid._fields]
            if all(isinstance(each, int) for each in numbers) and block >= 2 and {left, top} <= set(range(block)):
                return SetGrid(block, left, top)
            return None  # somebody has edited it
    return None
