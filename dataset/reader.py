"""A folder of square pictures, for training: as one tensor, and as a torchvision data set."""

import math
import os
from collections.abc import Iterator, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from dataset.errors import DatasetError, DecodeError
from dataset.image_file import read_image, read_size_and_pixels
from dataset.pixel_file import pixel_file
from dataset.render import NOT_THIS_TIME, RGB_FOLDER, RGBA_FOLDER
from dataset.staging import METADATA
from kit.channels import RGB, RGBA
from kit.jsonl import read_jsonl
from kit.quoting import quoted
from kit.worker_pool import WorkerError, WorkerPool

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".avif", ".tif", ".tiff"})
SIDES_PX = (16, 32, 48, 64, 80, 96, 128, 192, 256)
"""Sides that we advise: some of those that networks can be built for."""
DEFAULT_SIDE_PX = 80
FILES_AT_ONCE = 64
"""So many are asked for at once of the process that decodes them."""
USABLE_MEMORY = 0.8
"""Share of the free memory that the pictures may take."""


def __getattr__(name: str) -> Any:
    if name not in ("CharacterImages", "CharacterPictures"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # These need torchvision, which takes as long to load as torch.
    return getattr(import_module("dataset.character_images"), name)


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


def image_groups(folder: Path) -> Tensor | None:
    """Which of a set's pictures show one character, by its metadata.

    Args:
        folder: as `image_files` takes it.

    Returns:
        [N] int64 number of each picture's group, from 0 on, in the order of `image_files`; None if the metadata
        tells of none.

    Raises:
        DatasetError: as `image_files`.
    """
    metadata = find_metadata(folder)
    if not metadata:
        return None
    names = {str(record.get("file_name")): record["group"] for record in read_jsonl(metadata) if "group" in record}
    if not names:
        return None
    # A picture that is not in the metadata is a group of its own.
    groups = [str(names.get(file.name, f"//{file.name}")) for file in image_files(folder)]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(groups))}
    return torch.tensor([numbers[name] for name in groups])


def find_metadata(folder: Path) -> Path | None:
    """The metadata of a folder of pictures: in it, or beside it; None if there is none."""
    return next((root / METADATA for root in (folder, folder.parent) if (root / METADATA).is_file()), None)


def image_channels(folder: Path) -> int:
    """How many channels the images of a folder are read with: 4 from the ``rgba_images`` of a set, else 3."""
    return RGBA if folder.resolve().name == RGBA_FOLDER else RGB


def _is_image_name(name: str) -> bool:
    return not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES


def load_images(folder: Path, channels: int | None = None) -> Tensor:
    """Read a whole folder of pictures of one square size.

    More than fits into the free memory is decoded into one file beside the pictures and mapped from there: see
    `is_mapped`.

    Args:
        folder: holds the pictures themselves, such as ``Data/train_data/rgb_images``.
        channels: 3 for RGB, 4 for RGBA with premultiplied colours; None: those of `image_channels`.

    Returns:
        [N, channels, H, W] uint8, sorted by file name, contiguous.

    Raises:
        DatasetError: no folder, no pictures, one that is damaged, of another size or not square, or more than fits
            into the free memory and onto the disk.
    """
    files = image_files(folder)
    channels = channels or image_channels(folder)
    with WorkerPool(1) as processes:
        side = _side(processes, files[0])
        shape = (len(files), channels, side, side)
        images = _square_images(processes, files, side, channels)
        if _fits_into_memory(math.prod(shape)):
            pixels = np.empty(shape, np.uint8)
            for index, image in enumerate(images):
                pixels[index] = image
            return torch.from_numpy(pixels)
        path = pixel_file(files[0].parent, files, images, channels * side * side)
    return torch.from_file(str(path), shared=True, size=math.prod(shape), dtype=torch.uint8).view(shape)


def is_mapped(images: Tensor) -> bool:
    """Whether `load_images` left the pixels on the disk, to be read as they are used."""
    return images.untyped_storage().filename is not None


def _square_images(
    processes: WorkerPool, files: Sequence[Path], side: int, channels: int
) -> Iterator[npt.NDArray[np.uint8]]:
    """[channels, side, side] of each file."""
    for start in range(0, len(files), FILES_AT_ONCE):
        chunk = files[start : start + FILES_AT_ONCE]
        answers = processes.map(partial(read_size_and_pixels, side_px=side, channels=channels), chunk)
        for file, answer in zip(chunk, answers, strict=True):
            (width, height), pixels = _answered(file, answer)
            if not pixels:
                size = f"{width}x{height}, but {files[0].name} is {side}x{side}"
                root = Path(os.path.commonpath([each.parent for each in files]))
                raise DatasetError(f"{file}: {size}; {_mend(root, side)}")
            yield np.frombuffer(pixels, np.uint8).reshape(side, side, channels).transpose(2, 0, 1)


def _side(processes: WorkerPool, first: Path) -> int:
    (answer,) = processes.map(read_size_and_pixels, [first])
    (width, height), _ = _answered(first, answer)
    if width != height:
        raise DatasetError(f"{first}: {width}x{height} is not square; {_mend(first.parent, max(width, height))}")
    return width


def _answered(file: Path, answer: Any) -> tuple[tuple[int, int], bytes]:
    if isinstance(answer, DecodeError):
        raise _unreadable(file, answer) from None
    if isinstance(answer, WorkerError):
        raise DatasetError(f"{file}: {NOT_THIS_TIME}{answer}; try again, or take it away")
    if isinstance(answer, Exception):
        raise answer
    return answer  # type: ignore[no-any-return]


def open_image(file: Path, channels: int) -> Image.Image:
    """Read an image in this very process: RGB, or RGBA where ``channels`` is 4.

    Raises:
        DatasetError: the file cannot be read, or there is no image in it.
    """
    try:
        return read_image(file, channels)
    except DecodeError as error:
        raise _unreadable(file, error) from None


def _unreadable(file: Path, error: Exception) -> DatasetError:
    return DatasetError(f"{file}: {error}; take it away, or {_mend(file.parent, DEFAULT_SIDE_PX)}")


def is_built_set(folder: Path) -> bool:
    """Whether ``vgc preprocess`` made the images of a folder, which would make a deleted one again."""
    return (folder / METADATA).is_file() or (
        (folder.parent / METADATA).is_file() and folder.name in (RGB_FOLDER, RGBA_FOLDER)
    )


def _mend(folder: Path, side: int) -> str:
    if is_built_set(folder):
        # Made by us: preprocessed once more it would only lose quality.
        return "run the vgc preprocess that made the set again, which makes its own pictures anew"
    size_px = max((side_px for side_px in SIDES_PX if side_px <= side), default=SIDES_PX[0])
    out = folder.with_name(f"{folder.name}-{size_px}")
    return (
        f"make them alike with: vgc preprocess --raw {quoted(folder)} --out {quoted(out)} --size {size_px}, "
        f"then name {quoted(out / RGB_FOLDER)}"
    )


def _fits_into_memory(needed: int) -> bool:
    free = _free_bytes()
    return free is None or needed <= USABLE_MEMORY * free


def _free_bytes() -> int | None:
    """Memory that can be had without swapping; None where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        available = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration, ValueError):
        return _physical_bytes()
    return available


def _physical_bytes() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None
