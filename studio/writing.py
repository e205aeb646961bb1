"""``vgc generate --sprites``: characters by seed or code, as one zip for a game."""

import zipfile
from pathlib import Path

import numpy as np
import torch

from gan.config import GanError, TrainConfig
from gan.generate import GenerateSettings, characters_of, settled
from gan.models import find_model
from gan.sample import drawn_before, file_names, not_ours
from scraper.atomic import write_bytes
from studio.bundle import CHARACTERS_FILE, bundle, check_count, walk_of
from studio.engine_torch import TorchEngine
from studio.sprites import SpriteSettings

BUNDLE_FILE = "sprites.zip"


def write_bundle(characters: GenerateSettings, settings: SpriteSettings) -> Path:
    """Draw characters and write their ``sprites.zip`` into the folder for their pictures; returns its path.

    Raises:
        GanError: there is no such model, the folder cannot be written, or something that vgc did not make stands
            where the zip or the pictures go.
        SettingsError: no seeds, or no code of this model.
        StudioSettingsError: too many, too large.
    """
    characters = settled(characters)
    engine = TorchEngine(find_model(characters.model, TrainConfig.output), torch.get_num_threads())
    info = engine.info
    latents = characters_of(characters, engine.generator, info.latent_dim)[0].numpy()
    check_count(len(latents))
    path = characters.out / BUNDLE_FILE
    drawn_before(characters.out, file_names(len(latents), characters.grid))
    if path.exists() and not is_bundle(path):
        raise not_ours(path)
    frames = walk_of(latents)
    drawn = engine.draw(np.concatenate([latents, frames]))
    content = bundle(info, latents, drawn[: len(latents)], drawn[len(latents) :], settings)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, content)
    except OSError as error:
        raise GanError(f"{path}: cannot write it ({error.strerror or error}); choose another --out") from error
    return path


def is_bundle(path: Path) -> bool:
    """Whether an earlier call made a zip."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return CHARACTERS_FILE in archive.namelist()
