"""``vgc sprites``: characters by seed or code, as one zip for a game."""

import re
import zipfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from gan.config import GanError
from gan.sampling.best_of import RateImages
from gan.sampling.generate import Drawn, GenerateSettings, Selection, save, select
from gan.sampling.image_files import file_names, previous_images
from gan.sampling.sample import draw
from kit.atomic import sweep, write_bytes
from kit.overwrite import refuse_foreign
from kit.progress import Progress, noop
from sprites.bundle import CHARACTERS_FILE, check_sprite_count, morph_latents, sprite_zip
from sprites.pixels import SpriteSettings

BUNDLE_FILE = "sprites.zip"


def export_sprites(
    settings: GenerateSettings,
    sprite_settings: SpriteSettings,
    rate: RateImages | None = None,
    progress: Progress = noop,
) -> tuple[int, Path]:
    """Write ``sprites.zip`` alone; returns how many characters it holds, and its path.

    Raises:
        GanError, SettingsError, DatasetError: as in `gan.sampling.generate.select`; or the zip cannot be written,
            or a file that vgc did not make is in the way.
        SpriteSettingsError: too many, too large.
    """
    selection = select(settings, rate, progress)
    path = settings.out / BUNDLE_FILE
    return len(draw_into(path, selection, sprite_settings)), path


def generate_sprites(
    settings: GenerateSettings,
    sprite_settings: SpriteSettings,
    rate: RateImages | None = None,
    progress: Progress = noop,
) -> tuple[Drawn, Path]:
    """`gan.sampling.generate.generate`, and a ``sprites.zip`` of the same images beside them; returns its path.

    Raises:
        GanError, SettingsError, DatasetError, SpriteSettingsError: as in `export_sprites`.
    """
    selection = select(settings, rate, progress)
    path = settings.out / BUNDLE_FILE
    # What would refuse the images is found before the zip is written.
    previous_images(settings.out, file_names(len(selection.latents), settings.grid))
    images = draw_into(path, selection, sprite_settings)
    return save(selection, images, settings), path


def draw_into(path: Path, selection: Selection, settings: SpriteSettings) -> list[Image.Image]:
    """Draw the characters, write their zip to ``path`` and return their images; errors as in `export_sprites`."""
    count = len(selection.latents)
    check_sprite_count(count)
    refuse_foreign(path, is_bundle(path), GanError)
    latents = selection.latents.numpy()
    frames = torch.from_numpy(morph_latents(latents))
    images = list(draw(selection.generator.network, torch.cat([selection.latents, frames])))
    pixels = np.stack([np.asarray(image) for image in images])
    content = sprite_zip(selection.generator.info, latents, pixels[:count], pixels[count:], settings)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sweep(path.parent, re.escape(path.name))
        write_bytes(path, content)
    except OSError as error:
        raise GanError(f"{path}: cannot write it ({error.strerror or error}); choose another --out") from error
    return images[:count]


def is_bundle(path: Path) -> bool:
    """Whether there is a zip, and an earlier call made it."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return CHARACTERS_FILE in archive.namelist()
