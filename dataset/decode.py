"""Any image file's bytes to a clean RGB image, or a reason why not."""

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Literal, get_args

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from dataset.colour import in_strips, to_eight_bits, to_srgb
from dataset.errors import DecodeError
from dataset.file_kinds import FORMATS, guess_file_kind, is_doubtful
from dataset.frames import seek_frame
from kit.image_cost import MAX_SCANS, has_too_many_scans, is_lack_of_memory, passing_over_damage
from kit.image_repair import repair_image

MAX_PIXELS = 50_000_000
"""A picture that says it is larger is refused before a pixel is decoded."""
MIN_SIDE_PX = 8
"""Below this there is a tracking pixel or a spacer, no character."""
MAX_ASPECT = 16
OPAQUE = 128
"""Alpha from which a border pixel counts for ``edge``."""

ALIKE = 16
"""Steps of a channel within which border colours count as one."""

KEPT_OPEN = frozenset({"GIF", "WEBP"})
"""Whose frames are the same whichever were decoded before; those of an APNG are not, in Pillow."""

Fit = Literal["pad", "crop", "stretch"]
FITS: tuple[Fit, ...] = get_args(Fit)
Resample = Literal["lanczos", "nearest"]
RESAMPLES: tuple[Resample, ...] = get_args(Resample)
NAMED_COLOURS = {"black": (0, 0, 0), "white": (255, 255, 255)}
Colour = tuple[int, int, int]
Clear = tuple[int, int, int, int]

NOT_READ = re.compile("unsupported|not supported|unknown|not available|cannot handle|unimplemented", re.I)
"""In a decoder's words: the file is whole, but of a variant that it does not read."""


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """What a person would see of a file."""

    image: Image.Image
    """RGB, in its own size."""
    image_format: str
    """Pillow's name for it."""
    note: str = ""
    """What was repaired or passed over, in a few words."""
    rgba: Image.Image | None = None
    """The same with its alpha, where any pixel is not opaque."""


def decode(
    content: bytes, background: Colour | None = NAMED_COLOURS["black"], frame: int = 0, is_sheet: bool = False
) -> DecodedImage:
    """Decode a file to what a person would see.

    First frame with something to see, or the one asked for; upright (EXIF); 8 bits; to sRGB (ICC, gAMA, cHRM);
    transparency over ``background``; RGB. In this order, because a profile speaks of the stored colours, and a
    background has none.

    Args:
        content: the whole file.
        background: what shines through transparent parts; None for the colour of the image's own edge.
        frame: which of an animation, from 1; 0 for the first with something to see.
        is_sheet: it may be long and narrow, for it is going to be cut.

    Raises:
        DecodeError: there is no image in it that could be used.
        MemoryError: there is too little memory for it now.
    """
    if not content:
        raise DecodeError("an empty file")
    if has_too_many_scans(content):
        raise DecodeError(f"a JPEG of more than {MAX_SCANS} scans: made to keep its readers busy")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return _decode(content, background, frame, is_sheet)
        except DecodeError:
            raise
        except Exception as error:
            # Decoders meet wild bytes with anything from OSError to struct.error; each means the same to us.
            if is_lack_of_memory(error):
                raise MemoryError from error
            return _decode_repaired(content, background, frame, is_sheet, error)


def _decode_repaired(
    content: bytes, background: Colour | None, frame: int, is_sheet: bool, error: Exception
) -> DecodedImage:
    """The image of a damaged file that lacks no pixel, or a `DecodeError` with the reason."""
    if repair := repair_image(content):
        with passing_over_damage():
            decoded = _decode(repair[0], background, frame, is_sheet)
            return replace(decoded, note="; ".join(filter(None, [repair[1], decoded.note])))
    message = str(error) or type(error).__name__
    if NOT_READ.search(message):
        raise DecodeError(f"of a kind that is not read ({message}); save it as PNG") from error
    raise DecodeError(f"damaged: {message}") from error


def _decode(content: bytes, background: Colour | None, frame: int, is_sheet: bool) -> DecodedImage:
    with _opened(content, frame) as image:
        if not is_sheet:
            refuse_odd_sides(*image.size)
        try:
            note = seek_frame(image, frame)
            image.load()
        except Exception as error:
            if is_doubtful(image.format, content) and not is_lack_of_memory(error):
                raise DecodeError(guess_file_kind(content)) from None
            raise
        # What is turned in its place has no next frame any more.
        upright = _upright(image.copy() if frame else image)
        colours = to_srgb(to_eight_bits(upright), image.info)
        alpha = colours.getchannel("A").getextrema() if colours.mode in ("LA", "RGBA") else (255, 255)
        if alpha == (0, 0):
            raise DecodeError("wholly transparent")
        rgba = colours.convert("RGBA") if alpha != (255, 255) else None
        return DecodedImage(flatten(colours, background), str(image.format), note, rgba)


@contextmanager
def _opened(content: bytes, frame: int) -> Iterator[Image.Image]:
    """The image in a file; one whose frames are asked for stays open, for each is drawn on those before it."""
    if not frame:
        with _open(content) as image:
            yield image
        return
    try:
        image = _open_animation(content)
        if image.format not in KEPT_OPEN or image.tell() >= frame:
            _open_animation.cache_clear()
            image = _open_animation(content)
        yield image
    except BaseException:
        _open_animation.cache_clear()  # nobody knows where it stands
        raise


