"""Seeds to pictures: latents, drawing, grids, animations."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo
from torch import Tensor, nn

from gan.config import GanError, SettingsError
from gan.sampling.share_codes import quantised
from kit.atomic import replacing
from kit.image_grid import image_grid

DRAWN_AT_ONCE = 8
"""Pictures a forward pass. Always the same number, the last pass filled up: other shapes may round otherwise, and
the same seed would not give the same bytes alone as among others. Twice as many hardly speed a wall up on a CPU,
but make a single picture half as fast."""

MAX_PICTURES = 100_000
GRID_FILE = "grid.png"
ON_A_GRID = 1024
FRAME_MS = 60
SOFTWARE = "vgc"
"""What our PNGs name as their software; only such files are ever cleared away."""


def parse_seeds(text: str) -> list[int]:
    """``"0,4-6"`` -> [0, 4, 5, 6].

    Raises:
        SettingsError: not a list of numbers and ranges, or more than MAX_PICTURES.
    """
    seeds: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,18})(?:-(\d{1,18}))?\s*", part)
        if not match:
            raise SettingsError(f"--seeds {text}: write numbers and ranges, such as 0,4-6")
        first = int(match[1])
        last = int(match[2] or first)
        if last < first or last - first + len(seeds) >= MAX_PICTURES:
            raise SettingsError(f"--seeds {text}: ranges go upwards, {MAX_PICTURES:,} pictures at most")
        seeds += range(first, last + 1)
    return seeds


def latents_of(seeds: Sequence[int], latent_dim: int) -> Tensor:
    """One latent a seed, the same on every device: [len(seeds), latent_dim] float32 from N(0, 1).

    They are rounded to what a share code holds, so that code and seed give the same bytes.
    """
    gaussian = [torch.randn(latent_dim, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
    return torch.from_numpy(quantised(torch.stack(gaussian).numpy()))


@torch.inference_mode()
def draw(generator: nn.Module, latents: Tensor) -> Iterator[Image.Image]:
    """Draw one picture a latent, a few at a time.

    Args:
        generator: in eval mode, any device.
        latents: [N, latent_dim] float32.

    Yields:
        N RGB pictures.
    """
    device = next(generator.parameters()).device
    for chunk in latents.split(DRAWN_AT_ONCE):  # type: ignore[no-untyped-call]
        filled = torch.zeros(DRAWN_AT_ONCE, latents.shape[1])
        filled[: len(chunk)] = chunk
        values = generator(filled.to(device))[: len(chunk)]
        yield from as_pictures(values)


def as_pictures(values: Tensor) -> Iterator[Image.Image]:
    """[N, 3, H, W] float in about [-1, 1], any device -> N RGB pictures."""
    yield from (Image.fromarray(picture.permute(1, 2, 0).numpy()) for picture in as_bytes(values))


def as_bytes(values: Tensor) -> Tensor:
    """[N, 3, H, W] float in about [-1, 1], any device -> the same uint8 on the CPU."""
    return values.add(1).mul(127.5).round().clamp(0, 255).to("cpu", torch.uint8)


def as_pixels(picture: Image.Image) -> Tensor:
    """RGB picture -> [3, H, W] uint8."""
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1)


def grid(pictures: Sequence[Image.Image], scale: int = 1) -> Image.Image:
    """All pictures on one board about as wide as it is high."""
    return image_grid(pictures, columns=math.ceil(math.sqrt(len(pictures))), scale=scale)


def save_pictures(
    pictures: Iterable[Image.Image], notes: Sequence[Mapping[str, str]], folder: Path, with_grid: bool
) -> int:
    """Write ``0000.png``… and ``grid.png`` (of the first ON_A_GRID pictures) in place of an earlier call's.

    Args:
        pictures: RGB pictures.
        notes: one a picture, for its PNG's metadata beside the software's name.
        folder: made where it is missing.
        with_grid: whether to write ``grid.png``; an old one is removed.

    Returns:
        How many numbered pictures of an earlier call are gone.

    Raises:
        GanError: the folder cannot be made or written, or a picture that vgc did not make is in the way.
    """
    if folder.exists() and not folder.is_dir():
        raise GanError(f"{folder}: is a file, not a folder; choose another --out")
    names = file_names(len(notes), with_grid)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        earlier = drawn_before(folder, names)
        on_grid: list[Image.Image] = []
        for place, (picture, texts) in enumerate(zip(pictures, notes, strict=True)):
            save_png(picture, folder / names[place], **texts)
            if place < ON_A_GRID:
                on_grid.append(picture)
        for name in earlier - set(names):
            (folder / name).unlink()
        if with_grid:
            save_png(grid(on_grid), folder / GRID_FILE)
        return len(earlier - {GRID_FILE})
    except OSError as error:
        raise GanError(
            f"{folder}: cannot write the pictures ({error.strerror or error}); choose another --out"
        ) from error


def file_names(count: int, with_grid: bool) -> list[str]:
    """What `save_pictures` writes."""
    return [f"{place:04d}.png" for place in range(count)] + [GRID_FILE] * with_grid


def drawn_before(folder: Path, names: Sequence[str]) -> set[str]:
    """The names of the numbered pictures and the grid that an earlier call left there.

    Raises:
        GanError: one of ``names``, which are to be written, stands there, and vgc did not make it.
    """
    drawn = set()
    for path in sorted(folder.glob("*.png")):
        if path.name != GRID_FILE and not re.fullmatch(r"\d{4,}", path.stem):
            continue
        if is_ours(path):
            drawn.add(path.name)
        elif path.name in names:
            raise not_ours(path)
    return drawn


def not_ours(path: Path) -> GanError:
    """The error for a file that vgc did not make, where it was to write."""
    return GanError(f"{path}: vgc did not make this and will not overwrite it; choose another --out")


def is_ours(path: Path) -> bool:
    """Whether the PNG's metadata says that vgc wrote it; what is no picture, it did not."""
    try:
        with Image.open(path) as picture:
            return picture.info.get("Software") == SOFTWARE
    except UnidentifiedImageError:
        return False


def save_png(picture: Image.Image, path: Path, **texts: str) -> None:
    """Write a PNG atomically, ``texts`` and the software's name in its metadata."""
    notes = PngInfo()
    for key, value in {"Software": SOFTWARE, **texts}.items():
        notes.add_text(key, value)
    with replacing(path) as partial:
        picture.save(partial, "PNG", pnginfo=notes)


def save_animation(frames: Sequence[Image.Image], path: Path, scale: int = 3) -> None:
    """Write an endless GIF, enlarged with crisp pixels; GanError if it cannot be written."""
    size = (frames[0].width * scale, frames[0].height * scale)
    large = [frame.resize(size, Image.Resampling.NEAREST) for frame in frames]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as partial:
            large[0].save(
                partial, "GIF", save_all=True, append_images=large[1:], duration=FRAME_MS, loop=0, disposal=1
            )
    except OSError as error:
        raise GanError(f"{path}: cannot write the animation ({error.strerror or error})") from error
