"""``vgc generate --sprites``: characters by seed or code, as one zip for a game."""

import zipfile
from pathlib import Path

import numpy as np
import torch

from gan.config import GanError, TrainConfig
from gan.runs.checkpoint import load_generator, model_info
from gan.runs.model_files import find_model
from gan.sampling.generate import GenerateSettings, characters_of, settled
from gan.sampling.sample import draw, drawn_before, file_names, not_ours
from kit.atomic import write_bytes
from sprites.bundle import CHARACTERS_FILE, bundle, check_count, walk_of
from sprites.pixels import SpriteSettings

BUNDLE_FILE = "sprites.zip"


def write_bundle(characters: GenerateSettings, settings: SpriteSettings) -> Path:
    """Draw characters and write their ``sprites.zip`` into the folder for their pictures; returns its path.

    Raises:
        GanError: there is no such model, the folder cannot be written, or something that vgc did not make stands
            where the zip or the pictures go.
        SettingsError: no seeds, or no code of this model.
        SpriteSettingsError: too many, too large.
    """
    characters = settled(characters)
    model = find_model(characters.model, TrainConfig.output)
    generator, header = load_generator(model, torch.device("cpu"))
    info = model_info(model, generator, header)
    latents = characters_of(characters, generator, info.latent_dim)[0].numpy()
    check_count(len(latents))
    path = characters.out / BUNDLE_FILE
    drawn_before(characters.out, file_names(len(latents), characters.grid))
    if path.exists() and not is_bundle(path):
        raise not_ours(path)
    frames = walk_of(latents)
    images = draw(generator, torch.from_numpy(np.concatenate([latents, frames])))
    drawn = np.stack([np.asarray(image) for image in images])
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
