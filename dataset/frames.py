"""Which frames of an animation are the character."""

import re
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from dataset.file_kinds import FORMATS, MAX_BYTES
from kit.image_cost import passing_over_damage
from kit.image_grid import evenly_spaced

ANIMATED = frozenset({"GIF", "PNG", "WEBP", "AVIF"})
"""Formats whose frames follow each other in time; those of TIFF, ICO and MPO are pages and sizes."""
MAX_FRAMES_TRIED = 64
FIRST, ALL = "first", "all"
"""Of `dataset.build_settings.BuildSettings.frames`, beside a number."""


def frame_numbers(image: Image.Image) -> range:
    """The frames of an animation; the one image of any other file.

    The default image of an APNG that is not part of the animation is left out: no browser shows it.
    """
    if image.format not in ANIMATED:
        return range(1)
    first = 1 if getattr(image, "default_image", False) else 0
    count = first + 1
    with passing_over_damage():  # a damaged later frame is no reason to refuse the first
        count = max(count, image.n_frames)  # type: ignore[attr-defined]
    return range(first, count)


def wanted_frames(file: Path, frames: str) -> Sequence[int]:
    """Which frames of a file become images of their own.

    Args:
        file: a raw file.
        frames: FIRST, ALL, or how many at most, evenly spaced from the first on.

    Returns:
        Numbers from 1; 0 alone for a still image, and where the first frame with something to see is taken.
    """
    if frames == FIRST:
        return (0,)
    count = 1
    with passing_over_damage():  # whatever is wrong with the file is said when it is decoded
        if file.stat().st_size <= MAX_BYTES:
            with Image.open(file, formats=FORMATS) as image:
                count = len(frame_numbers(image))
    if count == 1:
        return (0,)
    numbers = range(1, count + 1)
    return numbers if frames == ALL else evenly_spaced(numbers, int(frames))


def seek_frame(image: Image.Image, number: int) -> str:
    """Go to a frame of `wanted_frames`.

    Returns:
        Which of how many it is, in a few words; empty for a still image.
    """
    if number == 0:
        return seek_first_visible_frame(image)
    frames = frame_numbers(image)
    image.seek(frames[number - 1])
    return f"frame {number} of {len(frames)}"


def frames_of_note(note: str) -> int:
    """How many frames an animation has, by what `seek_frame` said of it; 0 for a still image."""
    match = re.search(r"\bframe \d+ of (\d+)", note)
    return int(match[1]) if match else 0


def seek_first_visible_frame(image: Image.Image) -> str:
    """Go to the first frame with something to see, or to the first of all.

    Returns:
        What was passed over, in a few words; empty for a still image.
    """
    frames = frame_numbers(image)
    if len(frames) == 1:
        if frames[0]:
            image.seek(frames[0])
        return pages_passed_over(image)
    for frame in frames[:MAX_FRAMES_TRIED]:
        image.seek(frame)
        if not is_single_colour(image):
            break
    else:
        image.seek(frames[0])
    position = frames.index(image.tell()) + 1
    return f"frame {position} of {len(frames)}" + (", those before are empty" if position > 1 else "")


def pages_passed_over(image: Image.Image) -> str:
    """That only the first page of a TIFF is taken, in a few words; empty for any other file.

    Its pages may be characters, but also the same one smaller, or layers: only a person knows.
    """
    pages = 1
    if image.format == "TIFF":
        with passing_over_damage():
            pages = image.n_frames  # type: ignore[attr-defined]
        image.seek(0)  # a damaged page is where counting stopped
    return f"page 1 of {pages}; to take the others, save them as files" if pages > 1 else ""


def is_single_colour(image: Image.Image) -> bool:
    """Whether an image is clear or one colour all over."""
    if image.has_transparency_data:
        image = image.convert("RGBA")
        if image.getchannel("A").getextrema() == (0, 0):
            return True
    elif image.mode == "P":
        image = image.convert("RGB")
    if image.getpixel((0, 0)) != image.getpixel((image.width // 2, image.height // 2)):
        return False  # as of most
    extrema = image.getextrema()
    return all(low == high for low, high in (extrema if isinstance(extrema[0], tuple) else [extrema]))
