"""What a person sees of a character, as numbers; `studio/page/model/measures.js` measures the same in the page."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from kit.channels import RGBA
from kit.foreground import TOLERANCE, flood_from_border

OPAQUE = 128
"""Alpha from which a pixel of a transparent picture belongs to the figure."""
THIN = 0.03
"""Share of a figure that is left out at each end of its width and height: thin arms and feelers."""
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""ITU-R BT.601."""
IMAGES_AT_ONCE = 64
"""Small enough for a processor's cache."""

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]


def measure(images: NDArray[np.uint8]) -> dict[str, Floats]:
    """Measure drawn pictures, each by itself. Where there is no figure, all is 0.

    Args:
        images: [N, side, side, 3 or 4] uint8, RGB or RGBA with straight colours.

    Returns:
        [N] float32 each; means are over the figure's pixels, with colours in 0 to 1:

        - ``brightness``: mean luma, 0 to 1
        - ``warmth``: mean red less blue, -1 (cold) to 1 (warm)
        - ``hue_x``, ``hue_y``: mean colour on the hue circle, red at (1, 0), green at 120 degrees; its angle is
          the mean hue weighted by chroma (Hanbury 2003, "Circular statistics applied to colour images")
        - ``colourfulness``: mean chroma, the largest channel less the smallest, 0 to 1
        - ``size``: the figure's share of the picture, 0 to 1
        - ``width``, ``height``: its box as shares of the side, 0 to 1, thin ends left out
        - ``roundness``: 1 for a disc, less for all else (Žunić & Hirota 2008, "Measuring shape circularity")
        - ``symmetry``: 1 where it is its own mirror image about the box's middle, else less by the mean difference
        - ``outline``: how much darker the rim is than the inside, as a share of the inside's luma
        - ``detail``: mean difference in luma between neighbours, how busy it is
    """
    return join([measure_chunk(images[at : at + IMAGES_AT_ONCE]) for at in range(0, len(images), IMAGES_AT_ONCE)])


def join(parts: Sequence[Mapping[str, Floats]]) -> dict[str, Floats]:
    """Measures of one lot of pictures after another as those of all."""
    return {name: np.concatenate([part[name] for part in parts]).astype(np.float32) for name in parts[0]}


def measure_chunk(images: NDArray[np.uint8]) -> dict[str, Floats]:
    """`measure` without regard to memory."""
    figure = figures(images)
    rgb = (images[..., :3] / np.float32(255)).astype(np.float32, copy=False)
    red, green, blue = np.moveaxis(rgb, 3, 0)
    luma, side = (rgb @ LUMA).astype(np.float32), images.shape[1]
    inside = figure & ~grow(~figure)
    left, right = extent(figure.sum(1))
    top, bottom = extent(figure.sum(2))
    return {
        "brightness": mean_over(luma, figure),
        "warmth": mean_over(red - blue, figure),
        "hue_x": mean_over(red - (green + blue) / 2, figure),
        "hue_y": mean_over((green - blue) * np.float32(np.sqrt(0.75)), figure),
        "colourfulness": mean_over(rgb.max(3) - rgb.min(3), figure),
        "size": figure.mean((1, 2)),
        "width": (right - left) / side,
        "height": (bottom - top) / side,
        "roundness": roundness(figure),
        "symmetry": symmetry(rgb, figure, left + right - 1),
        "outline": contrast(mean_over(luma, figure & ~inside), mean_over(luma, inside)),
        "detail": detail(luma, figure),
    }


def figures(images: NDArray[np.uint8]) -> Mask:
    """Where the figures are, [N, side, side]: where opaque, or where the border does not reach in its colour."""
    if images.shape[3] == RGBA:
        opaque: Mask = images[..., 3] >= OPAQUE
        return opaque
    border = np.concatenate([images[:, 0], images[:, -1], images[:, 1:-1, 0], images[:, 1:-1, -1]], axis=1)
    background = np.sort(border, axis=1)[:, (border.shape[1] - 1) // 2].astype(np.int16)
    return ~flood_from_border(np.abs(images - background[:, None, None]).max(axis=3) <= TOLERANCE)


def mean_over(values: Floats, mask: Mask) -> Floats:
    """The mean of values [N, side, side] where the mask is set; 0 where it nowhere is."""
    mean: Floats = (values * mask).sum((1, 2)) / np.maximum(mask.sum((1, 2)), 1)
    return mean


def contrast(rim: Floats, inner: Floats) -> Floats:
    """How much darker one is, as a share of the other."""
    return ((inner - rim) / np.where(inner > 0, inner, 1)).astype(np.float32)


def grow(mask: Mask) -> Mask:
    """The mask and its neighbours above, below, left and right; what is beyond the border counts for nothing."""
    grown = mask.copy()
    grown[:, 1:] |= mask[:, :-1]
    grown[:, :-1] |= mask[:, 1:]
    grown[:, :, 1:] |= mask[:, :, :-1]
    grown[:, :, :-1] |= mask[:, :, 1:]
    return grown


def extent(counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where figures begin and end (exclusive) along an axis, from their pixels [N, side] at each place."""
    total = counts.sum(1, keepdims=True)
    shares = counts.cumsum(1) / np.maximum(total, 1)
    start, end = (shares <= THIN).sum(1), (shares < 1 - THIN).sum(1) + 1
    empty = total[:, 0] == 0
    return np.where(empty, 0, start), np.where(empty, 0, end)


def roundness(figure: Mask) -> Floats:
    """Area squared over 2 pi times the second moments about the centre; pixels are squares."""
    index = np.arange(figure.shape[1])
    area = figure.sum((1, 2))
    moments = area / 6
    for counts in (figure.sum(1), figure.sum(2)):
        centre = counts @ index / np.maximum(area, 1)
        moments = moments + (counts * (index - centre[:, None]) ** 2).sum(1)
    share: Floats = area**2 / (2 * np.pi * np.where(area > 0, moments, 1))
    return share


def symmetry(rgb: Floats, figure: Mask, ends: NDArray[np.int64]) -> Floats:
    """1 less the mean difference to the mirror image; column x goes to ``ends`` - x, outside is nothing."""
    side = figure.shape[1]
    mirrored = ends[:, None] - np.arange(side)
    outside = (mirrored < 0) | (mirrored >= side)
    columns = mirrored.clip(0, side - 1)
    seen = rgb * figure[..., None]
    other = np.take_along_axis(seen, columns[:, None, :, None], 2) * ~outside[:, None, :, None]
    both = figure | (np.take_along_axis(figure, columns[:, None], 2) & ~outside[:, None])
    alike: Floats = (1 - mean_over(np.abs(seen - other).mean(3), both)) * figure.any((1, 2))
    return alike


def detail(luma: Floats, figure: Mask) -> Floats:
    """The sum of differences between neighbours within the figure, over its pixels."""
    across = np.abs(np.diff(luma, axis=2)) * (figure[:, :, 1:] & figure[:, :, :-1])
    down = np.abs(np.diff(luma, axis=1)) * (figure[:, 1:] & figure[:, :-1])
    mean: Floats = (across.sum((1, 2)) + down.sum((1, 2))) / np.maximum(figure.sum((1, 2)), 1)
    return mean
