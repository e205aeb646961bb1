"""Alpha for drawings that have none: what stands on one colour, cut out with soft edges and clean rims."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from kit.foreground import TOLERANCE, background_colour, flood, flood_from_border
from kit.soft_rim import neighbour_count, with_soft_rim

EVEN = 0.5
"""Share of the border that must be like the background, or there is none to cut away."""
LEAST_TOLERANCE, JPEG_TOLERANCE = 4, 16
"""How far, in steps of a channel, from a background's colour it is still background: in a clean picture and in one
with noise."""
NOISY = 0.002
"""Share of a background's pixels that are not quite its colour, from which on it counts as one with noise."""
SMALLEST_FIGURE, LARGEST_FIGURE = 0.005, 0.98
"""Shares of a picture; beyond them it is left as it is."""
MAX_PIXELS = 4_000_000
"""Larger images are cut at a smaller size: the flood takes long in a maze."""
Mask = NDArray[np.bool_]


def matte(image: Image.Image) -> Image.Image | None:
    """The figure of an RGB image as RGBA of the same size, or None where nothing tells figure from background.

    A pixel on the rim is taken for a mixture of the background and of
    the figure beside it; alpha is its share of the figure, and the background is taken out of its colour.
    """
    small = image
    if image.width * image.height > MAX_PIXELS:
        scale = (MAX_PIXELS / (image.width * image.height)) ** 0.5
        small = image.resize((max(1, int(image.width * scale)), max(1, int(image.height * scale))))
    pixels = np.asarray(small)
    background = background_colour(pixels, TOLERANCE)
    distances = np.abs(pixels - background).max(2).astype(np.uint8)
    if not has_background(distances):
        return None
    figure = figure_mask(distances)
    if not SMALLEST_FIGURE <= figure.mean() <= LARGEST_FIGURE:
        return None
    rgba = Image.fromarray(with_soft_rim(pixels, figure, background))
    return rgba if small is image else rgba.resize(image.size)


def has_background(distances: NDArray[np.uint8]) -> bool:
    """Whether most of the border is of one colour; ``distances`` [H, W] from it, in steps of a channel."""
    border = np.concatenate([distances[0], distances[-1], distances[:, 0], distances[:, -1]])
    return bool((border <= TOLERANCE).mean() >= EVEN)


def figure_mask(distances: NDArray[np.uint8]) -> Mask:
    """[H, W]: what a flood from the border does not reach, as far as the background's own noise goes.

    So outlines that are a little lighter than a black background stay. JPEG's noise around a figure is as light as
    they are, but thin: there a faint pixel counts only among others, and where the figure is.
    """
    clear = flood_from_border((distances <= LEAST_TOLERANCE)[None])[0]
    around = clear & (neighbour_count(~clear) == 0)  # an edge's own softness is no noise
    if (distances[around] > 0).sum() > NOISY * around.sum():
        median = np.asarray(Image.fromarray(distances).filter(ImageFilter.MedianFilter(5)))
        faint = (distances <= TOLERANCE) & (median <= JPEG_TOLERANCE)
        clear = flood_from_border((faint | (distances <= JPEG_TOLERANCE))[None])[0]
    figure = ~clear
    attached: Mask = flood((figure & (distances > TOLERANCE))[None], figure[None])[0]
    return attached
