"""The training loop: a folder of pictures in, a run folder out, stoppable and resumable at any step."""

import signal
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from dataset.reader import load_pictures
from gan.checkpoint import GeneratorHeader, load_checkpoint, save_checkpoint, save_generator
from gan.config import PRESETS, GanError, SettingsError, TrainConfig
from gan.device import choose_device, choose_precision, use_fast_matrix_units
from gan.game import Game
from gan.run import RunFolder, check_finite
from gan.sample import draw, grid, latents_of
from scraper.progress import Progress, silent

SAMPLES = 64
STEPS_FOR_SPEED = 50
IMAGES_BETWEEN_METRICS = 1000
IMAGES_BETWEEN_SAMPLES = 5000
MINUTES_ON_CPU = 20.0
"""Length of a run on a CPU where the user names none; a GPU plays the preset's kimg."""

CHANGEABLE = {"kimg", "minutes", "device", "save_minutes", "data"}
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


@dataclass
class Clock:
    """Time spent in training, over all pieces of a run, and what happens when."""

    earlier_seconds: float
    images_before: int
    save_seconds: float
    started: float = 0.0
    saved: float = 0.0
    recent: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=STEPS_FOR_SPEED))

    def start(self) -> None:
        """Begin this piece."""
        self.started = self.saved = time.monotonic()
        self.note(self.images_before)

    def note(self, images: int) -> None:
        """Take down that so many images have been shown by now."""
        self.recent.append((time.monotonic(), images))

    @property
    def piece_seconds(self) -> float:
        """Seconds of this piece."""
        return time.monotonic() - self.started

    @property
    def seconds(self) -> float:
        """Seconds of all pieces."""
        return self.earlier_seconds + self.piece_seconds

    def save_is_due(self) -> bool:
        """Whether it is time for a checkpoint."""
        return time.monotonic() - self.saved >= self.save_seconds

    @property
    def speed(self) -> float:
        """Images a second over the last steps; 0 before the first."""
        (begin, before), (end, after) = self.recent[0], self.recent[-1]
        return (after - before) / (end - begin) if end > begin else 0.0


def train(config: TrainConfig, progress: Progress = silent) -> TrainSummary:
    """Train from fresh weights.

    Args:
        config: the settings; ``recipe`` is replaced by the preset's, at the size of the pictures.
        progress: told the images shown after every step.

    Raises:
        GanError: see `play`; or the device, the folder or the pictures are not there.
        SettingsError: the settings do not fit the pictures, or the run stands already.
        DatasetError: the pictures cannot be read.
    """
    device = choose_device(config.device)
    pictures = load_pictures(config.data)
    recipe = PRESETS[config.preset].at_size(pictures.shape[-1])
    precision = choose_precision(config.precision, device)
    config = with_an_end(replace(config, recipe=recipe, precision=precision), device)
    game = Game(recipe, pictures, config.batch_size, config.seed, device, precision)
    with RunFolder.create(config) as folder:
        return play(game, folder, config, 0.0, progress)


def resume(name: str, output: Path, changes: dict[str, Any], progress: Progress = silent) -> TrainSummary:
    """Go on with a run, bit for bit as if it had never stopped (on a CPU).

    Args:
        name: the run's name in ``output``, or its path.
        output: the folder that holds the runs.
        changes: settings by name that the user gave; only `CHANGEABLE` ones may differ from the run's.
        progress: as in `train`.

    Raises:
        GanError, SettingsError, DatasetError: as in `train`; or there is no such run, its checkpoint is damaged,
            its pictures have changed.
    """
    folder = RunFolder.find(name, output)
    with folder:
        config = changed(folder.read_config(), changes)
        state = load_checkpoint(folder.checkpoint)
        device = choose_device(config.device)
        pictures = load_pictures(config.data)
        precision = choose_precision(config.precision, device)
        game = Game(config.recipe, pictures, config.batch_size, config.seed, device, precision)
        if state["fingerprint"] != game.fingerprint:
            raise GanError(
                f"{config.data}: the pictures have changed since {folder.path.name} began; start a new run"
            )
        game.load_state(state)
        if is_over(config, game.images, state["seconds"]):
            so_far = f"{game.images:,} images, {state['seconds'] / 60:.1f} minutes"
            raise SettingsError(f"{name} has reached its end ({so_far}): go on with a larger --kimg or --minutes")
        folder.write_config(config)
        return play(game, folder, config, state["seconds"], progress)


def changed(config: TrainConfig, changes: dict[str, Any]) -> TrainConfig:
    """The run's settings with the user's changes; SettingsError names those that may not change."""
    refused = [
        name for name, value in changes.items() if name not in CHANGEABLE and getattr(config, name) != value
    ]
    if refused:
        told = ", ".join(f"--{name} {changes[name]} (the run has {getattr(config, name)})" for name in refused)
        raise SettingsError(f"--resume cannot change {told}; leave it out, or start a new run")
    # A run told to end at another point forgets the end that it had.
    ends = {"kimg": None, "minutes": None} if {"kimg", "minutes"} & set(changes) else {}
    return replace(config, **{**ends, **changes})


