"""Which seeds a person means; none of this loads PyTorch."""

import re

from gan.errors import SettingsError

MAX_IMAGES = 100_000
SEEDS_END = 2**62
"""One past the largest seed of an image."""


def check_seed(seed: int) -> None:
    """SettingsError unless images can be counted on from ``seed``."""
    if not 0 <= seed < SEEDS_END:
        raise SettingsError(f"--seed {seed}: choose 0 or a positive number below 2^62")


def parse_seeds(text: str) -> list[int]:
    """``"0,4-6"`` -> [0, 4, 5, 6].

    Raises:
        SettingsError: not a list of numbers and ranges, or more than MAX_IMAGES.
    """
    seeds: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,18})(?:-(\d{1,18}))?\s*", part)
        if not match:
            raise SettingsError(f"--seeds {text}: write numbers and ranges, such as 0,4-6")
        first = int(match[1])
        last = int(match[2] or first)
        if last < first or last - first + len(seeds) >= MAX_IMAGES:
            raise SettingsError(f"--seeds {text}: ranges go upwards, {MAX_IMAGES:,} pictures at most")
        seeds += range(first, last + 1)
    return seeds
