"""``python -m docs.pictures.sprites``: draws sprites.png, characters as drawn and as sprites of two kinds."""

from pathlib import Path

import numpy as np
from PIL import Image

from gan.runs.model_files import built_in_model
from gan.sampling.sample import latents_from_seeds
from sprites.pixels import SpriteSettings, make_sprites
from studio.engine_loader import load_engine

SEEDS = (16, 18, 15, 27, 6, 33, 47, 22)
SIDE_PX, SQUARE_PX = 160, 16

engine = load_engine(built_in_model())
images = engine.draw(latents_from_seeds(SEEDS, engine.info.latent_dim).numpy())
opaque = np.pad(images, ((0, 0),) * 3 + ((0, 1),), constant_values=255)
rows = [
    opaque.repeat(2, 1).repeat(2, 2),
    make_sprites(images, SpriteSettings(colours=16, upscale=2)).rgba(),
    make_sprites(images, SpriteSettings(colours=12, sprite_px=40, upscale=4)).rgba(),
]
drawn = np.concatenate([np.concatenate(list(row), axis=1) for row in rows])
y, x = np.indices(drawn.shape[:2]) // SQUARE_PX
checkerboard = np.where((y + x) % 2, 150, 112)[..., None]
canvas = np.where(drawn[..., 3:] > 0, drawn[..., :3], checkerboard).astype(np.uint8)
Image.fromarray(canvas).quantize(200, dither=Image.Dither.NONE).save(
    Path(__file__).with_suffix(".png"), optimize=True
)
