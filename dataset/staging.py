"""A set is built beside the existing one and then moved into its place, so that a kill loses nothing.

Everything here lives in the hidden folder `WORK_FOLDER` of a set; without it, only time is lost::

    lock                  held while a build runs
    settings.json         how the set was made last, see `dataset.build_settings.saved_settings`
    <recipe>.sqlite       what is known of the raw files and of the set, see `dataset.build_cache`
    building-<recipe>/    what a build has made so far; laid out like the set itself
      stale.txt           pictures of the set that go
      ends.json           which files are only ends of those of the set, and from which byte on
      report.json         written last of all: from here on the build is only moved into place
"""

import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from filecmp import cmp
from hashlib import sha256
from pathlib import Path
from typing import Any

from dataset.card import CARD, SAMPLE
from dataset.errors import DatasetError
from dataset.render import GREY_FOLDER, RGB_FOLDER, RGBA_FOLDER
from dataset.tables import LABELS_CSV, PIXELS_CSV
from kit.atomic import move, sweep, sync
from kit.jsonl import parse_json_line, read_jsonl
from kit.lock import lock_or_raise

WORK_FOLDER = ".vgc"
SETTINGS = "settings.json"
STALE, ENDS = "stale.txt", "ends.json"
REPORT = "report.json"
PAGE = "report.html"
METADATA = f"{RGB_FOLDER}/metadata.jsonl"
CACHE_SUFFIX = ".sqlite"
NOT_MOVED = frozenset({STALE, ENDS, "journal.jsonl", REPORT, Path(METADATA).name})
"""Of a build's files: some are not part of the set (one is of version 0.1.0), the others come last."""
COPY_BYTES = 2**20
NOT_IN_NAMES = frozenset("/\\:\0")
"""Part folders or disks on some system, or end a name."""
FOLDERS = (RGB_FOLDER, GREY_FOLDER, RGBA_FOLDER, "csv_files")


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
        sweep(out)
        yield


def cache_file(out: Path, recipe: dict[str, Any]) -> Path:
    """Where the database of a recipe is."""
    return out / WORK_FOLDER / f"{_digest(recipe)}{CACHE_SUFFIX}"


def remove_cache(file: Path) -> None:
    """Delete a database and what belongs to it."""
    for suffix in ("", "-wal", "-shm"):
        Path(f"{file}{suffix}").unlink(missing_ok=True)


def staging_folder(out: Path, recipe: dict[str, Any]) -> Path:
    """The folder to build in."""
    return out / WORK_FOLDER / f"building-{_digest(recipe)}"


def open_staging(out: Path, recipe: dict[str, Any]) -> Path:
    """Make the folder to build in; what a build by another recipe left behind is deleted."""
    staging = staging_folder(out, recipe)
    remove_stagings(out, but=staging)
    for folder in FOLDERS:
        (staging / folder).mkdir(parents=True, exist_ok=True)
    for of_lists in (staging, staging / "csv_files"):  # whose files are moved into place whatever their names
        sweep(of_lists)
    return staging


def remove_stagings(out: Path, but: Path | None = None) -> None:
    """Delete what builds left behind that never ended."""
    for staging in (out / WORK_FOLDER).glob("building-*"):
        if staging != but:
            _remove(staging)


def _remove(staging: Path) -> None:
    if staging.is_symlink():
        staging.unlink()
    else:
        shutil.rmtree(staging)


def _digest(recipe: dict[str, Any]) -> str:
    return sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:12]


def remove_other_caches(out: Path, recipe: dict[str, Any]) -> None:
    """Delete the databases of recipes by which the set is not made any more."""
    for other in (out / WORK_FOLDER).glob(f"*{CACHE_SUFFIX}"):
        if other != cache_file(out, recipe):
            remove_cache(other)


def finish_commit(out: Path) -> None:
    """Move a build into place that was complete when it was killed; a stranger's, with links in it, is deleted."""
    for staging in (out / WORK_FOLDER).glob("building-*"):
        if any(path.is_symlink() for path in (staging, *staging.iterdir())):
            _remove(staging)
        elif (staging / REPORT).exists():
            commit(out, staging)


def commit(out: Path, staging: Path) -> None:
    """Move a complete build into place, so that every step may be done again after a kill.

    Files that are the same already are left alone. Pictures are not, for the database knows their dates; nor is
    the report: where the database is lost, pictures that are younger count as changed by somebody else. `METADATA`
    and then `REPORT` come last, each only when the names before it are on the disk.
    """
    ends = _ends(staging)
    _remove_stale(out, staging)
    if has_transparent_images(out) and not has_transparent_images(staging):
        _remove_rgba_folder(out)
    for folder in (RGB_FOLDER, GREY_FOLDER, RGBA_FOLDER):
        _move_images(staging / folder, out / folder)
    for folder in ("csv_files", "."):
        for path in (staging / folder).glob("*"):
            if path.is_file() and path.name not in NOT_MOVED:
                _move(path, out / folder / path.name, ends)
    _sync_folders(out)
    if (staging / METADATA).exists():
        _move(staging / METADATA, out / METADATA, ends)
    _sync_folders(out)
    if (staging / REPORT).exists():
        move(staging / REPORT, out / REPORT)
    sync(out)
    shutil.rmtree(staging)


