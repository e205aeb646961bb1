"""One raw file to its clean pictures on the disk; the part of a build that runs on every core."""

import os
import struct
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import lru_cache, partial
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from dataset.alpha import CLEAR, AlphaKind, alpha_kind, to_square_rgba, with_opaque_alpha
from dataset.curation import CurationFile, PictureKey
from dataset.decode import (
    Colour,
    DecodedImage,
    Fit,
    Resample,
    decode,
    edge_colour,
    flatten,
    parse_background,
    refuse_odd_sides,
    to_square,
)
from dataset.errors import DecodeError
from dataset.file_kinds import MAX_BYTES
from dataset.frames import is_single_colour
from dataset.matte import matte
from dataset.near_duplicates import perceptual_hash
from dataset.pixel_art import PixelArt, is_pixel_art, to_own_grid
from dataset.sheets import EVEN_STEPS, Cell, cut_cell, parse_cell, sheet_note
from dataset.tables import latest_change_ns, pixel_row
from dataset.trim import Box, Trim, cut_out, figure_box, with_margin
from kit.png import quick_png

RGB_FOLDER = "rgb_images"
GREY_FOLDER = "grayscale_images"
RGBA_FOLDER = "rgba_images"
"""Only of a set with a picture that is transparent somewhere."""

STATE = struct.Struct("<2q")
"""Size and time of a file, in `image_states`."""

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
    """Of the clean RGB picture's bytes, row by row; and of the RGBA picture's, where it is transparent."""
    perceptual_hash: str = ""
    """See `dataset.near_duplicates.perceptual_hash`."""
    alpha: AlphaKind = ""
    """Of the picture in ``rgba_images/``; empty for one that is opaque all over."""
    frame: int = 0
    """Which of an animation or of a sheet's cells, from 1; 0 for a still image, and for the first frame with
    something to see."""
    cell: str = ""
    """Where in its sheet; see `dataset.sheets.Cell`. Empty for any other picture."""

    def as_dict(self) -> dict[str, Any]:
        """All fields by name, fast: a build writes thousands."""
        return {name: getattr(self, name) for name in OUTCOME_FIELDS}


OUTCOME_FIELDS = tuple(field.name for field in fields(Outcome))


@dataclass(frozen=True, slots=True)
class RenderSettings:
    """How a raw image becomes a square; see `dataset.build_settings.BuildSettings`."""

    size_px: int
    fit: Fit
    background: str
    resample: Resample
    trim: Trim
    margin_px: int
    matte: bool
    pixel_art: PixelArt = "off"
    window: Box | None = None
    """What of all pictures is kept, from the middle of each one's lower edge; of ``together`` only."""
    curation: CurationFile | None = None
    """What people decided, where they did."""


@dataclass(frozen=True, slots=True)
class RenderJob:
    """A raw file to render, and where to."""

    source: Path
    raw_file: str
    file_name: str
    target: Path
    """Holds ``rgb_images/``, ``grayscale_images/`` and ``rgba_images/``."""
    settings: RenderSettings
    frame: int
    cell: str
    """As in `Outcome`."""
    with_rgba: bool = False
    """Write the picture in ``rgba_images/`` too if it is opaque, because others of the set are not."""

    @property
    def size_px(self) -> int:
        """Side of the clean picture, pixels."""
        return self.settings.size_px

    def refused(self, reason: str, raw_sha256: str = "") -> Outcome:
        """What became of the file where there is no picture."""
        return Outcome(self.raw_file, self.file_name, raw_sha256, reason=reason, frame=self.frame, cell=self.cell)

    def refuse_left_out(self, raw_sha256: str) -> None:
        """DecodeError where somebody left the picture out."""
        if self.settings.curation:
            self.settings.curation.refuse_left_out(PictureKey(raw_sha256, self.frame, self.cell))

    def edit(self, decoded: DecodedImage, raw_sha256: str) -> DecodedImage:
        """The picture as somebody cropped and turned it."""
        curation = self.settings.curation
        return curation.edit(decoded, PictureKey(raw_sha256, self.frame, self.cell)) if curation else decoded


class Rendered(NamedTuple):
    """What `render` gives."""

    outcome: Outcome
    row: bytes = b""
    """The picture's line of the pixel table."""
    images: bytes = b""
    """`image_states` as it was written."""


