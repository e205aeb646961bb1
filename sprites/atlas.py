"""A sprite sheet (texture atlas): where its frames lie, where their figures stand, and its pixels."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sprites.errors import SpriteSettingsError

LARGEST_SHEET_PX = 8192
"""What nearly every GPU takes as one texture."""


@dataclass(frozen=True)
class SheetLayout:
    """Where the frames of a sheet lie."""

    size_px: tuple[int, int]
    """Width and height, powers of two."""
    frame_px: int
    extrude_px: int
    corners: tuple[tuple[int, int], ...]
    """Left and top of each frame, without its extruded border."""

    @property
    def columns(self) -> int:
        """Frames in a row."""
        return self.size_px[0] // (self.frame_px + 2 * self.extrude_px)


def layout_sheet(count: int, frame_px: int, extrude_px: int) -> SheetLayout:
    """The smallest power-of-two sheet, as square as possible, filled row by row.

    Raises:
        SpriteSettingsError: it would be larger than LARGEST_SHEET_PX.
    """
    cell = frame_px + 2 * extrude_px
    powers = [1 << n for n in range(LARGEST_SHEET_PX.bit_length()) if 1 << n >= cell]
    sizes = [
        (width, height) for width in powers for height in powers if (width // cell) * (height // cell) >= count
    ]
    if not sizes:
        raise SpriteSettingsError(
            f"{count} sprites of {frame_px} pixels need a sheet beyond {LARGEST_SHEET_PX} pixels: "
            "make fewer, or a smaller --upscale or --sprite-size"
        )
    width, height = min(sizes, key=lambda size: (size[0] * size[1], max(size), -size[0]))
    cells = [divmod(index, width // cell) for index in range(count)]
    corners = tuple((column * cell + extrude_px, row * cell + extrude_px) for row, column in cells)
    return SheetLayout((width, height), frame_px, extrude_px, corners)


def draw_sheet(frames: NDArray[np.uint8], sheet: SheetLayout) -> NDArray[np.uint8]:
    """All frames [N, side, side, 4] on their sheet [height, width, 4], borders extruded."""
    width, height = sheet.size_px
    pixels = np.zeros((height, width, 4), np.uint8)
    extruded = np.pad(frames, ((0, 0), *[(sheet.extrude_px, sheet.extrude_px)] * 2, (0, 0)), mode="edge")
    cell = extruded.shape[1]
    for (left, top), frame in zip(sheet.corners, extruded, strict=True):
        x, y = left - sheet.extrude_px, top - sheet.extrude_px
        pixels[y : y + cell, x : x + cell] = frame
    return pixels


def ground_pivots(frames: NDArray[np.uint8]) -> list[tuple[float, float]]:
    """Where each figure stands, as shares of its frame's width and height: in the middle, below its lowest pixel.

    Frames drawn with these pivots at one height stand on one ground line.

    Args:
        frames: [N, side, side, 4]; a wholly clear one stands on its lower edge.
    """
    side = frames.shape[1]
    lowest_rows = (frames[..., 3].max(axis=2) > 0)[:, ::-1].argmax(axis=1)
    return [(0.5, (side - row) / side) for row in lowest_rows.tolist()]
