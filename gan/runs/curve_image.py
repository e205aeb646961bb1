"""A run's curves as one picture, PNG or SVG, for reports and slides."""

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from gan.errors import GanError, SettingsError
from gan.runs.curves import HEIGHT, Line, Scale, common_scale, format_count, format_value
from gan.runs.report import ChartSpec, Metrics, chart_lines
from gan.runs.run_files import read_metrics
from kit.atomic import write_bytes

COLUMNS = 2
CELL_WIDTH, CELL_HEIGHT = 480, 230
LEFT, RIGHT, TOP, BOTTOM = 64, 24, 44, 36
"""Margins of a chart's plot in its cell."""
TITLE_HEIGHT = 44
INK, FAINT, RULE = "#1c1917", "#57534e", "#e7e5e4"
CURVES = ("#b45309", "#0f766e", "#6d28d9")
PNG_SCALE, SMOOTHING = 2, 2
"""Pixels a unit of a PNG, and of the larger one that it is made from, so that lines are smooth."""


@dataclass(frozen=True)
class Text:
    """Words; ``y`` is their base line."""

    x: float
    y: float
    text: str
    size: int
    colour: str = FAINT
    align: str = "start"
    """start, middle or end, as in SVG."""


@dataclass(frozen=True)
class Stroke:
    """A line through points."""

    points: Sequence[tuple[float, float]]
    colour: str
    width: float


Shape = Text | Stroke


def save_curves(run: Path, target: Path) -> None:
    """Draw all curves of a run into one file.

    Args:
        run: the run's folder.
        target: a ``.png`` or ``.svg`` file.

    Raises:
        SettingsError: the file is none of those.
        GanError: the run has no figures yet, or the file cannot be written.
    """
    suffix = target.suffix.lower()
    if suffix not in WRITERS:
        raise SettingsError(f"--curves {target}: name a .png or .svg file")
    metrics = read_metrics(run)
    if not any(chart_lines(metrics)):
        raise GanError(f"{run}: no figures yet; the first come after a thousand pictures")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(target, WRITERS[suffix](list(sheet(run.name, metrics)), sheet_size(metrics)))
    except OSError as error:
        raise GanError(f"{target}: cannot write it ({error.strerror or error}); choose another file") from error


def sheet_size(metrics: Metrics) -> tuple[int, int]:
    """Width and height of the sheet."""
    rows = -(-len(list(chart_lines(metrics))) // COLUMNS)
    return COLUMNS * CELL_WIDTH, TITLE_HEIGHT + rows * CELL_HEIGHT


def sheet(title: str, metrics: Metrics) -> Iterator[Shape]:
    """A title and a chart of everything measured, row by row."""
    last = max((line["images"] for line in metrics), default=0) or 1
    yield Text(24, 30, title, 20, INK)
    for index, (spec, lines) in enumerate(chart_lines(metrics)):
        row, column = divmod(index, COLUMNS)
        yield from chart(column * CELL_WIDTH, TITLE_HEIGHT + row * CELL_HEIGHT, spec, lines, last)


def chart(left: float, top: float, spec: ChartSpec, lines: Sequence[Line], last: float) -> Iterator[Shape]:
    """One chart in its cell, whose upper left corner is given."""
    scale = common_scale(lines, spec.bounds)
    x0, x1 = left + LEFT, left + CELL_WIDTH - RIGHT
    y0, y1 = top + TOP, top + CELL_HEIGHT - BOTTOM
    yield Text(x0, top + 30, spec.title + (" (logarithmic)" if scale.logarithmic else ""), 14, INK)
    for value in (scale.high, scale.middle, scale.low):
        y = height(scale, value, y0, y1)
        yield Stroke([(x0, y), (x1, y)], RULE, 1)
        yield Text(x0 - 8, y + 4, format_value(value), 11, align="end")
    for share, text, align in (
        (0, "0", "start"),
        (0.5, format_count(last / 2), "middle"),
        (1, f"{format_count(last)} shown", "end"),
    ):
        yield Text(x0 + share * (x1 - x0), y1 + 18, text, 11, align=align)
    for index, (line, colour) in enumerate(zip(lines, CURVES, strict=False)):
        points = [(x0 + (x1 - x0) * x / last, height(scale, value, y0, y1)) for x, value in line.points]
        yield Stroke(points if len(points) > 1 else [points[0], (points[0][0] + 2, points[0][1])], colour, 1.6)
        name = f"{line.label} {format_value(line.points[-1][1])}"
        yield Text(x1 - 110 * (len(lines) - 1 - index), top + 30, name, 11, colour, "end")


def height(scale: Scale, value: float, top: float, bottom: float) -> float:
    """Where a value lies between the top and the bottom of a plot."""
    return top + (bottom - top) * scale.y(value) / HEIGHT


def to_svg(shapes: Iterable[Shape], size: tuple[int, int]) -> bytes:
    """The sheet as a file that stands alone."""
    box = f'viewBox="0 0 {size[0]} {size[1]}" width="{size[0]}" height="{size[1]}"'
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" {box} font-family="sans-serif">']
    parts.append('<rect width="100%" height="100%" fill="#ffffff"/>')
    for shape in shapes:
        if isinstance(shape, Stroke):
            points = " ".join(f"{x:.1f},{y:.1f}" for x, y in shape.points)
            style = f'fill="none" stroke="{shape.colour}" stroke-width="{shape.width:g}" stroke-linejoin="round"'
            parts.append(f'<polyline points="{points}" {style}/>')
        else:
            style = f'font-size="{shape.size}" fill="{shape.colour}" text-anchor="{shape.align}"'
            parts.append(f'<text x="{shape.x:.1f}" y="{shape.y:.1f}" {style}>{escape(shape.text)}</text>')
    return "\n".join([*parts, "</svg>\n"]).encode()


def to_png(shapes: Iterable[Shape], size: tuple[int, int]) -> bytes:
    """The sheet as pixels."""
    scale = PNG_SCALE * SMOOTHING
    image = Image.new("RGB", (size[0] * scale, size[1] * scale), "#ffffff")
    pen = ImageDraw.Draw(image)
    anchors = {"start": "ls", "middle": "ms", "end": "rs"}
    for shape in shapes:
        if isinstance(shape, Stroke):
            points = [(x * scale, y * scale) for x, y in shape.points]
            pen.line(points, shape.colour, round(shape.width * scale), joint="curve")
        else:
            font = ImageFont.load_default(shape.size * scale)
            corner = (shape.x * scale, shape.y * scale)
            pen.text(corner, shape.text, shape.colour, font, anchor=anchors[shape.align])
    content = io.BytesIO()
    image.reduce(SMOOTHING).save(content, "PNG", optimize=True)
    return content.getvalue()


WRITERS = {".png": to_png, ".svg": to_svg}
