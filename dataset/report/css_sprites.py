"""Many thumbnails in a page at the price of one: each is a part of a sheet, shown by CSS."""

from collections.abc import Sequence
from html import escape

import numpy as np
from PIL import Image

from kit.html_page import data_uri
from kit.image_grid import GRID_COLOUR

THUMB_PX = 80
"""Larger pictures are shown smaller: the page should open at once."""
MARGIN_PX = 8
"""Around each thumbnail in its sheet, its own edge repeated: Firefox and Safari move a sheet to whole pixels of
the screen, and so show a line of what lies beside the thumbnail."""
CELL_PX = THUMB_PX + 2 * MARGIN_PX
COLUMNS = 16


def thumbnail(image: Image.Image) -> Image.Image:
    """RGB, `THUMB_PX` square: the whole picture, shrunk or (crisply) enlarged, with bars if it is not square."""
    rgb = image.convert("RGB")
    scale = THUMB_PX / max(rgb.size)
    size = (max(1, round(rgb.width * scale)), max(1, round(rgb.height * scale)))
    fitted = rgb.resize(size, Image.Resampling.NEAREST if scale > 1 else Image.Resampling.LANCZOS)
    square = Image.new("RGB", (THUMB_PX, THUMB_PX), GRID_COLOUR)
    square.paste(fitted, ((THUMB_PX - size[0]) // 2, (THUMB_PX - size[1]) // 2))
    return square


class CssSprites:
    """The sheets of one page."""

    def __init__(self) -> None:
        self._rules: list[str] = []

    def tiles(self, thumbnails: Sequence[Image.Image], labels: Sequence[str]) -> list[str]:
        """An HTML element for each picture.

        Args:
            thumbnails: `thumbnail`s, at least one.
            labels: what each shows; seen under the mouse and read aloud.
        """
        columns = min(COLUMNS, len(thumbnails))
        lines = -(-len(thumbnails) // columns)
        sheet = Image.new("RGB", (columns * CELL_PX, lines * CELL_PX), GRID_COLOUR)
        tiles = []
        for index, (image, label) in enumerate(zip(thumbnails, labels, strict=True)):
            line, column = divmod(index, columns)
            sheet.paste(_with_margin(image), (column * CELL_PX, line * CELL_PX))
            x, y = (_percent(*at) for at in ((column, columns), (line, lines)))
            text = escape(label)
            style = f"background-position:{x:.3f}% {y:.3f}%"
            name = f"s{len(self._rules)}"
            tiles.append(f'<i role="img" class="{name}" style="{style}" title="{text}" aria-label="{text}"></i>')
        width, height = (100 * count * CELL_PX / THUMB_PX for count in (columns, lines))
        size = f"background-size:{width:g}% {height:g}%"
        self._rules.append(f".s{len(self._rules)}{{background-image:url({data_uri(sheet)});{size}}}")
        return tiles

    def style(self) -> str:
        """The CSS that the tiles need."""
        return "\n".join(self._rules)


def _with_margin(image: Image.Image) -> Image.Image:
    return Image.fromarray(np.pad(np.asarray(image), [(MARGIN_PX, MARGIN_PX)] * 2 + [(0, 0)], "edge"))


def _percent(at: int, count: int) -> float:
    """CSS's position of one of ``count`` cells: the share of what the sheet is longer than the tile."""
    return 100 * (at * CELL_PX + MARGIN_PX) / (count * CELL_PX - THUMB_PX)
