"""Pixel art brought back to its own grid: enlarged by blocks, also where JPEG or a resize blurred them."""

import math
from dataclasses import replace
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
from PIL import Image

from dataset.alpha import alpha_kind
from dataset.decode import DecodedImage, flatten

PixelArt = Literal["off", "auto", "on"]
PIXEL_ARTS: tuple[PixelArt, ...] = get_args(PixelArt)
MAX_COLOURS = 64
"""A picture of more is no pixel art to ``auto``, unless it was enlarged."""
MAX_SIDE_PX = 128
"""Likewise a larger one."""
SMALLEST_PX = 8
"""Of the grid: no character has fewer pixels."""
BLOCKS_PX = (1.5, 16.0)
"""Sides of blocks that are looked for where they are blurred."""
COHERENCE = 0.4
"""Edges this much at the blocks' borders: 1 is all of them, 0 is anywhere."""
NEARLY = 0.75
"""Halves of blocks fit as well: of those that fit so much as well as the best, the largest are tried first."""
MOST_TRIED = 8
NOISE_STEPS = 24
"""JPEG's noise, in steps of a channel, within a block."""
MOST_OUTSIDE = 0.04
"""Share of the pixels that may be further from their block's colour."""
ALIKE_STEPS = 20
"""Colours of a blurred picture that are so near are one."""

Pixels = npt.NDArray[np.uint8]


def to_own_grid(decoded: DecodedImage, background: tuple[int, int, int] | None) -> DecodedImage:
    """The picture at one pixel a block; itself where it has no blocks."""
    pixels = _pixels(decoded)
    small = _by_exact_blocks(pixels)
    if small is None:
        small = _by_blurred_blocks(pixels)
    if small is None:
        return decoded
    scale = f"enlarged {pixels.shape[1] / small.shape[1]:.3g} times; taken at {small.shape[1]}x{small.shape[0]}"
    note = "; ".join(filter(None, [decoded.note, scale]))
    if not decoded.rgba:
        return replace(decoded, image=Image.fromarray(small), note=note)
    rgba = Image.fromarray(small)
    return replace(decoded, image=flatten(rgba, background), rgba=rgba if alpha_kind(rgba) else None, note=note)


def is_pixel_art(decoded: DecodedImage) -> bool:
    """Whether a picture, at its own grid, is small, of few colours, and not blurred at its rim."""
    if max(decoded.image.size) > MAX_SIDE_PX or (decoded.rgba and alpha_kind(decoded.rgba) == "soft"):
        return False
    return decoded.image.getcolors(MAX_COLOURS) is not None


def _pixels(decoded: DecodedImage) -> Pixels:
    """[H, W, 3], or 4 with what is clear all zero."""
    if not decoded.rgba:
        return np.asarray(decoded.image)
    pixels = np.array(decoded.rgba)
    pixels[pixels[..., 3] == 0] = 0
    return pixels


