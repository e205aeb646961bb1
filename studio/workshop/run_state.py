"""A run as its page sees it, read from its folder: how far it is, its curves, what went wrong."""

import time
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from gan.errors import GanError
from gan.runs.model_files import CONFIG_FILE, GENERATOR_FILE, read_config_file
from gan.runs.run_files import (
    ENDED,
    LOCK_FILE,
    LOG_FILE,
    METRICS_FILE,
    STOPPED,
    TRAINING,
    ended_in_noise,
    read_metrics,
    read_result,
    report_state,
    sample_files,
    trained_seconds,
)
from gan.runs.score_names import SCORES_FILE
from gan.runs.verdicts import is_too_short, verdicts
from kit.image_grid import evenly_spaced
from kit.lock import lock_or_raise
from kit.typed_json import is_finite
from studio.workshop.folders import BusyError
from studio.workshop.training_queue import Queue
from studio.workshop.vgc_process import LOG_MARK, failure_of

NOTE_FILE = "note.txt"
MAX_NOTE_CHARS = 2_000
MAX_POINTS = 200
"""Of a curve."""
MAX_LOG_BYTES = 16_384
LOG_LINES = 40
NO_CURVES = {"images", "seconds", "collapsed", "discriminator_won"}

State = Literal["waiting", "training", "stopping", "paused", "ended", "stopped", "failed", "interrupted"]


AT_REST = ("ended", "stopped")


class RunSummary(BaseModel):
    """A run in a list."""

    run: str
    """Its folder, below the root."""
    state: State
    """``interrupted``: it was killed; ``paused``: the first of the queue, which waits for it."""
    queued: bool = False
    """Whether a page may pause or stop it: it was started from one."""
    images: int = 0
    """Pictures shown, as far as known."""
    minutes: float = 0
    """Trained."""
    share: float | None = None
    """Of the training that is done, 0 to 1."""
    minutes_left: float | None = None
    speed: float | None = None
    """Pictures a second."""
    sample: int | None = None
    """The newest board of samples, by the pictures shown."""
    can_draw: bool = False
    preset: str = ""
    data: str = ""
    note: str = ""


class Curve(BaseModel):
    """One column of the metrics over the pictures shown."""

    name: str
    points: list[tuple[float, float]]


class RunState(RunSummary):
    """All that a run's page shows."""

    samples: list[int] = []
    """Boards of samples, by the pictures shown."""
    has_real: bool = False
    """Whether a board of the real pictures is there."""
    curves: list[Curve] = []
    verdicts: dict[str, int] = {}
    """What is wrong, since how many pictures shown: those of `gan.runs.verdicts`, and ``too_short``."""
    scores: dict[str, float] = {}
    """Of ``vgc evaluate``, where it was run."""
    lineage: list[str] = []
    """What it was begun from."""
    log: str = ""
    """The end of what it said."""
    failure: str = ""
    """Why it failed, and the remedy."""


def describe_run(path: Path, name: str, queue: Queue) -> RunState:
    """All about a run.

    Args:
        path: its folder, which may not be there yet.
        name: the same below the root.
        queue: in which it may stand.
    """
    log = read_log(path)
    failure = failure_of(log)
    metrics, samples = read_metrics(path), [int(file.stem) for file in sample_files(path)]
    config = read_config(path)
    lineage = config.get("lineage")
    state = state_of(path, name, queue, failure)
    job = queue.job_of(name)
    begun = job.started if job else 0.0
    progress = Progress(path, config, metrics, begun if state in ("training", "stopping") else None)
    return RunState(
        run=name,
        state=state,
        queued=queue.job_of(name) is not None,
        images=max([progress.images, *samples[-1:]]),
        minutes=progress.seconds / 60,
        share=progress.share,
        minutes_left=progress.minutes_left,
        speed=progress.speed,
        sample=samples[-1] if samples else None,
        can_draw=(path / GENERATOR_FILE).is_file() and bool(samples and samples[-1]),
        preset=text_of(config.get("preset", "")),
        data=text_of(config.get("data", "")),
        note=read_note(path),
        samples=samples,
        has_real=(path / "samples/real.png").is_file(),
        curves=curves(metrics),
        verdicts=verdicts(metrics) if state not in AT_REST else verdicts_at_rest(path, metrics, samples),
        scores=read_scores(path),
        lineage=[text_of(each) for each in lineage] if isinstance(lineage, list) else [],
        log=log,
        failure=failure if state == "failed" else "",
    )


def state_of(path: Path, name: str, queue: Queue, failure: str) -> State:
    """What a run is doing, by the queue, its lock, its page and its log."""
    if job := queue.job_of(name):
        if job.started:
            return "stopping" if job.stopping else "training"
        return "paused" if queue.held and job is queue.jobs[0] else "waiting"
    said = report_state(path)
    if said not in (ENDED, STOPPED) and is_locked(path):
        return "training"
    return "failed" if failure and said != ENDED else state_at_rest(path, said)