def render(job: RenderJob) -> Rendered:
    """Write the two clean pictures of a raw file, three where its set has transparent ones; or refuse it.

    Raises:
        OSError: ``job.target`` cannot be written. A raw file that cannot be read is refused instead.
        MemoryError: there is too little memory to decode it now.
    """
    digest = ""
    try:
        background = parse_background(job.settings.background)
        digest, decode_it = _read(job, background)
        job.refuse_left_out(digest)
        decoded = decode_it()
        raw_width, raw_height = decoded.image.size
        decoded = job.edit(decoded, digest)
        if job.settings.pixel_art != "off":
            decoded = to_own_grid(decoded, background)
        image, rgba = _square(decoded, job.settings, background)
    except DecodeError as error:
        return Rendered(job.refused(str(error), digest))
    grey = image.convert("L")
    pixel_sha256, has_rgba = _write_images(job, image, grey, rgba)
    outcome = Outcome(
        job.raw_file,
        job.file_name,
        digest,
        note=decoded.note,
        raw_format=decoded.image_format,
        raw_width=raw_width,
        raw_height=raw_height,
        pixel_sha256=pixel_sha256,
        perceptual_hash=perceptual_hash(grey),
        alpha=alpha_kind(rgba) if rgba else "",
        frame=job.frame,
        cell=job.cell,
    )
    states = image_states(job.target, job.file_name, with_rgba=has_rgba)
    return Rendered(outcome, pixel_row(np.asarray(grey)), states)


def _write_images(
    job: RenderJob, image: Image.Image, grey: Image.Image, rgba: Image.Image | None
) -> tuple[str, bool]:
    """Write the clean pictures; give the checksum of their pixels, and whether one has four channels."""
    rgb_pixels = np.asarray(image)
    rgba_pixels = np.asarray(rgba) if rgba else None
    # Two that are the same over the background alone are two pictures.
    checksum = sha256(rgb_pixels.data)
    if rgba_pixels is not None:
        checksum.update(rgba_pixels.data)
    elif job.with_rgba:
        rgba_pixels = with_opaque_alpha(rgb_pixels)
    # Texts, because a Path that is put together takes longer than the checks of a picture.
    _save(rgb_pixels, f"{job.target}/{RGB_FOLDER}/{job.file_name}")
    _save(np.asarray(grey), f"{job.target}/{GREY_FOLDER}/{job.file_name}")
    if rgba_pixels is not None:
        _save(rgba_pixels, f"{job.target}/{RGBA_FOLDER}/{job.file_name}")
    return checksum.hexdigest(), rgba_pixels is not None


def measure(job: RenderJob) -> Box | None:
    """Where the figure of a raw file is, from the middle of its lower edge; None where there is no picture."""
    try:
        background = parse_background(job.settings.background)
        digest, decode_it = _read(job, background)
        job.refuse_left_out(digest)
        decoded = job.edit(decode_it(), digest)
        if job.settings.pixel_art != "off":
            decoded = to_own_grid(decoded, background)
    except DecodeError:
        return None  # which is said when it is rendered
    return figure_box(decoded.image, decoded.rgba).relative_to_ground(decoded.image)


def _read(job: RenderJob, background: Colour | None) -> tuple[str, Callable[[], DecodedImage]]:
    """The raw file's checksum, and what decodes the picture in it."""
    if job.cell:
        sheet = open_sheet(job.source, background)
        return sheet.sha256, partial(_cut, sheet.decoded, parse_cell(job.cell), background)
    content = read_content(job.source)
    return sha256(content).hexdigest(), partial(_decoded, content, background, job.frame)


def image_states(
    folder: str | Path, file_name: str, not_after_ns: int | None = None, with_rgba: bool = False
) -> bytes:
    """Size and time of the clean pictures in a set's folder, by which a change by somebody else is seen.

    Args:
        folder: holds ``rgb_images/`` and ``grayscale_images/``.
        file_name: of both.
        not_after_ns: pictures that changed later are taken for missing.
        with_rgba: the one in ``rgba_images/`` too.

    Returns:
        Empty where one is missing or empty.
    """
    parts = (RGB_FOLDER, GREY_FOLDER, RGBA_FOLDER) if with_rgba else (RGB_FOLDER, GREY_FOLDER)
    try:
        states = [os.stat(f"{folder}/{part}/{file_name}") for part in parts]  # noqa: PTH116
    except OSError:
        return b""
    if not_after_ns is not None and max(map(latest_change_ns, states)) > not_after_ns:
        return b""
    packed = [STATE.pack(state.st_size, state.st_mtime_ns) for state in states if state.st_size]
    return b"".join(packed) if len(packed) == len(parts) else b""


