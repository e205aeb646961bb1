"""The rims of sprites, real and made ones side by side: ``python -m benchmarks.rims FOLDER FOLDER ...``.

A folder holds PNGs with alpha, such as the sprites of a zip, a set's ``rgba_images`` or raw pictures; a zip of
``vgc sprites`` will do too. Alpha is cut at one half. A rim pixel is opaque and beside a clear one, up, down, left
or right. It is dark where its lightness (OKLab) is less than half of the mean of what is not rim around it; a dark
one is alone where at most one of the eight around it is dark too, for an outline goes on. A dot stands alone on an
even edge, of whatever colour. Islands have fewer than `ISLAND_PX` pixels and touch nothing, at no corner either.
"""

import argparse
import io
import zipfile
from collections.abc import Iterable
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.table import Table

from dataset.alpha import HALF
from kit.image_grid import evenly_spaced
from kit.islands import without_small_islands
from sprites.palettes import oklab
from sprites.rims import dot_masks, rim_masks

ISLAND_PX = 8
DARK = 0.5
IMAGES = 512


def main() -> None:
    """Print a row for each folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--images", type=int, default=IMAGES, help="of each folder, evenly spaced")
    options = parser.parse_args()
    table = Table(
        "",
        "sprites",
        "dark, % of rim",
        "alone, % of rim",
        "dots, % of rim",
        "with an island, %",
        "colours each",
        "in all",
    )
    for folder in options.folders:
        table.add_row(str(folder), *row(read_sprites(folder, options.images)))
    Console().print(table)


def read_sprites(folder: Path, count: int) -> list[NDArray[np.uint8]]:
    """RGBA pixels [H, W, 4] of some of a folder's PNGs, or of a zip's."""
    if folder.is_file():
        with zipfile.ZipFile(folder) as archive:
            names = [each for each in archive.namelist() if each.startswith("sprites/")]
            files: Iterable[io.BytesIO | Path] = [io.BytesIO(archive.read(each)) for each in names]
    else:
        files = sorted(folder.rglob("*.png"))
    return [np.asarray(Image.open(file).convert("RGBA")) for file in evenly_spaced(list(files), count)]


def row(sprites: list[NDArray[np.uint8]]) -> list[str]:
    """The figures of some sprites, as a table shows them."""
    rims, dark, alone, dots, specked = 0, 0, 0, 0, 0
    colours = []
    for sprite in sprites:
        mask = sprite[..., 3] >= HALF
        rim = rim_masks(mask[None])[0]
        dark_rim = rim & is_dark(sprite, mask & ~rim)
        rims += rim.sum()
        dark += dark_rim.sum()
        alone += (dark_rim & (around(dark_rim.astype(float)) <= 1)).sum()
        dots += dot_masks(mask[None]).sum()
        specked += not np.array_equal(without_small_islands(mask, ISLAND_PX), mask)
        colours.append(set(map(tuple, np.unique(sprite[mask][:, :3], axis=0).tolist())))
    shares = [f"{100 * part / max(whole, 1):.1f}" for part, whole in ((dark, rims), (alone, rims), (dots, rims))]
    in_all = len(set().union(*colours))
    islands = f"{100 * specked / len(sprites):.1f}"
    return [f"{len(sprites):,}", *shares, islands, f"{median(map(len, colours)):g}", f"{in_all:,}"]


def is_dark(sprite: NDArray[np.uint8], inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """[H, W]: much darker than what is inside around it; nothing is where nothing inside is near."""
    lightness = oklab(sprite.reshape(-1, 4)[:, :3])[:, 0].reshape(inside.shape)
    count = around(inside.astype(float))
    mean = around(lightness * inside) / np.maximum(count, 1)
    dark: NDArray[np.bool_] = (count > 0) & (lightness < DARK * mean)
    return dark


def around(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sum over the eight neighbours: [H, W] -> [H, W]."""
    padded = np.pad(values, 1)
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    total: NDArray[np.float64] = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:] - values
    return total


if __name__ == "__main__":
    main()
