"""Connected islands in a field: found by their runs, joined by union-find, as fast as numpy is."""

import numpy as np
from numpy.typing import NDArray

from kit.union_find import UnionFind

MAX_RUNS = 4_000_000
"""More are noise: nothing that anybody drew has so many."""


def island_boxes(field: NDArray[np.bool_], gap_px: int) -> NDArray[np.int64]:
    """The islands of a field [H, W], from the top, where at most ``gap_px`` of nothing part no island.

    Returns:
        [N, 4]: left, top, right and bottom edge.

    Raises:
        ValueError: it is noise, with more than `MAX_RUNS` runs.
    """
    begins, ends, roots = _joined_runs(field, gap_px)
    rows, lefts = np.divmod(begins, field.shape[1] + gap_px + 1)
    return _boxes(roots, lefts, lefts + ends - begins - gap_px, rows)


def without_small_islands(field: NDArray[np.bool_], least_px: int) -> NDArray[np.bool_]:
    """A field [H, W] without islands of fewer pixels, corners joined; the largest always stays.

    Raises:
        ValueError: as `island_boxes`.
    """
    height, width = field.shape
    begins, ends, roots = _joined_runs(field, gap_px=0)
    sizes = np.bincount(roots, ends - begins)[roots]
    kept = sizes >= min(least_px, sizes.max(initial=0))
    steps = np.zeros(height * (width + 1) + 1, np.int8)
    steps[begins[kept]], steps[ends[kept]] = 1, -1
    return steps[:-1].cumsum(dtype=np.int8).astype(bool).reshape(height, width + 1)[:, :width]


def _joined_runs(
    field: NDArray[np.bool_], gap_px: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Begins and ends of runs, in a field wider by the gap and one, and the first run of each one's island.

    Raises:
        ValueError: as `island_boxes`.
    """
    height, width = field.shape
    wide = np.zeros((height, width + gap_px + 1), bool)
    wide[:, :width] = field
    for shift in range(1, gap_px + 1):  # every run ends so much later: what is no further apart becomes one
        wide[:, shift : width + shift] |= field
    edges = np.flatnonzero(np.diff(np.concatenate([[False], wide.ravel()])))
    begins, ends = edges[::2], edges[1::2]
    if len(begins) > MAX_RUNS:
        raise ValueError(f"{len(begins):,} runs")
    groups = UnionFind(len(begins))
    for rows_up in range(1, gap_px + 2):
        ones, others = _overlaps(begins - rows_up * wide.shape[1], begins, ends)
        groups.join(ones, others)
    return begins, ends, groups.roots(np.arange(len(begins)))


def _overlaps(
    above: NDArray[np.int64], begins: NDArray[np.int64], ends: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of runs of which one lies where the other would be, moved to ``above``; corners touch too."""
    lengths = ends - begins
    first = np.searchsorted(ends, above, side="left")
    last = np.searchsorted(begins, above + lengths, side="right")
    counts = (last - first).clip(min=0)
    ones = np.repeat(np.arange(len(begins)), counts)
    offsets = np.arange(len(ones)) - np.repeat(np.cumsum(counts) - counts, counts)
    return ones, np.repeat(first, counts) + offsets


def _boxes(
    roots: NDArray[np.int64], lefts: NDArray[np.int64], rights: NDArray[np.int64], rows: NDArray[np.int64]
) -> NDArray[np.int64]:
    members, where = np.unique(roots, return_inverse=True)
    boxes = np.empty((len(members), 4), np.int64)
    boxes[:, :2], boxes[:, 2:] = np.iinfo(np.int64).max, 0
    np.minimum.at(boxes[:, 0], where, lefts)
    np.minimum.at(boxes[:, 1], where, rows)
    np.maximum.at(boxes[:, 2], where, rights)
    np.maximum.at(boxes[:, 3], where, rows + 1)
    return boxes
