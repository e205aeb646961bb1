"""The folder of raw pictures: its files, what the clean ones will be called, what is known of them."""

import os
import re
import stat
import struct
import time
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import partial
from hashlib import sha256
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from dataset.curation import CURATION
from dataset.errors import DatasetError, DecodeError
from dataset.file_kinds import is_archive
from dataset.frames import FIRST
from dataset.parts import WHOLE, Part, wanted_parts
from dataset.render import NOT_THIS_TIME
from dataset.sheets import SheetSettings
from dataset.staging import WORK_FOLDER
from kit.atomic import PARTIAL_SUFFIX
from kit.worker_pool import WorkerError, WorkerPool
from scraper.manifest import IMAGES, MANIFEST_NAME

MANIFEST_FIELDS = ("name", "game", "letter", "url", "page")
"""What a scrape's manifest knows of a picture, and `rgb_images/metadata.jsonl` repeats."""
MAX_STEM_BYTES = 150
UNSAFE = frozenset('<>:"/\\|?*')
"""Characters that some file system refuses in a name."""
HEAD_BYTES = 1024
FILES_AT_ONCE = 64
"""So many are asked for their frames at once."""
CLOCK_STEP_NS, COARSE_CLOCK_STEP_NS = 100_000_000, 2_000_000_000
"""More than the steps of a file system's clock; the other for those that keep whole seconds."""
FOLLOW_HINT = "(--follow-links takes it)"
FORMULA = ("=", "+", "-", "@")
"""How a cell of a table begins that spreadsheets compute; and options of a command."""
PARTIAL = os.fsencode(PARTIAL_SUFFIX)
LISTS = frozenset(map(os.fsencode, (MANIFEST_NAME, CURATION)))
"""Files of the raw folder itself that say something of its pictures."""
LEFT_BY_WINDOWS = frozenset({b"thumbs.db", b"desktop.ini"})
"""Hidden there, and nobody's images."""
DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)
"""Names reserved by Windows, with any suffix."""


class RawFile(NamedTuple):
    """A file that may be a picture, or one frame of an animation, or one cell of a sheet."""

    path: bytes
    """Where it is below the raw folder, as the system spells it, with ``/`` between folders; see `part_path`."""
    refusal: str
    """Why it must not even be opened; empty for an ordinary file."""
    state: bytes
    """Other bytes once it may hold others. Empty where that cannot be told, see `file_state`."""


@dataclass(frozen=True)
class RawFolder:
    """All files that may be images."""

    folder: Path
    files: Iterator[RawFile]
    """In the order of their paths' parts, found while it runs."""

    def select(self, include: Sequence[str], exclude: Sequence[str]) -> "RawFolder":
        """The same with the files alone whose path or name fits a pattern of ``include``, and none of ``exclude``.

        Args:
            include: as a shell has them, but ``*`` also stands for folders; all files where there is none.
            exclude: likewise.
        """
        if not include and not exclude:
            return self
        return replace(
            self,
            files=(
                file
                for file in self.files
                if (not include or _fits(file.path, include)) and not _fits(file.path, exclude)
            ),
        )


def _fits(path: bytes, patterns: Sequence[str]) -> bool:
    text = os.fsdecode(path)
    return any(fnmatchcase(name, pattern) for name in (text, text.rpartition("/")[2]) for pattern in patterns)


def scan_raw_folder(folder: Path, leave_out: Path, follow_links: bool = False) -> RawFolder:
    """List ``folder``: a scrape's ``images/`` where there is a manifest, else everything in it and below.

    Hidden files, those of macOS and Windows too, unfinished downloads and sets made below are passed over.

    Args:
        folder: the raw images.
        leave_out: a folder that is not entered, should it lie inside.
        follow_links: read links out of the folder and enter linked folders, each folder once.

    Raises:
        DatasetError: there is no such folder.
    """
    if folder.is_file():
        raise DatasetError(_not_a_folder(folder))
    if not folder.is_dir():
        raise DatasetError(
            f"{folder}: no such folder; run vgc scrape first, or name a folder of pictures with --raw"
        )
    scraped = (folder / MANIFEST_NAME).is_file() and (folder / IMAGES).is_dir()
    walk = _Walk(folder, leave_out, follow_links)
    return RawFolder(folder, walk.files(os.fsencode(IMAGES) if scraped else b""))


