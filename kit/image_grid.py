"""Many small pictures on one board, to look at."""

from collections.abc import Sequence

from PIL import Image

GAP_PX = 4
BOARD_COLOUR = (24, 24, 27)


def board(pictures: Sequence[Image.Image], columns: int, scale: int = 1) -> Image.Image:
    """Lay equally large pictures out row by row, with a small gap, on a dark board.

    Args:
        pictures: RGB pictures of one size, at least one.
        columns: pictures in a row.
        scale: whole-number magnification; pixels stay crisp.

    Raises:
        ValueError: there is no picture.
    """
    if not pictures:
        raise ValueError("a board needs at least one picture")
    width, height = (side * scale for side in pictures[0].size)
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    sheet = Image.new(
        "RGB", (columns * (width + GAP_PX) + GAP_PX, rows * (height + GAP_PX) + GAP_PX), BOARD_COLOUR
    )
    for place, picture in enumerate(pictures):
        row, column = divmod(place, columns)
        enlarged = picture.resize((width, height), Image.Resampling.NEAREST)
        sheet.paste(enlarged, (GAP_PX + column * (width + GAP_PX), GAP_PX + row * (height + GAP_PX)))
    return sheet
