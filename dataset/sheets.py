"""Sheets of many figures in one picture, cut by a grid, by a JSON file beside them, or by their gaps."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from dataset.errors import DecodeError
from kit.islands import island_boxes
from kit.typed_json import is_finite

MIN_CELL_PX = 8
MAX_CELL_PX = 4096
MAX_CELLS = 16_384
"""Of one sheet: 128x128."""
MAX_FRAME_PIXELS = 500_000_000
"""Of all frames that a JSON file tells of: so many cells of 174x174."""
MAX_JSON_BYTES = 16 * 2**20
MAX_NAME_CHARS = 200
GAP_PX = 2
"""Parts of a figure may be so far apart, in a sheet that is cut by its gaps."""
SMALL_PART = 16
"""A part with so much less area than the largest belongs to the figure next to it."""
EVEN_STEPS = 8
"""How far, in steps of a channel, the ground between figures may be from its own colour."""
FEWEST_CELLS = 4
"""Of a regular sheet that is recognised as one."""
MAX_CELL_ASPECT = 4
GRID = re.compile(r"(\d{1,4})x(\d{1,4})(?:\+(\d{1,4}))?(?:\+(\d{1,4}))?", re.ASCII)
IMAGE_SUFFIXES = (".png", ".webp", ".gif", ".bmp", ".tga", ".jpg", ".jpeg", ".avif")
"""Of pictures that a JSON file may tell of."""


class FrameError(ValueError):
    """What a JSON file says of a frame cannot be; the message says what."""


class Cell(NamedTuple):
    """Where a figure is in its sheet, pixels; and where in its own frame, if that is larger."""

    left: int
    top: int
    width: int
    height: int
    """As the figure stands upright."""
    offset_x: int = 0
    offset_y: int = 0
    frame_width: int = 0
    frame_height: int = 0
    rotated: int = 0
    """1: it lies in the sheet a quarter turn clockwise, as TexturePacker packs."""
    name: str = ""

    def __str__(self) -> str:
        numbers = self[:9] if any(self[4:9]) else self[:4]
        return f"{','.join(map(str, numbers))} {self.name}".rstrip()


def parse_cell(text: str) -> Cell:
    """The other way round; ValueError if it is none."""
    numbers, _, name = text.partition(" ")
    return Cell(*map(int, numbers.split(",")))._replace(name=name)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class SheetSettings:
    """How sheets are cut."""

    kind: str
    """``grid``; ``json``: what a JSON file beside it tells of; ``auto``: by that, by its grid or by its gaps."""
    width: int = 0
    height: int = 0
    margin: int = 0
    """Around the whole sheet, pixels."""
    spacing: int = 0
    """Between two cells, pixels."""


def parse_sheet(text: str) -> SheetSettings | None:
    """``none``, ``auto``, ``json``, or a grid such as ``32x32``, ``32x48+1`` (margin) and ``32x32+1+2`` (spacing).

    Raises:
        ValueError: it is none of these.
    """
    if text == "none":
        return None
    if text in ("auto", "json"):
        return SheetSettings(text)
    match = GRID.fullmatch(text)
    sizes = [int(number or 0) for number in match.groups()] if match else [0, 0]
    if not all(MIN_CELL_PX <= side <= MAX_CELL_PX for side in sizes[:2]):
        raise ValueError(text)
    return SheetSettings("grid", *sizes)


def grid_cells(size: tuple[int, int], sheet: SheetSettings) -> list[Cell]:
    """The whole cells of a grid, row by row; none where a picture holds no more than one.

    Raises:
        DecodeError: there are more than `MAX_CELLS`.
    """
    columns, rows = (
        max(0, (side - 2 * sheet.margin + sheet.spacing) // (cell + sheet.spacing))
        for side, cell in zip(size, (sheet.width, sheet.height), strict=True)
    )
    _refuse_too_many(columns * rows)
    if columns * rows < 2:
        return []
    step_x, step_y = sheet.width + sheet.spacing, sheet.height + sheet.spacing
    return [
        Cell(sheet.margin + column * step_x, sheet.margin + row * step_y, sheet.width, sheet.height)
        for row in range(rows)
        for column in range(columns)
    ]


def _refuse_too_many(count: int) -> None:
    if count > MAX_CELLS:
        raise DecodeError(f"a sheet of {count:,} cells: more than {MAX_CELLS:,}; cut it into several files")


def cut_cell(image: Image.Image, cell: Cell, fill: tuple[int, ...]) -> Image.Image:
    """A figure out of its sheet, upright and in its frame.

    Args:
        image: the sheet.
        cell: where the figure is.
        fill: colour of the frame around it, in the mode of ``image``.

    Raises:
        DecodeError: it is outside.
    """
    width, height = (cell.height, cell.width) if cell.rotated else (cell.width, cell.height)
    right, bottom = cell.left + width, cell.top + height
    if right > image.width or bottom > image.height:
        box = f"{cell.left},{cell.top} {width}x{height}"
        raise DecodeError(f"a frame at {box}, outside its sheet of {image.width}x{image.height}")
    figure = image.crop((cell.left, cell.top, right, bottom))
    if cell.rotated:
        figure = figure.transpose(Image.Transpose.ROTATE_90)
    if not cell.frame_width:
        return figure
    frame = Image.new(image.mode, (cell.frame_width, cell.frame_height), fill)
    frame.paste(figure, (cell.offset_x, cell.offset_y))
    return frame


# What a JSON file tells


def json_beside(picture: Path) -> Path | None:
    """The file that may tell of a picture's frames."""
    names = (picture.with_suffix(".json"), picture.with_name(f"{picture.name}.json"))
    return next((file for file in names if file.is_file()), None)


