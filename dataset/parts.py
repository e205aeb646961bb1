"""Which parts of a file become pictures of their own: frames of an animation, cells of a sheet."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from dataset.decode import NAMED_COLOURS
from dataset.file_kinds import FORMATS
from dataset.frames import wanted_frames
from dataset.render import open_sheet
from dataset.sheets import (
    Cell,
    SheetSettings,
    cells_by_gaps,
    find_grid,
    grid_cells,
    json_beside,
    json_cells,
    regular_cells,
    tells_of_a_picture,
)
from kit.image_cost import passing_over_damage


class Part(NamedTuple):
    """A frame or a cell of a file, or all of it."""

    number: int = 0
    """From 1; 0 for a file that is one picture, and for an animation's first frame with something to see."""
    cell: str = ""
    """See `dataset.sheets.Cell`; empty for a frame."""


WHOLE = (Part(),)


def wanted_parts(file: Path, frames: str, sheet: SheetSettings | None) -> Sequence[Part]:
    """Which parts of a raw file become pictures; none of a JSON file that tells of a sheet.

    Args:
        file: a raw file.
        frames: see `dataset.frames.wanted_frames`.
        sheet: how to cut files that are no animations; None leaves them whole.

    Raises:
        DecodeError: a sheet, or what is said of it, cannot be used.
    """
    numbers = wanted_frames(file, frames)
    if len(numbers) > 1:
        return [Part(number) for number in numbers]
    if not sheet:
        return WHOLE
    if sheet.kind != "grid" and tells_of_a_picture(file):
        return ()
    cells = _cells(file, sheet)
    return [Part(number, str(cell)) for number, cell in enumerate(cells, start=1)] or WHOLE


def _cells(file: Path, sheet: SheetSettings) -> Sequence[Cell]:
    if sheet.kind == "grid":
        size = 0, 0
        with passing_over_damage(), Image.open(file, formats=FORMATS) as image:
            size = image.size
        return grid_cells(size, sheet)  # whatever is wrong with the file is said when it is decoded
    if beside := json_beside(file):
        return json_cells(beside, file.name)
    if sheet.kind == "json":
        return ()
    decoded = open_sheet(file, NAMED_COLOURS["black"]).decoded
    if grid := find_grid(decoded.image, decoded.rgba):
        return regular_cells(decoded.image.size, grid)
    return cells_by_gaps(decoded.image, decoded.rgba)
