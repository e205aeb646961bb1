"""``python -m docs.pictures.own_sprites SET MODEL``: draws the pictures of own-sprites.md."""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from dataset.image_folder import image_files
from gan.sampling.sample import latents_from_seeds
from kit.image_grid import evenly_spaced, image_grid
from sprites.pixels import SpriteSettings, make_sprites
from sprites.set_defaults import set_defaults
from studio.engine_loader import load_engine

COUNT, SIDE_PX = 12, 64
BLACK = (0, 0, 0)
HERE = Path(__file__).parent

data, model = map(Path, sys.argv[1:])
real = [Image.open(file).convert("RGBA") for file in evenly_spaced(image_files(data / "rgba_images"), 2 * COUNT)]
image_grid(real, COUNT).quantize(128, dither=Image.Dither.NONE).save(HERE / "own-sprites-real.png", optimize=True)
engine = load_engine(model)
images = engine.draw(latents_from_seeds(range(COUNT), engine.info.latent_dim).numpy())
defaults = set_defaults(model)
rows = [
    make_sprites(images, SpriteSettings(**defaults)),
    make_sprites(images, SpriteSettings(colours=32, outline=BLACK, **defaults)),
    make_sprites(images, SpriteSettings(upscale=2, upscale_with="scale2x", **defaults)),
]
pixels = [row.rgba().repeat(scale := SIDE_PX // row.indexes.shape[1], 1).repeat(scale, 2) for row in rows]
made = [Image.fromarray(sprite) for sprite in np.concatenate(pixels)]
image_grid(made, COUNT).quantize(128, dither=Image.Dither.NONE).save(HERE / "own-sprites-made.png", optimize=True)
