"""Scores a model or a folder of images against real ones: scores, nearest neighbours, files of both."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from dataset.hold_out import split_files
from dataset.image_folder import image_channels, image_files, open_image
from dataset.reader import load_images
from gan.config import TrainConfig
from gan.device import choose_device
from gan.errors import GanError, SettingsError
from gan.evaluation.features import (
    MIN_IMAGES,
    FeatureNetwork,
    cached_features,
    load_feature_network,
    require_scorable,
)
from gan.evaluation.metrics import floor_scores, kid_subset_size, scores
from gan.evaluation.neighbours import (
    MAX_COMPARED,
    EmbeddedImages,
    EmbeddedTrainingSet,
    memorisation_ratios,
    neighbour_grid,
)
from gan.images import GROUNDS, over_ground, to_tensor
from gan.runs.checkpoint import load_generator, read_generator_header
from gan.runs.model_files import find_model, run_argument, run_of, training_data_of
from gan.runs.report import rewrite_report
from gan.runs.run_folder import RunFolder
from gan.runs.score_names import SCORES_FILE, score_name
from gan.sampling.image_files import GRID_FILE
from gan.sampling.sample import draw, latents_from_seeds
from gan.sampling.seeds import MAX_IMAGES, check_seed
from gan.sampling.truncation import check_truncation, truncate
from kit.atomic import sweep, write_text
from kit.channels import RGBA
from kit.overwrite import refuse_foreign
from kit.png import is_vgc_png, save_png
from kit.progress import Progress, noop

METRICS = ("kid", "fid", "prdc", "nn")
READ_BATCH = 512
BOARD_FILE = "neighbours.png"


@dataclass(frozen=True)
class EvaluateSettings:
    """What to score against what, and how."""

    model: str | None = None
    """A run's name or folder, or a .safetensors file; None: the newest run, else the built-in generator."""
    fakes: Path | None = None
    """A folder of generated pictures in place of a model."""
    data: Path | None = None
    """Folder of the real pictures; None: those of the run, else `TrainConfig.data`."""
    held_out: Path | None = None
    """Folder of real pictures that the model has never seen, to measure memorisation by."""
    metrics: str = ",".join(METRICS)
    """Some of `METRICS`, by commas."""
    weights: Path | None = None
    """torch-fidelity's Inception weights; None: see `gan.evaluation.features.load_feature_network`."""
    count: int | None = None
    """Generated pictures; None: as many as there are real ones."""
    seed: int = 0
    """Of the first generated picture, of KID's subsets and of the halves of the floor."""
    truncation: float = 1.0
    """How far to stay from the typical picture, 0 to 1; see `gan.sampling.truncation`."""
    out: Path = Path("evaluation")
    """Folder for the board and the scores."""
    device: str = "auto"
    """As in training."""

    def __post_init__(self) -> None:
        if self.model is not None and self.fakes is not None:
            raise SettingsError("--model draws pictures, --fakes names a folder of them: give one of the two")
        if not self.metric_names or not self.metric_names <= set(METRICS):
            raise SettingsError(f"--metrics {self.metrics}: choose from {','.join(METRICS)}")
        if self.count is not None and not MIN_IMAGES <= self.count <= MAX_IMAGES:
            raise SettingsError(f"--count {self.count}: choose {MIN_IMAGES} to {MAX_IMAGES:,} pictures")
        check_truncation(self.truncation)
        check_seed(self.seed)

    @property
    def metric_names(self) -> frozenset[str]:
        """The metrics one by one."""
        return frozenset(name.strip() for name in self.metrics.split(",") if name.strip())


