"""Transparency of pictures: of what kind it is, and squares that keep it."""

from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from dataset.decode import Fit, Resample, to_square
from kit.premultiplied import unpremultiply

AlphaKind = Literal["", "binary", "soft"]
"""No pixel shows what is behind it; each is clear or opaque; or some are in between."""
CLEAR = (0, 0, 0, 0)
HALF = 128
"""Alpha from which a pixel of binary alpha is opaque."""


def alpha_kind(image: Image.Image) -> AlphaKind:
    """The kind of an RGBA image's alpha."""
    counts = image.getchannel("A").histogram()
    if not any(counts[:255]):
        return ""
    return "soft" if any(counts[1:255]) else "binary"


def with_opaque_alpha(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """RGB [H, W, 3] as RGBA [H, W, 4], opaque all over."""
    rgba = np.full((*rgb.shape[:2], 4), 255, np.uint8)
    rgba[..., :3] = rgb
    return rgba


def to_square_rgba(image: Image.Image, size_px: int, fit: Fit, resample: Resample = "lanczos") -> Image.Image:
    """Bring an RGBA image to ``size_px`` x ``size_px``, as `dataset.decode.to_square` does an RGB one.

    Premultiplied colours are resized, so that what is stored under clear pixels shines through nowhere, and over
    black the result is the RGB picture. Alpha that is binary stays so. ``pad`` fills up with clear pixels.
    """
    if resample == "nearest":
        return to_square(image, size_px, fit, CLEAR, resample)
    square = to_square(image.convert("RGBa"), size_px, fit, CLEAR, resample)
    pixels = unpremultiply(np.asarray(square))
    if alpha_kind(image) == "binary":
        is_opaque = pixels[..., 3:] >= HALF
        pixels[..., 3] = 255
        pixels *= is_opaque
    return Image.fromarray(pixels)
