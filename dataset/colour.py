"""Stored pixel values to 8-bit sRGB, by what a file says of its colours."""

import io
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

from dataset.errors import DecodeError

IDENTITY_STEPS = 3
"""A profile that changes no colour by more levels than this counts as sRGB and is not applied."""
WEB_GAMMA = 1 / 2.2
"""A PNG's gAMA of this value means sRGB to those who wrote it."""
GAMMA_TOLERANCE, PRIMARIES_TOLERANCE = 0.01, 0.005
SRGB_CHROMATICITIES = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
"""White, red, green and blue, each x and y (CIE 1931)."""
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])

STRIP_PIXELS = 2**20
"""Pixels of large images that are converted at a time."""

Matrix = npt.NDArray[np.float64]


def to_eight_bits(image: Image.Image) -> Image.Image:
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
    low, high = _extrema(image)
    if not (low >= 0 and high <= 65535):
        raise DecodeError(f"grey values from {low:g} to {high:g}; 0 to 65535 are understood")
    if image.mode == "F" and high <= 1:
        white = 1
    elif image.mode in ("F", "I") and high <= 255:
        white = 255
    else:
        white = 65535
    transparent = image.info.get("transparency")
    has_alpha = isinstance(transparent, int)

    def convert(strip: Image.Image) -> Image.Image:
        values = np.asarray(strip).astype(np.float64)
        grey = Image.fromarray((values * (255 / white)).round().astype(np.uint8))
        if has_alpha:
            grey.putalpha(Image.fromarray(np.where(values == transparent, 0, 255).astype(np.uint8)))
        return grey

    return in_strips(image, "LA" if has_alpha else "L", convert)


def _extrema(image: Image.Image) -> tuple[float, float]:
    """NaN where there is one, which Pillow's own passes over."""
    extrema = np.array([(values.min(), values.max()) for values in map(np.asarray, _strips(image))], np.float64)
    return float(extrema[:, 0].min()), float(extrema[:, 1].max())


def in_strips(image: Image.Image, mode: str, convert: Callable[[Image.Image], Image.Image]) -> Image.Image:
    """Convert a large image piece by piece: at once it would take several times its own memory.

    Args:
        image: any.
        mode: of what ``convert`` gives.
        convert: gives for a strip one of the same size; it works on each pixel by itself.
    """
    if image.height <= _strip_rows(image):
        return convert(image)
    result = Image.new(mode, image.size)
    for index, strip in enumerate(_strips(image)):
        result.paste(convert(strip), (0, index * _strip_rows(image)))
    return result


def _strips(image: Image.Image) -> Iterator[Image.Image]:
    rows = _strip_rows(image)
    for top in range(0, image.height, rows):
        yield image.crop((0, top, image.width, min(top + rows, image.height)))