def each_part(raw: RawFolder, frames: str, sheet: SheetSettings | None) -> RawFolder:
    """The same with frames of animations and cells of sheets in place of their files; see `wanted_parts`."""
    return raw if frames == FIRST and not sheet else replace(raw, files=_parts(raw, frames, sheet))


def _parts(raw: RawFolder, frames: str, sheet: SheetSettings | None) -> Iterator[RawFile]:
    files = iter(raw.files)
    with WorkerPool(1) as processes:
        while chunk := list(islice(files, FILES_AT_ONCE)):
            opened = [raw.folder / os.fsdecode(file.path) for file in chunk if not file.refusal]
            answers = iter(processes.map(partial(wanted_parts, frames=frames, sheet=sheet), opened))
            for file in chunk:
                parts = WHOLE if file.refusal else next(answers)
                if isinstance(parts, Exception):
                    yield file._replace(refusal=_refusal(parts))
                else:
                    yield from (file._replace(path=part_path(file.path, part)) for part in parts)


def _refusal(error: Exception) -> str:
    if isinstance(error, WorkerError):
        return f"{NOT_THIS_TIME}{error}"
    return str(error) if isinstance(error, DecodeError) else ""  # of the file all is said when it is decoded


def _not_a_folder(file: Path) -> str:
    with file.open("rb") as opened:
        head = opened.read(HEAD_BYTES)
    if is_archive(head):
        return f"{file}: is an archive; unpack it and name the folder with --raw"
    return f"{file}: is a file, not a folder of pictures; name another with --raw"


class _Walk:
    """One way through a folder."""

    def __init__(self, root: Path, leave_out: Path, follow_links: bool) -> None:
        self._root, self._follow_links = os.fsencode(root), follow_links
        self._real_root = root.resolve()
        # Folders are identified by device and inode, so circular links are entered once.
        self._seen = {_identity(folder.stat()) for folder in (root, leave_out) if folder.is_dir()}

    def files(self, below: bytes) -> Iterator[RawFile]:
        """Every file, in the order of `path_key` whatever the folder's own order."""
        now_ns = time.time_ns()
        # Not recursive: folders can be deeper than Python's stack.
        ways = [self._paths(below)]
        while ways:
            path = next(ways[-1], None)
            if path is None:
                ways.pop()
                continue
            try:
                status, refusal = self._look_at(path)
                if not refusal and stat.S_ISDIR(status.st_mode):
                    if self._is_new_folder(path, status):
                        ways.append(self._paths(path))
                    continue
                state = b"" if refusal else file_state(status, now_ns)
            except FileNotFoundError:
                continue  # gone since the folder was listed
            except OSError as error:  # a folder without permission, a path too long for the system
                refusal, state = f"cannot be read: {error.strerror}", b""
            yield RawFile(path, refusal, state)

    def _paths(self, folder: bytes) -> Iterator[bytes]:
        # Names alone: the directory's own entries keep what they know of each file, and all of them are large.
        with os.scandir(self._full(folder)) as listing:
            names = sorted(entry.name for entry in listing)
        return (folder + b"/" + name if folder else name for name in names if _is_wanted(name, folder))

    def _full(self, path: bytes) -> bytes:
        return self._root + b"/" + path

    def _look_at(self, path: bytes) -> tuple[os.stat_result, str]:
        """State, and refusal, of a file, a folder, or what a link leads to."""
        status = os.lstat(self._full(path))
        if stat.S_ISLNK(status.st_mode):
            target = Path(os.fsdecode(self._full(path)))
            try:
                status = target.stat()
            except OSError:
                return status, "a link to nothing"
            if not self._follow_links:
                if not target.resolve().is_relative_to(self._real_root):
                    return status, f"a link out of the folder {FOLLOW_HINT}"
                if stat.S_ISDIR(status.st_mode):
                    return status, f"a link to a folder {FOLLOW_HINT}"
        if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
            return status, "not a file but a pipe, socket or device"
        return status, ""

    def _is_new_folder(self, path: bytes, status: os.stat_result) -> bool:
        if _identity(status) in self._seen or (Path(os.fsdecode(self._full(path))) / WORK_FOLDER).is_dir():
            return False
        self._seen.add(_identity(status))
        return True