def state_at_rest(path: Path, said: str | None) -> State:
    """How a training in a run was over that is over, by its page: none was written before there was one."""
    if said == TRAINING or not (path / GENERATOR_FILE).is_file():
        return "interrupted"
    return "stopped" if said == STOPPED else "ended"


def verdicts_at_rest(path: Path, metrics: list[dict[str, float]], samples: list[int]) -> dict[str, int]:
    """What is wrong with a run that is over; of noise, what helps is said once."""
    given = verdicts(metrics)
    if samples and is_too_short(samples[-1], ended_in_noise(path, samples[-1])):
        given.pop("noise", None)
        given["too_short"] = samples[-1]
    return given


def is_locked(path: Path) -> bool:
    """Whether a process trains in a run."""
    if not (path / LOCK_FILE).is_file():
        return False
    try:
        with lock_or_raise(path / LOCK_FILE, BusyError()):
            return False
    except BusyError:
        return True


def read_config(path: Path) -> dict[str, Any]:
    """A run's settings; nothing where there are none, or they cannot be read."""
    try:
        return read_config_file(path)
    except GanError:
        return {}


def text_of(value: object) -> str:
    """A value of a settings file as text that any JSON can hold: names may have halves of surrogate pairs."""
    return str(value).encode("utf-8", "replace").decode()


class Progress:
    """How far a run is: by its last line of metrics, and while it trains by the time since then."""

    def __init__(
        self, path: Path, config: dict[str, Any], metrics: list[dict[str, float]], begun: float | None
    ) -> None:
        """Read it off.

        Args:
            begun: when the process that trains was started, seconds since 1970, 0 if that is not known; None:
                nobody trains.
        """
        last = {key: value for line in metrics for key, value in line.items()}
        self.seconds, self.images = trained_seconds(path, metrics), int(last.get("images", 0))
        self.speed = last.get("images_per_second")
        since = (path / METRICS_FILE) if metrics else path / CONFIG_FILE
        # Both are written anew when the first step is near.
        if begun is not None and since.is_file() and since.stat().st_mtime >= begun:
            passed = max(time.time() - since.stat().st_mtime, 0.0)
            self.seconds += passed
            self.images += int(passed * (self.speed or 0))
        self.share: float | None = None
        self.minutes_left: float | None = None
        if begun is not None:
            self._set_end(config)

    def _set_end(self, config: dict[str, Any]) -> None:
        """The share that is done, and the minutes to the end, by whichever end of the run comes first."""
        minutes, kimg = config.get("minutes"), config.get("kimg")
        ends = []
        if is_finite(minutes) and minutes > 0:
            ends.append((self.seconds / 60 / minutes, max(minutes - self.seconds / 60, 0.0)))
        if is_finite(kimg) and kimg > 0 and self.speed:
            left = max(kimg * 1000 - self.images, 0) / self.speed / 60
            ends.append((self.images / kimg / 1000, left))
        if ends:
            share, self.minutes_left = min(ends, key=lambda end: end[1])
            self.share = min(share, 1.0)


def curves(metrics: list[dict[str, float]]) -> list[Curve]:
    """The columns of the metrics, each thinned to `MAX_POINTS`."""
    names = {key: None for line in metrics for key in line if key not in NO_CURVES}
    points = {name: [(line["images"], line[name]) for line in metrics if name in line] for name in names}
    return [Curve(name=name, points=thinned(each)) for name, each in points.items()]


def thinned(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """At most `MAX_POINTS` of them, with the last."""
    if len(points) <= MAX_POINTS:
        return points
    return [*evenly_spaced(points[:-1], MAX_POINTS - 1), points[-1]]


def read_scores(path: Path) -> dict[str, float]:
    """The figures of the last evaluation, if there was one."""
    scores = read_result(path / SCORES_FILE).get("scores")
    known = scores.items() if isinstance(scores, dict) else ()
    return {name: value for name, value in known if is_finite(value)}


def read_note(path: Path) -> str:
    """What a person noted on a run."""
    file = path / NOTE_FILE
    if not file.is_file():
        return ""
    with file.open(encoding="utf-8", errors="replace") as text:
        return text.read(MAX_NOTE_CHARS)


def read_log(path: Path) -> str:
    """The last lines of what the last training in a run said."""
    file = path / LOG_FILE
    if not file.is_file():
        return ""
    with file.open("rb") as lines:
        lines.seek(max(file.stat().st_size - MAX_LOG_BYTES, 0))
        text = lines.read().decode("utf-8", "replace")
    mark = text.rfind(LOG_MARK)
    return "\n".join(text[max(mark, 0) :].splitlines()[-LOG_LINES:])
