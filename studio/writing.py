"""``vgc generate --sprites``: characters by seed or code, as one zip for a game."""

from pathlib import Path

import numpy as np
import torch

from gan.config import GanError, TrainConfig
from gan.generate import GenerateSettings, characters_of, with_best_seeds
from gan.models import find_model
from scraper.atomic import write_bytes
from studio.bundle import bundle, check_count, walk_of
from studio.engine_torch import TorchEngine
from studio.sprites import SpriteSettings

BUNDLE_FILE = "sprites.zip"


def write_bundle(characters: GenerateSettings, settings: SpriteSettings) -> Path:
    """Draw characters and write their ``sprites.zip`` into the folder for their pictures; returns its path.

    Raises:
        GanError: there is no such model, or the folder cannot be written.
        SettingsError: no seeds, or no code of this model.
        StudioSettingsError: too many, too large.
    """
    characters = with_best_seeds(characters)
    engine = TorchEngine(find_model(characters.model, TrainConfig.output), torch.get_num_threads())
    info = engine.info
    latents = characters_of(characters, engine.generator, info.latent_dim)[0].numpy()
    check_count(len(latents))
    frames = walk_of(latents)
    drawn = engine.draw(np.concatenate([latents, frames]))
    content = bundle(info, latents, drawn[: len(latents)], drawn[len(latents) :], settings)
    path = characters.out / BUNDLE_FILE
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, content)
    except OSError as error:
        raise GanError(f"{path}: cannot write it ({error.strerror or error}); choose another --out") from error
    return path