def _is_wanted(name: bytes, folder: bytes) -> bool:
    if name.startswith(b".") or name.endswith(PARTIAL) or name.lower() in LEFT_BY_WINDOWS:
        return False
    return bool(folder) or name not in LISTS


def _identity(state: os.stat_result) -> tuple[int, int]:
    return state.st_dev, state.st_ino


def file_state(status: os.stat_result, now_ns: int) -> bytes:
    """Size, times and inode; empty for a file so new that it can change once more without showing.

    A change within one step of the file system's clock leaves the same time. Git calls such an entry racily clean,
    and compares its content.
    """
    # The change time as well: it moves when a file is replaced by one of the same size and date.
    modified, changed = status.st_mtime_ns, status.st_ctime_ns
    step = CLOCK_STEP_NS if modified % 10**9 or changed % 10**9 else COARSE_CLOCK_STEP_NS
    if max(modified, changed) > now_ns - step:
        return b""
    return struct.pack("<4q", status.st_size, modified, changed, status.st_ino & 2**63 - 1)


PART_MARK = b"//"
"""Between a file's path and the number of a frame or cell: no path of a file has it."""
CELL_MARK = b"@"
"""Between the number and the place of a cell."""


def part_path(path: bytes, part: Part) -> bytes:
    """A file's path with the number of a frame or cell, so that parts are ordered as files are; or the path alone.

    The place of a cell is in it too: a cell that has moved is another one.
    """
    if not part.number:
        return path
    cell = CELL_MARK + part.cell.encode() if part.cell else b""
    return b"%b%b%06d%b" % (path, PART_MARK, part.number, cell)


def split_part(path: bytes) -> tuple[bytes, Part]:
    """The other way round."""
    file, mark, part = path.partition(PART_MARK)
    number, _, cell = part.partition(CELL_MARK)
    return (file, Part(int(number), cell.decode())) if mark else (path, Part())


def path_key(path: bytes) -> bytes:
    """What paths are ordered by: their parts, one by one."""
    return path.replace(b"/", b"\0")


def path_of_key(key: bytes) -> bytes:
    """The other way round."""
    return key.replace(b"\0", b"/")


def readable(path: bytes) -> str:
    """The path as text; bytes that are no text are spelled out."""
    return path.decode("utf-8", "backslashreplace")


def stem_apart(stem: str, path: bytes) -> str:
    """A stem that no other file has: part of the path's hash tells those apart that would have the same."""
    return f"{stem}-{sha256(path).hexdigest()[:12]}"


def clean_stem(path: bytes) -> str:
    """The file's own name without suffix, as every file system and reader of text can hold it; and the part."""
    path, part = split_part(path)
    text = unicodedata.normalize("NFC", PurePosixPath(os.fsdecode(path)).stem)
    if not (text.isprintable() and UNSAFE.isdisjoint(text)):
        text = "".join("_" if char in UNSAFE or not char.isprintable() else char for char in text)
    stem = text.strip(" .").encode()[:MAX_STEM_BYTES].decode(errors="ignore") or "picture"
    stem = f"_{stem}" if DEVICES.match(stem) or stem.startswith(FORMULA) else stem
    return f"{stem}-{'c' if part.cell else 'f'}{part.number:04d}" if part.number else stem


def label_of(path: bytes) -> str | None:
    """The class of a picture: the first folder that it is in, unless that is a scrape's."""
    folder, _, file = split_part(path)[0].partition(b"/")
    return readable(folder) if file and folder != os.fsencode(IMAGES) else None


def manifest_fields(record: dict[str, Any]) -> dict[str, str | None]:
    """What a line of a scrape's manifest tells of its picture."""
    return {fact: _text(record.get(fact)) for fact in MANIFEST_FIELDS}


def _text(value: object) -> str | None:
    """A fact as text that any file can hold: half of a surrogate pair, as JSON can have it, becomes ``?``."""
    return None if value is None else str(value).encode("utf-8", "replace").decode()
