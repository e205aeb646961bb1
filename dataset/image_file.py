"""Any image file, decoded in a process that can be ended."""

from pathlib import Path

import numpy as np
from PIL import Image

from dataset.alpha import to_square_rgba
from dataset.decode import decode, to_square
from dataset.errors import DecodeError
from dataset.render import NOT_THIS_TIME, read_content
from kit.channels import RGB
from kit.premultiplied import premultiply
from kit.worker_pool import WorkerError, WorkerPool


def read_padded_square(path: Path, size_px: int, with_alpha: bool = False) -> Image.Image:
    """Read an image, filled up to a square with the colour of its own edge: RGB, ``size_px`` x ``size_px``.

    Args:
        path: any file.
        size_px: side of the result.
        with_alpha: a transparent image becomes RGBA, filled up with clear pixels.

    Raises:
        DecodeError: the file cannot be read, or there is no image in it, or it takes too much time or memory.
    """
    with WorkerPool(1) as processes:
        try:
            image: Image.Image = processes.call(_padded_square, path, size_px, with_alpha)
        except WorkerError as error:
            raise DecodeError(f"{NOT_THIS_TIME}{error}") from None
    return image


def _padded_square(path: Path, size_px: int, with_alpha: bool) -> Image.Image:
    decoded = decode(read_content(path))
    if with_alpha and decoded.rgba:
        return to_square_rgba(decoded.rgba, size_px, "pad")
    return to_square(decoded.image, size_px, "pad", background=None)


def read_image(path: Path, channels: int) -> Image.Image:
    """Read an image: RGB, its transparent parts over black, or RGBA where ``channels`` is 4.

    Raises:
        DecodeError: the file cannot be read, or there is no image in it.
    """
    decoded = decode(read_content(path))
    return decoded.image if channels == RGB else decoded.rgba or decoded.image.convert("RGBA")


def read_size_and_pixels(
    path: Path, side_px: int | None = None, channels: int = RGB
) -> tuple[tuple[int, int], bytes]:
    """Read an image's width and height, and its bytes where it is ``side_px`` square, premultiplied if RGBA.

    Raises:
        DecodeError: the file cannot be read, or there is no image in it.
    """
    image = read_image(path, channels)
    if image.size != (side_px, side_px):
        return image.size, b""
    return image.size, image.tobytes() if channels == RGB else premultiply(np.asarray(image)).tobytes()
