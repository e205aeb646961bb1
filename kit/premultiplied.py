"""Colours times alpha, and back: what can be averaged, resized and learned without colours of clear pixels."""

import numpy as np
from numpy.typing import NDArray


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
    wide = pixels.astype(np.uint32)
    alpha = wide[..., 3:]
    wide[..., :3] = np.minimum((wide[..., :3] * 255 + alpha // 2) // np.maximum(alpha, 1), 255) * (alpha > 0)
    return wide.astype(np.uint8)
