"""One raw file to its clean pictures on the disk; the part of a build that runs on every core."""

import io
import os
import struct
from dataclasses import dataclass, fields
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from dataset.decode import (
    DecodedImage,
    Fit,
    Resample,
    decode,
    parse_background,
    to_square,
    trim_margins,
)
from dataset.errors import DecodeError
from dataset.file_kinds import MAX_BYTES
from dataset.frames import is_single_colour
from dataset.near_duplicates import perceptual_hash
from dataset.tables import latest_change_ns, pixel_row

RGB_FOLDER = "rgb_images"
GREY_FOLDER = "grayscale_images"

PNG_FAST = {"compress_level": 1, "compress_type": 3}
"""zlib's Z_RLE strategy: on thumbnails as small as Pillow's default within 1 %, in about half the time."""


NOT_THIS_TIME = "not read this time: "
"""How a reason begins that says nothing of the file, such as a lack of memory: the next run tries again."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a raw file."""

    raw_file: str
    file_name: str
    raw_sha256: str = ""
    """Of the file; empty where it was not read, so that no later run takes the outcome for known."""
    reason: str = ""
    """Why there is no image; empty where there is one."""
    note: str = ""
    """What was repaired or passed over in the file; empty for most."""
    raw_format: str = ""
    raw_width: int = 0
    raw_height: int = 0
    pixel_sha256: str = ""
    """Of the clean RGB picture's bytes, row by row."""
    perceptual_hash: str = ""
    """See `dataset.near_duplicates.perceptual_hash`."""
    frame: int = 0
    """Which of an animation, from 1; 0 for a still image, and for the first frame with something to see."""

    def as_dict(self) -> dict[str, Any]:
        """All fields by name, fast: a build writes thousands."""
        return {name: getattr(self, name) for name in OUTCOME_FIELDS}


OUTCOME_FIELDS = tuple(field.name for field in fields(Outcome))


@dataclass(frozen=True, slots=True)
class RenderSettings:
    """How a raw image becomes a square; see `dataset.build.BuildSettings`."""

    size_px: int
    fit: Fit
    background: str
    resample: Resample
    trim: bool


@dataclass(frozen=True, slots=True)
class RenderJob:
    """A raw file to render, and where to."""

    source: Path
    raw_file: str
    file_name: str
    target: Path
    """Holds ``rgb_images/`` and ``grayscale_images/``."""
    settings: RenderSettings
    frame: int
    """As in `Outcome`."""


class Rendered(NamedTuple):
    """What `render` gives."""

    outcome: Outcome
    row: bytes = b""
    """The picture's line of the pixel table."""
    images: bytes = b""
    """`image_states` as it was written."""


def render(job: RenderJob) -> Rendered:
    """Write the two clean pictures of a raw file; or refuse it.

    Raises:
        OSError: ``job.target`` cannot be written. A raw file that cannot be read is refused instead.
        MemoryError: there is too little memory to decode it now.
    """
    digest = ""
    try:
        content = read_content(job.source)
        digest = sha256(content).hexdigest()
        decoded, image = _square(content, job.settings, job.frame)
    except DecodeError as error:
        return Rendered(Outcome(job.raw_file, job.file_name, digest, reason=str(error), frame=job.frame))
    grey = image.convert("L")
    _save(image, job.target / RGB_FOLDER / job.file_name)
    _save(grey, job.target / GREY_FOLDER / job.file_name)
    outcome = Outcome(
        job.raw_file,
        job.file_name,
        digest,
        note=decoded.note,
        raw_format=decoded.image_format,
        raw_width=decoded.image.width,
        raw_height=decoded.image.height,
        pixel_sha256=sha256(image.tobytes()).hexdigest(),
        perceptual_hash=perceptual_hash(grey),
        frame=job.frame,
    )
    return Rendered(outcome, pixel_row(grey), image_states(job.target, job.file_name))


def image_states(folder: str | Path, file_name: str, not_after_ns: int | None = None) -> bytes:
    """Size and time of the two clean pictures in a set's folder, by which a change by somebody else is seen.

    Args:
        folder: holds ``rgb_images/`` and ``grayscale_images/``.
        file_name: of both.
        not_after_ns: pictures that changed later are taken for missing.

    Returns:
        Empty where one is missing or empty.
    """
    try:
        rgb, grey = (os.stat(f"{folder}/{part}/{file_name}") for part in (RGB_FOLDER, GREY_FOLDER))  # noqa: PTH116
    except OSError:
        return b""
    if not (rgb.st_size and grey.st_size):
        return b""
    if not_after_ns is not None and max(latest_change_ns(rgb), latest_change_ns(grey)) > not_after_ns:
        return b""
    return struct.pack("<4q", rgb.st_size, rgb.st_mtime_ns, grey.st_size, grey.st_mtime_ns)


def _square(content: bytes, settings: RenderSettings, frame: int) -> tuple[DecodedImage, Image.Image]:
    background = parse_background(settings.background)
    decoded = decode(content, background, frame)
    if is_single_colour(decoded.image):
        raise DecodeError(_plain_reason(content, decoded.image, frame))
    trimmed = trim_margins(decoded.image) if settings.trim else decoded.image
    image = to_square(trimmed, settings.size_px, settings.fit, background, settings.resample)
    if is_single_colour(image):
        raise DecodeError(f"one colour all over at {settings.size_px}x{settings.size_px}")
    return decoded, image


def _plain_reason(content: bytes, image: Image.Image, frame: int) -> str:
    """One colour all over, or only because what is drawn has the background's colour."""
    colour = image.getpixel((0, 0))
    assert isinstance(colour, tuple)
    red, green, blue = (255 - int(value) for value in colour)
    name = f"#{bytes(colour).hex()}"
    if is_single_colour(decode(content, (red, green, blue), frame).image):
        return f"one colour all over ({name})"
    return f"one colour all over ({name}) before this background; another --background shows it"


def content_sha256(source: Path) -> str:
    """Of a raw file, or empty where `render` would refuse to read it."""
    try:
        return sha256(read_content(source)).hexdigest()
    except DecodeError:
        return ""


def read_content(source: Path) -> bytes:
    """Read a file of at most `MAX_BYTES`.

    Raises:
        DecodeError: it is larger, or cannot be read.
    """
    try:
        with source.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise DecodeError(f"cannot be read: {error.strerror or error}") from None
    if len(content) > MAX_BYTES:
        raise DecodeError(f"more than {MAX_BYTES // 2**20} MiB")
    return content


def _save(image: Image.Image, path: Path) -> None:
    encoded = io.BytesIO()
    image.save(encoded, "PNG", **PNG_FAST)
    # Straight to its name: a build works in a folder of its own, and believes only pictures recorded after
    # they were closed. No fsync either: 0.3 ms a picture, for something that can be made again.
    with path.open("wb", buffering=0) as file:
        file.write(encoded.getbuffer())
