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
from dataset.staging import WORK_FOLDER
from kit.atomic import PARTIAL_SUFFIX
from kit.jsonl import read_jsonl
from scraper.manifest import IMAGES, MANIFEST_NAME

MANIFEST_FIELDS = ("name", "game", "letter", "url", "page")
"""What a scrape's manifest knows of a picture, and `rgb_images/metadata.jsonl` repeats."""
MAX_STEM_BYTES = 150
UNSAFE = frozenset('<>:"/\\|?*')
"""Characters that some file system refuses in a name."""
DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)
"""Names that Windows keeps for itself, whatever suffix they get."""


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
    """All files that may be pictures."""

    folder: Path
    found: list[tuple[str, str]]
    """Path below the folder, and refusal, of each."""
    fingerprint: str
    """Changes when any file's name, size or time does."""

    @cached_property
    def pictures(self) -> list[RawImage]:
        """In the order of their clean names; where two would have the same, the path's hash tells them apart."""
        stems = [_stem(path) for path, _ in self.found]
        taken = Counter(stem.casefold() for stem in stems)
        pictures = []
        for (path, refusal), stem in zip(self.found, stems, strict=True):
            suffix = f"-{sha256(os.fsencode(path)).hexdigest()[:12]}" if taken[stem.casefold()] > 1 else ""
            pictures.append(RawImage(path, _readable(path), f"{stem}{suffix}.png", refusal))
        return sorted(pictures, key=lambda image: image.file_name)


def scan_raw_folder(folder: Path, leave_out: Path) -> RawFolder:
    """List ``folder``: a scrape's ``images/`` where there is a manifest, else everything in it and below.

    Hidden files, unfinished downloads and sets that were made below are passed over.

    Args:
        folder: the raw pictures.
        leave_out: a folder that is not entered, should it lie inside.

    Raises:
        DatasetError: there is no such folder.
    """
    if folder.is_file():
        raise DatasetError(f"{folder}: is a file, not a folder of pictures; name another with --raw")
    if not folder.is_dir():
        raise DatasetError(
            f"{folder}: no such folder; run vgc scrape first, or name a folder of pictures with --raw"
        )
    manifest = folder / MANIFEST_NAME
    scraped = manifest.is_file() and (folder / IMAGES).is_dir()
    digest = sha256()
    if scraped:
        digest.update(_times(manifest.stat()))
    found: list[tuple[str, str]] = []
    for path, refusal, times in _walk(folder, IMAGES if scraped else "", leave_out.resolve()):
        digest.update(os.fsencode(path) + b"\0" + times)
        found.append((path, refusal))
    return RawFolder(folder, found, digest.hexdigest())


def _walk(root: Path, below: str, leave_out: Path) -> Iterator[tuple[str, str, bytes]]:
    """Give path below ``root``, refusal and times of every file, the same whatever the folder's own order."""
    for name in _names(root / below):
        path = f"{below}/{name}" if below else name
        if name.startswith(".") or name.endswith(PARTIAL_SUFFIX) or path == MANIFEST_NAME:
            continue
        try:
            state = os.lstat(f"{root}/{path}")
            if stat.S_ISDIR(state.st_mode):
                if (root / path).resolve() != leave_out and not (root / path / WORK_FOLDER).is_dir():
                    yield from _walk(root, path, leave_out)
                continue
            refusal, times = _look_at(root, path, state)
        except FileNotFoundError:
            continue  # gone since the folder was listed
        except OSError as error:  # a folder without permission, a path too long for the system
            refusal, times = f"cannot be read: {error.strerror}", b""
        yield path, refusal, times


def _names(folder: Path) -> list[str]:
    # Names alone: the directory's own entries keep what they know of each file, and all of them at once are large.
    with os.scandir(folder) as listing:
        return sorted(entry.name for entry in listing)


def _look_at(root: Path, path: str, state: os.stat_result) -> tuple[str, bytes]:
    """Refusal and times of a file or a link."""
    if stat.S_ISLNK(state.st_mode):
        try:
            state = (root / path).stat()
        except OSError:
            return "a link to nothing", b""
        if not (root / path).resolve().is_relative_to(root.resolve()):
            return "a link out of the folder", b""
    if stat.S_ISDIR(state.st_mode):
        return "a link to a folder", b""
    if not stat.S_ISREG(state.st_mode):
        return "not a file but a pipe, socket or device", b""
    return "", _times(state)


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
