"""What can still be seen of a file that gave no picture."""

import io
import warnings
from pathlib import Path

from PIL import Image, ImageFile

from dataset.decode import MAX_PIXELS
from dataset.file_kinds import FORMATS

HEAD_BYTES = 160
MAX_BYTES = 8 * 2**20


def salvage(file: Path) -> tuple[Image.Image | None, str]:
    """Look at a file that was refused.

    Returns:
        As much of the picture as can be decoded, or None; and the file's first bytes as text.
    """
    if not file.is_file() or file.is_symlink():
        return None, ""
    try:
        with file.open("rb") as opened:
            content = opened.read(MAX_BYTES)
    except OSError:
        return None, ""
    text = content[:HEAD_BYTES].decode("utf-8", "replace")
    return _open_damaged(content), "".join(char if char.isprintable() else "·" for char in text)


def _open_damaged(content: bytes) -> Image.Image | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(content), formats=FORMATS) as image:
                if image.width * image.height > MAX_PIXELS:
                    return None
                _load_what_is_there(image)
                return image.convert("RGB")
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
