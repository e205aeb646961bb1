"""A folder of square pictures, for training: as one tensor, and as a torchvision data set."""

import math
import os
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from dataset.errors import DatasetError, DecodeError
from dataset.image_file import read_size_and_pixels
from dataset.image_folder import (
    character_names,
    image_channels,
    image_files,
    mend,
    recorded_groups,
    unreadable,
)
from dataset.pixel_file import pixel_file
from dataset.render import NOT_THIS_TIME
from kit.worker_pool import WorkerError, WorkerPool

FILES_AT_ONCE = 64
"""So many are asked for at once of the process that decodes them."""
USABLE_MEMORY = 0.8
"""Share of the free memory that the pictures may take."""


def __getattr__(name: str) -> Any:
    if name not in ("CharacterImages", "CharacterPictures"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # These need torchvision, which takes as long to load as torch.
    from dataset import character_images  # noqa: PLC0415

    return getattr(character_images, name)


def image_groups(folder: Path, files: Sequence[Path] | None = None) -> Tensor | None:
    """Which of a set's pictures show one character, by its metadata.

    Args:
        folder: as `image_files` takes it.
        files: some of its pictures; None: all.

    Returns:
        [N] int64 number of each picture's group, from 0 on, in the order of ``files``; None if the metadata tells
        of none.

    Raises:
        DatasetError: as `image_files`.
    """
    groups = recorded_groups(folder)
    if not groups:
        return None
    names = character_names(groups, image_files(folder) if files is None else files)
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return torch.tensor([numbers[name] for name in names])


def load_images(folder: Path, channels: int | None = None, files: Sequence[Path] | None = None) -> Tensor:
    """Read a whole folder of pictures of one square size.

    More than fits into the free memory is decoded into one file beside the pictures and mapped from there: see
    `is_mapped`.

    Args:
        folder: holds the pictures themselves, such as ``Data/train_data/rgb_images``.
        channels: 3 for RGB, 4 for RGBA with premultiplied colours; None: those of `image_channels`.
        files: some of its pictures, in order; None: all.

    Returns:
        [N, channels, H, W] uint8, in the order of the files, contiguous.

    Raises:
        DatasetError: no folder, no pictures, one that is damaged, of another size or not square, or more than fits
            into the free memory and onto the disk.
    """
    files = image_files(folder) if files is None else files
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
                raise DatasetError(f"{file}: {size}; {mend(root, side)}")
            yield np.frombuffer(pixels, np.uint8).reshape(side, side, channels).transpose(2, 0, 1)


def _side(processes: WorkerPool, first: Path) -> int:
    (answer,) = processes.map(read_size_and_pixels, [first])
    (width, height), _ = _answered(first, answer)
    if width != height:
        raise DatasetError(f"{first}: {width}x{height} is not square; {mend(first.parent, max(width, height))}")
    return width


def _answered(file: Path, answer: Any) -> tuple[tuple[int, int], bytes]:
    if isinstance(answer, DecodeError):
        raise unreadable(file, answer) from None
    if isinstance(answer, WorkerError):
        raise DatasetError(f"{file}: {NOT_THIS_TIME}{answer}; try again, or take it away")
    if isinstance(answer, Exception):
        raise answer
    return answer  # type: ignore[no-any-return]


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