@dataclass
class Evaluation:
    """The scores, and what they were computed from."""

    generated: str
    """Where the generated pictures came from."""
    real: str
    """Where the real ones came from."""
    features: str
    """Name of the network whose features were compared."""
    generated_pictures: int
    real_pictures: int
    kid_subset: int
    """Pictures in each subset that KID was measured on."""
    floor_subset: int
    """The same of the floor."""
    scores: dict[str, float] = field(default_factory=dict)
    """As `gan.evaluation.metrics.scores` names them."""
    floor: dict[str, float] = field(default_factory=dict)
    """The same of one real half against the other."""
    memorisation: dict[str, float] = field(default_factory=dict)
    """By space, ``features`` and ``pixels``; see `gan.evaluation.neighbours.memorisation_ratios`."""
    compared_with: str = ""
    """The real pictures whose distances ``memorisation`` is relative to."""
    board: Path | None = None
    """Of nearest neighbours."""
    run: str | None = None
    """The model's, as ``--resume`` calls it."""
    ground: str = ""
    """Of transparent pictures: which of `gan.images.GROUNDS` the scores are over, the worst one."""
    grounds: dict[str, dict[str, float]] = field(default_factory=dict)
    """The scores over each of them."""

    def to_json(self) -> dict[str, Any]:
        """Plain values; the scores under names that include their features."""
        named = {
            group: {score_name(self.features, name): value for name, value in values.items()}
            for group, values in (("scores", self.scores), ("floor", self.floor))
        }
        values = {**vars(self), **named, "board": self.board and str(self.board)}
        named_grounds = {
            ground: {score_name(self.features, name): value for name, value in each.items()}
            for ground, each in self.grounds.items()
        }
        return {**values, "grounds": named_grounds} if self.grounds else _without(values, "ground", "grounds")


def _without(values: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in names}


class GeneratedImages:
    """Generated images, drawn or read a batch at a time; the first ones are kept for the board."""

    def __init__(self, origin: str, images: Callable[[], Iterable[Image.Image]], count: int, side: int) -> None:
        """``images`` gives ``count`` of them at least, ``side`` pixels wide and high, the same at each call."""
        self.origin, self.count, self._side = origin, count, side
        self._images = images
        self._kept: list[Tensor] = []

    def over(self, ground: int) -> Iterator[Tensor]:
        """Batches [n, 3, H, W] uint8, what is transparent over a grey level."""
        return (over_ground(batch, ground) for batch in self)

    def __iter__(self) -> Iterator[Tensor]:
        """Batches [n, C, H, W] uint8."""
        waiting = islice(self._images(), self.count)
        kept = 0
        self._kept.clear()
        while batch := list(islice(waiting, READ_BATCH)):
            chunk = torch.stack([self._to_tensor(image) for image in batch])
            if kept < MAX_COMPARED:
                self._kept.append(chunk[: MAX_COMPARED - kept])
                kept += len(self._kept[-1])
            yield chunk

    def _to_tensor(self, image: Image.Image) -> Tensor:
        if image.size != (self._side, self._side):
            raise GanError(
                f"{self.origin}: a picture of {image.width}x{image.height}, but the real ones are "
                f"{self._side}x{self._side}; make them alike with vgc preprocess --size {self._side}"
            )
        return to_tensor(image)

    @property
    def first(self) -> Tensor:
        """The first `MAX_COMPARED` pictures last iterated, [N, C, H, W] uint8."""
        return torch.cat(self._kept)


