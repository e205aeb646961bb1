"""What the pictures of a set look like in numbers: brightness, colours, the average of all."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from kit.image_grid import evenly_spaced

MAX_IMAGES = 5_000
"""Of a larger set, this many evenly spaced images are used."""
HUES = 36
LEVELS = 64
"""Steps of the brightness and channel histograms."""
COLOURFUL = 40
"""Saturation and value (0 to 255) from which a pixel has a hue worth counting."""
PALETTE_COLOURS = 24
PALETTE_SIDE_PX = 16
PALETTE_IMAGES = 1_000

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ImageStatistics:
    """Sums over the images used."""

    names: list[str]
    brightness: npt.NDArray[np.float64]
    """Mean luma of each picture, 0 to 255."""
    saturation: npt.NDArray[np.float64]
    """Mean saturation of each picture, 0 to 255."""
    channels: Counts
    """[3, `LEVELS`]: pixels by red, green and blue."""
    hues: Counts
    """[`HUES`]: pixels by hue, of those with a colour."""
    mean: Image.Image
    """The average of all."""
    deviation: Image.Image
    """Where they differ: the standard deviation of luma at each place, brightened to use the whole range."""
    palette: list[tuple[int, tuple[int, ...]]]
    """Colours that stand for all, each with its number of pixels, by brightness."""


def image_statistics(folder: Path, names: Sequence[str]) -> ImageStatistics:
    """Look at the pictures one by one.

    Args:
        folder: holds them; RGB, square, of one size.
        names: their file names, at least one.
    """
    chosen = evenly_spaced(names, MAX_IMAGES)
    totals = _Totals()
    for name in chosen:
        with Image.open(folder / name) as image:
            totals.add(image.convert("RGB"))
    palette_names = evenly_spaced(chosen, PALETTE_IMAGES)
    count = len(chosen)
    mean = totals.colours / count
    variance = np.maximum(totals.luma_squares / count - (totals.luma / count) ** 2, 0)
    return ImageStatistics(
        chosen,
        np.array(totals.brightness),
        np.array(totals.saturation),
        totals.channels,
        totals.hues,
        Image.fromarray(mean.round().astype(np.uint8)),
        Image.fromarray((np.sqrt(variance) * 255 / max(np.sqrt(variance).max(), 1)).round().astype(np.uint8)),
        _palette([folder / name for name in palette_names]),
    )


class _Totals:
    def __init__(self) -> None:
        self.brightness: list[float] = []
        self.saturation: list[float] = []
        self.channels: Counts = np.zeros((3, LEVELS), np.int64)
        self.hues: Counts = np.zeros(HUES, np.int64)
        self.colours = self.luma = self.luma_squares = np.zeros(1)

    def add(self, image: Image.Image) -> None:
        pixels = np.asarray(image)
        luma = np.asarray(image.convert("L")).astype(np.float64)
        hue, saturation, value = np.moveaxis(np.asarray(image.convert("HSV")), -1, 0)
        self.brightness.append(float(luma.mean()))
        self.saturation.append(float(saturation.mean()))
        for channel in range(3):
            steps = pixels[..., channel].ravel() // (256 // LEVELS)
            self.channels[channel] += np.bincount(steps, minlength=LEVELS)
        coloured = hue[(saturation >= COLOURFUL) & (value >= COLOURFUL)]
        self.hues += np.bincount(coloured.astype(np.int64) * HUES // 256, minlength=HUES)
        self.colours = self.colours + pixels
        self.luma = self.luma + luma
        self.luma_squares = self.luma_squares + luma**2


def _palette(files: Sequence[Path]) -> list[tuple[int, tuple[int, ...]]]:
    side = PALETTE_SIDE_PX
    sheet = Image.new("RGB", (side, side * len(files)))
    for index, file in enumerate(files):
        with Image.open(file) as image:
            sheet.paste(image.convert("RGB").resize((side, side), Image.Resampling.BOX), (0, side * index))
    indexed = sheet.quantize(PALETTE_COLOURS, Image.Quantize.MEDIANCUT)
    colours = np.array(indexed.getpalette()).reshape(-1, 3)
    counts = np.bincount(np.asarray(indexed).ravel(), minlength=len(colours))
    palette = [
        (int(count), tuple(colour.tolist())) for count, colour in zip(counts, colours, strict=False) if count
    ]
    return sorted(palette, key=lambda entry: sum(entry[1]))