def _sync_folders(out: Path) -> None:
    for folder in (*FOLDERS, "."):
        if (out / folder).is_dir():
            sync(out / folder)


def write_plan(staging: Path, stale: Iterable[str], ends: dict[str, int]) -> None:
    """Leave for `commit` which pictures go, and which files hold only the end of the set's, from which byte on."""
    with (staging / STALE).open("w", encoding="utf-8", newline="\n") as lines:
        lines.writelines(f"{name}\n" for name in stale)
    (staging / ENDS).write_text(json.dumps(ends))


def _ends(staging: Path) -> dict[str, int]:
    """By the file's path in the build's folder; a build of version 0.1.0 had whole files only."""
    try:
        ends = parse_json_line((staging / ENDS).read_bytes()) or {}
    except FileNotFoundError:
        return {}
    return {str(staging / name): offset for name, offset in ends.items() if type(offset) is int}


def _remove_stale(out: Path, staging: Path) -> None:
    with suppress(FileNotFoundError), (staging / STALE).open(encoding="utf-8") as lines:
        for line in lines:
            remove_images(out, [line.rstrip("\n")])


def metadata_names(out: Path) -> Iterator[str]:
    """The pictures that a set's ``metadata.jsonl`` names, but no path that leads out of its folder."""
    for record in read_jsonl(out / METADATA):
        name = str(record.get("file_name"))
        if is_picture_name(name):
            yield name


def is_picture_name(name: str) -> bool:
    """Whether it can be a picture of a set: no path that leads out of its folder."""
    return name.endswith(".png") and NOT_IN_NAMES.isdisjoint(name)


def is_built_set(out: Path) -> bool:
    """Whether a build has ended in ``out``: its metadata, its report or the stamp of version 0.1.0 is there."""
    if (out / WORK_FOLDER / "stamp").exists() or any(
        "raw_file" in record for record in read_jsonl(out / METADATA)
    ):
        return True
    return "recipe" in read_report(out)


def read_report(out: Path) -> dict[str, Any]:
    """What ``report.json`` says; nothing where there is none, or none that can be read."""
    try:
        return parse_json_line((out / REPORT).read_text(encoding="utf-8-sig")) or {}
    except (OSError, ValueError):
        return {}


def report_entry(images: Path, name: str) -> Any:
    """What the report of a set says under a name; None where it says nothing.

    Args:
        images: the set's folder, or one of its folders of pictures.
        name: of the entry.
    """
    return next(
        (report[name] for folder in (images, images.parent) if name in (report := read_report(folder))), None
    )


def has_transparent_images(out: Path) -> bool:
    """Whether a set's pictures have copies in four channels, by its report."""
    counts = read_report(out).get("counts")
    return isinstance(counts, dict) and "transparent" in counts


def _remove_rgba_folder(out: Path) -> None:
    for name in metadata_names(out):
        (out / RGBA_FOLDER / name).unlink(missing_ok=True)
    with suppress(OSError):  # something of somebody else's is in it
        (out / RGBA_FOLDER).rmdir()


def _move_images(source: Path, target: Path) -> None:
    if source.exists() and not target.exists():
        move(source, target)
        return
    for name in png_names(source):
        move(source / name, target / name)


def _move(source: Path, target: Path, ends: dict[str, int]) -> None:
    offset = ends.get(str(source), 0)
    target.parent.mkdir(exist_ok=True)
    if target.is_file() and 0 < offset <= target.stat().st_size:
        _replace_end(source, target, offset)
    elif not target.exists() or not cmp(source, target, shallow=False):
        move(source, target)


def _replace_end(source: Path, target: Path, offset: int) -> None:
    """Put the bytes of ``source`` in place of those of ``target`` from ``offset`` on."""
    if not source.stat().st_size and target.stat().st_size == offset:
        return
    with source.open("rb") as end, target.open("rb+") as file:
        file.seek(offset)
        file.truncate()
        shutil.copyfileobj(end, file, COPY_BYTES)
        file.flush()
        os.fsync(file.fileno())


def newest_image(out: Path, staging: Path, name: str, folder: str) -> Path:
    """Where a picture of the set is at the end of a build: still staged, or among those that stay."""
    staged = f"{staging}/{folder}/{name}"
    return Path(staged if os.path.exists(staged) else f"{out}/{folder}/{name}")  # noqa: PTH110 (of all pictures)


def png_names(folder: Path) -> Iterator[str]:
    """The PNG files directly in ``folder``, one by one: all at once they would be the largest thing in memory."""
    if folder.is_dir():
        with os.scandir(folder) as entries:
            yield from (entry.name for entry in entries if entry.name.endswith(".png"))


def remove_images(folder: Path, names: Iterable[str]) -> None:
    """Delete some pictures and their copies below ``folder``."""
    for name in filter(is_picture_name, names):  # which may have been read from a stranger's file
        for part in (RGB_FOLDER, GREY_FOLDER, RGBA_FOLDER):
            (folder / part / name).unlink(missing_ok=True)


def file_states(out: Path) -> dict[str, list[int]]:
    """Size and time of the set's files but the pictures, and but the page, which is made on its own."""
    states = {}
    for name in (CARD, SAMPLE, REPORT, METADATA, PIXELS_CSV, LABELS_CSV):
        with suppress(OSError):
            state = (out / name).stat()
            states[name] = [state.st_size, state.st_mtime_ns]
    return states
