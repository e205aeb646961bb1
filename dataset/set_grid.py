"""The grid of a set of enlarged pixel art, where its pictures share one; in the report, for the sprites."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dataset.staging import report_entry

GRID = "grid"
"""In ``report.json``: the fields of `SetGrid` by name."""
LARGEST_PX = 16
NEARLY_ALL = 0.9
"""Of the changes: a few pictures of another size do not spoil the grid of all others."""


class SetGrid(NamedTuple):
    """Squares of one colour in the pictures of a set, from a corner on."""

    block_px: int
    left_px: int
    top_px: int


def shared_grid(files: Iterable[Path]) -> SetGrid | None:
    """The coarsest grid that nearly all changes of colour in pictures of one size lie on, if there is any."""
    columns: NDArray[np.int64] | int = 0
    rows: NDArray[np.int64] | int = 0
    for file in files:
        with Image.open(file) as image:
            pixels = np.asarray(image)
        columns, rows = columns + _changes(pixels), rows + _changes(pixels.swapaxes(0, 1))
    for block in range(LARGEST_PX, 1, -1):
        left, top = (_first_line(changes, block) for changes in (columns, rows))
        if left is not None and top is not None:
            return SetGrid(block, left, top)
    return None


def _changes(pixels: NDArray[np.uint8]) -> NDArray[np.int64]:
    """[W] in how many rows a column differs from the one before."""
    changes = (pixels[:, 1:] != pixels[:, :-1]).any(axis=2).sum(axis=0)
    return np.concatenate([[0], changes])


def _first_line(changes: NDArray[np.int64] | int, block: int) -> int | None:
    """Where the lines of a grid begin that nearly all changes lie on."""
    offsets = np.arange(np.size(changes)) % block
    sums = np.bincount(offsets, np.ravel(changes))
    first = int(sums.argmax())
    return first if sums[first] >= NEARLY_ALL * max(sums.sum(), 1) else None


def grid_of_set(images: Path) -> SetGrid | None:
    """What the report of a set says of its grid; None where it says nothing, or what cannot be.

    Args:
        images: the set's folder, or one of its folders of pictures.
    """
    written = report_entry(images, GRID)
    if not isinstance(written, dict):
        return None
    block, left, top = numbers = [written.get(name, -1) for name in SetGrid._fields]
    if all(isinstance(each, int) for each in numbers) and block >= 2 and {left, top} <= set(range(block)):
        return SetGrid(block, left, top)
    return None  # somebody has edited it
