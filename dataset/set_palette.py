"""The palette of a set: its pictures' own colours, or a file's; written into the report, for the sprites."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from dataset.alpha import HALF
from dataset.staging import report_entry
from kit.palette_files import MAX_COLOURS, Colour, parse_palette_text

PALETTE = "palette"
"""In ``report.json``: six hexadecimal digits a colour."""


def own_palette(files: Iterable[Path]) -> list[Colour]:
    """All colours of some pictures, the darkest first, as far as they are opaque; none if there are too many."""
    known: set[int] = set()
    for file in files:
        with Image.open(file) as image:
            pixels = np.asarray(image)
        opaque = pixels[pixels[..., 3] >= HALF] if pixels.shape[2] == 4 else pixels.reshape(-1, 3)
        known.update(np.unique(opaque[:, :3] @ np.array([1 << 16, 1 << 8, 1])).tolist())
        if len(known) > MAX_COLOURS:
            return []
    colours = [(number >> 16, number >> 8 & 255, number & 255) for number in known]
    return sorted(colours, key=lambda colour: (sum(colour), colour))


def as_report(colours: Iterable[Colour]) -> list[str]:
    """The colours as they stand in a report."""
    return [bytes(colour).hex() for colour in colours]


def palette_of_set(images: Path) -> list[Colour] | None:
    """What the report of a set says of its palette.

    Args:
        images: the set's folder, or one of its folders of pictures.
    """
    written = report_entry(images, PALETTE)
    if not isinstance(written, list):
        return None
    try:
        return parse_palette_text("\n".join(map(str, written)))
    except ValueError:
        return None  # somebody has edited it