def _strip_rows(image: Image.Image) -> int:
    return max(1, STRIP_PIXELS // image.width)


def to_srgb(image: Image.Image, info: dict[str | tuple[int, int], Any]) -> Image.Image:
    """Bring 8-bit colours to sRGB; what a file says that cannot be or does not fit is ignored, as browsers do.

    Args:
        image: as `to_eight_bits` gives it.
        info: the opened file's, for its ICC profile or a PNG's gAMA and cHRM.
    """
    if image.mode == "LAB":
        return _apply(_transform(None, "LAB"), image)
    profile = info.get("icc_profile")
    if not profile:
        return image if "srgb" in info else _from_png_colours(image, info)
    colours = image.convert(image.mode[:-1]) if image.mode in ("LA", "RGBA") else image
    transform = _transform(profile, colours.mode)
    return image if transform is None else _with_alpha_of(image, _apply(transform, colours))


def _with_alpha_of(image: Image.Image, colours: Image.Image) -> Image.Image:
    if image.mode in ("LA", "RGBA"):
        colours.putalpha(image.getchannel("A"))
    return colours


def _apply(transform: ImageCms.ImageCmsTransform | None, image: Image.Image) -> Image.Image:
    converted = ImageCms.applyTransform(image, transform) if transform else None
    return converted or image.convert("RGB")


@lru_cache(maxsize=64)
def _transform(profile: bytes | None, mode: str) -> ImageCms.ImageCmsTransform | None:
    """From ``profile`` (None: CIE L*a*b*) to sRGB; None where it changes nothing or is of no use."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile) if profile else ImageCms.createProfile("LAB"))
        transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
        return None if _changes_nothing(transform, mode) else transform
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None


def _changes_nothing(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """By what a profile does to colours of all kinds: its name says little (there is linear light called sRGB)."""
    if mode not in ("L", "RGB"):
        return False
    steps = range(256) if mode == "L" else list(product(range(0, 256, 32), repeat=3))
    before = np.array(steps, np.uint8)[None]
    after = np.asarray(_apply(transform, Image.fromarray(before))).astype(int)
    return bool(np.abs(after - before.reshape(1, -1, 1 if mode == "L" else 3)).max() <= IDENTITY_STEPS)


def _from_png_colours(image: Image.Image, info: dict[str | tuple[int, int], Any]) -> Image.Image:
    """Apply a PNG's gAMA and cHRM where they say something else than sRGB (PNG 3rd edition, section 4.4)."""
    if "gamma" not in info and "chromaticity" not in info:
        return image  # as nearly all are
    gamma = info.get("gamma", WEB_GAMMA)
    chromaticities = info.get("chromaticity", SRGB_CHROMATICITIES)
    other_gamma = abs(gamma - WEB_GAMMA) > GAMMA_TOLERANCE and 0.1 <= gamma <= 10
    other_primaries = np.abs(np.subtract(chromaticities, SRGB_CHROMATICITIES)).max() > PRIMARIES_TOLERANCE
    if not (other_gamma or other_primaries):
        return image
    values = np.arange(256) / 255
    linear = (values ** (1 / gamma) if other_gamma else _linear_of_srgb(values)).astype(np.float32)
    try:
        matrix = _to_srgb_primaries(chromaticities) if other_primaries else np.eye(3)
    except np.linalg.LinAlgError:
        return image
    pixels = np.array(image.convert("RGB"))
    for row in pixels:  # a row at a time: floating point takes four times the memory
        row[:] = _srgb_of_linear(linear[row] @ matrix.T.astype(np.float32))
    return _with_alpha_of(image, Image.fromarray(pixels))


def _linear_of_srgb(values: Matrix) -> Matrix:
    """IEC 61966-2-1, both in [0, 1]."""
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def _srgb_of_linear(linear: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    clipped = linear.clip(0, 1)
    values = np.where(clipped <= 0.0031308, clipped * 12.92, 1.055 * clipped ** (1 / 2.4) - 0.055)
    return (255 * values).round().astype(np.uint8)


def _to_srgb_primaries(chromaticities: Sequence[float]) -> Matrix:
    """[3, 3]: linear RGB of these primaries and white to linear sRGB, the white adapted (Bradford)."""
    white, srgb_white = _xyz(chromaticities[:2]), _xyz(SRGB_CHROMATICITIES[:2])
    cones = (BRADFORD @ srgb_white) / (BRADFORD @ white)
    adapt = np.linalg.inv(BRADFORD) @ np.diag(cones) @ BRADFORD
    matrix: Matrix = np.linalg.inv(_to_xyz(SRGB_CHROMATICITIES)) @ adapt @ _to_xyz(chromaticities)
    if not np.isfinite(matrix).all():
        raise np.linalg.LinAlgError("no such primaries")
    return matrix


def _to_xyz(chromaticities: Sequence[float]) -> Matrix:
    """[3, 3]: linear RGB to CIE XYZ."""
    primaries = np.stack([_xyz(chromaticities[start : start + 2]) for start in (2, 4, 6)], axis=1)
    matrix: Matrix = primaries * np.linalg.solve(primaries, _xyz(chromaticities[:2]))
    return matrix


def _xyz(chromaticity: Sequence[float]) -> Matrix:
    x, y = chromaticity
    if y <= 0:
        raise np.linalg.LinAlgError("no colour")
    return np.array([x / y, 1, (1 - x - y) / y])
