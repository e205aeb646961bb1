"""New characters: a model and seeds in, a folder of pictures out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from dataset.reader import load_images
from gan.config import GanError, SettingsError, TrainConfig
from gan.device import choose_device
from gan.pretrained import TRAINED_ON
from gan.runs.checkpoint import GeneratorHeader, load_generator, model_hash
from gan.runs.model_files import find_model
from gan.runs.run_folder import data_of
from gan.sampling.interpolation import walk
from gan.sampling.projection import most_alike, read_square
from gan.sampling.sample import MAX_PICTURES, draw, latents_of, parse_seeds, save_animation, save_pictures
from gan.sampling.share_codes import code_in, encode, latent_for
from gan.sampling.truncation import truncated
from gan.training.scoring import require_scores
from kit.progress import Progress, noop

MAX_ANIMATED = 64
MOST_CANDIDATES = 64


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
    likes: tuple[Path, ...] = ()
    """Pictures whose most alike characters are to be drawn, in place of seeds; see `gan.sampling.projection`."""
    truncation: float = 1.0
    """How far to stay from the typical picture, 0 to 1; see `gan.sampling.truncation`."""
    best_of: int = 1
    """Candidates for each picture (`gan.sampling.best_of`); those for seed s have the seeds s·best_of and up."""
    data: Path | None = None
    """Folder of the real pictures that candidates are judged by; None: those of the run."""
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
        if not 0 <= self.truncation <= 1:
            raise SettingsError(f"--truncation {self.truncation:g}: choose 0 to 1")
        if not 0 <= self.seed < 2**62:
            raise SettingsError(f"--seed {self.seed}: choose 0 or a positive number below 2^62")
        if not 1 <= self.best_of <= MOST_CANDIDATES:
            raise SettingsError(f"--best-of {self.best_of}: choose 1 to {MOST_CANDIDATES} candidates")
        if self.best_of > 1 and max(self.all_seeds, default=0) >= 2**62 // self.best_of:
            raise SettingsError(f"--best-of {self.best_of}: its seeds would pass 2^62; choose smaller ones")
        if self.animate is not None and self.animate.suffix.lower() != ".gif":
            raise SettingsError(f"--animate {self.animate}: name a .gif file")
        chosen = self.seeds or self.truncation != 1 or self.best_of > 1
        if self.codes and (chosen or self.likes):
            raise SettingsError(
                "--code says all of a character: leave out --seeds, --truncation, --best-of, --like"
            )
        if self.likes and chosen:
            raise SettingsError("--like says whom to draw: leave out --seeds, --truncation and --best-of")

    @property
    def all_seeds(self) -> list[int]:
        """One seed a picture."""
        return parse_seeds(self.seeds) if self.seeds else list(range(self.seed, self.seed + self.count))

    @property
    def wants_search(self) -> bool:
        """Whether the characters must be looked for first, which takes a while; see `settled`."""
        return self.best_of > 1 or bool(self.likes)


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
        SettingsError: the seeds are no seeds, a code is none of this model, or a picture cannot be read.
    """
    settings = settled(settings)
    device = choose_device(settings.device)
    path = find_model(settings.model, TrainConfig.output)
    generator, header = load_generator(path, device)
    latents, notes = characters_of(settings, generator, header.architecture.latent_dim)
    replaced = save_pictures(draw(generator, latents), notes, settings.out, settings.grid)
    if settings.animate:
        steps = walk(latents[:MAX_ANIMATED].numpy())
        save_animation(list(draw(generator, torch.from_numpy(steps))), settings.animate)
    return Drawn(len(notes), header.told_of(path), replaced)


def settled(settings: GenerateSettings, progress: Progress = noop) -> GenerateSettings:
    """The same settings with nothing left to look for: seeds of the best candidates, or codes of the most alike.

    Raises:
        GanError: there is no such model; or for ``best_of`` the extra ``evaluate`` is not installed, or nobody
            knows what the model learned from.
        SettingsError: a picture of ``likes`` cannot be read.
        DatasetError: the real pictures cannot be read.
    """
    if not settings.wants_search:
        return settings
    device = choose_device(settings.device)
    path = find_model(settings.model, TrainConfig.output)
    generator, header = load_generator(path, device)
    if settings.likes:
        return replace(settings, likes=(), codes=codes_like(settings.likes, generator, header, progress))
    reals = pictures_to_judge_by(settings.data or data_of(path), header)
    # Only here, for nothing else that draws needs the networks that see.
    from gan.sampling.best_of import best_seeds  # noqa: PLC0415

    groups = [range(seed * settings.best_of, (seed + 1) * settings.best_of) for seed in settings.all_seeds]
    latent_dim = header.architecture.latent_dim
    chosen = best_seeds(generator, latent_dim, groups, settings.truncation, reals, device, progress)
    return replace(settings, seeds=",".join(map(str, chosen)), best_of=1)


def codes_like(
    likes: Sequence[Path], generator: nn.Module, header: GeneratorHeader, progress: Progress
) -> tuple[str, ...]:
    """The share codes of the characters most like the pictures; SettingsError if one cannot be read."""
    architecture = header.architecture
    pictures = [read_square(path, architecture.size_px) for path in likes]
    latents = most_alike(generator, architecture.latent_dim, pictures, progress)
    model = model_hash(generator)
    return tuple(encode(model, latent) for latent in latents.numpy())


def pictures_to_judge_by(data: Path | None, header: GeneratorHeader) -> Tensor:
    """What the model learned from, [N, 3, H, W] uint8; GanError or DatasetError where there is nothing to use."""
    if data is None:
        made = (
            "; vgc demo makes it: vgc-demo/Data/train_data/rgb_images" if header.trained_on == TRAINED_ON else ""
        )
        raise GanError(
            f"--best-of judges by the pictures that the generator learned from ({header.trained_on}): "
            f"name their folder with --data{made}"
        )
    reals = load_images(data)
    require_scores(reals, data)
    return reals


def characters_of(
    settings: GenerateSettings, generator: nn.Module, latent_dim: int
) -> tuple[Tensor, list[dict[str, str]]]:
    """Whom to draw: [N, latent_dim] float32, and what each PNG says of its character."""
    model = model_hash(generator)
    if settings.codes:
        codes = [code_in(shared) for shared in settings.codes]
        latents = torch.tensor(np.stack([latent_for(code, model, latent_dim) for code in codes]))
        return latents, [{"code": code} for code in codes]
    seeds = settings.all_seeds
    latents = truncated(latents_of(seeds, latent_dim), generator, settings.truncation)
    codes = [encode(model, latent) for latent in latents.numpy()]
    return latents, [{"seed": str(seed), "code": code} for seed, code in zip(seeds, codes, strict=True)]
