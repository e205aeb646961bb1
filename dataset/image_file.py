"""Any image file, decoded in a process that can be ended."""

from pathlib import Path

from PIL import Image

from dataset.decode import decode, to_square
from dataset.errors import DecodeError
from dataset.render import NOT_THIS_TIME, read_content
from kit.worker_pool import WorkerError, WorkerPool


def read_padded_square(path: Path, size_px: int) -> Image.Image:
    """Read an image, filled up to a square with the colour of its own edge: RGB, ``size_px`` x ``size_px``.

    Raises:
        DecodeError: the file cannot be read, or there is no image in it, or it takes too much time or memory.
    """
    with WorkerPool(1) as processes:
        try:
            image: Image.Image = processes.call(_padded_square, path, size_px)
        except WorkerError as error:
            raise DecodeError(f"{NOT_THIS_TIME}{error}") from None
    return image


def _padded_square(path: Path, size_px: int) -> Image.Image:
    return to_square(decode(read_content(path)).image, size_px, "pad", background=None)


def read_size_and_pixels(path: Path, side_px: int | None = None) -> tuple[tuple[int, int], bytes]:
    """Read an image's width and height, and its RGB bytes where it is ``side_px`` square.

    Raises:
        DecodeError: the file cannot be read, or there is no image in it.
    """
    image = decode(read_content(path)).image
    return image.size, image.tobytes() if image.size == (side_px, side_px) else b""
