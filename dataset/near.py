"""Pictures that look alike: found by a perceptual hash, reported, never removed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

MAX_DISTANCE = 4
"""Bits of 64. On game art, distances up to 10 mostly join different characters of one drawing style."""
MAX_PAIRS = 200
"""The nearest that are reported; a set of near-identical pictures has millions."""
BLOCK_VALUES = 4_000_000
"""Distances held in memory at once."""


@dataclass(frozen=True, slots=True)
class NearPair:
    """Two pictures of the set that look alike."""

    first: str
    second: str
    distance: int
    """Hash bits that differ, 0 to `MAX_DISTANCE`."""


def perceptual_hash(grey: Image.Image) -> str:
    """dHash: for each of 8x8 places, is it darker than the place to its right?

    Args:
        grey: mode L, any size.

    Returns:
        64 bits as 16 hexadecimal digits.

    Source: N. Krawetz 2013, "Kind of Like That", hackerfactor.com.
    """
    small = np.asarray(grey.resize((9, 8), Image.Resampling.BOX))
    return np.packbits(small[:, :-1] < small[:, 1:]).tobytes().hex()


def near_pairs(names: Sequence[str], hashes: Sequence[str]) -> list[NearPair]:
    """The pairs with at most `MAX_DISTANCE` different bits, nearest first, at most `MAX_PAIRS`.

    All pairs are compared, blockwise: exact, and 100,000 pictures take seconds.

    Args:
        names: of the pictures.
        hashes: as `perceptual_hash` gives them, in the same order.
    """
    bits = np.frombuffer(bytes.fromhex("".join(hashes)), np.uint64)
    pairs: list[NearPair] = []
    step = max(1, BLOCK_VALUES // max(1, len(bits)))
    for start in range(0, len(bits), step):
        distances = np.bitwise_count(bits[start : start + step, None] ^ bits[None, start:])
        rows, columns = np.nonzero(distances <= MAX_DISTANCE)
        later = columns > rows
        for row, column in zip(rows[later].tolist(), columns[later].tolist(), strict=True):
            pairs.append(NearPair(names[start + row], names[start + column], int(distances[row, column])))
        pairs = sorted(pairs, key=lambda pair: (pair.distance, pair.first, pair.second))[:MAX_PAIRS]
    return pairs
