"""Ways from latent to latent along the sphere near which Gaussian latents lie."""

import math

import numpy as np
from numpy.typing import NDArray

SMALLEST_ANGLE = 1e-4
"""Radians; nearer to 0 or π, the formula would divide by nothing."""


def slerp(start: NDArray[np.float32], end: NDArray[np.float32], share: float) -> NDArray[np.float32]:
    """Spherical linear interpolation: a straight line would cut through the inside, where no generator has been.

    Args:
        start, end: [..., D] float32, of any lengths.
        share: 0 (``start``) to 1 (``end``).

    Returns:
        [..., D] float32. The page has the same formula (``studio/page``), tested with the same numbers.

    Source: White 2016, arXiv:1609.04468, section 2.1.
    """
    lengths = [np.maximum(np.linalg.norm(each, axis=-1, keepdims=True), 1e-12) for each in (start, end)]
    cosine = ((start / lengths[0]) * (end / lengths[1])).sum(-1, keepdims=True).clip(-1, 1)
    angle = np.arccos(cosine).clip(SMALLEST_ANGLE, math.pi - SMALLEST_ANGLE)
    weights = [np.sin(part * angle) / np.sin(angle) for part in (1 - share, share)]
    mixed: NDArray[np.float32] = (start * weights[0] + end * weights[1]).astype(np.float32)
    return mixed


def slerp_loop(latents: NDArray[np.float32], frames_between: int) -> NDArray[np.float32]:
    """A closed path through all latents, slow at each. [N, D] -> [N * frames_between, D]."""
    ends = np.roll(latents, -1, axis=0)
    shares = [(1 - math.cos(math.pi * frame / frames_between)) / 2 for frame in range(frames_between)]
    return np.stack([slerp(latents, ends, share) for share in shares], 1).reshape(-1, latents.shape[1])
