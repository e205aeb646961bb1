"""Any picture's bytes to a clean RGB picture, or a reason why not."""

import codecs
import io
import re
import warnings
from contextlib import suppress
from functools import lru_cache
from typing import Literal, get_args

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "AVIF", "BMP", "TIFF", "ICO", "PPM")
"""What is read, by its first bytes. Nothing here starts another program, as Pillow's EPS reader would."""

MAX_PIXELS = 50_000_000
"""A picture that says it is larger is refused before a pixel is decoded."""
MAX_BYTES = 64 * 2**20
MIN_SIDE_PX = 8
"""Below this there is a tracking pixel or a spacer, no character."""
MAX_ASPECT = 16
OPAQUE = 128
"""Alpha from which a border pixel counts for ``edge``."""

ALIKE = 16
"""Steps of a channel within which border colours count as one."""

Fit = Literal["pad", "crop", "stretch"]
FITS: tuple[Fit, ...] = get_args(Fit)
NAMED_COLOURS = {"black": (0, 0, 0), "white": (255, 255, 255)}
Colour = tuple[int, int, int]

OTHER_KINDS: tuple[tuple[bytes, str], ...] = (
    (rb"\x89PNG|\xff\xd8|GIF8|BM|II\*\0|MM\0\*|RIFF....WEBP|....ftypavi", "damaged in its first bytes"),
    (rb"\s*(<!--.*?-->\s*)*(<!doctype html|<html|<head|<body)", "a web page, not a picture"),
    (
        rb"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*(<!doctype svg[^>]*>\s*)?<svg",
        "an SVG drawing; save it as PNG",
    ),
    (rb"....ftyp(heic|heix|hevc|mif1|msf1)", "a HEIC picture; save it as PNG or JPEG"),
    (rb"....ftyp|\x1aE\xdf\xa3|RIFF....AVI ", "a video, not a picture"),
    (rb"%PDF", "a PDF document, not a picture"),
    (rb"%!PS", "a PostScript document, not a picture"),
    (rb"PK\x03\x04|\x1f\x8b|Rar!|7z\xbc\xaf", "an archive, not a picture"),
    (rb"\s*[{\[]", "a JSON text, not a picture"),
)
"""What else is found under a picture's name: a pattern for the first bytes (any case), and its name."""


class DecodeError(Exception):
    """The file holds no usable image; the message is the reason, in a few words."""


def decode(content: bytes, background: Colour | None = NAMED_COLOURS["black"]) -> tuple[Image.Image, str]:
    """Decode a file to what a person would see.

    First frame; upright (EXIF); 8 bits; to sRGB (ICC); transparency over ``background``; RGB. In this order,
    because an ICC profile speaks of the stored colours, and a background has no profile.

    Args:
        content: the whole file.
        background: what shines through transparent parts; None for the colour of the picture's own edge.

    Returns:
        The RGB picture in its own size, and the name of its format.

    Raises:
        DecodeError: there is no picture in it that could be used.
    """
    if not content:
        raise DecodeError("an empty file")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with _open(content) as image:
                return _clean(image, background), str(image.format)
        except DecodeError:
            raise
        except Exception as error:
            # Decoders meet wild bytes with anything from OSError to struct.error; each means the same to us.
            raise DecodeError(f"damaged: {str(error) or type(error).__name__}") from error


def _open(content: bytes) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(content), formats=FORMATS)
    except Image.DecompressionBombError:
        raise DecodeError(f"more than {MAX_PIXELS // 1_000_000} million pixels") from None
    except UnidentifiedImageError:
        raise DecodeError(_other_kind(content)) from None
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise DecodeError(f"{width}x{height}: more than {MAX_PIXELS // 1_000_000} million pixels")
    if min(width, height) < MIN_SIDE_PX:
        raise DecodeError(f"{width}x{height}: a side under {MIN_SIDE_PX} pixels")
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise DecodeError(f"{width}x{height}: more than {MAX_ASPECT} times as long as wide")
    return image


def _other_kind(content: bytes) -> str:
    head = content[:1024]
    for pattern, kind in OTHER_KINDS:
        if re.match(pattern, head, re.IGNORECASE | re.DOTALL):
            return kind
    if not head.strip(b"\0"):
        return "nothing but zeros"
    return "a text, not a picture" if _is_text(head) else "not a picture"


def _is_text(head: bytes) -> bool:
    try:
        # Incremental: the last character may be cut off.
        text = codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return all(char.isprintable() or char.isspace() for char in text)


def _clean(image: Image.Image, background: Colour | None) -> Image.Image:
    image.load()
    profile = image.info.get("icc_profile")
    return _flatten(_to_srgb(_eight_bits(_upright(image)), profile), background)


