"""The walk from character to character."""

import math

import numpy as np
from numpy.typing import NDArray

FRAMES_BETWEEN = 16


def walk(latents: NDArray[np.float32], frames_between: int = FRAMES_BETWEEN) -> NDArray[np.float32]:
    """A closed walk through all latents, slow at each, along great circles.

    Gaussian latents lie near a sphere; a straight line between two would cut through its inside, where the
    generator has never been. [N, D] -> [N * frames_between, D].

    Source: White 2016, arXiv:1609.04468, section 2.1.
    """
    ends = np.roll(latents, -1, axis=0)
    lengths = [np.maximum(np.linalg.norm(each, axis=1, keepdims=True), 1e-12) for each in (latents, ends)]
    cosine = ((latents / lengths[0]) * (ends / lengths[1])).sum(1, keepdims=True).clip(-1, 1)
    angle = np.arccos(cosine).clip(1e-4, math.pi - 1e-4)
    steps = []
    for frame in range(frames_between):
        share = (1 - math.cos(math.pi * frame / frames_between)) / 2
        weights = [np.sin(part * angle) / np.sin(angle) for part in (1 - share, share)]
        steps.append(latents * weights[0] + ends * weights[1])
    return np.stack(steps, 1).reshape(-1, latents.shape[1]).astype(np.float32)