def evaluate(settings: EvaluateSettings, progress: Progress = noop) -> Evaluation:
    """Score the pictures, and write the board and ``scores.json``.

    Args:
        settings: what and how.
        progress: called with the number of images processed.

    Raises:
        GanError: the extra is not installed, the model or the weights are not there, sizes differ, or there are
            too few pictures.
        DatasetError: a folder cannot be read.
        SettingsError: the device is none.
    """
    device = choose_device(settings.device)
    network = load_feature_network(settings.weights, device)
    model = None if settings.fakes else find_model(settings.model, TrainConfig.output)
    run = run_of(model) if model else None
    # Read here already: the run's page needs its settings at the end, and what is wrong is told first.
    share = RunFolder(run).read_config().hold_out if run else 0.0
    data = settings.data or (model and training_data_of(model)) or TrainConfig.data
    seen_files = unseen_files = None
    if share and settings.data is None and settings.held_out is None:
        seen_files, unseen_files = split_files(data, share)
        settings = replace(settings, held_out=data)
    reals = read_reals(data, model, seen_files)
    unseen = read_held_out(settings.held_out, reals, unseen_files)
    fakes = fakes_from_model(model, settings, reals, device) if model else fakes_from_folder(settings, reals)
    prepare_output_folder(settings.out)
    by_ground = features_by_ground(network, fakes, reals, progress)
    progress(fakes.count, fakes.count, "scoring")
    grounds = {name: each.scores(settings) for name, each in by_ground.items()}
    worst = max(grounds, key=lambda name: badness(grounds[name]))
    features = by_ground[worst]
    result = Evaluation(
        generated=fakes.origin,
        real=str(data),
        features=network.name,
        generated_pictures=len(features.fake),
        real_pictures=len(reals),
        kid_subset=kid_subset_size(len(features.fake), len(reals)),
        floor_subset=kid_subset_size(len(reals) // 2, len(reals) // 2),
        scores=grounds[worst],
        floor=floor_scores(features.real, settings.metric_names, settings.seed),
        run=run_argument(run) if run else None,
    )
    if len(grounds) > 1:
        result.ground, result.grounds = worst, grounds
    if "nn" in settings.metric_names:
        level = GROUNDS[worst]
        generated = EmbeddedImages(fakes.first, features.fake[: len(fakes.first)])
        mirrored = cached_features(network, over_ground(reals, level), mirrored=True, progress=progress)
        training = EmbeddedTrainingSet(EmbeddedImages(reals, features.real), mirrored)
        held_out = None if unseen is None else embed_held_out(network, unseen, level, progress)
        add_neighbours(result, settings, generated, training, held_out)
    write_scores(result, settings.out, run)
    return result


@dataclass(frozen=True)
class Features:
    """Of generated and of real pictures, [N, D] and [M, D] float32."""

    fake: Tensor
    real: Tensor

    def scores(self, settings: EvaluateSettings) -> dict[str, float]:
        """As `gan.evaluation.metrics.scores` names them."""
        return scores(self.fake, self.real, settings.metric_names, settings.seed)


def read_reals(data: Path, model: Path | None, files: Sequence[Path] | None) -> Tensor:
    """The real pictures, [N, C, H, W] uint8, with the model's channels; GanError if they are too few.

    Args:
        files: those of ``data`` that were trained on, if not all.
    """
    channels = read_generator_header(model).architecture.channels if model else image_channels(data)
    reals = load_images(data, channels, files)
    require_scorable(reals, data)
    return reals


def features_by_ground(
    network: FeatureNetwork, fakes: GeneratedImages, reals: Tensor, progress: Progress
) -> dict[str, Features]:
    """By the name of the ground that transparent images are put over; opaque ones need one only."""
    names = list(GROUNDS) if reals.shape[1] == RGBA else list(GROUNDS)[:1]
    return {
        name: Features(
            fake=network(fakes.over(GROUNDS[name]), fakes.count, "generated", progress),
            real=cached_features(network, over_ground(reals, GROUNDS[name]), progress=progress),
        )
        for name in names
    }


def badness(values: dict[str, float]) -> float:
    """By which the worst ground is told: the first of KID, FID and coverage that was measured."""
    lower_is_better = (values[name] for name in ("kid", "fid") if name in values)
    return next(lower_is_better, -values.get("coverage", 0.0))


def fakes_from_model(
    model: Path, settings: EvaluateSettings, reals: Tensor, device: torch.device
) -> GeneratedImages:
    """The pictures of a model, one a seed."""
    generator, header = load_generator(model, device)
    count = settings.count or max(min(len(reals), MAX_IMAGES), MIN_IMAGES)
    seeds = range(settings.seed, settings.seed + count)
    latents = truncate(latents_from_seeds(seeds, header.architecture.latent_dim), generator, settings.truncation)
    return GeneratedImages(header.describe(model), lambda: draw(generator, latents), count, reals.shape[-1])


def fakes_from_folder(settings: EvaluateSettings, reals: Tensor) -> GeneratedImages:
    """The pictures of a folder, ``grid.png`` left out; GanError if there are fewer than asked for."""
    assert settings.fakes
    files = [path for path in image_files(settings.fakes) if path.name != GRID_FILE]
    count = settings.count or len(files)
    if len(files) < max(count, MIN_IMAGES):
        needed = f"--count {count}" if settings.count else f"scores need {MIN_IMAGES} at least"
        raise GanError(f"{settings.fakes}: {len(files)} pictures; {needed}")
    channels = reals.shape[1]
    return GeneratedImages(
        str(settings.fakes),
        lambda: (open_image(file, channels) for file in files[:count]),
        count,
        reals.shape[-1],
    )


def add_neighbours(
    result: Evaluation,
    settings: EvaluateSettings,
    generated: EmbeddedImages,
    training: EmbeddedTrainingSet,
    held_out: EmbeddedImages | None,
) -> None:
    """Fill in the memorisation ratios and write the board."""
    neighbours = training.neighbours_of(generated)
    if held_out is None:
        others, count = training.neighbours_within()
        result.compared_with = f"{count:,} training pictures, each to the nearest other one"
    else:
        others = training.neighbours_of(held_out, k=1)
        result.compared_with = f"{len(held_out.images):,} held-out pictures of {settings.held_out}"
    result.memorisation = memorisation_ratios(neighbours, others)
    result.board = settings.out / BOARD_FILE
    save_png(neighbour_grid(generated.images, training.originals.images, neighbours), result.board)


def embed_held_out(network: FeatureNetwork, unseen: Tensor, level: int, progress: Progress) -> EmbeddedImages:
    """Held-out pictures with their features over a ground."""
    return EmbeddedImages(unseen, network([over_ground(unseen, level)], len(unseen), "held-out", progress))


def write_scores(result: Evaluation, folder: Path, run: Path | None) -> None:
    """Write ``scores.json``; of a run's model into the run too, whose report shows it."""
    text = json.dumps(result.to_json(), indent=2) + "\n"
    write_text(folder / SCORES_FILE, text)
    if run:
        write_text(run / SCORES_FILE, text)
        rewrite_report(run)


def read_held_out(folder: Path | None, reals: Tensor, files: Sequence[Path] | None) -> Tensor | None:
    """Some pictures that the model never saw, [N, C, H, W] uint8: ``files``, or all of a folder.

    Raises:
        GanError: their size is not the others', or some are among ``reals``.
    """
    if folder is None:
        return None
    images = load_images(folder, reals.shape[1], files)[:MAX_COMPARED]
    side = reals.shape[-1]
    if images.shape[-1] != side:
        raise GanError(
            f"{folder}: pictures of {images.shape[-1]} pixels, but the training ones have {side}; "
            f"make them alike with vgc preprocess --size {side}"
        )
    held_out = {image.numpy().tobytes() for image in images}
    shared = len(held_out.intersection(image.numpy().tobytes() for image in reals))
    if shared:
        raise GanError(
            f"{folder}: {shared} of {len(held_out)} pictures are among the training ones too; "
            "take them away there and train without them (docs/training.md, Evaluating)"
        )
    return images


def prepare_output_folder(folder: Path) -> None:
    """GanError if the folder cannot be made, or holds another board than vgc's."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        sweep(folder, f"{re.escape(SCORES_FILE)}|{re.escape(BOARD_FILE)}")
    except OSError as error:
        raise GanError(f"{folder}: cannot be made ({error.strerror}); choose another --out") from error
    grid = folder / BOARD_FILE
    refuse_foreign(grid, is_vgc_png(grid), GanError)
