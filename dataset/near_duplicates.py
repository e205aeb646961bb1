"""Pictures that look alike: found by a perceptual hash, reported, never removed."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
from PIL import Image

from kit.union_find import UnionFind

MAX_DISTANCE = 8
"""Bits of 64. On game art this finds the same drawing in other colours; from 10 on, unrelated pictures match."""
MAX_PAIRS = 200
"""The nearest that are reported; a set of near-identical pictures has millions."""
BLOCK_VALUES = 1_000_000
"""Distances held in memory at once."""
MAX_UPDATE_VALUES = 2_000_000_000
"""Distances from new images to all that are worth computing; for more, everything is compared again."""

MANY = 20_000
"""Of up to so many hashes all pairs are compared: fewer steps than `_banded_pairs` takes."""
BANDS = ((0, 22), (22, 21), (43, 21))
"""Shift and width, bits, of three parts of a hash. Where 8 bits differ, at most 2 do in one of the parts."""
MAX_BAND_DISTANCE = MAX_DISTANCE // len(BANDS)

MIN_BITS = 24
"""A hash has about 32 bits set; with fewer, the picture is plain and has no shape to compare."""

SIDE, KEPT = 32, 8
_PLACES, _FREQUENCIES = np.arange(SIDE), np.arange(KEPT)
_COSINES = np.rint(1024 * np.cos(np.pi * (2 * _PLACES + 1) * _FREQUENCIES[:, None] / (2 * SIDE)))
"""[8, 32], whole numbers: all sums stay exact in float64, so that every machine gives the same bits."""


@dataclass(frozen=True, slots=True)
class NearDuplicate:
    """Two images of the set that look alike."""

    first: str
    second: str
    distance: int
    """Hash bits that differ, 0 to `MAX_DISTANCE`."""


def perceptual_hash(grey: Image.Image) -> str:
    """pHash: which of the 8x8 lowest frequencies (DCT of the picture at 32x32) lie above their median?

    Args:
        grey: mode L, any size.

    Returns:
        64 bits as 16 hexadecimal digits.

    Source: C. Zauner 2010, "Implementation and Benchmarking of Perceptual Image Hash Functions", section 3.2.1.
    """
    small = np.asarray(grey.resize((SIDE, SIDE), Image.Resampling.BOX)).astype(np.float64)
    frequencies = (_COSINES @ small @ _COSINES.T).ravel()
    middle = np.sort(frequencies)[KEPT * KEPT // 2 - 1 : KEPT * KEPT // 2 + 1].sum()
    return np.packbits(2 * frequencies > middle).tobytes().hex()


Indices = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]
Pairs = tuple[Indices, Indices, npt.NDArray[np.uint8]]
"""Index, index, and the bits that differ, of many pairs."""


@dataclass(frozen=True)
class Comparison:
    """The images of a set compared with each other; another can go on from it."""

    ids: Indices
    """[N] of the images with a shape, in the order of their names."""
    hashes: Hashes
    """[N]"""
    groups: Indices
    """[N] index of one image of the group that each is in, the same for all of them."""
    pairs: int
    nearest: list[tuple[int, int, int]]
    """Distance, index, index: in their order, at most `MAX_PAIRS`."""

    def nearest_ids(self) -> list[tuple[int, int, int]]:
        """Distance, id, id."""
        return [(bits, int(self.ids[first]), int(self.ids[second])) for bits, first, second in self.nearest]

    def group_count(self) -> int:
        """Groups of two or more."""
        return int((np.bincount(self.groups, minlength=1) > 1).sum())


def compare(ids: Indices, hashes: Hashes, former: Comparison | None = None) -> Comparison:
    """Compare images with each other, but those of ``former`` only with the others.

    Args:
        ids: [N] all different, in the order of the images' names.
        hashes: [N] `perceptual_hash` of each.
        former: of some of these images; of no use if it has others, or had them in another order.
    """
    shaped = np.bitwise_count(hashes) >= MIN_BITS
    ids, hashes = ids[shaped], hashes[shaped]
    known = _positions(former, ids, hashes) if former else None
    if former is None or known is None or (len(ids) - len(known)) * len(ids) > MAX_UPDATE_VALUES:
        collector = _compare_all(hashes)
    else:
        collector = _compare_new(hashes, known, former)
    return Comparison(ids, hashes, collector.groups.roots(np.arange(len(ids))), collector.pairs, collector.nearest)


def _positions(former: Comparison, ids: Indices, hashes: Hashes) -> Indices | None:
    """Where the former images are among these, or None unless they all are, in their order."""
    if len(former.ids) > len(ids):
        return None
    order = np.argsort(ids)
    at = order[np.searchsorted(ids, former.ids, sorter=order).clip(max=len(ids) - 1)] if len(ids) else ids
    same = (ids[at] == former.ids).all() and (hashes[at] == former.hashes).all() and (np.diff(at) > 0).all()
    return at if same else None


def _compare_new(hashes: Hashes, known: Indices, former: Comparison) -> "_PairCollector":
    collector = _PairCollector(len(hashes))
    collector.pairs = former.pairs
    collector.nearest = [(bits, int(known[first]), int(known[second])) for bits, first, second in former.nearest]
    collector.groups.parents[known] = known[former.groups]
    waiting = np.ones(len(hashes), bool)
    waiting[known] = False
    for index in np.flatnonzero(waiting).tolist():
        waiting[index] = False
        distances = np.bitwise_count(hashes ^ hashes[index])
        # Those that still wait find this one themselves.
        others = np.flatnonzero((distances <= MAX_DISTANCE) & ~waiting)
        others = others[others != index]
        collector.add((np.full(len(others), index), others, distances[others]), np.ones(len(others), np.int64))
    return collector


def _compare_all(hashes: Hashes) -> "_PairCollector":
    # Equal hashes are compared as one: a million copies of a picture would be too many pairs.
    different, firsts, classes, sizes = np.unique(
        hashes, return_index=True, return_inverse=True, return_counts=True
    )
    collector = _PairCollector(len(hashes))
    for one, other, distances in (_all_pairs if len(different) <= MANY else _banded_pairs)(different):
        collector.add((firsts[one], firsts[other], distances), sizes[one] * sizes[other])
    members, ends = np.argsort(classes, kind="stable"), np.cumsum(sizes)
    several = np.flatnonzero(sizes > 1)
    seconds = members[ends[several] - sizes[several] + 1]
    twins = firsts[several], seconds, np.zeros(len(several), np.uint8)
    collector.add(twins, sizes[several] * (sizes[several] - 1) // 2)
    collector.groups.join(firsts[classes], np.arange(len(hashes)))
    collector.nearest = _nearest_of_members(collector.nearest, hashes)
    return collector


def _nearest_of_members(nearest: list[tuple[int, int, int]], hashes: Hashes) -> list[tuple[int, int, int]]:
    """The nearest pairs of images, from those of the first images with their hashes.

    No pair of another two hashes can be among them, for its first images are nearer; nor can later members.
    """
    pairs: list[tuple[int, int, int]] = []
    for bits, first, second in nearest:
        ones, others = (np.flatnonzero(hashes == hashes[index])[:MAX_PAIRS].tolist() for index in (first, second))
        if bits == 0:
            pairs += [(bits, *pair) for pair in combinations(ones, 2)]
        else:
            pairs += [(bits, min(one, other), max(one, other)) for one in ones for other in others]
        pairs = sorted(pairs)[:MAX_PAIRS]
    return pairs


def _all_pairs(hashes: Hashes) -> Iterator[Pairs]:
    step = max(1, BLOCK_VALUES // max(1, len(hashes)))
    for start in range(0, len(hashes), step):
        distances = np.bitwise_count(hashes[start : start + step, None] ^ hashes[None, start:])
        rows, columns = np.nonzero(distances <= MAX_DISTANCE)
        rows, columns = rows[columns > rows], columns[columns > rows]
        yield start + rows, start + columns, distances[rows, columns]


def _banded_pairs(hashes: Hashes) -> Iterator[Pairs]:
    """All pairs too, by multi-index hashing: only hashes that nearly agree in one of the `BANDS` are compared.

    Source: Norouzi, Punjani and Fleet 2012, "Fast Search in Hamming Space with Multi-Index Hashing".
    """
    for band, (shift, width) in enumerate(BANDS):
        keys = _part(hashes, shift, width)
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        # Where the hashes with each key begin.
        starts = np.concatenate([[0], np.cumsum(np.bincount(keys, minlength=2**width))])
        for rows, columns in _candidates(keys, starts, width):
            one, other = order[rows], order[columns]
            differing = hashes[one] ^ hashes[other]
            distances = np.bitwise_count(differing)
            near = distances <= MAX_DISTANCE
            for earlier in BANDS[:band]:  # that found the pair already
                near &= np.bitwise_count(_part(differing, *earlier)) > MAX_BAND_DISTANCE
            yield one[near], other[near], distances[near]


def _candidates(keys: Indices, starts: Indices, width: int) -> Iterator[tuple[Indices, Indices]]:
    """Indices of pairs whose sorted keys differ in at most `MAX_BAND_DISTANCE` bits; each pair once."""
    indices = np.arange(len(keys))
    yield from _in_blocks(indices, indices + 1, starts[keys + 1])
    for flips in range(1, MAX_BAND_DISTANCE + 1):
        for bits in combinations(range(width), flips):
            mask = sum(1 << bit for bit in bits)
            lower = np.flatnonzero(keys & (1 << bits[-1]) == 0)
            partners = keys[lower] ^ mask
            yield from _in_blocks(lower, starts[partners], starts[partners + 1])


def _in_blocks(rows: Indices, begins: Indices, ends: Indices) -> Iterator[tuple[Indices, Indices]]:
    """Each row with all columns from its begin to its end, about `BLOCK_VALUES` pairs at once."""
    some = ends > begins
    rows, begins, counts = rows[some], begins[some], (ends - begins)[some]
    blocks = np.cumsum(counts) // BLOCK_VALUES
    for block in np.split(np.arange(len(rows)), np.flatnonzero(np.diff(blocks)) + 1):
        repeats = counts[block]
        offsets = np.arange(repeats.sum()) - np.repeat(np.cumsum(repeats) - repeats, repeats)
        yield np.repeat(rows[block], repeats), np.repeat(begins[block], repeats) + offsets


def _part(hashes: Hashes, shift: int, width: int) -> Indices:
    return ((hashes >> np.uint64(shift)) & np.uint64(2**width - 1)).astype(np.int64)


class _PairCollector:
    """Pairs as they are found."""

    def __init__(self, size: int) -> None:
        self.groups = UnionFind(size)
        self.pairs = 0
        self.nearest: list[tuple[int, int, int]] = []

    def add(self, pairs: Pairs, weights: Indices) -> None:
        """Take note of pairs of indices, each standing for so many."""
        one, other, distances = pairs
        self.pairs += int(weights.sum())
        self.groups.join(one, other)
        if len(self.nearest) == MAX_PAIRS:
            near = distances <= self.nearest[-1][0]
            one, other, distances = one[near], other[near], distances[near]
        firsts, seconds = np.minimum(one, other), np.maximum(one, other)
        best = np.lexsort((seconds, firsts, distances))[:MAX_PAIRS]
        columns = (column[best].tolist() for column in (distances, firsts, seconds))
        self.nearest = sorted([*self.nearest, *zip(*columns, strict=True)])[:MAX_PAIRS]
