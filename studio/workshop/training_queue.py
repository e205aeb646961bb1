"""Trainings started from a page: ``vgc train`` processes, one at a time, which outlive page and studio."""

import json
import logging
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock, Timeout

from gan.config import TrainConfig
from gan.runs.model_files import CONFIG_FILE
from gan.runs.run_files import ENDED, LOG_FILE, report_state
from kit.atomic import write_text
from kit.typed_json import read_fields, read_object
from studio.workshop.folders import BusyError, NotThereError, Root, WorkshopError
from studio.workshop.vgc_process import ask_to_end, find, is_alive, start

log = logging.getLogger(__name__)

QUEUE_FILE, QUEUE_LOCK = "queue.json", ".queue.lock"
"""In the folder of the runs."""
LOCK_SECONDS = 10.0
TICK_SECONDS = 1.0
SECONDS_AFTER_FAILURE = 60.0
"""Until the queue is looked at again that could not be read or written."""


@dataclass(frozen=True)
class TrainingJob:
    """One training of the queue."""

    run: str
    """Its folder, below the root."""
    arguments: tuple[str, ...]
    """Of ``vgc``, where the run has not begun yet; then it is resumed."""
    started: float = 0.0
    """When its process was, seconds since 1970; 0: it waits."""
    stopping: bool = False
    """Whether it was told to save and end."""

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "TrainingJob":
        """Read what `dataclasses.asdict` wrote; ValueError for anything else."""
        return read_fields(cls, values)


@dataclass(frozen=True)
class Queue:
    """What trains, and what waits for it, in order."""

    held: bool = False
    """Nothing is started: the first one is paused."""
    jobs: tuple[TrainingJob, ...] = ()

    def job_of(self, run: str) -> TrainingJob | None:
        """The one of a run, if it is in the queue."""
        return next((job for job in self.jobs if job.run == run), None)

    def without(self, run: str) -> "Queue":
        """All others; where the first one leaves, nothing holds the rest any more."""
        is_first = bool(self.jobs) and self.jobs[0].run == run
        return Queue(self.held and not is_first, tuple(job for job in self.jobs if job.run != run))

    def with_first(self, **changes: Any) -> "Queue":
        """The first one changed."""
        return replace(self, jobs=(replace(self.jobs[0], **changes), *self.jobs[1:]))


