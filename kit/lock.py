"""One process at a time in a folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout


@contextmanager
def lock_or_raise(path: Path, busy: Exception) -> Iterator[None]:
    """Hold the lock file ``path`` while the block runs; the file stays behind, unlocked.

    Args:
        path: the lock file, in a folder that exists.
        busy: raised at once where another process holds the lock.

    Raises:
        OSError: the file cannot be made.
    """
    lock = FileLock(path, blocking=False)
    try:
        lock.acquire()
    except Timeout:
        raise busy from None
    try:
        yield
    finally:
        lock.release()