def _upright(image: Image.Image) -> Image.Image:
    # Broken EXIF says nothing about the pixels; the picture stays as it is stored.
    with suppress(Exception):
        ImageOps.exif_transpose(image, in_place=True)
    return image


def _eight_bits(image: Image.Image) -> Image.Image:
    """One of L, LA, RGB, RGBA, CMYK, YCbCr, HSV, LAB."""
    if image.mode == "F" or image.mode.startswith("I"):
        return _from_deep_values(image)
    if image.has_transparency_data or image.mode in ("La", "RGBa"):
        return image.convert("RGBA")
    if image.mode == "P":
        return image.convert("RGB")
    return image.convert("L") if image.mode == "1" else image


def _from_deep_values(image: Image.Image) -> Image.Image:
    """16-bit, 32-bit and floating-point grey to L, or to LA where one value is declared transparent.

    Pillow's own conversion clips instead of scaling.
    """
    values = np.asarray(image).astype(np.float64)
    low, high = float(values.min()), float(values.max())
    if not (low >= 0 and high <= 65535):
        raise DecodeError(f"grey values from {low:g} to {high:g}; 0 to 65535 are understood")
    if image.mode == "F" and high <= 1:
        white = 1
    elif image.mode in ("F", "I") and high <= 255:
        white = 255
    else:
        white = 65535
    grey = Image.fromarray((values * (255 / white)).round().astype(np.uint8))
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        grey.putalpha(Image.fromarray(np.where(values == transparent, 0, 255).astype(np.uint8)))
    return grey


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Apply the embedded profile; one that does not fit the picture is ignored, as browsers do."""
    if image.mode == "LAB":
        return _apply(_transform(None, "LAB"), image)
    if not profile:
        return image
    colours = image.convert(image.mode[:-1]) if image.mode in ("LA", "RGBA") else image
    transform = _transform(profile, colours.mode)
    if transform is None:
        return image
    converted = _apply(transform, colours)
    if colours is not image:
        converted.putalpha(image.getchannel("A"))
    return converted


def _apply(transform: ImageCms.ImageCmsTransform | None, image: Image.Image) -> Image.Image:
    converted = ImageCms.applyTransform(image, transform) if transform else None
    return converted or image.convert("RGB")


@lru_cache(maxsize=64)
def _transform(profile: bytes | None, mode: str) -> ImageCms.ImageCmsTransform | None:
    """From ``profile`` (None: CIE L*a*b*) to sRGB; None where nothing is to do or it is of no use."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile) if profile else ImageCms.createProfile("LAB"))
        if "sRGB" in ImageCms.getProfileDescription(source):
            return None
        return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None


def _flatten(image: Image.Image, background: Colour | None) -> Image.Image:
    if image.mode not in ("LA", "RGBA"):
        return image.convert("RGB")
    image = image.convert("RGBA")
    if image.getchannel("A").getextrema() == (0, 0):
        raise DecodeError("wholly transparent")
    sheet = Image.new("RGBA", image.size, (*(background or edge_colour(image)), 255))
    return Image.alpha_composite(sheet, image).convert("RGB")


def edge_colour(image: Image.Image) -> Colour:
    """The most common colour of the opaque pixels on the border; black if there are none.

    Colours that differ a little, as JPEG makes them, count as one; the middle one of them is given.

    Args:
        image: RGB or RGBA.
    """
    pixels = np.asarray(image)
    border = np.concatenate([pixels[0], pixels[-1], pixels[1:-1, 0], pixels[1:-1, -1]])
    if border.shape[1] == 4:
        border = border[border[:, 3] >= OPAQUE]
    if not len(border):
        return NAMED_COLOURS["black"]
    _, kinds, counts = np.unique(border[:, :3] // ALIKE, axis=0, return_inverse=True, return_counts=True)
    common = border[kinds.ravel() == counts.argmax(), :3]
    red, green, blue = np.median(common, axis=0).astype(int).tolist()
    return red, green, blue


def to_square(image: Image.Image, size_px: int, fit: Fit, background: Colour | None) -> Image.Image:
    """Bring an RGB picture to ``size_px`` x ``size_px`` with Lanczos, Pillow's antialiasing filter.

    Args:
        image: RGB, no side more than 16 times the other.
        size_px: side of the result, pixels.
        fit: ``pad`` keeps all of it and fills up with ``background``; ``crop`` cuts the longer side off
            evenly; ``stretch`` distorts.
        background: for ``pad``; None for the colour of the picture's own edge.
    """
    size, lanczos = (size_px, size_px), Image.Resampling.LANCZOS
    if fit == "stretch" or image.width == image.height:
        return image.resize(size, lanczos)
    if fit == "crop":
        return ImageOps.fit(image, size, lanczos)
    return ImageOps.pad(image, size, lanczos, color=background or edge_colour(image))


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
