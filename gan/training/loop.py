"""The training loop: a folder of pictures in, a run folder out, stoppable and resumable at any step."""

import logging
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dataset.reader import image_files, load_images
from gan import old_names
from gan.config import GanError, SettingsError, TrainConfig
from gan.device import choose_device, choose_precision, is_out_of_memory, use_algorithms
from gan.runs.checkpoint import load_checkpoint
from gan.runs.report import REPORT_FILE
from gan.runs.run_folder import RunFolder
from gan.training.clock import Clock, is_due, is_over, position, remaining, stop_signals
from gan.training.distributed import World, joined, local_device
from gan.training.profiling import profiled
from gan.training.run_logger import Record
from gan.training.scoring import require_scores
from gan.training.trainer import Game, parts_of
from kit.progress import Notify, Progress, noop

log = logging.getLogger(__name__)

IMAGES_BETWEEN_METRICS = 1000
IMAGES_BETWEEN_SAMPLES = 5000
MINUTES_ON_CPU = 20.0
"""Length of a run on a CPU where the user names none; a GPU plays the preset's kimg."""
FEW_PICTURES = 50
"""Fewer are trained on, but not without a word."""

IMAGES_FOR_SHAPES = 4000
"""Real pictures shown before the default preset draws more than noise."""

CHANGEABLE = {
    "kimg",
    "minutes",
    "device",
    "save_minutes",
    "data",
    "grad_accum",
    "deterministic",
    "cuda_graphs",
    "eval_every_kimg",
}
"""Settings that a resumed run may change without becoming another run. The pictures may have moved: they are known
by their pixels."""


@dataclass(frozen=True)
class TrainSummary:
    """How a run ended."""

    run: Path
    images: int
    minutes: float
    images_per_second: float
    """Of this piece of the run."""
    stopped: bool
    """Ended by a signal, before its time."""


def train(
    config: TrainConfig, progress: Progress = noop, profile: bool = False, tell: Notify = noop
) -> TrainSummary:
    """Train from fresh weights.

    Args:
        config: the settings; ``recipe`` is taken to the size of the pictures.
        progress: told the images shown after every step.
        profile: whether to record where the time goes; see `gan.training.profiling`.
        tell: told at the start where the run is and what it trains with, and each score.

    Raises:
        GanError: see `play`; or the device, the folder or the pictures are not there.
        SettingsError: the settings do not fit the pictures, or the run stands already.
        DatasetError: the pictures cannot be read.
    """
    device = local_device(choose_device(config.device))
    with joined(device) as world:
        pictures = pictures_of(config)
        config = settled(config, pictures.shape[-1], device)
        config = replace(config, precision=world.from_leader(config.precision))
        game = game_of(config, pictures, device, world)
        with RunFolder.create(config) if world.leads else nullcontext() as folder:
            return play(game, folder, config, 0.0, progress, profile, tell)


def pictures_of(config: TrainConfig) -> Tensor:
    """The pictures that a run learns from, [N, 3, H, W] uint8; GanError if there is nothing to learn from them."""
    pictures = load_images(config.data)
    flat = pictures.flatten(2)
    blank = (flat.amax(2) == flat.amin(2)).all(1)
    if blank.any():
        first = image_files(config.data)[int(blank.int().argmax())]
        told = f"{first}: one colour all over"
        if blank.all():
            raise GanError(
                f"{told}, and so is every picture there: nothing can be learned from them; "
                "make the set anew with vgc preprocess, or name another folder with --data"
            )
        log.warning("%s (%d such pictures); take away what is no character", told, int(blank.sum()))
    if len(pictures) < FEW_PICTURES:
        log.warning("%s: few pictures (%d); the generator may learn them by heart", config.data, len(pictures))
    return pictures


