"""The folder of raw pictures: its files, what the clean ones will be called, what is known of them."""

import os
import re
import stat
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path, PurePosixPath

from dataset.errors import DatasetError
from dataset.file_kinds import is_archive
from dataset.staging import WORK_FOLDER
from kit.atomic import PARTIAL_SUFFIX
from kit.jsonl import read_jsonl
from scraper.manifest import IMAGES, MANIFEST_NAME

MANIFEST_FIELDS = ("name", "game", "letter", "url", "page")
"""What a scrape's manifest knows of a picture, and `rgb_images/metadata.jsonl` repeats."""
MAX_STEM_BYTES = 150
UNSAFE = frozenset('<>:"/\\|?*')
"""Characters that some file system refuses in a name."""
HEAD_BYTES = 1024
FOLLOW_HINT = "(--follow-links takes it)"
DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)
"""Names reserved by Windows, with any suffix."""


@dataclass(frozen=True, slots=True)
class RawImage:
    """A file that may be a picture."""

    path: str
    """Where it is, below the raw folder."""
    raw_file: str
    """The same as readable text, with ``/`` between folders."""
    file_name: str
    """What the clean picture will be called."""
    refusal: str
    """Why it must not even be opened; empty for an ordinary file."""


@dataclass(frozen=True)
class RawFolder:
    """All files that may be images."""

    folder: Path
    files: list[tuple[str, str]]
    """Path below the folder, and refusal, of each."""
    fingerprint: str
    """Changes when any file's name, size or time does."""

    @cached_property
    def images(self) -> list[RawImage]:
        """In the order of their clean names; where two would be equal, a hash of the path is added."""
        stems = [_stem(path) for path, _ in self.files]
        taken = Counter(stem.casefold() for stem in stems)
        images = []
        for (path, refusal), stem in zip(self.files, stems, strict=True):
            suffix = f"-{sha256(os.fsencode(path)).hexdigest()[:12]}" if taken[stem.casefold()] > 1 else ""
            images.append(RawImage(path, _readable(path), f"{stem}{suffix}.png", refusal))
        return sorted(images, key=lambda image: image.file_name)


def scan_raw_folder(folder: Path, leave_out: Path, follow_links: bool = False) -> RawFolder:
    """List ``folder``: a scrape's ``images/`` where there is a manifest, else everything in it and below.

    Hidden files, unfinished downloads and sets that were made below are passed over.

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
    manifest = folder / MANIFEST_NAME
    scraped = manifest.is_file() and (folder / IMAGES).is_dir()
    digest = sha256()
    if scraped:
        digest.update(_times(manifest.stat()))
    files: list[tuple[str, str]] = []
    for path, refusal, times in _Walk(folder, leave_out, follow_links).files(IMAGES if scraped else ""):
        digest.update(os.fsencode(path) + b"\0" + times)
        files.append((path, refusal))
    return RawFolder(folder, files, digest.hexdigest())


def _not_a_folder(file: Path) -> str:
    with file.open("rb") as opened:
        head = opened.read(HEAD_BYTES)
    if is_archive(head):
        return f"{file}: is an archive; unpack it and name the folder with --raw"
    return f"{file}: is a file, not a folder of pictures; name another with --raw"


class _Walk:
    """One way through a folder."""

    def __init__(self, root: Path, leave_out: Path, follow_links: bool) -> None:
        self._root, self._follow_links = root, follow_links
        self._real_root = root.resolve()
        # Folders are identified by device and inode, so circular links are entered once.
        self._seen = {_identity(folder.stat()) for folder in (root, leave_out) if folder.is_dir()}

    def files(self, below: str) -> Iterator[tuple[str, str, bytes]]:
        """Path below the root, refusal and times of every file, independent of the folder's order."""
        # Not recursive: folders can be deeper than Python's stack.
        ways = [iter(self._paths(below))]
        while ways:
            path = next(ways[-1], None)
            if path is None:
                ways.pop()
                continue
            try:
                state, refusal = self._look_at(path)
                if not refusal and stat.S_ISDIR(state.st_mode):
                    if self._is_new_folder(path, state):
                        ways.append(iter(self._paths(path)))
                    continue
                times = b"" if refusal else _times(state)
            except FileNotFoundError:
                continue  # gone since the folder was listed
            except OSError as error:  # a folder without permission, a path too long for the system
                refusal, times = f"cannot be read: {error.strerror}", b""
            yield path, refusal, times

    def _paths(self, folder: str) -> list[str]:
        # Names alone: the directory's own entries keep what they know of each file, and all of them are large.
        with os.scandir(f"{self._root}/{folder}") as listing:
            names = sorted(entry.name for entry in listing)
        paths = [f"{folder}/{name}" if folder else name for name in names if _is_wanted(name)]
        return [path for path in paths if path != MANIFEST_NAME]

    def _look_at(self, path: str) -> tuple[os.stat_result, str]:
        """State, and refusal, of a file, a folder, or what a link leads to."""
        full = f"{self._root}/{path}"
        state = os.lstat(full)
        if stat.S_ISLNK(state.st_mode):
            try:
                state = Path(full).stat()
            except OSError:
                return state, "a link to nothing"
            if not self._follow_links:
                if not Path(full).resolve().is_relative_to(self._real_root):
                    return state, f"a link out of the folder {FOLLOW_HINT}"
                if stat.S_ISDIR(state.st_mode):
                    return state, f"a link to a folder {FOLLOW_HINT}"
        if not (stat.S_ISREG(state.st_mode) or stat.S_ISDIR(state.st_mode)):
            return state, "not a file but a pipe, socket or device"
        return state, ""

    def _is_new_folder(self, path: str, state: os.stat_result) -> bool:
        if _identity(state) in self._seen or Path(f"{self._root}/{path}/{WORK_FOLDER}").is_dir():
            return False
        self._seen.add(_identity(state))
        return True


def _is_wanted(name: str) -> bool:
    return not name.startswith(".") and not name.endswith(PARTIAL_SUFFIX)


def _identity(state: os.stat_result) -> tuple[int, int]:
    return state.st_dev, state.st_ino


def _times(state: os.stat_result) -> bytes:
    # The change time as well: it moves when a file is replaced by one of the same size and date.
    return b"%d %d %d\0" % (state.st_size, state.st_mtime_ns, state.st_ctime_ns)


def _readable(path: str) -> str:
    """The path itself, unless it holds bytes that are no text."""
    return path if path.isprintable() else os.fsencode(path).decode("utf-8", "backslashreplace")


def _stem(path: str) -> str:
    """The file's own name without suffix, as every file system and every reader of text can hold it."""
    text = unicodedata.normalize("NFC", PurePosixPath(path).stem)
    safe = "".join("_" if char in UNSAFE or not char.isprintable() else char for char in text).strip(" .")
    stem = safe.encode()[:MAX_STEM_BYTES].decode(errors="ignore") or "picture"
    return f"_{stem}" if DEVICES.match(stem) else stem


def read_manifest_fields(folder: Path) -> dict[str, dict[str, str | None]]:
    """What a scrape knows of its pictures, by ``raw_file``; nothing for a folder of pictures.

    The last line for a file counts.
    """
    records = read_jsonl(folder / MANIFEST_NAME)
    return {
        record["file"]: {fact: _text(record.get(fact)) for fact in MANIFEST_FIELDS}
        for record in records
        if isinstance(record.get("file"), str)
    }


def _text(value: object) -> str | None:
    """A fact as text that any file can hold: half of a surrogate pair, as JSON can have it, becomes ``?``."""
    return None if value is None else str(value).encode("utf-8", "replace").decode()