@lru_cache(maxsize=1)
def _open_animation(content: bytes) -> Image.Image:
    return _open(content)


def _open(content: bytes) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(content), formats=FORMATS)
    except Image.DecompressionBombError:
        raise DecodeError(f"more than {MAX_PIXELS // 1_000_000} million pixels") from None
    except UnidentifiedImageError:
        if repair_image(content):
            raise
        raise DecodeError(guess_file_kind(content)) from None
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise DecodeError(f"{width}x{height}: more than {MAX_PIXELS // 1_000_000} million pixels")
    return image


def refuse_odd_sides(width: int, height: int) -> None:
    """DecodeError for sides that no character's picture has."""
    if min(width, height) < MIN_SIDE_PX:
        raise DecodeError(f"{width}x{height}: a side under {MIN_SIDE_PX} pixels")
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise DecodeError(f"{width}x{height}: more than {MAX_ASPECT} times as long as wide")


def _upright(image: Image.Image) -> Image.Image:
    # Broken EXIF says nothing about the pixels; the image stays as it is stored.
    with passing_over_damage():
        ImageOps.exif_transpose(image, in_place=True)
    return image


def flatten(image: Image.Image, background: Colour | None) -> Image.Image:
    """An image as RGB, over ``background``, or over the colour of its own edge."""
    if image.mode not in ("LA", "RGBA"):
        return image.convert("RGB")
    colour = background or edge_colour(image.convert("RGBA"))
    return in_strips(image, "RGB", partial(_over, colour))


def _over(colour: Colour, image: Image.Image) -> Image.Image:
    canvas = Image.new("RGBA", image.size, (*colour, 255))
    return Image.alpha_composite(canvas, image.convert("RGBA")).convert("RGB")


def edge_colour(image: Image.Image) -> Colour:
    """The most common colour on the border; black where more of it is clear than of any one colour.

    Colours that differ a little, as JPEG makes them, count as one; their median is given.

    Args:
        image: RGB or RGBA.
    """
    pixels = np.asarray(image)
    border = np.concatenate([pixels[0], pixels[-1], pixels[1:-1, 0], pixels[1:-1, -1]])
    clear = 0
    if border.shape[1] == 4:
        opaque = border[:, 3] >= OPAQUE
        clear = len(border) - int(opaque.sum())
        border = border[opaque]
    if not len(border):
        return NAMED_COLOURS["black"]
    _, groups, counts = np.unique(border[:, :3] // ALIKE, axis=0, return_inverse=True, return_counts=True)
    if clear > counts.max():
        return NAMED_COLOURS["black"]
    common = border[groups.ravel() == counts.argmax(), :3]
    red, green, blue = np.median(common, axis=0).astype(int).tolist()
    return red, green, blue


def to_square(
    image: Image.Image,
    size_px: int,
    fit: Fit,
    background: Colour | Clear | None,
    resample: Resample = "lanczos",
) -> Image.Image:
    """Bring an RGB image to ``size_px`` x ``size_px``; or one with alpha, see `dataset.alpha.to_square_rgba`.

    Args:
        image: RGB, no side more than 16 times the other.
        size_px: side of the result, pixels.
        fit: ``pad`` keeps all of it and fills up with ``background``; ``crop`` cuts the longer side off
            evenly; ``stretch`` distorts.
        background: for ``pad``; None for the colour of the image's own edge.
        resample: ``lanczos`` is Pillow's antialiasing filter; ``nearest`` keeps the colours of pixel art, and
            ``pad`` then enlarges by whole numbers.
    """
    size = (size_px, size_px)
    kernel = Image.Resampling.NEAREST if resample == "nearest" else Image.Resampling.LANCZOS
    if fit == "pad" and resample == "nearest" and max(image.size) <= size_px:
        return _enlarge_whole(image, size_px, background)
    if fit == "stretch" or image.width == image.height:
        return image.resize(size, kernel)
    if fit == "crop":
        return ImageOps.fit(image, size, kernel)
    return ImageOps.pad(image, size, kernel, color=background or edge_colour(image))


def _enlarge_whole(image: Image.Image, size_px: int, background: Colour | Clear | None) -> Image.Image:
    scale = size_px // max(image.size)
    enlarged = image.resize((scale * image.width, scale * image.height), Image.Resampling.NEAREST)
    canvas = Image.new(image.mode, (size_px, size_px), background or edge_colour(image))
    canvas.paste(enlarged, ((size_px - enlarged.width) // 2, (size_px - enlarged.height) // 2))
    return canvas


def parse_background(text: str) -> Colour | None:
    """``black``, ``white``, ``#rrggbb``, or ``edge`` (None: each picture's own).

    Raises:
        ValueError: it is none of these.
    """
    if text == "edge":
        return None
    if text in NAMED_COLOURS:
        return NAMED_COLOURS[text]
    if not re.fullmatch("#[0-9a-fA-F]{6}", text):
        raise ValueError(text)
    red, green, blue = bytes.fromhex(text[1:])
    return red, green, blue
