"""Files that appear whole under their name or not at all."""

import errno
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PARTIAL_SUFFIX = ".partial"
"""What unfinished files end in; whoever finds one left by a killed run may delete it."""

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What a full disk, a used-up quota and a file system's limit are called."""

HELD_SECONDS = 2.0
"""How long another program may hold a file that is to be replaced on Windows."""

IN_THE_WAY = frozenset({errno.ENOTDIR, errno.EEXIST})
"""What the system calls it when a file is in place of a folder."""


@contextmanager
def replacing(path: Path, sync_name: bool = True) -> Iterator[Path]:
    """Give a temporary path beside ``path``; move it there when the block ends well, else delete it.

    The content is on the disk before the name is (fsync, then rename), so that after a kill or a power cut
    ``path`` holds either the old bytes or the new ones; and once the block has ended, the new ones.

    Args:
        path: of the file, in a folder that exists.
        sync_name: whether to wait for the name too; who writes many files syncs their folder once, at the end.

    Raises:
        OSError: the folder cannot be written, or the disk is full; it names ``path``, which is untouched.
    """
    partial = path.with_name(f"{path.name}.{os.getpid()}{PARTIAL_SUFFIX}")
    try:
        yield partial
        sync(partial)
        move(partial, path)
        if sync_name:
            sync(path.parent)
    except OSError as error:
        if error.errno and not error.filename:  # as where the disk is full: the system names no file then
            error.filename = str(path)
        raise
    finally:
        partial.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Wait until a file's bytes, or the names in a folder, are on the disk; Windows knows that of files alone."""
    is_folder = path.is_dir()
    if is_folder and os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY if is_folder else os.O_RDWR | getattr(os, "O_BINARY", 0))
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_all() -> None:
    """Wait until all that was written to any file is on the disk; nothing on Windows, which has no such call."""
    if hasattr(os, "sync"):
        os.sync()


def sweep(folder: Path, names: str = ".*") -> None:
    """Delete what killed runs left of files that they were writing.

    Args:
        folder: where they lie; that no other process writes there is the caller's affair.
        names: a regular expression of the finished files' names.
    """
    leftover = re.compile(rf"(?:{names})\.\d+{re.escape(PARTIAL_SUFFIX)}", re.DOTALL)
    if folder.is_dir():
        for path in folder.iterdir():
            if leftover.fullmatch(path.name) and not path.is_dir():
                path.unlink(missing_ok=True)


def move(source: Path, target: Path) -> None:
    """Rename ``source`` to ``target``, replacing an existing file.

    Windows refuses while anybody has either of them open: a browser that reads a run's page, a virus scanner. Such
    programs are done within moments, so there it is tried again for `HELD_SECONDS`.

    Raises:
        OSError: it cannot be renamed; both are untouched.
    """
    tries_end = time.monotonic() + HELD_SECONDS
    while True:
        try:
            source.replace(target)
            return
        except PermissionError:
            if os.name != "nt" or time.monotonic() > tries_end:
                raise
            time.sleep(0.05)


def write_bytes(path: Path, content: bytes, sync_name: bool = True) -> None:
    """Write ``content`` to ``path`` atomically; see `replacing`."""
    with replacing(path, sync_name) as partial:
        partial.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Write ``content`` to ``path`` atomically, as UTF-8 with ``\\n`` line ends; see `replacing`."""
    write_bytes(path, content.encode())


def cannot_write(error: OSError, folder: Path) -> str:
    """Say to a person what could not be written below ``folder``, why, and what helps."""
    what = f"cannot write {error.filename or folder} ({error.strerror})"
    if error.errno in NO_ROOM:
        remedy = "make room there"
    elif error.errno in IN_THE_WAY:
        remedy = "move away the file that stands in place of a folder"
    else:
        remedy = "see who may write there"
    return f"{what}: {remedy}, or choose another folder with --out"