@dataclass(frozen=True, slots=True)
class OpaqueCopy:
    """A clean picture that is opaque all over, and where its copy with four channels goes."""

    rgb: Path
    rgba: Path
    size_px: int
    """Side of both, pixels."""


def write_opaque_rgba(copy: OpaqueCopy) -> bytes:
    """Write the copy, and give its part of `image_states`."""
    with Image.open(copy.rgb) as image:
        _save(with_opaque_alpha(np.asarray(image)), copy.rgba)
    state = copy.rgba.stat()
    return STATE.pack(state.st_size, state.st_mtime_ns)


class OpenSheet(NamedTuple):
    """A sheet as it was read."""

    sha256: str
    decoded: DecodedImage


def open_sheet(source: Path, background: Colour | None) -> OpenSheet:
    """Read and decode a sheet, or give the one that was asked for last in this process.

    Raises:
        DecodeError: it cannot be read, or there is no picture in it.
    """
    try:
        state = source.stat()
    except OSError as error:
        raise DecodeError(f"cannot be read: {error.strerror}") from None
    return _open_sheet(source, (state.st_size, state.st_mtime_ns, state.st_ino), background)


@lru_cache(maxsize=1)
def _open_sheet(source: Path, _state: tuple[int, ...], background: Colour | None) -> OpenSheet:
    content = read_content(source)
    return OpenSheet(sha256(content).hexdigest(), decode(content, background, is_sheet=True))


def _cut(sheet: DecodedImage, cell: Cell, background: Colour | None) -> DecodedImage:
    if sheet.rgba:
        rgba: Image.Image | None = cut_cell(sheet.rgba, cell, CLEAR)
        assert rgba
        is_empty = rgba.getchannel("A").getextrema() == (0, 0)
        image = flatten(rgba, background)
    else:
        rgba = None
        image = cut_cell(sheet.image, cell, background or edge_colour(sheet.image))
        is_empty = all(high - low <= EVEN_STEPS for low, high in image.getextrema())  # type: ignore[misc]
    if is_empty:
        raise DecodeError("an empty cell")
    refuse_odd_sides(*image.size)
    return replace(sheet, image=image, rgba=rgba if rgba and alpha_kind(rgba) else None)


def _decoded(content: bytes, background: Colour | None, frame: int) -> DecodedImage:
    decoded = decode(content, background, frame)
    if is_single_colour(decoded.image):
        raise DecodeError(_plain_reason(content, decoded.image, frame))
    looks_like = "" if frame else sheet_note(decoded.image, decoded.rgba)
    return replace(decoded, note="; ".join(filter(None, [decoded.note, looks_like]))) if looks_like else decoded


def _square(
    decoded: DecodedImage, settings: RenderSettings, background: Colour | None
) -> tuple[Image.Image, Image.Image | None]:
    rgb, rgba = decoded.image, decoded.rgba
    if settings.matte and not rgba:
        rgba = matte(rgb)
    if settings.trim != "none":
        # An image that is cut to its figure has no edge any more that would tell its background.
        background = background or edge_colour(rgb)
        box = settings.window.placed_on(rgb) if settings.window else figure_box(rgb, rgba)
        rgb, rgba = cut_out(rgb, box, background), rgba and cut_out(rgba, box, CLEAR)
    figure_px = settings.size_px - 2 * settings.margin_px
    fit, resample = settings.fit, settings.resample
    if settings.pixel_art == "on" or (settings.pixel_art == "auto" and is_pixel_art(decoded)):
        fit, resample = "pad", "nearest"
    image = to_square(rgb, figure_px, fit, background, resample)
    image = with_margin(image, settings.margin_px, background)
    if is_single_colour(image):
        raise DecodeError(f"one colour all over at {settings.size_px}x{settings.size_px}")
    if rgba:
        rgba = to_square_rgba(rgba, figure_px, fit, resample)
        rgba = with_margin(rgba, settings.margin_px, CLEAR)
    return image, rgba if rgba and alpha_kind(rgba) else None


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


def _save(pixels: npt.NDArray[np.uint8], path: str | Path) -> None:
    # Straight to its name: a build works in a folder of its own, and believes only pictures recorded after
    # they were closed. No fsync either, 0.3 ms a picture: all are synced before the build's report is written.
    with open(path, "wb", buffering=0) as file:  # noqa: PTH123
        file.write(quick_png(pixels))
