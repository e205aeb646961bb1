"""A set is built beside the existing one and then moved into its place, so that a kill loses nothing.

Everything here lives in the hidden folder `WORK_FOLDER` of a set; without it, only time is lost::

    lock                  held while a build runs
    stamp                 the state of all files after the last build: a rerun that finds it unchanged is done
    building-<recipe>/    what a build has made so far; laid out like the set itself
      journal.jsonl       one line for each file rendered, written after its pictures
      report.json         written last of all: after this the build is only moved into place
"""

import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from filecmp import cmp
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

from dataset.errors import DatasetError
from dataset.render import GREY_FOLDER, RGB_FOLDER, Outcome
from dataset.tables import latest_change_ns
from kit.atomic import move, write_text
from kit.jsonl import read_jsonl
from kit.lock import lock_or_raise

WORK_FOLDER = ".vgc"
RENDER_LOG = "journal.jsonl"
REPORT = "report.json"
PAGE = "report.html"
METADATA = f"{RGB_FOLDER}/metadata.jsonl"
NOT_MOVED = frozenset({RENDER_LOG, REPORT, Path(METADATA).name})
"""Of a build's files: the one is not part of the set, the others come last."""
FOLDERS = (RGB_FOLDER, GREY_FOLDER, "csv_files")


@contextmanager
def build_lock(out: Path) -> Iterator[None]:
    """Keep every other build of this set away.

    Raises:
        DatasetError: another one is at work.
    """
    work = out / WORK_FOLDER
    work.mkdir(parents=True, exist_ok=True)
    busy = DatasetError(f"{out}: another vgc preprocess is at work on it; wait for it, or choose another --out")
    with lock_or_raise(work / "lock", busy):
        yield


def open_staging(out: Path, recipe: dict[str, Any]) -> Path:
    """The folder to build in; what a build by another recipe left behind is deleted."""
    name = f"building-{sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:12]}"
    for other in (out / WORK_FOLDER).glob("building-*"):
        if other.name != name:
            shutil.rmtree(other)
    for folder in FOLDERS:
        (out / WORK_FOLDER / name / folder).mkdir(parents=True, exist_ok=True)
    return out / WORK_FOLDER / name


def finish_commit(out: Path) -> None:
    """Move a build into place that was complete when it was killed."""
    for report in (out / WORK_FOLDER).glob(f"building-*/{REPORT}"):
        commit(out, report.parent)


def commit(out: Path, staging: Path) -> None:
    """Move a complete build into place, so that every step may be done again after a kill.

    Files that are the same already are left alone; the report never is, because pictures that are younger than it
    count as changed by somebody else. `METADATA` and then `REPORT` come last: while they are the old ones, the old
    pictures they name are still to be removed.
    """
    if (staging / METADATA).exists():
        _remove_stale(out, staging)
    for folder in (*FOLDERS, "."):
        _move_files(staging / folder, out / folder)
    for last in (METADATA, REPORT):
        _move_last(staging / last, out / last)
    shutil.rmtree(staging)


def _remove_stale(out: Path, staging: Path) -> None:
    stale = file_names(out / METADATA) - file_names(staging / METADATA)
    for folder in (RGB_FOLDER, GREY_FOLDER):
        for name in png_names(out / folder):
            if name in stale:
                (out / folder / name).unlink()


def file_names(metadata: Path) -> set[str]:
    """The pictures that a ``metadata.jsonl`` names."""
    return {str(record.get("file_name")) for record in read_jsonl(metadata)}


def is_built_set(out: Path) -> bool:
    """Whether a build was completed in ``out``: its stamp, metadata or report exists."""
    if read_stamp(out) or any("raw_file" in record for record in read_jsonl(out / METADATA)):
        return True
    return "recipe" in read_report(out)


def read_report(out: Path) -> dict[str, Any]:
    """What ``report.json`` says; nothing where there is none, or none that can be read."""
    try:
        report = json.loads((out / REPORT).read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        return {}
    return report if isinstance(report, dict) else {}


def _move_files(source: Path, target: Path) -> None:
    if source.exists() and not target.exists():
        move(source, target)
        return
    for path in source.glob("*"):
        if path.is_file() and path.name not in NOT_MOVED:
            _move(path, target / path.name)


def _move_last(source: Path, target: Path) -> None:
    if source.exists():
        move(source, target)


def _move(source: Path, target: Path) -> None:
    if not target.exists() or not cmp(source, target, shallow=False):
        move(source, target)


class RenderLog:
    """What a build has rendered so far; use it in a ``with`` block."""

    def __init__(self, staging: Path) -> None:
        self._lines = (staging / RENDER_LOG).open("a", encoding="utf-8")
        # Ends a line that a kill cut off.
        self._lines.write("\n")

    def add(self, outcome: Outcome) -> None:
        """Record a file whose pictures are written."""
        self._lines.write(json.dumps(outcome.as_dict()) + "\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.close()


def remove_unused(staging: Path, used: set[str]) -> None:
    """Delete the pictures of duplicates, and of raw files that went away since a killed run rendered them."""
    for folder in (RGB_FOLDER, GREY_FOLDER):
        for name in png_names(staging / folder):
            if name not in used:
                (staging / folder / name).unlink()


def png_names(folder: Path) -> Iterator[str]:
    """The PNG files directly in ``folder``, one by one: all at once they would be the largest thing in memory."""
    if folder.is_dir():
        with os.scandir(folder) as entries:
            yield from (entry.name for entry in entries if entry.name.endswith(".png"))


def complete_images(folder: Path, not_after_ns: int | None = None) -> set[str]:
    """Names with a picture in both folders, neither empty (power cut) nor changed after ``not_after_ns``."""
    names: list[set[str]] = []
    for part in (RGB_FOLDER, GREY_FOLDER):
        names.append(set())
        if (folder / part).is_dir():
            with os.scandir(folder / part) as entries:
                for entry in entries:
                    state = entry.stat()
                    if state.st_size and (not_after_ns is None or latest_change_ns(state) <= not_after_ns):
                        names[-1].add(entry.name)
    return names[0] & names[1]


def compute_stamp(out: Path, inputs: Iterable[str]) -> str:
    """A digest of ``inputs`` and of the name, size and time of every file of the set."""
    digest = sha256("\0".join(inputs).encode())
    for folder in (out, *(out / name for name in FOLDERS)):
        if folder.is_dir():
            with os.scandir(folder) as entries:
                for entry in sorted(entries, key=lambda entry: entry.name):
                    # The page is made on its own, after the stamp.
                    if entry.is_file() and entry.name != PAGE:
                        state = entry.stat()
                        digest.update(
                            f"{entry.name}\0{state.st_size} {state.st_mtime_ns}\0".encode(errors="replace")
                        )
    return digest.hexdigest()


def read_stamp(out: Path) -> str:
    """The stamp of the last build; empty if there is none."""
    try:
        return (out / WORK_FOLDER / "stamp").read_text()
    except (OSError, ValueError):
        return ""


def write_stamp(out: Path, stamp: str) -> None:
    """Leave the stamp for the next run."""
    write_text(out / WORK_FOLDER / "stamp", stamp)
