"""The folders that a page may name: sets and runs below the one that the studio was started in."""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from dataset.build import BuildSettings, saved_settings
from dataset.staging import METADATA, is_built_set
from gan.runs.model_files import GENERATOR_FILE

MAX_DEPTH = 4
MAX_FOLDERS = 5_000
"""So many are looked at, at most: a home folder has any number."""


class WorkshopError(Exception):
    """What a page asks cannot be; the message is for a person."""

    status = 400
    """Of the answer."""


class NotThereError(WorkshopError):
    """A page named what is not there, or not below the root."""

    status = 404


class BusyError(WorkshopError):
    """Something of which there is one at a time is at work."""

    status = 409


class NotDoneError(WorkshopError):
    """It takes too much time or memory, or the studio is closing."""

    status = 503


class NotDecidedError(WorkshopError):
    """A decision that is none."""

    status = 422


@dataclass(frozen=True)
class Root:
    """The folder below which a page may read and write."""

    folder: Path

    def find(self, name: str) -> Path:
        """A folder or file by its path below the root.

        Raises:
            NotThereError: there is none, or it lies elsewhere.
        """
        try:
            path = (self.folder / name).resolve(strict=True)
        except (OSError, ValueError):  # ValueError: a zero byte, half of a surrogate pair
            raise NotThereError(f"{name:.200}: not there") from None
        if not self.holds(path):
            raise NotThereError(f"{name:.200}: not below {self.folder}; start vgc studio with another --root")
        return path

    def find_set(self, name: str) -> Path:
        """A set by its path below the root; NotThereError if there is none."""
        path = self.find(name)
        if not (path / METADATA).is_file() or not is_built_set(path):
            raise NotThereError(f"{name:.200}: no set of vgc preprocess")
        return path

    def holds(self, path: Path) -> bool:
        """Whether a path leads below the root, whatever links it takes."""
        return path.resolve().is_relative_to(self.folder.resolve())

    def name_of(self, path: Path) -> str:
        """The other way round from `find`."""
        return path.relative_to(self.folder.resolve()).as_posix()

    def sets_and_runs(self) -> tuple[list[Path], list[Path]]:
        """All sets, by name, and all runs that can draw, the newest first; one walk for both."""
        sets: list[Path] = []
        runs: list[tuple[int, Path]] = []
        for path in islice(self._walk(), MAX_FOLDERS):
            if (path / METADATA).is_file():
                sets.append(path)
            generator = path / GENERATOR_FILE
            with suppress(FileNotFoundError):  # deleted since it was looked for
                if generator.is_file():
                    runs.append((generator.stat().st_mtime_ns, path))
        runs.sort(key=lambda run: -run[0])
        return sorted(sets), [path for _, path in runs]

    def runs(self) -> list[Path]:
        """All runs that can draw, the newest first."""
        return self.sets_and_runs()[1]

    def _walk(self) -> Iterator[Path]:
        top = self.folder.resolve()
        for name, folders, _ in os.walk(top):
            path = Path(name)
            yield path
            is_deep = len(path.relative_to(top).parts) >= MAX_DEPTH
            is_set = (path / METADATA).is_file()
            folders[:] = [] if is_deep or is_set else sorted(each for each in folders if not each.startswith("."))


def raw_folder(root: Root, out: Path) -> BuildSettings:
    """How a set was made, and so where its raw pictures are.

    Raises:
        NotThereError: that is not known, or they are not below the root; it says what helps.
    """
    settings = saved_settings(out)
    if not settings or not settings.raw.is_dir():
        raise NotThereError("its raw folder is not known: run vgc preprocess on it once")
    if not root.holds(settings.raw):
        raise NotThereError(f"its raw folder {settings.raw} is not below {root.folder}: start with another --root")
    return settings
