"""Colours times alpha, and back: what can be averaged, resized and learned without colours of clear pixels."""

import numpy as np
from numpy.typing import NDArray

_ALPHA, _COLOUR = np.arange(256)[:, None], np.arange(256)
STRAIGHT = np.minimum((_COLOUR * 255 + _ALPHA // 2) // np.maximum(_ALPHA, 1), 255).astype(np.uint8) * (_ALPHA > 0)
"""[256, 256]: straight colours by alpha and premultiplied colour; looking one up takes a quarter of a division."""


def premultiply(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Multiply colours by alpha, rounded.

    Args:
        pixels: [..., 4] RGBA with straight colours.

    Returns:
        [..., 4] uint8, no colour above its alpha.
    """
    wide = pixels.astype(np.uint32)
    wide[..., :3] = (2 * wide[..., :3] * wide[..., 3:] + 255) // 510
    return wide.astype(np.uint8)


def unpremultiply(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Divide colours by alpha, rounded: over black they look as before within half a level.

    Args:
        pixels: [..., 4] RGBA with premultiplied colours; colours above their alpha count as equal to it.

    Returns:
        [..., 4] uint8 with straight colours, black where alpha is 0.
    """
    indices = pixels.astype(np.intp)
    indices += 256 * indices[..., 3:]
    straight: NDArray[np.uint8] = STRAIGHT.take(indices)
    straight[..., 3] = pixels[..., 3]
    return straight
