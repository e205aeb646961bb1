"""What a page may train: the wish as the ``vgc train`` command it is, and what that would cost."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from dataset.staging import METADATA, read_report
from gan.config import BASE, DEFAULT_PRESET, PRESETS, TrainConfig, default_preset
from gan.errors import SettingsError
from gan.runs.verdicts import FEWEST_IMAGES
from studio.workshop.folders import BusyError, NotDecidedError, NotDoneError, Root, WorkshopError
from studio.workshop.training_queue import TrainingJob
from studio.workshop.vgc_command import full_command

MAX_MINUTES = 60.0 * 24 * 365
MAX_NAME_LETTERS = 80
NAME = re.compile(r"\w[\w .()+-]*(?<![ .])")
"""Of a run; every system can have a folder of that name."""
SCORE_EVERY_KIMG = "10"
DRY_RUN_SECONDS = 300.0

Minutes = Annotated[float, Field(gt=0, le=MAX_MINUTES, allow_inf_nan=False)]
RunName = Annotated[str, Field(max_length=MAX_NAME_LETTERS)]


class TrainingWish(BaseModel):
    """A training as a person wants it."""

    model_config = ConfigDict(extra="forbid")

    folder: str = Field(max_length=1000)
    """The set's, below the root."""
    minutes: Minutes
    preset: str = Field("", max_length=40)
    """Empty: what fits the start."""
    init_from: str = Field("", max_length=1000)
    """``base``, or a run's folder below the root; empty: fresh weights."""
    run: RunName = ""
    """Name of the run; empty: that of the set."""
    scores: bool = False
    """Whether it is scored on the way, every 10,000 pictures shown."""


class Preset(BaseModel):
    """A recipe to choose."""

    name: str
    from_base: bool
    """Whether it can begin from the base, whose networks are of the default preset's kind."""


class TrainingPlan(BaseModel):
    """The command that a wish comes to."""

    run: str
    """The run's folder, below the root."""
    command: str
    """To be copied; it is given in the root."""


class TrainingCost(BaseModel):
    """What a dry run has measured; see `gan.training.dry_run.DryRun`."""

    device: str
    pictures: int
    size_px: int
    generator_parameters: int
    memory_bytes: int
    images_per_second: float
    fewest_images: int = FEWEST_IMAGES
    """Below which next to nothing is learned."""


def plan(root: Root, wish: TrainingWish, is_taken: Callable[[str], bool]) -> TrainingJob:
    """The job that a wish comes to.

    Args:
        is_taken: whether a run of this folder, below the root, is there or in the queue.

    Raises:
        NotThereError: there is no such set or run.
        NotDecidedError: the settings make no sense.
        BusyError: a run of that name exists.
    """
    arguments = dry_arguments(root, wish)
    try:
        TrainConfig(preset=wish.preset, minutes=wish.minutes)
    except SettingsError as error:
        raise NotDecidedError(str(error)) from None
    if wish.run and not NAME.fullmatch(wish.run):
        raise NotDecidedError(
            "the run's name: letters, digits, spaces and .()+-, beginning with a letter or digit"
        )
    name = wish.run or free_name(Path(wish.folder).name, is_taken)
    run = f"{TrainConfig.output}/{name}"
    if is_taken(run):
        raise BusyError(f"{run} exists already: choose another name")
    return TrainingJob(run, ("train", *arguments, "--run", name))


def free_name(wanted: str, is_taken: Callable[[str], bool]) -> str:
    """The name that is wanted, as a run may have it; with a number where there is one of that name."""
    name = re.sub(r"[^\w .()+-]", "-", wanted)[: MAX_NAME_LETTERS - 5].strip(" .-(+)") or "run"
    number, free = 1, name
    while is_taken(f"{TrainConfig.output}/{free}"):
        number += 1
        free = f"{name}-{number}"
    return free


def dry_arguments(root: Root, wish: TrainingWish) -> list[str]:
    """The options of a wish but for the run's name."""
    arguments = ["--data", images_of(root, wish.folder), "--minutes", f"{wish.minutes:.12g}"]
    if wish.preset:
        arguments += ["--preset", wish.preset]
    if wish.init_from:
        source = wish.init_from if wish.init_from == BASE else root.name_of(root.find(wish.init_from))
        arguments += ["--from", source]
    return arguments + (["--eval-every", SCORE_EVERY_KIMG] if wish.scores else [])


def images_of(root: Root, folder: str) -> str:
    """The folder of a set's pictures to train on: with alpha, where most have it."""
    out = root.find_set(folder)
    counts = read_report(out).get("counts", {})
    is_mostly_transparent = 2 * counts.get("transparent", 0) > counts.get("pictures", 0)
    return root.name_of(out / ("rgba_images" if is_mostly_transparent else "rgb_images"))


class DryRuns:
    """Tries a few steps of a training, in a process of its own; some 15 seconds."""

    def __init__(self, root: Root) -> None:
        self._root = root
        self._running: set[subprocess.Popen[str]] = set()
        self._closed = False

    def cost(self, wish: TrainingWish) -> TrainingCost:
        """What a wish would cost.

        Raises:
            NotThereError: as `plan`.
            NotDoneError: it takes too long, or is closed.
            WorkshopError: the dry run fails; its message is the command's.
        """
        command = full_command(["train", *dry_arguments(self._root, wish), "--dry-run", "--json", "-q"])
        with subprocess.Popen(
            command, cwd=self._root.folder, text=True, errors="replace",
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        ) as process:  # fmt: skip
            self._running.add(process)
            try:
                said, failure = process.communicate(timeout=DRY_RUN_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                text = "the dry run takes too long: the machine is busy, or the set very large"
                raise NotDoneError(text) from None
            finally:
                self._running.discard(process)
        if self._closed:
            raise NotDoneError("the studio is closing")
        if process.returncode:
            raise WorkshopError(failure.strip().rpartition("\n")[2].removeprefix("vgc: ") or "the dry run failed")
        return TrainingCost(**{name: value for name, value in json.loads(said).items() if name in FIELDS})

    def close(self) -> None:
        """End those under way."""
        self._closed = True
        for process in list(self._running):
            process.kill()


FIELDS = TrainingCost.model_fields


def cost_key(root: Root, wish: TrainingWish) -> tuple[str, int, str]:
    """What the cost depends on: the set as it is, and the networks."""
    changed = (root.find_set(wish.folder) / METADATA).stat().st_mtime_ns
    return images_of(root, wish.folder), changed, wish.preset or default_preset(wish.init_from)


def presets() -> list[Preset]:
    """The presets, the default first."""
    names = sorted(PRESETS, key=lambda name: name != DEFAULT_PRESET)
    base = PRESETS[DEFAULT_PRESET].generator.family
    return [Preset(name=name, from_base=PRESETS[name].generator.family == base) for name in names]


def resume_job(run: str, earlier_minutes: float, more_minutes: float | None) -> TrainingJob:
    """Go on with a run, to its end or for so many more minutes."""
    minutes = [] if more_minutes is None else ["--minutes", f"{earlier_minutes + more_minutes:.4g}"]
    return TrainingJob(run, ("train", "--resume", run, *minutes))
