"""Palettes: read from files, found in pictures, applied, written."""

import base64
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dataset.decode import parse_background
from kit.palette_files import (
    GPL_TITLE,
    Colour,
    PaletteError,
    parse_palette_file,
    parse_palette_text,
    read_palette_file,
)
from sprites.errors import SpriteSettingsError

Palette = NDArray[np.uint8]
"""[P, 3] RGB, no colour twice."""

PAIRS_AT_ONCE = 1 << 20
"""Pixels times colours compared in one go, for the memory's sake."""
MOST_JUDGED = 1 << 16
"""Pixels that a palette is found in. Of eight times as many, it fits no better, takes 18 times as long, and cannot
be interrupted meanwhile."""
# Ottosson 2020, "A perceptual color space for image processing": linear RGB to cone responses, and on to OKLab.
RGB_TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
LMS_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def parse_palette(text: str) -> Palette:
    """Read a palette as text, or a file of any kind as a ``data:`` URL in base64: see `kit.palette_files`.

    Raises:
        SpriteSettingsError: a line is no colour; no colour, or more than MAX_COLOURS.
    """
    try:
        if text.startswith("data:"):
            return np.array(parse_palette_file(_content_of(text)), np.uint8)
        return np.array(parse_palette_text(text), np.uint8)
    except PaletteError as error:
        raise SpriteSettingsError(str(error)) from error


def _content_of(data_url: str) -> bytes:
    try:
        return base64.b64decode(data_url.partition(",")[2])
    except ValueError as error:
        raise PaletteError(f"the palette is a data: URL, but not in base64 ({error})") from error


def read_palette(path: Path) -> tuple[Colour, ...]:
    """The colours of a palette file; SpriteSettingsError names the file and what is wrong."""
    try:
        return tuple(read_palette_file(path))
    except PaletteError as error:
        raise SpriteSettingsError(str(error)) from error


def parse_colour(option: str, text: str) -> Colour:
    """``black``, ``white`` or ``#rrggbb``; SpriteSettingsError names the option if it is none of these."""
    try:
        colour = parse_background(text)
    except ValueError:
        colour = None
    if colour is None:
        raise SpriteSettingsError(f"{option} {text}: choose black, white or #rrggbb")
    return colour


def extract_palette(colours: NDArray[np.uint8], count: int) -> Palette:
    """The palette of ``count`` colours, or fewer, that fits pixels best: median cut, then k-means.

    Args:
        colours: [N, 3] RGB, a pixel each; N may be 0. Of many, `MOST_JUDGED` are judged by, evenly spaced.
        count: 1 to MAX_COLOURS.

    Returns:
        [P, 3], the darkest first; black alone where there is no pixel.
    """
    if not len(colours):
        return np.zeros((1, 3), np.uint8)
    if len(colours) > MOST_JUDGED:
        colours = colours[np.linspace(0, len(colours) - 1, MOST_JUDGED).astype(int)]
    strip = Image.fromarray(colours[None])
    indexed = strip.quantize(count, Image.Quantize.MEDIANCUT, kmeans=1, dither=Image.Dither.NONE)
    values = np.array(indexed.getpalette(), np.uint8).reshape(-1, 3)
    unique = np.unique(values[np.unique(np.asarray(indexed))], axis=0)
    return unique[np.lexsort((*unique.T, oklab(unique)[:, 0]))]


def nearest_colours(colours: NDArray[np.uint8], palette: Palette) -> NDArray[np.uint8]:
    """The index of the palette's colour that looks most like each: [N, 3] -> [N] uint8."""
    wanted = oklab(palette)
    numbers, where = np.unique(colours @ np.array([1 << 16, 1 << 8, 1]), return_inverse=True)
    unique = np.stack([numbers >> 16, numbers >> 8 & 255, numbers & 255], axis=1).astype(np.uint8)
    parts = np.array_split(oklab(unique), len(unique) * len(palette) // PAIRS_AT_ONCE + 1)
    best = [((part[:, None] - wanted) ** 2).sum(2).argmin(1) for part in parts]
    return np.concatenate(best).astype(np.uint8)[where]


def oklab(colours: NDArray[np.uint8]) -> NDArray[np.float64]:
    """sRGB [N, 3] to OKLab [N, 3], in which equal distances look equal."""
    share = colours / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    lab: NDArray[np.float64] = np.cbrt(linear @ RGB_TO_LMS.T) @ LMS_TO_LAB.T
    return lab


def to_gpl(palette: Palette, name: str) -> str:
    """A palette as GIMP, Aseprite, Krita and Inkscape read it."""
    lines = [f"{r:3d} {g:3d} {b:3d}\t{r:02x}{g:02x}{b:02x}" for r, g, b in palette.tolist()]
    return "\n".join([GPL_TITLE, f"Name: {name}", "Columns: 8", "#", *lines, ""])


def to_hex(palette: Palette) -> str:
    """A palette as Lospec takes it."""
    return "".join(f"{r:02x}{g:02x}{b:02x}\n" for r, g, b in palette.tolist())
