"""Whether a fine grid lies over images: ``python -m benchmarks.spectrum REAL GENERATED ...``.

Shares of the first folder's power at the shortest waves, down and across: the mean power spectrum of grey windows
of 16x16 pixels (Hann). Where a generator leaves a grid of two pixels, the power at a period of 2 is too high.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.table import Table

from kit.image_grid import evenly_spaced

WINDOW_PX = 16
FREQUENCIES = (6, 7, 8)
"""Waves a window whose power is shown; the last has a period of 2 pixels."""
IMAGES = 600


def main() -> None:
    """Print a row for each folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+", help="of square PNGs of one size")
    parser.add_argument("--images", type=int, default=IMAGES, help="of each folder, evenly spaced")
    options = parser.parse_args()
    headings = [f"{way}, {WINDOW_PX / each:.2g} px" for way in ("down", "across") for each in FREQUENCIES]
    table = Table("", *headings)
    first = None
    for folder in options.folders:
        files = evenly_spaced(sorted(folder.glob("*.png")), options.images)
        power = np.concatenate(mean_spectra([np.asarray(Image.open(file).convert("L")) for file in files]))
        first = power if first is None else first
        table.add_row(str(folder), *(f"{share:.2f}" for share in power / first))
    Console().print(table)


def mean_spectra(images: Sequence[NDArray[np.uint8]]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean power at `FREQUENCIES` of waves that go down and of waves that go across.

    Args:
        images: [H, W] each; what is no whole window at the right and at the bottom is left out.
    """
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW_PX) / WINDOW_PX)
    windows = np.concatenate([_windows(image) for image in images])
    windows = (windows - windows.mean((1, 2), keepdims=True)) * np.outer(hann, hann)
    power = (np.abs(np.fft.fft2(windows)) ** 2).mean(0)
    # The lowest frequencies along its crests: a wave that goes straight, or nearly so.
    down, across = power[:, [-1, 0, 1]].sum(1), power[[-1, 0, 1]].sum(0)
    return down[list(FREQUENCIES)], across[list(FREQUENCIES)]


def _windows(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    rows, columns = image.shape[0] // WINDOW_PX, image.shape[1] // WINDOW_PX
    whole = image[: rows * WINDOW_PX, : columns * WINDOW_PX].astype(np.float64)
    parts = whole.reshape(rows, WINDOW_PX, columns, WINDOW_PX).swapaxes(1, 2)
    return parts.reshape(-1, WINDOW_PX, WINDOW_PX)


if __name__ == "__main__":
    main()
