"""Pictures that look alike: found by a perceptual hash, reported, never removed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

MAX_DISTANCE = 8
"""Bits of 64. On game art this joins the same drawing in other colours; at 10, strangers begin."""
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
    """Two pictures of the set that look alike."""

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


def find_near_duplicates(names: Sequence[str], hashes: Sequence[int]) -> list[NearDuplicate]:
    """The pairs with at most `MAX_DISTANCE` different bits, nearest first, at most `MAX_PAIRS`.

    All pairs are compared, blockwise: exact, and 100,000 pictures take seconds.

    Args:
        names: of the pictures.
        hashes: `perceptual_hash` of each, as a number.
    """
    every = np.array(hashes, np.uint64)
    shaped = np.nonzero(np.bitwise_count(every) >= MIN_BITS)[0]
    bits, named = every[shaped], [names[index] for index in shaped.tolist()]
    pairs: list[NearDuplicate] = []
    step = max(1, BLOCK_VALUES // max(1, len(bits)))
    for start in range(0, len(bits), step):
        distances = np.bitwise_count(bits[start : start + step, None] ^ bits[None, start:])
        rows, columns = np.nonzero(distances <= MAX_DISTANCE)
        rows, columns = rows[columns > rows], columns[columns > rows]
        found = distances[rows, columns]
        for index in np.argsort(found, kind="stable")[:MAX_PAIRS].tolist():
            first, second = named[start + rows[index]], named[start + columns[index]]
            pairs.append(NearDuplicate(first, second, int(found[index])))
        pairs = sorted(pairs, key=lambda pair: (pair.distance, pair.first, pair.second))[:MAX_PAIRS]
    return pairs
