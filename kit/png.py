"""PNGs that vgc signs: written whole, and recognised later."""

import io
from pathlib import Path

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


def is_vgc_png(path: Path) -> bool:
    """Whether there is a file, an image, and vgc signed it."""
    try:
        with Image.open(path) as image:
            return image.info.get("Software") == SOFTWARE
    except (FileNotFoundError, UnidentifiedImageError):
        return False
