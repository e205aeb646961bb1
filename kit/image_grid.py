"""Many small images in one: which of them to show, and the grid they are shown in."""

from collections.abc import Sequence
from typing import TypeVar

from PIL import Image

from kit.chequers import on_chequers

GAP_PX = 4
GRID_COLOUR = (24, 24, 27)

Item = TypeVar("Item")


def evenly_spaced(items: Sequence[Item], count: int) -> list[Item]:
    """At most ``count`` of the items, evenly spaced, in their order."""
    count = min(count, len(items))
    return [items[index * len(items) // count] for index in range(count)]


def image_grid(images: Sequence[Image.Image], columns: int, scale: int = 1) -> Image.Image:
    """Lay images out row by row, with a small gap, on a dark ground; transparent ones on a chequerboard.

    Args:
        images: RGB or RGBA, all of one size, at least one.
        columns: images in a row.
        scale: whole-number magnification; pixels stay crisp.

    Raises:
        ValueError: there is no image.
    """
    if not images:
        raise ValueError("a grid needs at least one image")
    width, height = (side * scale for side in images[0].size)
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    size = (columns * (width + GAP_PX) + GAP_PX, rows * (height + GAP_PX) + GAP_PX)
    grid = Image.new("RGB", size, GRID_COLOUR)
    for index, image in enumerate(images):
        row, column = divmod(index, columns)
        shown = on_chequers(image)
        enlarged = shown.resize((width, height), Image.Resampling.NEAREST) if scale > 1 else shown
        grid.paste(enlarged, (GAP_PX + column * (width + GAP_PX), GAP_PX + row * (height + GAP_PX)))
    return grid