def game_of(config: TrainConfig, pictures: Tensor, device: torch.device, world: World) -> Game:
    """The game that ``config`` describes, from fresh weights; GanError if another process has other pictures."""
    if config.eval_every_kimg:
        require_scores(pictures, config.data)
    use_algorithms(config.deterministic)
    precision = choose_precision(config.precision, device)
    game = Game(
        config.recipe,
        pictures,
        config.recipe.batch,
        config.seed,
        device,
        precision,
        world,
        config.grad_accum,
        config.cuda_graphs,
    )
    if world.from_leader(game.fingerprint) != game.fingerprint:
        raise GanError(f"{config.data}: process {world.rank} sees other pictures there than the first one")
    return game


def resume(
    name: str,
    output: Path,
    changes: dict[str, Any],
    progress: Progress = noop,
    profile: bool = False,
    tell: Notify = noop,
) -> TrainSummary:
    """Go on with a run, bit for bit as if it had never stopped (on a CPU, or with ``deterministic``).

    Args:
        name: the run's name in ``output``, or its path.
        output: the folder that holds the runs.
        changes: settings by name that the user gave; only `CHANGEABLE` ones may differ from the run's.
        progress, profile, tell: as in `train`.

    Raises:
        GanError, SettingsError, DatasetError: as in `train`; or there is no such run, its checkpoint is damaged,
            its pictures have changed.
    """
    folder = RunFolder.find(name, output)
    config = changed(folder.read_config(), changes)
    device = local_device(choose_device(config.device))
    with joined(device) as world, folder if world.leads else nullcontext():
        begun = world.from_leader(world.leads and folder.has_begun)
        state = world.from_leader(load_checkpoint(folder.checkpoint) if begun and world.leads else {})
        game = game_of(config, pictures_of(config), device, world)
        if begun:
            go_on_from(state, game, folder, config.data)
        seconds = state.get("seconds", 0.0)
        if is_over(config, game.images, seconds):
            so_far = f"{game.images:,} images, {seconds / 60:.1f} minutes"
            raise SettingsError(f"{name} has reached its end ({so_far}): go on with a larger --kimg or --minutes")
        if world.leads:
            folder.write_config(config)
        return play(game, folder if world.leads else None, config, seconds, progress, profile, tell)


def go_on_from(state: dict[str, Any], game: Game, folder: RunFolder, data: Path) -> None:
    """Load a checkpoint's state.

    Raises:
        GanError: it is of other pictures, or of other networks than the run's, or larger than the device's memory.
    """
    if state["fingerprint"] != game.fingerprint:
        raise GanError(
            f"{data}: the pictures have changed since {folder.path.name} began; put back what it had, "
            "or start a new run"
        )
    try:
        game.load_state(state)
    except (KeyError, RuntimeError, ValueError) as error:
        if is_out_of_memory(error):
            raise GanError(
                f"{folder.checkpoint}: no memory left on {game.device} to load it; end other programs, then go on"
            ) from error
        raise GanError(
            f"{folder.checkpoint}: of other networks than {folder.path.name}'s; "
            "put back its own, or start a new run"
        ) from error


def changed(config: TrainConfig, changes: dict[str, Any]) -> TrainConfig:
    """The run's settings with the user's changes; SettingsError names those that may not change."""
    changes = old_names.renamed(changes, old_names.CONFIG)
    if "preset" in changes:
        changes["preset"] = old_names.preset_name(changes["preset"])
    had = {name: config.recipe.batch if name == "batch" else getattr(config, name) for name in changes}
    refused = [name for name, value in changes.items() if name not in CHANGEABLE and had[name] != value]
    if refused:
        told = ", ".join(f"--{name} {changes[name]} (the run has {had[name]})" for name in refused)
        raise SettingsError(f"--resume cannot change {told}; leave it out, or start a new run")
    # A run told to end at another point forgets the end that it had.
    ends = {"kimg": None, "minutes": None} if {"kimg", "minutes"} & set(changes) else {}
    return replace(config, **{**ends, **changes})


