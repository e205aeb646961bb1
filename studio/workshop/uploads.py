"""Pictures from a browser: they come in pieces, each file appears whole, and the folder once all are there."""

import os
import shutil
import threading
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from dataset.file_kinds import MAX_BYTES
from kit.atomic import PARTIAL_SUFFIX, move, sync, sync_all
from kit.counted import counted
from kit.worker_pool import WorkerError, WorkerPool
from studio.guard import MAX_BODY_BYTES
from studio.workshop.folders import BusyError, NotThereError, WorkshopError
from studio.workshop.unzip import MAX_FILES, MAX_TOTAL_BYTES, Refused, RefusedFileError, clean_path, unpack

MAX_ZIP_BYTES = 4 * 2**30
SPARE_BYTES = 2**29
"""Of the disk that stays free."""
UNPACK_SECONDS = 1800.0
CLOCK_STEP_MS = 2_000
"""Of the coarsest file systems."""
UPLOADS = ".*.upload"
"""Pattern of the hidden folders in which uploads are until they are whole."""
YEAR_2100_MS = 4_102_444_800_000
LOCKS = 16
"""So many files are written at once: what takes time is the disk, and it takes several together."""
ZIPS = ".zips"
"""In the upload's folder: archives, until all is unpacked."""


class SentFile(BaseModel):
    """A file as its browser has it, which is sent whole, with others."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=1000)
    size: int = Field(ge=0, le=MAX_BODY_BYTES)
    modified_ms: int = Field(ge=0, le=YEAR_2100_MS)


class NotTakenError(WorkshopError):
    """What a page sends or asks for is none, or beyond bounds."""

    status = 422


class NoRoomError(WorkshopError):
    """The disk is full, or would be."""

    status = 507


class Upload:
    """What is dropped for one raw folder; it is in a hidden folder beside it until it is whole.

    Args:
        raw: the folder to be.
    """

    def __init__(self, raw: Path) -> None:
        self.raw = raw
        self.folder = raw.with_name(f".{raw.name}.upload")
        self._counting = threading.Lock()
        self._writing = [threading.Lock() for _ in range(LOCKS)]
        self._files = self._bytes = 0

    def begin(self, files: int, size: int) -> None:
        """Open the folder, or go on with what a kill left.

        Raises:
            NotTakenError: more than the bounds.
            NoRoomError: more than the disk holds.
        """
        if files > MAX_FILES or size > MAX_TOTAL_BYTES:
            raise NotTakenError(
                f"{counted(files, 'file')} of {size >> 20:,} MiB: at most {MAX_FILES:,} files and "
                f"{MAX_TOTAL_BYTES >> 30} GiB at once; put them into a folder on this machine, and choose that"
            )
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise NoRoomError(f"{self.folder}: cannot be written ({error.strerror})") from error
        here = [path.stat().st_size for path in self.folder.rglob("*") if path.is_file()]
        self._files, self._bytes = len(here), sum(here)
        free = shutil.disk_usage(self.folder).free
        if size - self._bytes + SPARE_BYTES > free:
            raise NoRoomError(f"{size >> 20:,} MiB, and {free >> 20:,} MiB are free: make room first")

    def received(self, name: str, size: int, modified_ms: int) -> int:
        """How many bytes of a file are here; all of them only where it is the very same file, and has its name."""
        target, partial = self._paths(name, size)
        for path in (target, partial):
            if path.is_file():
                status = path.stat()
                is_same = abs(status.st_mtime_ns // 10**6 - modified_ms) <= CLOCK_STEP_MS
                is_whole = status.st_size == size
                # A kill may come after the last piece and before the name: then it is sent once more.
                return status.st_size if is_same and is_whole != (path is partial) else 0
        return 0

    def write(self, name: str, offset: int, size: int, modified_ms: int, piece: bytes) -> int:
        """Take a piece, and give how many bytes are here then.

        Raises:
            NotTakenError: the file cannot be taken.
            BusyError: the piece does not begin where the last one ended.
            NoRoomError: the disk is full.
        """
        target, partial = self._paths(name, size)
        with self._writing[hash(target) % LOCKS]:  # one file's pieces one after the other
            if not self.folder.is_dir():
                raise BusyError(f"{name:.200}: too late, the set is being made")
            if offset == 0:
                self._count_in(size)
            elif offset != self.received(name, size, modified_ms):
                raise BusyError(f"{name:.200}: another page sends it too")
            if offset + len(piece) > size:
                raise NotTakenError(f"{name:.200}: longer than it was said to be")
            try:
                return self._append(target, partial, offset, size, modified_ms, piece)
            except OSError as error:
                raise NoRoomError(f"{name:.200}: cannot be written ({error.strerror}): make room") from error

    def write_together(self, files: Sequence[SentFile], content: bytes) -> list[Refused]:
        """Take small files whole, one after the other in ``content``; those that are here are passed over.

        Returns:
            Those that cannot be taken.

        Raises:
            NotTakenError: their sizes are not that of the content.
            BusyError, NoRoomError: as of `write`; those before are here.
        """
        if sum(each.size for each in files) != len(content):
            raise NotTakenError("files: their sizes together are not that of what was sent")
        refused, offset = [], 0
        for each in files:
            end = offset + each.size
            try:
                if not each.size or self.received(each.name, each.size, each.modified_ms) != each.size:
                    self.write(each.name, 0, each.size, each.modified_ms, content[offset:end])
            except NotTakenError as error:
                refused.append(Refused(each.name, str(error).removeprefix(f"{each.name:.200}: ")))
            offset = end
        return refused

    def _append(  # one file's place and length
        self, target: Path, partial: Path, offset: int, size: int, modified_ms: int, piece: bytes
    ) -> int:
        partial.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("r+b" if offset else "wb") as file:
            file.seek(offset)
            file.write(piece)
            file.truncate()
        os.utime(partial, ns=(modified_ms * 10**6,) * 2)  # the file's own date: by it the same one is known
        sync(partial)
        if offset + len(piece) == size:
            move(partial, target)
        return offset + len(piece)

    def _count_in(self, size: int) -> None:
        with self._counting:
            self._files, self._bytes = self._files + 1, self._bytes + size
        if self._files > 2 * MAX_FILES or self._bytes > 2 * MAX_TOTAL_BYTES:  # twice: files may come again
            raise NotTakenError("more than what was to come")

    def _paths(self, name: str, size: int) -> tuple[Path, Path]:
        """Where a file is to be, and where it is while it comes."""
        try:
            path = clean_path(name)
        except RefusedFileError as error:
            raise NotTakenError(f"{name:.200}: {error}") from None
        is_zip = path.suffix.lower() == ".zip"
        bound = MAX_ZIP_BYTES if is_zip else MAX_BYTES
        if size > bound:
            raise NotTakenError(f"{name:.200}: larger than {bound >> 20:,} MiB")
        target = self.folder / (f"{ZIPS}/{path.as_posix().replace('/', '-')}" if is_zip else path)
        return target, target.with_name(f"{target.name}{PARTIAL_SUFFIX}")

    def finish(self) -> list[Refused]:
        """Unpack the archives, and give the folder its name; after a kill the same once more.

        Raises:
            NotThereError: nothing was dropped.
        """
        if not self.folder.is_dir():
            if self.raw.is_dir():
                return []  # it has its name
            raise NotThereError("Nothing has come: drop the pictures again.")
        refused = self._unpack()
        for partial in self.folder.rglob(f"*{PARTIAL_SUFFIX}"):
            partial.unlink()
        sync_all()
        shutil.rmtree(self.folder / ZIPS, ignore_errors=True)
        move(self.folder, self.raw)
        sync(self.raw.parent)
        return refused

    def _unpack(self) -> list[Refused]:
        refused = []
        with WorkerPool(1) as processes:
            for file in sorted((self.folder / ZIPS).glob("*")):
                try:
                    refused += processes.call(unpack, file, self.folder, seconds=UNPACK_SECONDS)
                except WorkerError as error:
                    refused.append(Refused(file.name, str(error)))
        return refused
