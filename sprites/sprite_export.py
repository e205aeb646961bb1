"""``vgc sprites``: characters by seed or code, as one zip for a game."""

import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from gan.errors import GanError
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


@dataclass(frozen=True)
class ExportedSprites:
    """What was written."""

    path: Path
    count: int
    cut: list[str]
    empty: list[str]
    """Both as in `sprites.bundle.SpriteZip`."""


def export_sprites(
    settings: GenerateSettings,
    sprite_settings: SpriteSettings,
    rate: RateImages | None = None,
    progress: Progress = noop,
) -> ExportedSprites:
    """Write ``sprites.zip`` alone.

    Raises:
        GanError, SettingsError, DatasetError: as in `gan.sampling.generate.select`; or the zip cannot be written,
            or a file that vgc did not make is in the way.
        SpriteSettingsError: too many, too large.
    """
    selection = select(settings, rate, progress)
    return draw_into(settings.out / BUNDLE_FILE, selection, sprite_settings)[0]


def generate_sprites(
    settings: GenerateSettings,
    sprite_settings: SpriteSettings,
    rate: RateImages | None = None,
    progress: Progress = noop,
) -> tuple[Drawn, ExportedSprites]:
    """`gan.sampling.generate.generate`, and a ``sprites.zip`` of the same images beside them.

    Raises:
        GanError, SettingsError, DatasetError, SpriteSettingsError: as in `export_sprites`.
    """
    selection = select(settings, rate, progress)
    # What would refuse the images is found before the zip is written.
    previous_images(settings.out, file_names(len(selection.latents), settings.grid))
    exported, images = draw_into(settings.out / BUNDLE_FILE, selection, sprite_settings)
    return save(selection, images, settings), exported


def draw_into(
    path: Path, selection: Selection, settings: SpriteSettings
) -> tuple[ExportedSprites, list[Image.Image]]:
    """Draw the characters, write their zip to ``path`` and return their images; errors as in `export_sprites`."""
    count = len(selection.latents)
    check_sprite_count(count)
    refuse_foreign(path, is_bundle(path), GanError)
    latents = selection.latents.numpy()
    frames = torch.from_numpy(morph_latents(latents))
    images = list(draw(selection.generator.network, torch.cat([selection.latents, frames])))
    pixels = np.stack([np.asarray(image) for image in images])
    bundle = sprite_zip(selection.generator.info, latents, pixels[:count], pixels[count:], settings)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sweep(path.parent, re.escape(path.name))
        write_bytes(path, bundle.content)
    except OSError as error:
        raise GanError(f"{path}: cannot write it ({error.strerror or error}); choose another --out") from error
    return ExportedSprites(path, count, bundle.cut, bundle.empty), images[:count]


def is_bundle(path: Path) -> bool:
    """Whether there is a zip, and an earlier call made it."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return CHARACTERS_FILE in archive.namelist()
