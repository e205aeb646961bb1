"""The runs of a root: found, renamed, noted on, deleted."""

import os
import shutil
from pathlib import Path

from gan.config import TrainConfig
from gan.runs.model_files import CONFIG_FILE, GENERATOR_FILE
from gan.runs.run_files import LOG_FILE
from kit.atomic import sync, write_text
from studio.workshop.folders import BusyError, NotDecidedError, NotThereError, Root, WorkshopError
from studio.workshop.run_state import NOTE_FILE, is_locked
from studio.workshop.training_command import NAME
from studio.workshop.training_queue import TrainingQueue

DELETED_SUFFIX = ".deleted"


class RunFolders:
    """All runs below a root."""

    def __init__(self, root: Root, queue: TrainingQueue) -> None:
        self._root, self._queue = root, queue

    def list(self) -> list[str]:
        """Those of the queue, then those that can draw, the newest first, then those that failed before."""
        begun = self._root.folder.glob(f"{TrainConfig.output}/*/{LOG_FILE}")
        queued = [job.run for job in self._queue.read().jobs]
        runs = [self._root.name_of(path) for path in self._root.runs()]
        others = sorted(f"{TrainConfig.output}/{file.parent.name}" for file in begun)
        return list(dict.fromkeys([*queued, *runs, *others]))

    def is_taken(self, run: str) -> bool:
        """Whether a run of this folder is there or in the queue."""
        return (self._root.folder / run).exists() or self._queue.read().job_of(run) is not None

    def find(self, run: str) -> Path:
        """The folder of a run, which need not be there if the run waits; NotThereError if there is none."""
        if self._queue.read().job_of(run):
            return self._root.folder / run
        path = self._root.find(run)
        if path == self._root.folder.resolve() or not any((path / name).is_file() for name in RUN_FILES):
            raise NotThereError(f"{run:.200}: no run of vgc train")
        return path

    def find_idle(self, run: str) -> Path:
        """The folder of a run in which nobody trains, nor is going to; BusyError otherwise."""
        path = self.find(run)
        if self._queue.read().job_of(self._root.name_of(path.resolve())) or is_locked(path):
            raise BusyError(f"{run} trains or waits in the queue: stop it first")
        return path

    def note(self, run: str, text: str) -> None:
        """Write a person's note into a run's folder; nothing takes it away."""
        path = self.find(run)
        if not path.is_dir():
            raise BusyError(f"{run} has not begun yet")
        try:
            if text:
                write_text(path / NOTE_FILE, text)
            else:
                (path / NOTE_FILE).unlink(missing_ok=True)
        except OSError as error:
            raise cannot_change(run, error) from error

    def rename(self, run: str, name: str) -> str:
        """Give a run another name; returns its folder below the root."""
        path = self.find_idle(run)
        if not NAME.fullmatch(name):
            raise NotDecidedError("name: letters, digits, spaces and .()+-, beginning with a letter or digit")
        target = path.with_name(name)
        if target.exists() or self.is_taken(self._root.name_of(target)):
            raise BusyError(f"{name} exists already: choose another name")
        try:
            path.rename(target)
            sync(target.parent)
        except OSError as error:
            raise cannot_change(run, error) from error
        return self._root.name_of(target)

    def delete(self, run: str, name: str) -> None:
        """Delete a run's folder with all that is in it.

        Args:
            name: the folder's name once more.
        """
        path = self.find_idle(run)
        if name != path.name:
            raise NotDecidedError(f"to delete it, give its name: {path.name}")
        # Renamed first: after a kill in the midst there is no half of a run, and the next deletion takes the rest.
        gone = path.with_name(f".{path.name}.{os.getpid()}{DELETED_SUFFIX}")
        try:
            path.rename(gone)
            (gone / GENERATOR_FILE).unlink(missing_ok=True)  # first: what is left is no model
            for each in (gone, *path.parent.glob(f".*{DELETED_SUFFIX}")):
                if each.is_dir():
                    shutil.rmtree(each)
        except OSError as error:
            raise cannot_change(run, error) from error


RUN_FILES = (CONFIG_FILE, GENERATOR_FILE, LOG_FILE)


def cannot_change(run: str, error: OSError) -> WorkshopError:
    """What could not be written, and why."""
    return WorkshopError(f"{run}: cannot change {error.filename} ({error.strerror}); see who may write there")
