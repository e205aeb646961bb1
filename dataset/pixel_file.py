"""All pictures of a folder as one file of pixels, to be mapped where they do not fit into memory."""

import os
import shutil
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
import numpy.typing as npt
from filelock import FileLock

from dataset.errors import DatasetError
from kit.atomic import replacing

PREFIX = ".vgc-pixels-"
"""Hidden files are passed over wherever pictures are listed."""


def pixel_file(
    folder: Path, files: Sequence[Path], images: Iterable[npt.NDArray[np.uint8]], bytes_each: int
) -> Path:
    """Give the file of pixels beside the pictures; make it if there is none of just these.

    Args:
        folder: holds the pictures.
        files: all of them, in order.
        images: the pixels of each, read while it runs.
        bytes_each: of the pixels of a picture.

    Raises:
        DatasetError: it cannot be written.
    """
    path = folder / f"{PREFIX}{_digest(files)}"
    needed = bytes_each * len(files)
    try:
        # Several processes of one training come here at once.
        with FileLock(folder / f"{PREFIX}lock"):
            if not path.exists() or path.stat().st_size != needed:
                for older in folder.glob(f"{PREFIX}*"):
                    if older.name != f"{PREFIX}lock":
                        older.unlink()
                _check_room(folder, needed)
                with replacing(path) as partial, partial.open("wb") as file:
                    for pixels in images:
                        file.write(pixels.tobytes())
    except OSError as error:
        raise DatasetError(
            f"{folder}: {len(files):,} pictures do not fit into memory, nor can they be written into one file "
            f"({error.strerror}); make them smaller with vgc preprocess --size, or use fewer"
        ) from error
    return path


def _digest(files: Sequence[Path]) -> str:
    """Of names, sizes and times: of other pictures, another."""
    digest = sha256()
    for file in files:
        state = file.stat()
        digest.update(os.fsencode(file.name) + b"\0%d %d\0" % (state.st_size, state.st_mtime_ns))
    return digest.hexdigest()[:16]


def _check_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DatasetError(
            f"{folder}: the pictures do not fit into memory, and {needed / 2**30:.1f} GiB of disk, of which "
            f"{free / 2**30:.1f} GiB are free, are too little for one file of them; make room, make them smaller "
            "with vgc preprocess --size, or use fewer"
        )
