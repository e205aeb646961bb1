"""Drawn images as files: numbered PNGs, and a board of all of them."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from PIL import Image

from gan.errors import GanError
from kit.atomic import sweep, sync, write_bytes
from kit.image_grid import image_grid
from kit.overwrite import refuse_foreign
from kit.png import is_vgc_png, png_bytes, save_png

GRID_FILE = "grid.png"
ON_A_GRID = 1024


def grid(images: Sequence[Image.Image], scale: int = 1) -> Image.Image:
    """All images on one board about as wide as it is high."""
    return image_grid(images, columns=math.ceil(math.sqrt(len(images))), scale=scale)


def save_images(
    images: Iterable[Image.Image], notes: Sequence[Mapping[str, str]], folder: Path, with_grid: bool
) -> int:
    """Write ``0000.png``… and ``grid.png`` (of the first ON_A_GRID images) in place of an earlier call's.

    Args:
        images: RGB or RGBA images; transparent ones lie on a chequerboard in ``grid.png``.
        notes: one an image, for its PNG's metadata beside the software's name.
        folder: made where it is missing.
        with_grid: whether to write ``grid.png``; an old one is removed.

    Returns:
        How many numbered images of an earlier call are gone.

    Raises:
        GanError: the folder cannot be made or written, or an image that vgc did not make is in the way.
    """
    if folder.exists() and not folder.is_dir():
        raise GanError(f"{folder}: is a file, not a folder; choose another --out")
    names = file_names(len(notes), with_grid)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        sweep(folder, rf"\d+\.png|{re.escape(GRID_FILE)}")
        earlier = previous_images(folder, names)
        on_grid: list[Image.Image] = []
        for index, (image, texts) in enumerate(zip(images, notes, strict=True)):
            write_bytes(folder / names[index], png_bytes(image, **texts), sync_name=False)
            if index < ON_A_GRID:
                on_grid.append(image)
        for name in earlier - set(names):
            (folder / name).unlink()
        if with_grid:
            save_png(grid(on_grid), folder / GRID_FILE)
        sync(folder)
        return len(earlier - {GRID_FILE})
    except OSError as error:
        raise GanError(
            f"{folder}: cannot write the pictures ({error.strerror or error}); choose another --out"
        ) from error


def file_names(count: int, with_grid: bool) -> list[str]:
    """What `save_images` writes."""
    return [f"{index:04d}.png" for index in range(count)] + [GRID_FILE] * with_grid


def previous_images(folder: Path, names: Sequence[str]) -> set[str]:
    """The names of the numbered images and the grid that an earlier call left there.

    Raises:
        GanError: one of ``names`` exists and was not made by vgc.
    """
    earlier = set()
    for path in sorted(folder.glob("*.png")):
        if path.name != GRID_FILE and not re.fullmatch(r"\d{4,}", path.stem):
            continue
        if is_vgc_png(path):
            earlier.add(path.name)
        elif path.name in names:
            refuse_foreign(path, False, GanError)
    return earlier
