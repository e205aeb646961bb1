"""What can still be seen of a file that gave no picture."""

import io
import warnings
from contextlib import suppress
from pathlib import Path

from PIL import Image, ImageFile

from dataset.decode import MAX_PIXELS
from dataset.file_kinds import FORMATS
from dataset.report.css_sprites import thumbnail
from kit.image_cost import has_too_many_scans
from kit.worker_pool import WorkerError, WorkerPool

SECONDS = 10.0
"""A file may take so long; there may be many, and nothing depends on them."""
HEAD_BYTES = 160
MAX_BYTES = 8 * 2**20


def salvage(processes: WorkerPool, file: Path) -> tuple[Image.Image | None, str]:
    """Look at a file that was refused.

    Args:
        processes: one of them decodes it.
        file: any.

    Returns:
        A thumbnail of as much of the picture as can be decoded, or None; and the file's first bytes as text.
    """
    if not file.is_file() or file.is_symlink():
        return None, ""
    try:
        with file.open("rb") as opened:
            content = opened.read(MAX_BYTES)
    except OSError:
        return None, ""
    text = content[:HEAD_BYTES].decode("utf-8", "replace")
    image = None
    with suppress(WorkerError):
        image = processes.call(_damaged_thumbnail, content, seconds=SECONDS)
    return image, "".join(char if char.isprintable() else "·" for char in text)


def _damaged_thumbnail(content: bytes) -> Image.Image | None:
    if has_too_many_scans(content):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(content), formats=FORMATS) as image:
                if image.width * image.height > MAX_PIXELS:
                    return None
                _load_what_is_there(image)
                return thumbnail(image)
        except Exception:
            # As in `dataset.decode`, wild bytes raise anything; here it only means that there is nothing to see.
            return None


def _load_what_is_there(image: Image.Image) -> None:
    before = ImageFile.LOAD_TRUNCATED_IMAGES
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        image.load()
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before