def _by_exact_blocks(pixels: Pixels) -> Pixels | None:
    """Where all changes are at multiples of a number of pixels from each other, blocks have that side."""
    columns = np.flatnonzero((pixels[:, 1:] != pixels[:, :-1]).any(axis=(0, 2))) + 1
    rows = np.flatnonzero((pixels[1:] != pixels[:-1]).any(axis=(1, 2))) + 1
    if len(columns) < 2 or len(rows) < 2:
        return None
    side = math.gcd(*np.diff(columns).tolist(), *np.diff(rows).tolist())
    if side < 2:
        return None
    # The middle of every block that is at least half in the picture, a cut one at the edge included.
    x, y = (
        np.arange(first % side - side + side // 2, length, side)
        for first, length in ((int(columns[0]), pixels.shape[1]), (int(rows[0]), pixels.shape[0]))
    )
    small = pixels[y[y >= 0]][:, x[x >= 0]]
    return np.ascontiguousarray(small) if min(small.shape[:2]) >= SMALLEST_PX else None


def _by_blurred_blocks(pixels: Pixels) -> Pixels | None:
    height, width = pixels.shape[:2]
    values = pixels.astype(np.int16)
    edges_x = np.abs(np.diff(values, axis=1)).sum(axis=(0, 2)).astype(float)
    edges_y = np.abs(np.diff(values, axis=0)).sum(axis=(1, 2)).astype(float)
    smallest, largest = BLOCKS_PX
    counts = np.arange(max(SMALLEST_PX, math.ceil(width / largest)), int(width / smallest) + 1)
    if not len(counts) or not edges_x.sum() or not edges_y.sum():
        return None
    fits = (_coherence(edges_x, width / counts) + _coherence(edges_y, width / counts)) / 2
    for columns in _most_coherent(counts, fits):
        rows = round(height * columns / width)
        if rows >= SMALLEST_PX and _is_made_of_blocks(values, columns, rows):
            return _with_fewer_colours(_block_medians(values, columns, rows).astype(np.uint8))
    return None


def _most_coherent(counts: npt.NDArray[np.int64], fits: npt.NDArray[np.float64]) -> list[int]:
    """The numbers of blocks that fit better than those beside them, the fewest first."""
    padded = np.concatenate([[-1], fits, [-1]])
    peaks = (fits >= padded[:-2]) & (fits >= padded[2:]) & (fits >= max(COHERENCE, NEARLY * fits.max()))
    return [int(count) for count in counts[peaks][:MOST_TRIED]]


def _is_made_of_blocks(values: npt.NDArray[np.int16], columns: int, rows: int) -> bool:
    """Whether nearly all pixels inside a block are like that in its middle."""
    height, width = values.shape[:2]
    middle_y, middle_x = (
        (np.arange(blocks) + 0.5) * length / blocks for blocks, length in ((rows, height), (columns, width))
    )
    middles = values[middle_y.astype(int)][:, middle_x.astype(int)]
    restored = middles[_block_of(height, rows)][:, _block_of(width, columns)]
    inner = _inner(height, rows)[:, None] & _inner(width, columns)[None]
    outside = (np.abs(restored - values).max(axis=2) > NOISE_STEPS)[inner]
    return bool(outside.mean() <= MOST_OUTSIDE)


def _coherence(edges: npt.NDArray[np.float64], sides: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """[S] share of the edges at multiples of each side, less that between them."""
    places = np.arange(1, len(edges) + 1)
    waves: npt.NDArray[np.float64] = np.cos(2 * np.pi * places / sides[:, None]) @ edges / edges.sum()
    return waves


def _block_of(length: int, blocks: int) -> npt.NDArray[np.int64]:
    """[length] the block that each pixel's middle is in."""
    return ((np.arange(length) + 0.5) * blocks / length).astype(np.int64)


def _inner(length: int, blocks: int) -> npt.NDArray[np.bool_]:
    """[length] pixels that are wholly in one block; of blocks of 3 pixels or more, those within that rim."""
    places = (np.arange(length) + 0.5) * blocks / length % 1
    rim = (1 if length >= 3 * blocks else 0.5) * blocks / length
    return np.abs(places - 0.5) <= 0.5 - rim + 1e-9


def _block_medians(values: npt.NDArray[np.int16], columns: int, rows: int) -> npt.NDArray[np.int16]:
    """[rows, columns, C] the median of the pixels inside each block, a channel at a time."""
    height, width, channels = values.shape
    small = np.empty((rows, columns, channels), np.int16)
    y, x = _block_of(height, rows), _block_of(width, columns)
    keep_y, keep_x = _inner(height, rows), _inner(width, columns)
    for row in range(rows):
        band = values[(y == row) & (keep_y | (np.bincount(y[keep_y], minlength=rows)[row] == 0))]
        for column in range(columns):
            inside = (x == column) & keep_x
            inside = inside if inside.any() else x == column
            small[row, column] = np.median(band[:, inside].reshape(-1, channels), axis=0)
    return small


def _with_fewer_colours(pixels: Pixels) -> Pixels:
    """Every colour becomes the most common one that it is like, which JPEG made many of."""
    colours, where, counts = np.unique(
        pixels.reshape(-1, pixels.shape[2]), axis=0, return_inverse=True, return_counts=True
    )
    order = np.argsort(-counts, kind="stable")
    kept = np.empty((0, pixels.shape[2]), np.int16)
    target = np.empty(len(colours), np.int64)
    for index in order:
        near = np.flatnonzero(np.abs(kept - colours[index].astype(np.int16)).max(axis=1) <= ALIKE_STEPS)
        if not len(near):
            kept = np.concatenate([kept, colours[index : index + 1].astype(np.int16)])
        target[index] = near[0] if len(near) else len(kept) - 1
    return kept[target[where.ravel()]].astype(np.uint8).reshape(pixels.shape)