def settled(config: TrainConfig, size_px: int, device: torch.device) -> TrainConfig:
    """The same settings with all that the user left open: the recipe at its size, the precision, the end.

    Raises:
        SettingsError: the preset has no network of that size.
    """
    recipe = config.recipe.at_size(size_px)
    config = replace(config, recipe=recipe, precision=choose_precision(config.precision, device))
    if config.kimg is not None or config.minutes is not None:
        return config
    if device.type == "cpu":
        return replace(config, minutes=MINUTES_ON_CPU)
    return replace(config, kimg=recipe.total_kimg)


def play(
    game: Game,
    folder: RunFolder | None,
    config: TrainConfig,
    earlier_seconds: float,
    progress: Progress,
    profile: bool,
    tell: Notify,
) -> TrainSummary:
    """Step until the end, a signal or a failure; whatever comes, a checkpoint stands.

    Args:
        game: at its start, or where a checkpoint was taken.
        folder: where the run is written down; None in a process that works for another one.
        config: of the run.
        earlier_seconds: of training before this piece.
        progress, profile, tell: as in `train`.

    Raises:
        GanError: out of memory (names what would fit), or the losses are no numbers any more.
    """
    clock = Clock(earlier_seconds, game.images, config.save_minutes * 60)
    record = Record(game, folder, config, clock)
    if folder:
        tell(beginning(game, folder))
    first_line = (game.images // IMAGES_BETWEEN_METRICS + 1) * IMAGES_BETWEEN_METRICS
    losses = f"losses from {first_line:,} images on"
    clock.start()
    record.start()
    clock.start()  # anew: what is written before the first step is no training
    with record, stop_signals(patient=game.world.size > 1) as stop, profiled(folder, profile) as profiler:
        while True:
            stopping = stop.is_set() or game.world.is_orphan
            stopped, over = game.world.any(stopping, is_over(config, game.images, clock.seconds))
            if stopped or over:
                break
            step(game)
            profiler.step()
            clock.note(game.images)
            if is_due(game, IMAGES_BETWEEN_METRICS):
                losses = record.tick()
            if is_due(game, IMAGES_BETWEEN_SAMPLES):
                record.look(record.sample())
            if config.eval_every_kimg and is_due(game, round(config.eval_every_kimg * 1000)):
                record.evaluate(progress, tell)
            if clock.save_is_due():
                record.save()
            record.show()
            done, total = position(game, config, clock)
            words = f"{clock.speed:.0f} img/s · {remaining(done, total, clock.speed)} left · {losses}"
            progress(done, total, words)
    with record:
        record.end(stopped)
    average = (game.images - clock.images_before) / max(clock.piece_seconds, 1e-9)
    return TrainSummary(record.path, game.images, clock.seconds / 60, average, stopped)


def beginning(game: Game, folder: RunFolder) -> str:
    """Words on where a run is and what it trains with."""
    count, _, _, side = game.pictures.shape
    machine = f"{game.precision} on {game.device}"
    return (
        f"{folder.path}: {count:,} pictures of {side}x{side}, batch {game.batch}, {machine}\n"
        f"to watch: {folder.path / REPORT_FILE}"
    )


def step(game: Game) -> None:
    """One step; GanError where the memory does not hold the batch."""
    try:
        game.step()
        return
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
    # Only here, with the failed step's tensors gone, is there memory to try with.
    raise GanError(what_would_fit(game))


def what_would_fit(game: Game) -> str:
    """Words on how to go on after running out of memory, tried out where one process is alone."""
    share = game.batch // game.world.size
    split = len(game.parts)
    told = f"out of memory with {share // split} pictures at once"
    while share % (split * 2) == 0:
        split *= 2
        if game.world.size > 1 or plays(game, split):
            fits = f"add --grad-accum {split} (micro-batches of {share // split} fit)"
            return f"{told}: {fits}, or choose a smaller --batch"
    return f"{told}: choose a smaller --batch, or a smaller --size with vgc preprocess"


def plays(game: Game, split: int) -> bool:
    """Whether a step works with so many parts; the game is spoilt by the try."""
    game.parts = parts_of(game.batch, game.world, split)
    if game.device.type == "cuda":
        torch.cuda.empty_cache()
    try:
        game.step()
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        return False
    return True
