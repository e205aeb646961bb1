"""New characters: a model and seeds in, a folder of pictures out."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gan.checkpoint import load_generator, model_hash
from gan.codes import code_in, encode, latent_for
from gan.config import SettingsError, TrainConfig
from gan.device import choose_device
from gan.models import find_model
from gan.sample import MAX_PICTURES, draw, latents_of, parse_seeds, save_animation, save_pictures
from gan.walk import walk

MAX_ANIMATED = 64


@dataclass(frozen=True)
class GenerateSettings:
    """What to draw, with what, and where to."""

    count: int = 64
    """Pictures, where ``seeds`` names none."""
    model: str | None = None
    """A run's name or folder, or a .safetensors file; None: the newest run, else the built-in generator."""
    seed: int = 0
    """Seed of the first picture; each next has the next."""
    seeds: str | None = None
    """Seeds one by one: ``"0,4-6"``."""
    codes: tuple[str, ...] = ()
    """Share codes of the characters to draw, or links or PNGs with them, in place of seeds."""
    truncation: float = 1.0
    """Factor on the latents, 0 to 2."""
    out: Path = Path("generated")
    """Folder for the pictures."""
    grid: bool = True
    """Whether to write ``grid.png``."""
    animate: Path | None = None
    """A GIF that walks from seed to seed, or none."""
    device: str = "auto"
    """As in training."""

    def __post_init__(self) -> None:
        if not 1 <= self.count <= MAX_PICTURES:
            raise SettingsError(f"-n {self.count}: choose 1 to {MAX_PICTURES:,} pictures")
        if not 0 <= self.truncation <= 2:
            raise SettingsError(f"--truncation {self.truncation:g}: choose 0 to 2")
        if not 0 <= self.seed < 2**62:
            raise SettingsError(f"--seed {self.seed}: choose 0 or a positive number below 2^62")
        if self.animate is not None and self.animate.suffix.lower() != ".gif":
            raise SettingsError(f"--animate {self.animate}: name a .gif file")
        if self.codes and (self.seeds or self.truncation != 1):
            raise SettingsError("--code says all of a character: leave out --seeds and --truncation")

    @property
    def all_seeds(self) -> list[int]:
        """One seed a picture."""
        return parse_seeds(self.seeds) if self.seeds else list(range(self.seed, self.seed + self.count))


@dataclass(frozen=True)
class Drawn:
    """What was drawn, and by which model."""

    count: int
    model: str
    replaced: int
    """Pictures of an earlier call that stood in the folder."""


def generate(settings: GenerateSettings) -> Drawn:
    """Draw the pictures and write them; the same model and seeds give the same bytes on the same device.

    Raises:
        GanError: there is no such model, it is damaged, or the folder cannot be written.
        SettingsError: the seeds are no seeds, or a code is none of this model.
    """
    device = choose_device(settings.device)
    path = find_model(settings.model, TrainConfig.output)
    generator, header = load_generator(path, device)
    latents, notes = characters_of(settings, model_hash(generator), header.architecture.latent_dim)
    replaced = save_pictures(draw(generator, latents), notes, settings.out, settings.grid)
    if settings.animate:
        steps = walk(latents[:MAX_ANIMATED].numpy())
        save_animation(list(draw(generator, torch.from_numpy(steps))), settings.animate)
    return Drawn(len(notes), header.told_of(path), replaced)


def characters_of(settings: GenerateSettings, model: str, latent_dim: int) -> tuple[Tensor, list[dict[str, str]]]:
    """Whom to draw: [N, latent_dim] float32, and what each PNG says of its character."""
    if settings.codes:
        codes = [code_in(shared) for shared in settings.codes]
        latents = torch.tensor(np.stack([latent_for(code, model, latent_dim) for code in codes]))
        return latents, [{"code": code} for code in codes]
    seeds = settings.all_seeds
    latents = latents_of(seeds, latent_dim, settings.truncation)
    codes = [encode(model, latent) for latent in latents.numpy()]
    return latents, [{"seed": str(seed), "code": code} for seed, code in zip(seeds, codes, strict=True)]
