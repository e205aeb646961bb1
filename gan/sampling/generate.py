"""New characters: a model and seeds in, a folder of images out."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from gan.config import TrainConfig
from gan.device import choose_device
from gan.errors import GanError, SettingsError
from gan.pretrained import TRAINED_ON
from gan.runs.checkpoint import GeneratorHeader, LoadedGenerator, open_generator
from gan.runs.model_files import PRETRAINED_BY_HASH, find_model, training_data_of
from gan.sampling.animation import FPS, SECONDS_EACH, check_animation, save_animation
from gan.sampling.best_of import RateImages, best_seeds
from gan.sampling.image_files import save_images
from gan.sampling.interpolation import slerp_loop
from gan.sampling.projection import project, read_target
from gan.sampling.sample import draw, latents_from_seeds
from gan.sampling.seeds import MAX_IMAGES, SEEDS_END, check_seed, parse_seeds
from gan.sampling.share_codes import code_in, decode, decode_latent, encode
from gan.sampling.truncation import check_truncation, truncate
from kit.progress import Progress, noop

MAX_ANIMATED = 64
MOST_CANDIDATES = 64


@dataclass(frozen=True)
class GenerateSettings:
    """What to draw, with what, and where to."""

    count: int = 64
    """Images, where ``seeds`` names none."""
    model: str | None = None
    """A run's name or folder, or a .safetensors file; None: the newest run, else the built-in generator."""
    seed: int = 0
    """Seed of the first image; each next has the next."""
    seeds: str | None = None
    """Seeds one by one: ``"0,4-6"``."""
    codes: tuple[str, ...] = ()
    """Share codes of the characters to draw, or links or PNGs with them, in place of seeds."""
    likes: tuple[Path, ...] = ()
    """Pictures whose most alike characters are to be drawn, in place of seeds; see `gan.sampling.projection`."""
    truncation: float = 1.0
    """How far to stay from the typical picture, 0 to 1; see `gan.sampling.truncation`."""
    best_of: int = 1
    """Candidates for each image (`gan.sampling.best_of`); those for seed s have the seeds s·best_of and up."""
    data: Path | None = None
    """Folder of the real pictures that candidates are judged by; None: those of the run."""
    out: Path = Path("generated")
    """Folder for the pictures."""
    grid: bool = True
    """Whether to write ``grid.png``."""
    animate: Path | None = None
    """A .gif, .webp or .mp4 that morphs from character to character, or none."""
    device: str = "auto"
    """As in training."""
    fps: float | None = None
    """Frames a second of the animation; None: `gan.sampling.animation.FPS`."""
    seconds: float | None = None
    """Its length, about; None: `gan.sampling.animation.SECONDS_EACH` a character."""

    def __post_init__(self) -> None:
        if not 1 <= self.count <= MAX_IMAGES:
            raise SettingsError(f"-n {self.count}: choose 1 to {MAX_IMAGES:,} pictures")
        check_truncation(self.truncation)
        check_seed(self.seed)
        if not 1 <= self.best_of <= MOST_CANDIDATES:
            raise SettingsError(f"--best-of {self.best_of}: choose 1 to {MOST_CANDIDATES} candidates")
        if self.best_of > 1 and max(self.all_seeds, default=0) >= SEEDS_END // self.best_of:
            raise SettingsError(f"--best-of {self.best_of}: its seeds would pass 2^62; choose smaller ones")
        if self.animate is not None:
            check_animation(self.animate, self.animation_fps, self.animation_seconds, self.animated)
        elif self.fps is not None or self.seconds is not None:
            raise SettingsError("--fps and --seconds are for --animate FILE")
        chosen = self.seeds or self.truncation != 1 or self.best_of > 1
        if self.codes and (chosen or self.likes):
            raise SettingsError(
                "--code says all of a character: leave out --seeds, --truncation, --best-of, --like"
            )
        if self.likes and chosen:
            raise SettingsError("--like says whom to draw: leave out --seeds, --truncation and --best-of")

    @property
    def all_seeds(self) -> list[int]:
        """One seed an image; of `best_of` candidates each."""
        return parse_seeds(self.seeds) if self.seeds else list(range(self.seed, self.seed + self.count))

    @property
    def animated(self) -> int:
        """How many characters the animation shows: the first MAX_ANIMATED."""
        return min(len(self.codes) or len(self.likes) or len(self.all_seeds), MAX_ANIMATED)

    @property
    def animation_fps(self) -> float:
        """Frames a second of the animation."""
        return FPS if self.fps is None else self.fps

    @property
    def animation_seconds(self) -> float:
        """The length of the animation, about."""
        return SECONDS_EACH * self.animated if self.seconds is None else self.seconds

    @property
    def wants_search(self) -> bool:
        """Whether the characters must be looked for first, which takes a while."""
        return self.best_of > 1 or bool(self.likes)


@dataclass(frozen=True)
class Selection:
    """Characters that are settled on, and the generator that draws them."""

    generator: LoadedGenerator
    latents: Tensor
    """[N, latent_dim] float32 on the CPU."""
    texts: list[dict[str, str]]
    """What each PNG says of its character: its code, and its seed where it has one."""

    def draw(self) -> Iterator[Image.Image]:
        """N RGB or RGBA images."""
        return draw(self.generator.network, self.latents)