def tells_of_a_picture(file: Path) -> bool:
    """Whether a file is JSON, lies beside a picture of its name, and tells of frames in it."""
    if file.suffix.lower() != ".json":
        return False
    pictures = (file.with_suffix(suffix) for suffix in ("", *IMAGE_SUFFIXES))
    picture = next((each for each in pictures if each.is_file()), None)
    try:
        return bool(picture and json_cells(file, picture.name))
    except DecodeError:
        return False  # which is said of the picture


def json_cells(file: Path, picture_name: str = "") -> list[Cell]:
    """The frames that Aseprite or TexturePacker wrote down, as array or hash, in their order.

    Args:
        file: the JSON file.
        picture_name: whose frames are meant, where it tells of several pictures (``textures``).

    Raises:
        DecodeError: it is no such file, or what it says cannot be.
    """
    try:
        with file.open("rb") as opened:
            content = opened.read(MAX_JSON_BYTES + 1)
        if len(content) > MAX_JSON_BYTES:
            raise DecodeError(f"{file.name}: more than {MAX_JSON_BYTES // 2**20} MiB")
        entries = _entries(json.loads(content.decode("utf-8-sig")), picture_name)
    except OSError as error:
        raise DecodeError(f"{file.name}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise DecodeError(f"{file.name}: no frames in it, for it is no JSON that can be read") from None
    if not entries:
        raise DecodeError(f"{file.name}: no frames in it, as Aseprite or TexturePacker write them")
    _refuse_too_many(len(entries))
    cells: dict[Cell, None] = {}
    for name, entry in entries:
        try:
            cells[_json_cell(name, entry)] = None
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            reason = error if isinstance(error, FrameError) else "its numbers are missing"
            raise DecodeError(f"{file.name}: frame {name[:40]!r}: {reason}; export the sheet again") from None
    pixels = sum(max(cell.width * cell.height, cell.frame_width * cell.frame_height) for cell in cells)
    if pixels > MAX_FRAME_PIXELS:
        raise DecodeError(f"{file.name}: frames of {pixels:,} pixels; {MAX_FRAME_PIXELS:,} are read of a sheet")
    return list(cells)


def _entries(document: Any, picture_name: str) -> list[tuple[str, Any]]:
    """Name and frame of each, whichever way it is written."""
    if not isinstance(document, dict):
        return []
    frames = document.get("frames")
    textures = document.get("textures")
    if isinstance(textures, list):
        several = [each for each in textures if isinstance(each, dict)]
        named = [each for each in several if each.get("image") == picture_name] or several
        frames = named[0].get("frames") if named else None
    if isinstance(frames, dict):
        return [(_clean_name(name), entry) for name, entry in frames.items()]
    if not isinstance(frames, list):
        return []
    return [
        (_clean_name(entry.get("filename") if isinstance(entry, dict) else None, number), entry)
        for number, entry in enumerate(frames, start=1)
    ]


def _clean_name(name: object, number: int = 0) -> str:
    text = str(name) if isinstance(name, str) else str(number)
    # The text is part of a key in which these stand between folders, and of lines.
    printable = "".join(char if char.isprintable() else "_" for char in text)
    return printable.encode("utf-8", "replace").decode().strip()[:MAX_NAME_CHARS]


def _json_cell(name: str, entry: dict[str, Any]) -> Cell:
    left, top, width, height = (_pixels(entry["frame"], key) for key in ("x", "y", "w", "h"))
    rotated = entry.get("rotated") is True
    cell = Cell(left, top, width, height, rotated=int(rotated), name=name)
    if min(width, height) < 1:
        raise FrameError(f"{width}x{height} pixels")
    if not entry.get("trimmed"):
        return cell
    inner, outer = entry["spriteSourceSize"], entry["sourceSize"]
    offset_x, offset_y = _pixels(inner, "x"), _pixels(inner, "y")
    frame_width, frame_height = _pixels(outer, "w"), _pixels(outer, "h")
    inside = offset_x + width <= frame_width and offset_y + height <= frame_height
    if not inside or max(frame_width, frame_height) > MAX_CELL_PX:
        raise FrameError(f"trimmed from {frame_width}x{frame_height} pixels, where it has no room")
    return cell._replace(offset_x=offset_x, offset_y=offset_y, frame_width=frame_width, frame_height=frame_height)


def _pixels(box: dict[str, Any], key: str) -> int:
    """A whole number of pixels that a picture can have; FrameError or what a missing one raises."""
    value = box[key]
    if not is_finite(value) or value != int(value) or not 0 <= value <= MAX_CELL_PX * 4:
        raise FrameError(f"its {key} is {value!r:.40}")
    return int(value)


# What the picture itself tells


def filled(image: Image.Image, rgba: Image.Image | None) -> npt.NDArray[np.bool_]:
    """[H, W] where there is anything: not clear; or of another colour than the upper left corner."""
    if rgba:
        return np.asarray(rgba.getchannel("A")) > 0
    values, (least, greatest) = _rows_of_values(image), _like_corner(image)
    unlike = (values < least) | (values > greatest)
    return np.any(unlike.reshape(image.height, -1, 3), axis=2)  # type: ignore[no-any-return]


def find_grid(image: Image.Image, rgba: Image.Image | None) -> tuple[int, int] | None:
    """Columns and rows of a regular sheet: clear or even lines at equal distances, something between them."""
    columns, rows = _columns_and_rows(image, rgba)
    if not columns or not rows or columns * rows < FEWEST_CELLS:
        return None
    width, height = image.width // columns, image.height // rows
    if min(width, height) < MIN_CELL_PX or max(width, height) > MAX_CELL_ASPECT * min(width, height):
        return None
    return columns, rows


def _columns_and_rows(image: Image.Image, rgba: Image.Image | None) -> tuple[int, int]:
    """`_regular_cells` of both; rows are not looked at where there are no columns, as in most images."""
    if rgba:
        alpha = np.asarray(rgba.getchannel("A"))
        return _regular_cells(alpha.max(axis=0) > 0), _regular_cells(alpha.max(axis=1) > 0)
    values, (least, greatest) = _rows_of_values(image), _like_corner(image)
    columns = (values.min(axis=0) < least) | (values.max(axis=0) > greatest)
    filled = columns.reshape(-1, 3).any(axis=1)
    count = 0 if filled.all() else _regular_cells(filled)
    if not count:
        return 0, 0
    rows = np.any(values - least > greatest - least, axis=1)  # what is below wraps around
    return count, _regular_cells(rows)


def _like_corner(image: Image.Image) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """[3 * W] the least and the greatest values of a row that has the colour of the upper left corner all over."""
    corner = image.getpixel((0, 0))
    assert isinstance(corner, tuple)
    least = bytes(max(int(value) - EVEN_STEPS, 0) for value in corner) * image.width
    greatest = bytes(min(int(value) + EVEN_STEPS, 255) for value in corner) * image.width
    return np.frombuffer(least, np.uint8), np.frombuffer(greatest, np.uint8)


def _rows_of_values(image: Image.Image) -> npt.NDArray[np.uint8]:
    """[H, 3 * W] of an RGB image: numpy takes five times as long where it has three channels to go over."""
    return np.asarray(image).reshape(image.height, -1)


def _regular_cells(lines: npt.NDArray[np.bool_]) -> int:
    """How many cells of equal length have their borders on empty lines; 0: they are not regular."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], lines, [0]])))
    begins, ends = edges[::2], edges[1::2]
    count = len(begins)
    if count < 2:
        return count
    if len(lines) % count:
        return 0
    borders = np.arange(1, count) * (len(lines) // count)
    return count if (ends[:-1] <= borders).all() and (borders <= begins[1:]).all() else 0


def cells_by_gaps(image: Image.Image, rgba: Image.Image | None) -> list[Cell]:
    """The figures of a sheet that have clear or even ground between them; none where there is only one.

    Raises:
        DecodeError: there are more than `MAX_CELLS`.
    """
    try:
        boxes = island_boxes(filled(image, rgba), GAP_PX)
    except ValueError:
        raise DecodeError("has no figures with gaps between them, but noise all over") from None
    if len(boxes) < 2:
        return []
    boxes = _without_small_parts(boxes)
    _refuse_too_many(len(boxes))
    if len(boxes) < 2:
        return []
    return [Cell(left, top, right - left, bottom - top) for left, top, right, bottom in boxes.tolist()]


def _without_small_parts(boxes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Boxes [N, 4] of figures, each with the small parts that are nearest to it."""
    sides = boxes[:, 2:] - boxes[:, :2]
    areas = sides.prod(axis=1)
    large = (areas * SMALL_PART >= areas.max()) & (sides.min(axis=1) >= MIN_CELL_PX)
    figures: npt.NDArray[np.int64] = boxes[large]
    _refuse_too_many(len(figures))
    for left, top, right, bottom in boxes[~large].tolist() if len(figures) else []:
        gaps_x = np.maximum(figures[:, 0] - right, left - figures[:, 2]).clip(min=0)
        gaps_y = np.maximum(figures[:, 1] - bottom, top - figures[:, 3]).clip(min=0)
        nearest = figures[np.argmin(gaps_x + gaps_y)]
        nearest[:2] = np.minimum(nearest[:2], (left, top))
        nearest[2:] = np.maximum(nearest[2:], (right, bottom))
    return figures


def regular_cells(size: tuple[int, int], grid: tuple[int, int]) -> list[Cell]:
    """The cells of `find_grid`."""
    width, height = size[0] // grid[0], size[1] // grid[1]
    return grid_cells(size, SheetSettings("grid", width, height))


def sheet_note(image: Image.Image, rgba: Image.Image | None) -> str:
    """What to say of a picture that looks like a sheet; empty for any other."""
    grid = find_grid(image, rgba)
    if not grid:
        return ""
    columns, rows = grid
    cell = f"{image.width // columns}x{image.height // rows}"
    return f"looks like a sheet of {columns}x{rows} figures; --sheet {cell} cuts it"
