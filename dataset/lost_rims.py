"""What of transparent figures a cut by colour would lose, once they lie over a background."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from dataset.alpha import HALF
from kit.foreground import TOLERANCE, foreground_masks


def share_lost_to_flood(images: Sequence[tuple[Path, Path]]) -> float:
    """Share of the figures' pixels that `foreground_masks` takes for background, such as dark outlines on black.

    Args:
        images: each as RGB over the background and as RGBA, of one size; at least one.
    """
    figure = lost = 0
    for rgb, rgba in images:
        with Image.open(rgb) as over_background, Image.open(rgba) as image:
            opaque = np.asarray(image)[..., 3] >= HALF
            kept = foreground_masks(np.asarray(over_background)[None], TOLERANCE)[0]
        figure += int(opaque.sum())
        lost += int((opaque & ~kept).sum())
    return round(lost / max(figure, 1), 4)