def with_an_end(config: TrainConfig, device: torch.device) -> TrainConfig:
    """The same settings with a length, where the user gave none."""
    if config.kimg is not None or config.minutes is not None:
        return config
    if device.type == "cpu":
        return replace(config, minutes=MINUTES_ON_CPU)
    return replace(config, kimg=config.recipe.total_kimg)


def play(
    game: Game, folder: RunFolder, config: TrainConfig, earlier_seconds: float, progress: Progress
) -> TrainSummary:
    """Step until the end, a signal or a failure; whatever comes, a checkpoint stands.

    Raises:
        GanError: out of memory (names a batch to try), or the losses are no numbers any more.
    """
    use_fast_matrix_units()
    clock = Clock(earlier_seconds, game.images, config.save_minutes * 60)
    fixed = latents_of(range(SAMPLES), game.recipe.generator.latent_dim)
    folder.go_on_from(game.images)
    losses = "starting"
    clock.start()
    if game.images == 0:
        save(game, folder, config, clock)
        folder.save_sample(0, grid(list(draw(game.average, fixed))))
    with stop_signals() as stop:
        while not stop.is_set() and not is_over(config, game.images, clock.seconds):
            step(game)
            clock.note(game.images)
            if is_due(game, IMAGES_BETWEEN_METRICS):
                losses = tick(game, folder, clock)
            if is_due(game, IMAGES_BETWEEN_SAMPLES):
                folder.save_sample(game.images, grid(list(draw(game.average, fixed))))
            if clock.save_is_due():
                save(game, folder, config, clock)
            done, total = position(game, config, clock)
            progress(
                done, total, f"{clock.speed:.0f} img/s · {remaining(done, total, clock.speed)} left · {losses}"
            )
    save(game, folder, config, clock)
    folder.save_sample(game.images, grid(list(draw(game.average, fixed))))
    average = (game.images - clock.images_before) / max(clock.piece_seconds, 1e-9)
    return TrainSummary(folder.path, game.images, clock.seconds / 60, average, stop.is_set())


def step(game: Game) -> None:
    """One step; GanError where the memory does not hold the batch."""
    try:
        game.step()
    except torch.OutOfMemoryError as error:
        smaller = max(game.batch // 2, 2)
        raise GanError(f"out of memory at batch {game.batch}: try --batch {smaller}") from error


def is_over(config: TrainConfig, images: int, seconds: float) -> bool:
    """Whether a run has reached the end that its settings name."""
    shown = config.kimg is not None and images >= config.kimg * 1000
    return shown or (config.minutes is not None and seconds >= config.minutes * 60)


def position(game: Game, config: TrainConfig, clock: Clock) -> tuple[int, int]:
    """Images shown, and how many there will be when the run ends, as far as one can tell by now."""
    ends = [] if config.kimg is None else [config.kimg * 1000]
    if config.minutes is not None:
        ends.append(game.images + max(config.minutes * 60 - clock.seconds, 0) * clock.speed)
    return game.images, int(min(ends))


def remaining(done: int, total: int, speed: float) -> str:
    """The time to the end as ``1:02:03`` or ``2:03``."""
    minutes, seconds = divmod(int((total - done) / max(speed, 1e-9)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def tick(game: Game, folder: RunFolder, clock: Clock) -> str:
    """Write a line of metrics; returns what the live line says of it."""
    values = game.take_metrics()
    check_finite(values, folder.path)
    folder.log(game.images, {**values, "images_per_second": clock.speed, "seconds": clock.seconds})
    return f"D {values['loss_d']:.2f} · G {values['loss_g']:.2f} · real {values['sign_real']:+.2f}"


def is_due(game: Game, every: int) -> bool:
    """Whether the last step reached a mark: marks are ``every`` images apart at first, and from each hundredth
    mark on twice as far, so that a long run leaves a few hundred. Images alone decide, so that a resumed run
    leaves the same ones."""
    while game.images > 100 * every:
        every *= 2
    return game.images // every > (game.images - game.batch) // every


def save(game: Game, folder: RunFolder, config: TrainConfig, clock: Clock) -> None:
    """Write the averaged generator and the checkpoint, each whole or not at all."""
    header = GeneratorHeader(
        architecture=game.recipe.generator,
        preset=config.preset,
        images=game.images,
        trained_on=f"{len(game.pictures)} pictures of {config.data}",
    )
    save_generator(folder.generator, game.average, header)
    save_checkpoint(folder.checkpoint, {**game.state(), "seconds": clock.seconds})
    clock.saved = time.monotonic()


@contextmanager
def stop_signals() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set, so that a step is never torn; a second signal ends at once."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop  # only the main thread may handle signals
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in numbers}

    def request(_number: int, _frame: object) -> None:
        stop.set()
        for number in numbers:
            signal.signal(number, before[number])

    for number in numbers:
        signal.signal(number, request)
    try:
        yield stop
    finally:
        for number in numbers:
            signal.signal(number, before[number])
