"""A folder of pictures: which files are in it, and how one is opened; none of this loads torch."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from PIL import Image

from dataset.errors import DatasetError, DecodeError
from dataset.image_file import read_image
from dataset.render import RGB_FOLDER, RGBA_FOLDER
from dataset.staging import METADATA
from kit.channels import RGB, RGBA
from kit.jsonl import read_jsonl
from kit.quoting import quoted

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".avif", ".tif", ".tiff"})
SIDES_PX = (16, 32, 48, 64, 80, 96, 128, 192, 256)
"""Sides that we advise: some of those that networks can be built for."""
DEFAULT_SIDE_PX = 80


def image_files(folder: Path) -> list[Path]:
    """The images directly in ``folder``, or in ``rgb_images`` of a set, or else in folders below; in order.

    Hidden files are passed over: macOS puts a ``._x.png`` beside each ``x.png`` on foreign disks.

    Raises:
        DatasetError: there is no such folder, or no picture in it.
    """
    if folder.is_file():
        raise DatasetError(f"{folder}: is a file, not a folder of pictures; name another")
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such folder; make it with vgc preprocess, or name another")
    if (folder / METADATA).is_file():
        folder = folder / RGB_FOLDER
    files = [path for path in folder.iterdir() if _is_image_name(path.name) and path.is_file()]
    if not files:
        files = list(_images_below(folder))
    if not files:
        raise DatasetError(f"{folder}: no pictures in it; fill it with vgc preprocess, or name another")
    return sorted(files, key=lambda path: path.relative_to(folder).parts)


def _images_below(folder: Path) -> Iterator[Path]:
    """Those in folders for classes, however deep."""
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(place, name) for name in names if _is_image_name(name))


def find_metadata(folder: Path) -> Path | None:
    """The metadata of a folder of pictures: in it, or beside it; None if there is none."""
    return next((root / METADATA for root in (folder, folder.parent) if (root / METADATA).is_file()), None)


def recorded_groups(folder: Path) -> dict[str, str]:
    """Who is in a folder's pictures, by file name, as far as the metadata tells; see `dataset.groups`."""
    metadata = find_metadata(folder)
    records = read_jsonl(metadata) if metadata else ()
    return {str(record.get("file_name")): str(record["group"]) for record in records if "group" in record}


def character_names(groups: Mapping[str, str], files: Sequence[Path]) -> list[str]:
    """Who is in each picture: its group, or a character of its own."""
    return [groups.get(file.name, f"//{file.name}") for file in files]


def image_channels(folder: Path) -> int:
    """How many channels the images of a folder are read with: 4 from the ``rgba_images`` of a set, else 3."""
    return RGBA if folder.resolve().name == RGBA_FOLDER else RGB


def _is_image_name(name: str) -> bool:
    return not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES


def open_image(file: Path, channels: int) -> Image.Image:
    """Read an image in this very process: RGB, or RGBA where ``channels`` is 4.

    Raises:
        DatasetError: the file cannot be read, or there is no image in it.
    """
    try:
        return read_image(file, channels)
    except DecodeError as error:
        raise unreadable(file, error) from None


def unreadable(file: Path, error: Exception) -> DatasetError:
    """What to raise where there is no image in a file."""
    return DatasetError(f"{file}: {error}; take it away, or {mend(file.parent, DEFAULT_SIDE_PX)}")


def is_built_set(folder: Path) -> bool:
    """Whether ``vgc preprocess`` made the images of a folder, which would make a deleted one again."""
    return (folder / METADATA).is_file() or (
        (folder.parent / METADATA).is_file() and folder.name in (RGB_FOLDER, RGBA_FOLDER)
    )


def mend(folder: Path, side: int) -> str:
    """What makes the images of a folder fit for training, as advice."""
    if is_built_set(folder):
        # Made by us: preprocessed once more it would only lose quality.
        return "run the vgc preprocess that made the set again, which makes its own pictures anew"
    size_px = max((side_px for side_px in SIDES_PX if side_px <= side), default=SIDES_PX[0])
    out = folder.with_name(f"{folder.name}-{size_px}")
    return (
        f"make them alike with: vgc preprocess --raw {quoted(folder)} --out {quoted(out)} --size {size_px}, "
        f"then name {quoted(out / RGB_FOLDER)}"
    )
