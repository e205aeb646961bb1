"""Unpacks a zip of somebody else's: what leads out of the folder, is a link or too large stays out, by name."""

import os
import shutil
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from dataset.file_kinds import MAX_BYTES, is_archive
from dataset.raw import clean_stem, stem_apart
from kit.atomic import PARTIAL_SUFFIX, move
from kit.counted import counted

MAX_FILES = 50_000
MAX_TOTAL_BYTES = 16 * 2**30
"""Of all that one drop or one archive holds."""
MAX_PARTS = 12
MAX_SUFFIX_CHARS = 10
COPY_BYTES = 2**20
ENCRYPTED = 0x1
CANNOT_BE_READ = (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, RuntimeError, ValueError)
"""What Python's reader raises on damaged, strange and forged archives; of a file's name too."""


class Refused(NamedTuple):
    """What was not taken."""

    name: str
    reason: str


class RefusedFileError(ValueError):
    """A file that is not taken; the message is the reason."""


def clean_path(name: str) -> PurePosixPath:
    """Where a file goes below its folder: safe on every file system, and another place for every name.

    Raises:
        RefusedFileError: the name leads out of the folder, or is none.
    """
    parts = name.split("/")
    if "\\" in name or "\0" in name or ":" in parts[0] or any(part in ("", ".", "..") for part in parts):
        raise RefusedFileError("its name leads out of the folder")
    if len(parts) > MAX_PARTS:
        raise RefusedFileError(f"more than {MAX_PARTS} folders deep")
    if name.endswith(PARTIAL_SUFFIX):
        raise RefusedFileError("an unfinished download")
    return PurePosixPath(*map(_clean_part, parts))


def _clean_part(part: str) -> str:
    part = unicodedata.normalize("NFC", part)
    encoded = part.encode("utf-8", "replace")
    suffix = PurePosixPath(part).suffix
    if not (suffix[1:].isascii() and suffix[1:].isalnum() and len(suffix) <= 1 + MAX_SUFFIX_CHARS):
        suffix = ""
    stem = clean_stem(encoded)
    return part if stem + suffix == part else stem_apart(stem, encoded) + suffix


def is_hidden(name: str) -> bool:
    """Whether a file is one that systems leave about and nobody misses."""
    return any(part.startswith((".", "__MACOSX")) for part in name.split("/") if part not in (".", ".."))


def unpack(file: Path, folder: Path) -> list[Refused]:
    """Unpack a zip; a second time after a kill gives the same.

    Args:
        file: the archive; nobody vouches for it.
        folder: an existing one; files in it stay, and of another content under one name both do.

    Returns:
        What was not taken, and why; the archive itself where nothing of it was.

    Raises:
        OSError: the folder cannot be written.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            members = [info for info in archive.infolist() if not info.is_dir() and not is_hidden(info.filename)]
            if reason := _out_of_bounds(members, folder):
                return [Refused(file.name, reason)]
            return list(_take(archive, members, folder))
    except CANNOT_BE_READ as error:
        return [Refused(file.name, f"no zip that can be read ({error})")]


def _out_of_bounds(members: list[zipfile.ZipInfo], folder: Path) -> str:
    total, free = sum(info.file_size for info in members), shutil.disk_usage(folder).free
    if len(members) > MAX_FILES:
        return f"{counted(len(members), 'file')} in it: at most {MAX_FILES:,}"
    if total > min(MAX_TOTAL_BYTES, free):
        bound = min(MAX_TOTAL_BYTES, free) >> 20
        return f"unpacked it would have {total >> 20:,} MiB: there is room for {bound:,}"
    return "" if members else "an empty archive"


def _take(archive: zipfile.ZipFile, members: list[zipfile.ZipInfo], folder: Path) -> Iterator[Refused]:
    paths: dict[PurePosixPath, zipfile.ZipInfo] = {}
    for info in members:
        try:
            path = clean_path(info.filename)
            if reason := "a second one of this name" if path in paths else _refusal(info):
                raise RefusedFileError(reason)
            paths[path] = info
        except RefusedFileError as error:
            yield Refused(info.filename, str(error))
    top = common_folder([str(path) for path in paths])
    for path, info in paths.items():
        try:
            _extract(archive, info, folder / path.relative_to(top))
        except RefusedFileError as error:
            yield Refused(info.filename, str(error))
        except CANNOT_BE_READ as error:
            yield Refused(info.filename, f"damaged: {error}")


def common_folder(names: list[str]) -> str:
    """The folder that all are in, as archives of one folder have it; no label of pictures."""
    first = {top if folder else "" for top, folder, _ in (name.partition("/") for name in names)}
    (top,) = first if len(first) == 1 else ("",)
    return top if top == _clean_part(top) else ""


def _refusal(info: zipfile.ZipInfo) -> str:
    if stat.S_ISLNK(info.external_attr >> 16):
        return "a link"
    if info.flag_bits & ENCRYPTED:
        return "encrypted"
    return f"larger than {MAX_BYTES >> 20} MiB" if info.file_size > MAX_BYTES else ""


def _extract(archive: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path) -> None:
    with archive.open(info) as source:  # which reads no more than the size that it names, and checks its sum
        head = source.read(COPY_BYTES)
        if is_archive(head):
            raise RefusedFileError("an archive in an archive; unpack it first")
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f"{target.name}{PARTIAL_SUFFIX}")
        try:
            with partial.open("wb") as file:
                file.write(head)
                shutil.copyfileobj(source, file, COPY_BYTES)
            move(partial, _place(target, info))
        finally:
            partial.unlink(missing_ok=True)


def _place(target: Path, info: zipfile.ZipInfo) -> Path:
    """The target, or beside a file of other content."""
    if not target.exists() or (target.stat().st_size == info.file_size and _crc(target) == info.CRC):
        return target
    return target.with_name(stem_apart(target.stem, os.fsencode(f"{info.CRC:08x}")) + target.suffix)


def _crc(file: Path) -> int:
    crc = 0
    with file.open("rb") as opened:
        while piece := opened.read(COPY_BYTES):
            crc = zlib.crc32(piece, crc)
    return crc
