"""What of transparent figures a cut by colour would lose, once they lie over a background."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from dataset.alpha import HALF
from kit.foreground import TOLERANCE, foreground_masks

IMAGES_AT_ONCE = 16
"""For the memory's sake; one by one takes four times as long."""


def share_lost_to_flood(images: Sequence[tuple[Path, Path]]) -> float:
    """Share of the figures' pixels that `foreground_masks` takes for background, such as dark outlines on black.

    Args:
        images: each as RGB over the background and as RGBA, of one size; at least one.
    """
    figure = lost = 0
    for start in range(0, len(images), IMAGES_AT_ONCE):
        over_background, with_alpha = map(_pixels, zip(*images[start : start + IMAGES_AT_ONCE], strict=True))
        opaque = with_alpha[..., 3] >= HALF
        kept = foreground_masks(over_background, TOLERANCE)
        figure += int(opaque.sum())
        lost += int((opaque & ~kept).sum())
    return round(lost / max(figure, 1), 4)


def _pixels(files: Sequence[Path]) -> npt.NDArray[np.uint8]:
    images = []
    for file in files:
        with Image.open(file) as image:
            images.append(np.asarray(image))
    return np.stack(images)
