"""Alpha for drawings that have none: what stands on one colour, cut out with soft edges and clean rims."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from kit.foreground import TOLERANCE, background_colour, flood, flood_from_border

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
LEAST_ALPHA = 1 / 16
"""Below it there is too little of a colour to tell it from the background's."""

Values = NDArray[np.float32]
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
    rgba = Image.fromarray(with_soft_rim(pixels, figure, background.astype(np.float32)))
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


def with_soft_rim(pixels: NDArray[np.uint8], figure: Mask, background: Values) -> NDArray[np.uint8]:
    """[H, W, 4] RGBA, clear outside of the figure; its outermost pixels are unmixed.

    Args:
        pixels: [H, W, 3].
        figure: [H, W].
        background: [3].
    """
    rim = figure & (neighbour_count(~figure) > 0)
    inside = figure & ~rim
    count = neighbour_count(inside)[rim]
    # What the figure's colour is beside a rim pixel: the mean of its neighbours inside; its own where it has none.
    colours = pixels.astype(np.float32) - background
    sums = np.stack([neighbour_count(colours[..., channel] * inside) for channel in range(3)], 2)[rim]
    own = colours[rim]
    pure = np.where(count[:, None] > 0, sums / np.maximum(count, 1)[:, None], own)
    alpha = (own * pure).sum(1) / np.maximum((pure**2).sum(1), 1e-6)
    alpha = np.where(alpha >= LEAST_ALPHA, alpha.clip(0, 1), 0)
    unmixed = own / np.maximum(alpha, LEAST_ALPHA)[:, None] + background
    result = np.zeros((*figure.shape, 4), np.uint8)
    result[inside] = np.pad(pixels[inside], ((0, 0), (0, 1)), constant_values=255)
    result[rim] = np.column_stack([unmixed, 255 * alpha]).round().clip(0, 255)
    result[result[..., 3] == 0] = 0
    return result


def neighbour_count(values: NDArray[np.generic]) -> Values:
    """The sum over the eight neighbours and itself, [H, W] -> [H, W]; nothing lies beyond the edge."""
    padded = np.pad(values.astype(np.float32), 1)
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    result: Values = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]
    return result
