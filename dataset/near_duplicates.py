"""Pictures that look alike: found by a perceptual hash, reported, never removed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

MAX_DISTANCE = 8
"""Bits of 64. On game art this finds the same drawing in other colours; from 10 on, unrelated pictures match."""
MAX_PAIRS = 200
"""The nearest that are reported; a set of near-identical pictures has millions."""
BLOCK_VALUES = 1_000_000
"""Distances held in memory at once."""

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


@dataclass(frozen=True, slots=True)
class NearDuplicates:
    """All that look alike in a set."""

    nearest: list[NearDuplicate]
    """Nearest first, at most `MAX_PAIRS`."""
    pairs: int
    """Of all."""
    groups: int
    """Images that look alike, directly or through others, are in one group."""


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


def find_near_duplicates(names: Sequence[str], hashes: Sequence[int]) -> NearDuplicates:
    """The pairs with at most `MAX_DISTANCE` different bits.

    All pairs are compared, blockwise: exact, and 100,000 images take seconds.

    Args:
        names: of the images.
        hashes: `perceptual_hash` of each, as a number.
    """
    every = np.array(hashes, np.uint64)
    shaped = np.nonzero(np.bitwise_count(every) >= MIN_BITS)[0]
    bits, shaped_names = every[shaped], [names[index] for index in shaped.tolist()]
    nearest: list[NearDuplicate] = []
    pairs, groups = 0, _Groups(len(bits))
    step = max(1, BLOCK_VALUES // max(1, len(bits)))
    for start in range(0, len(bits), step):
        distances = np.bitwise_count(bits[start : start + step, None] ^ bits[None, start:])
        rows, columns = np.nonzero(distances <= MAX_DISTANCE)
        rows, columns = rows[columns > rows], columns[columns > rows]
        pairs += len(rows)
        groups.join(start + rows, start + columns)
        block = distances[rows, columns]
        for index in np.argsort(block, kind="stable")[:MAX_PAIRS].tolist():
            first, second = shaped_names[start + rows[index]], shaped_names[start + columns[index]]
            nearest.append(NearDuplicate(first, second, int(block[index])))
        nearest = sorted(nearest, key=lambda pair: (pair.distance, pair.first, pair.second))[:MAX_PAIRS]
    return NearDuplicates(nearest, pairs, groups.count())


class _Groups:
    """Union-find: each image points to another of its group, the last one to itself."""

    def __init__(self, size: int) -> None:
        self._parents = np.arange(size)

    def join(self, firsts: npt.NDArray[np.int64], seconds: npt.NDArray[np.int64]) -> None:
        """Put each of ``firsts``, in order, into one group with its ``seconds``."""
        starts = np.flatnonzero(np.diff(firsts, prepend=-1))
        for first, others in zip(firsts[starts], np.split(seconds, starts[1:]), strict=False):
            members = np.append(others, first)
            roots = np.unique(self._roots(members))
            self._parents[roots] = roots[0]
            self._parents[members] = roots[0]

    def count(self) -> int:
        """Groups of two or more."""
        _, sizes = np.unique(self._roots(np.arange(len(self._parents))), return_counts=True)
        return int((sizes > 1).sum())

    def _roots(self, members: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        while (self._parents[members] != members).any():
            members = self._parents[members]
        return members
