"""PNGs that vgc signs: written whole, and recognised later."""

import io
import warnings
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

from kit.atomic import write_bytes

SOFTWARE = "vgc"
"""What our PNGs name as their software; only such files are ever overwritten or cleared away."""


def png_bytes(image: Image.Image, **texts: str) -> bytes:
    """An image as a PNG, ``texts`` and the software's name in its metadata."""
    metadata = PngInfo()
    for key, value in {"Software": SOFTWARE, **texts}.items():
        metadata.add_text(key, value)
    file = io.BytesIO()
    image.save(file, "PNG", pnginfo=metadata)
    return file.getvalue()


def save_png(image: Image.Image, path: Path, **texts: str) -> None:
    """Write `png_bytes` atomically."""
    write_bytes(path, png_bytes(image, **texts))


def read_png_info(path: Path) -> dict[str, Any]:
    """What a PNG tells beside its pixels, which are not decoded; empty where it is none, or one too large.

    Raises:
        OSError: there is no such file, or it cannot be read.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of many pixels
        try:
            with Image.open(path, formats=["PNG"]) as image:
                return {str(key): value for key, value in image.info.items()}
        except (UnidentifiedImageError, Image.DecompressionBombError, ValueError, SyntaxError):
            return {}


def is_vgc_png(path: Path) -> bool:
    """Whether there is a file, an image, and vgc signed it."""
    try:
        return read_png_info(path).get("Software") == SOFTWARE
    except FileNotFoundError:
        return False