class TrainingQueue:
    """The queue of one root, in a file: several studios on the same root share it."""

    def __init__(self, root: Root) -> None:
        self._root = root
        self.output = root.folder / TrainConfig.output
        self._process: tuple[str, psutil.Process] | None = None
        """Of which run, as far as known here."""
        self._worker: threading.Thread | None = None
        self._wake = threading.Event()
        self._closed = False

    def read(self) -> Queue:
        """The queue as it is; WorkshopError if its file is damaged."""
        path = self.output / QUEUE_FILE
        try:
            return read_fields(Queue, read_object(path))
        except FileNotFoundError:
            return Queue()
        except (OSError, ValueError) as error:
            raise WorkshopError(f"{path}: cannot be read ({error}); move it away to begin a new queue") from None

    @contextmanager
    def _changing(self) -> Iterator[list[Queue]]:
        """The queue in a list; what the list holds when the block ends is written."""
        try:
            self.output.mkdir(parents=True, exist_ok=True)
            with FileLock(self.output / QUEUE_LOCK, timeout=LOCK_SECONDS):
                before = self.read()
                box = [before]
                yield box
                if box[0] != before:
                    write_text(self.output / QUEUE_FILE, json.dumps(asdict(box[0]), indent=2) + "\n")
        except Timeout:
            raise BusyError("another studio changes the queue; try again") from None
        except OSError as error:
            raise WorkshopError(f"cannot write {error.filename or self.output} ({error.strerror})") from error

    def add(self, job: TrainingJob) -> None:
        """Put a training at the end; BusyError if its run is in the queue already."""
        with self._changing() as box:
            if box[0].job_of(job.run):
                raise BusyError(f"{job.run} is in the queue already")
            box[0] = replace(box[0], jobs=(*box[0].jobs, job))
        self.go_on()

    def remove(self, run: str) -> None:
        """Take one out that has not been started, or is paused; what it saved is kept."""
        with self._changing() as box:
            job = self._job(box[0], run)
            if job.started:
                raise BusyError(f"{run} trains: stop it first")
            box[0] = box[0].without(run)
        self.go_on()

    def stop(self, run: str, holds: bool) -> None:
        """Have a training save and end, as Ctrl-C does; with ``holds`` it stays first, and nothing goes on."""
        with self._changing() as box:
            job = self._job(box[0], run)
            process = self.process_of(job)
            if not job.started or not process:
                raise BusyError(f"{run} does not train now")
            if job.stopping:
                raise BusyError(f"{run} is saving already; wait for it")
            ask_to_end(process)
            box[0] = replace(box[0].with_first(stopping=True), held=holds)
        self.go_on()

    def release(self, run: str) -> None:
        """Go on with the paused one, and then with the others."""
        with self._changing() as box:
            job = self._job(box[0], run)
            if job.started or job != box[0].jobs[0]:
                raise BusyError(f"{run} is not paused")
            box[0] = replace(box[0], held=False)
        self.go_on()

    @staticmethod
    def _job(queue: Queue, run: str) -> TrainingJob:
        if job := queue.job_of(run):
            return job
        raise NotThereError(f"{run:.200}: not in the queue")

    def process_of(self, job: TrainingJob) -> psutil.Process | None:
        """The living process of a training; that of an earlier studio is known by its command and folder."""
        if self._process and self._process[0] == job.run:
            return self._process[1] if is_alive(self._process[1]) else None
        found = find_training(self._root.folder, job)
        self._process = (job.run, found) if found else self._process
        return found

    def go_on(self) -> None:
        """Start what is next, and keep doing so in the background while anything is left to wait for."""
        self._step()  # here, so that whoever asks is told what is wrong
        if not self._worker:
            self._worker = threading.Thread(target=self._work, daemon=True, name="training queue")
            self._worker.start()
        self._wake.set()

    def resume(self) -> None:
        """After a start of the studio: take the queue up where an earlier one left it, if there is one."""
        if (self.output / QUEUE_FILE).is_file():
            try:
                self.go_on()
            except WorkshopError as error:
                log.warning("%s", error)

    def close(self) -> None:
        """The studio ends; the training goes on."""
        self._closed = True
        self._wake.set()

    def _work(self) -> None:
        while not self._closed:
            try:
                seconds = TICK_SECONDS if self._step() else None
            except WorkshopError as error:
                log.warning("%s", error)
                seconds = SECONDS_AFTER_FAILURE
            self._wake.wait(seconds)
            self._wake.clear()

    def _step(self) -> bool:
        """Let go of a training that is over, and start the next; whether something trains then."""
        with self._changing() as box:
            queue = box[0] = self._without_ended(box[0])
            if queue.jobs and not queue.held and not queue.jobs[0].started:
                first = queue.jobs[0]
                # One whose start a killed studio had no time to note is found.
                process = find_training(self._root.folder, first) or start_training(self._root.folder, first)
                self._process = first.run, process
                queue = box[0] = queue.with_first(started=time.time())
            return bool(queue.jobs) and queue.jobs[0].started > 0

    def _without_ended(self, queue: Queue) -> Queue:
        """The queue without its first, if that has ended; one that was paused waits on in its place."""
        first = queue.jobs[0] if queue.jobs else None
        if not first or not first.started or self.process_of(first):
            return queue
        self._process = None
        if queue.held and report_state(self._root.folder / first.run) != ENDED:
            return queue.with_first(started=0.0, stopping=False)
        return queue.without(first.run)


def start_training(root: Path, job: TrainingJob) -> psutil.Process:
    """Begin a training, or go on with it."""
    run = root / job.run
    run.mkdir(parents=True, exist_ok=True)
    has_begun = (run / CONFIG_FILE).is_file() and "--resume" not in job.arguments
    return start(("train", "--resume", job.run) if has_begun else job.arguments, root, run / LOG_FILE)


def find_training(root: Path, job: TrainingJob) -> psutil.Process | None:
    """The process that works for a job, whoever started it."""
    named = ({"train", "--run", Path(job.run).name}, {"train", "--resume", job.run})
    return find(root, lambda words: any(names <= set(words) for names in named))