@dataclass(frozen=True)
class Drawn:
    """What was drawn, and by which model."""

    count: int
    model: str
    replaced: int
    """Images of an earlier call that stood in the folder."""


def generate(settings: GenerateSettings, rate: RateImages | None = None, progress: Progress = noop) -> Drawn:
    """Draw the images and write them; the same model and seeds give the same bytes on the same device.

    Args:
        settings: what to draw.
        rate: what ``best_of`` chooses by.
        progress: called during a search, if there is one.

    Raises:
        GanError, SettingsError, DatasetError: as `select` and `save`.
    """
    selection = select(settings, rate, progress)
    return save(selection, selection.draw(), settings)


def save(selection: Selection, images: Iterable[Image.Image], settings: GenerateSettings) -> Drawn:
    """Write the images that a selection drew, and its animation; GanError if they cannot be written."""
    replaced = save_images(images, selection.texts, settings.out, settings.grid)
    if settings.animate:
        latents = selection.latents[:MAX_ANIMATED].numpy()
        frames_between = round(settings.animation_fps * settings.animation_seconds / len(latents))
        frames = draw(selection.generator.network, torch.from_numpy(slerp_loop(latents, frames_between)))
        save_animation(list(frames), settings.animate, settings.animation_fps)
    model = selection.generator
    return Drawn(len(selection.texts), model.header.describe(model.path), replaced)


def select(settings: GenerateSettings, rate: RateImages | None = None, progress: Progress = noop) -> Selection:
    """Load the generator and settle on the characters: by seed, code, likeness, or as the best of candidates.

    Raises:
        GanError: there is no such model, or it is damaged; for ``best_of`` the extra ``evaluate`` is not
            installed, or nobody knows what the model learned from.
        SettingsError: the seeds are no seeds, a code is none of this model, or a picture of ``likes`` cannot be
            read.
        DatasetError: the real pictures cannot be read.
    """
    generator = open_generator(model_file(settings), choose_device(settings.device))
    if settings.codes:
        return select_codes(generator, [code_in(shared) for shared in settings.codes])
    if settings.likes:
        return select_projected(generator, settings.likes, progress)
    seeds = settings.all_seeds
    if settings.best_of > 1:
        seeds = best_candidates(generator, settings, rate, progress)
    return select_seeds(generator, seeds, settings.truncation)


def model_file(settings: GenerateSettings) -> Path:
    """The generator file that draws: that of ``model``, else the built-in one that the first code is of.

    Raises:
        GanError: there is no such model.
        SettingsError: a picture in place of a code carries none, or the code is damaged.
    """
    named = settings.model
    if settings.codes and named is None:
        named = PRETRAINED_BY_HASH.get(decode(code_in(settings.codes[0])).model)
    return find_model(named, TrainConfig.output)


def select_codes(generator: LoadedGenerator, codes: list[str]) -> Selection:
    """The characters of share codes; SettingsError if one is none of this model."""
    info = generator.info
    latents = torch.tensor(np.stack([decode_latent(code, info.hash, info.latent_dim) for code in codes]))
    return Selection(generator, latents, [{"code": code} for code in codes])


def select_projected(generator: LoadedGenerator, likes: Iterable[Path], progress: Progress) -> Selection:
    """The characters most like pictures; SettingsError if one cannot be read."""
    info = generator.info
    images = [read_target(path, info.size_px, info.channels) for path in likes]
    latents = project(generator.network, info.latent_dim, images, progress)
    return Selection(generator, latents, [{"code": encode(info.hash, latent)} for latent in latents.numpy()])


def select_seeds(generator: LoadedGenerator, seeds: list[int], truncation: float) -> Selection:
    """The characters of seeds."""
    info = generator.info
    latents = truncate(latents_from_seeds(seeds, info.latent_dim), generator.network, truncation)
    codes = [encode(info.hash, latent) for latent in latents.numpy()]
    texts = [{"seed": str(seed), "code": code} for seed, code in zip(seeds, codes, strict=True)]
    return Selection(generator, latents, texts)


def best_candidates(
    generator: LoadedGenerator, settings: GenerateSettings, rate: RateImages | None, progress: Progress
) -> list[int]:
    """The seeds of the best candidates, one an image; errors as `select`."""
    if rate is None:
        raise SettingsError("best_of chooses by a rating: pass gan.evaluation.typicality.rate_typicality")
    folder = real_folder(settings.data or training_data_of(generator.path), generator.header)
    rate_these = partial(rate, real_folder=folder, device=generator.device, progress=progress)
    groups = [range(seed * settings.best_of, (seed + 1) * settings.best_of) for seed in settings.all_seeds]
    return best_seeds(generator.network, generator.info.latent_dim, groups, settings.truncation, rate_these)


def real_folder(data: Path | None, header: GeneratorHeader) -> Path:
    """The folder of what the model learned from; GanError where nobody knows."""
    if data is not None:
        return data
    made = "; vgc demo makes it: vgc-demo/Data/train_data/rgb_images" if header.trained_on == TRAINED_ON else ""
    raise GanError(
        f"--best-of judges by the pictures that the generator learned from ({header.trained_on}): "
        f"name their folder with --data{made}"
    )
