"""What becomes of transparency: ``python -m benchmarks.alpha SET``, a folder that vgc preprocess has made.

Shares are of the opaque pixels of up to `IMAGES` pictures: lost and gained by sprites of pictures with alpha, and
of the same over the background, whose figures are found by colour. The error is that of semi-transparent pixels
over black against the set's own three channels, in levels of 255; it means something for a set over black.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from dataset.alpha import HALF
from dataset.image_folder import image_files
from kit.image_grid import evenly_spaced
from kit.premultiplied import premultiply
from sprites.pixels import SpriteSettings, make_sprites

IMAGES = 256


def main() -> None:
    """Print the figures of a set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", type=Path)
    folder = parser.parse_args().set
    files = evenly_spaced(image_files(folder / "rgba_images"), IMAGES)
    rgba = np.stack([np.asarray(Image.open(file)) for file in files])
    rgb = np.stack([np.asarray(Image.open(folder / "rgb_images" / file.name)) for file in files])
    opaque = rgba[..., 3] >= HALF
    for name, images in (("with alpha", rgba), ("by colour", rgb)):
        figure = make_sprites(images, SpriteSettings(min_island_px=0)).rgba()[..., 3] > 0
        lost, gained = (100 * part.sum() / opaque.sum() for part in (opaque & ~figure, figure & ~opaque))
        print(f"{name:10} {len(files)} pictures: {lost:.1f} % of opaque pixels lost, {gained:.1f} % gained")
    soft = (rgba[..., 3] > 0) & (rgba[..., 3] < 255)
    if soft.any():
        expected = np.minimum(rgb, rgba[..., 3:]).astype(int)
        errors = np.abs(premultiply(rgba)[..., :3] - expected)[soft]
        print(
            f"over black {soft.sum():,} soft pixels: off by {errors.max()} at most, {errors.mean():.2f} on average"
        )


if __name__ == "__main__":
    main()
