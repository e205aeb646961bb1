"""The folder of a run: its name, its settings, its lines of metrics, its sample pictures."""

import json
import math
import time
from contextlib import ExitStack, suppress
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from gan.config import TrainConfig
from gan.errors import GanError, SettingsError
from gan.networks.build import build_discriminator, build_generator, without_weights
from gan.runs.checkpoint import read_generator_header
from gan.runs.model_files import (
    BEST_FILE,
    CONFIG_FILE,
    GENERATOR_FILE,
    list_runs,
    read_config_file,
    run_argument,
)
from gan.runs.run_files import (
    CHECKPOINT_FILE,
    LOCK_FILE,
    LOG_FILE,
    METRICS_FILE,
    OUTCOME_FILE,
    Outcome,
    read_metrics,
    sample_files,
)
from kit.atomic import NO_ROOM, sweep, sync, write_text
from kit.jsonl import parse_json_line
from kit.lock import lock_or_raise
from kit.png import save_png

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


class RunFolder:
    """``train_output/<run>`` while one process trains in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoint = path / CHECKPOINT_FILE
        self.generator = path / GENERATOR_FILE
        self._metrics = path / METRICS_FILE
        self._lock = ExitStack()
        self._is_taken = False
        self._events: SummaryWriter | None = None

    @classmethod
    def create(cls, config: TrainConfig) -> "RunFolder":
        """Make the folder of a new run, lock it and write its settings; where none is named, it gets a free name.

        Raises:
            SettingsError: a run of that name exists, or another process has just begun it.
            GanError: the folder cannot be made.
        """
        try:
            config.output.mkdir(parents=True, exist_ok=True)
            folder = cls(config.output / config.run if config.run else new_folder(config.output, config.preset))
            folder.path.mkdir(exist_ok=True)
            folder._take(
                SettingsError(f"{folder.path}: another vgc train works in this run; choose another --run")
            )
            try:
                # A run that could not write its settings left no more than this; one that a page began has a log.
                sweep(folder.path)
                if {path.name for path in folder.path.iterdir()} - {LOCK_FILE, LOG_FILE}:
                    raise FileExistsError
                folder.write_config(config)
                sync(config.output)
            except BaseException:
                folder._lock.close()
                raise
        except FileExistsError as error:
            raise SettingsError(
                f"{folder.path}: that run exists already; go on with --resume {run_argument(folder.path)}, "
                "or choose another --run"
            ) from error
        except OSError as error:
            raise GanError(f"{error.filename}: cannot make the run's folder ({error.strerror})") from error
        return folder

    @classmethod
    def find(cls, name: str, output: Path) -> "RunFolder":
        """The folder of an existing run, by its name in ``output`` or by its path; GanError if there is none."""
        for path in (output / name, Path(name)):
            if (path / CONFIG_FILE).is_file():
                return cls(path)
        have = ", ".join(path.name for path in list_runs(output)) or "none"
        raise GanError(f"--resume {name}: no such run in {output} (there: {have})")

    @property
    def has_begun(self) -> bool:
        """Whether a first checkpoint was ever written, even if it, or all but the trained generator, is gone."""
        if any(path.exists() for path in (self.checkpoint, self.path / BEST_FILE, *sample_files(self.path))):
            return True
        return self.generator.exists() and read_generator_header(self.generator).images > 0

    def write_config(self, config: TrainConfig) -> None:
        """Write ``config.json``."""
        write_text(self.path / CONFIG_FILE, json.dumps(config.to_json(), indent=2) + "\n")

    def read_config(self) -> TrainConfig:
        """Read ``config.json``; GanError if it is damaged or of another version."""
        try:
            config = TrainConfig.from_json(read_config_file(self.path))
            with without_weights():  # networks that cannot be are found here
                build_generator(config.recipe.generator)
                build_discriminator(config.recipe.discriminator)
            return config
        except SettingsError as error:
            raise GanError(f"{self.path / CONFIG_FILE}: {error}") from error

    def write_outcome(self, outcome: Outcome) -> None:
        """Write down what a training came to: for the studio's page, which loads no PyTorch."""
        write_text(self.path / OUTCOME_FILE, json.dumps(asdict(outcome)) + "\n")

    def __enter__(self) -> "RunFolder":
        if not self._is_taken:
            self._take(GanError(f"{self.path}: another vgc train works in this run; wait for it or stop it"))
        samples = self.path / "samples"
        samples.mkdir(exist_ok=True)
        for folder in (self.path, samples):
            sweep(folder)
        return self

    def _take(self, busy: Exception) -> None:
        self._lock.enter_context(lock_or_raise(self.path / LOCK_FILE, busy))
        self._is_taken = True

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        try:
            if self._events:
                self._events.close()
        finally:
            self._lock.close()
        if isinstance(error, OSError) and not isinstance(error, BrokenPipeError):
            full = error.errno is None or error.errno in NO_ROOM
            message = (
                f"{self.path}: cannot be written"
                if full
                else f"{error.filename or self.path}: cannot be read or written"
            )
            remedy = "make room" if full else "see who may do so"
            raise GanError(
                f"{message} ({error.strerror or error}); what was saved is kept: {remedy}, "
                f"then go on with --resume {run_argument(self.path)}"
            ) from error

    def rewind(self, images: int) -> None:
        """Drop the metrics and samples later than ``images``, those of the checkpoint, and open the event file."""
        for sample in sample_files(self.path):
            if int(sample.stem) > images:
                sample.unlink()
        lines = self._metrics.read_text("utf-8").splitlines() if self._metrics.exists() else []
        write_text(self._metrics, "".join(f"{line}\n" for line in lines if is_up_to(line, images)))
        # Imported here, for drawing finds its runs by this module and must not wait for TensorBoard.
        from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415

        # TensorBoard drops earlier events at or after the purge step, so its curves have no double points either.
        self._events = SummaryWriter(str(self.path), purge_step=images + 1 if images else 0)

    def read_metrics(self) -> list[dict[str, float]]:
        """The lines of metrics; several may be of the same number of images, each with its own values."""
        return read_metrics(self.path)

    def log(self, images: int, values: dict[str, float]) -> None:
        """Append one line of metrics, and the same to the event file."""
        line = json.dumps({"images": images, **{key: round(value, 6) for key, value in values.items()}})
        with self._metrics.open("a", encoding="utf-8", newline="\n") as file:
            file.write(line + "\n")
        if self._events:
            for key, value in values.items():
                self._events.add_scalar(key, value, images)

    def sync_metrics(self) -> None:
        """Have the lines so far on the disk, before a checkpoint that goes on after them."""
        if self._metrics.exists():
            sync(self._metrics)

    def save_sample(self, images_shown: int, image: Image.Image) -> None:
        """Write ``samples/<images shown, 8 digits>.png``, and the same to the event file."""
        save_png(image, self.path / "samples" / f"{images_shown:08d}.png", images=str(images_shown))
        self._show("samples", image, images_shown)

    def save_preview(self, name: str, image: Image.Image) -> None:
        """Write ``samples/<name>.png``, a board from before the first step, and the same to the event file."""
        save_png(image, self.path / "samples" / f"{name}.png")
        self._show(name, image, 0)

    def _show(self, name: str, image: Image.Image, images_shown: int) -> None:
        if self._events:
            self._events.add_image(name, np.asarray(image), images_shown, dataformats="HWC")


def new_folder(output: Path, preset: str) -> Path:
    """Make a folder named by preset, date and time, with a number where others began in the same second."""
    name = path = output / f"{preset}-{time.strftime('%Y%m%d-%H%M%S')}"
    for number in count(2):
        with suppress(FileExistsError):
            path.mkdir()
            break
        path = name.with_name(f"{name.name}-{number}")
    return path


def is_up_to(line: str, images: int) -> bool:
    """Whether a line of metrics is whole and not later than ``images``."""
    values = parse_json_line(line)
    shown = values.get("images") if values else None
    return isinstance(shown, int | float) and shown <= images


def check_finite(values: dict[str, float], folder: Path) -> None:
    """GanError if losses or weights are no numbers any more."""
    broken = [name for name, value in values.items() if not math.isfinite(value)]
    if broken:
        raise GanError(
            f"{folder}: the training diverged ({', '.join(broken)} is not a number); the last checkpoint is kept: "
            "try another --seed, a larger --batch or --precision fp32"
        )
