"""Curves over the pictures shown, as SVG and HTML without a script."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

WIDTH, HEIGHT = 600, 160
"""Of a chart's own coordinates; it grows with the page."""
CURVE_COLOURS = ("var(--one)", "var(--two)", "var(--three)")
MAX_HOVER_BARS = 60
"""Bars of a chart that show their values under the mouse."""
LOGARITHMIC_FROM = 50
"""Ratio of the largest to the smallest value from which a chart has a logarithmic scale."""


@dataclass(frozen=True)
class Line:
    """One curve."""

    label: str
    points: Sequence[tuple[float, float]]
    """Pictures shown and value, at least one, in order."""


@dataclass(frozen=True)
class Scale:
    """From values to heights."""

    low: float
    high: float
    logarithmic: bool

    def y(self, value: float) -> float:
        """Distance of a value from the top."""
        low, high, value = (self._transform(each) for each in (self.low, self.high, value))
        return HEIGHT * (1 - (min(max(value, low), high) - low) / (high - low))

    def _transform(self, value: float) -> float:
        return math.log(max(value, self.low)) if self.logarithmic else value

    @property
    def middle(self) -> float:
        """The value half way up."""
        return math.sqrt(self.low * self.high) if self.logarithmic else (self.low + self.high) / 2


def line_chart(
    title: str, hint: str, lines: Sequence[Line], last: float, bounds: tuple[float, float] | None = None
) -> str:
    """One chart: all lines to one scale, the last value beside each name.

    Args:
        title: above it.
        hint: below the title, how to read it.
        lines: at least one, at most `CURVE_COLOURS`.
        last: pictures shown at the right edge, the same for all charts of a page.
        bounds: lowest and highest value of the scale; None: those of the lines.
    """
    scale = common_scale(lines, bounds)
    coloured = list(zip(lines, CURVE_COLOURS, strict=False))
    ends = [(line.label, format_value(line.points[-1][1]), colour) for line, colour in coloured]
    legend = "".join(
        f'<span class="key" style="--own:{colour}">{escape(label)} <b>{value}</b></span>'
        for label, value, colour in ends
    )
    full_hint = f"{hint} Logarithmic." if scale.logarithmic else hint
    ticks = "".join(f"<span>{format_value(value)}</span>" for value in (scale.high, scale.middle, scale.low))
    times = "".join(
        f"<span>{time}</span>" for time in ("0", format_count(last / 2), f"{format_count(last)} shown")
    )
    text = f"{title}: " + ", ".join(f"{label} {value}" for label, value, _ in ends)
    rules = "".join(f'<path class="rule" d="M0 {y}H{WIDTH}"/>' for y in (0, HEIGHT // 2, HEIGHT))
    curves = "".join(polyline(line, colour, scale, last) for line, colour in coloured)
    attributes = f'viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none"'
    return (
        f'<figure class="chart"><figcaption><b>{escape(title)}</b><span class="keys">{legend}</span></figcaption>'
        f'<p>{escape(full_hint)}</p><div class="plot"><div class="y">{ticks}</div>'
        f'<svg {attributes} role="img" aria-label="{escape(text)}">{rules}{curves}{hover_bars(lines, last)}</svg>'
        f'</div><div class="axis">{times}</div></figure>'
    )


def common_scale(lines: Sequence[Line], bounds: tuple[float, float] | None) -> Scale:
    """The scale that holds all lines; logarithmic where that shows more."""
    values = [value for line in lines for _, value in line.points]
    low, high = bounds or (min(values), max(values))
    if low == high:
        low, high = low - 0.5, high + 0.5
    return Scale(low, high, bounds is None and low > 0 and high / low >= LOGARITHMIC_FROM)


def polyline(line: Line, colour: str, scale: Scale, last: float) -> str:
    """A line, and a dot where it ends."""
    points = [(WIDTH * x / last, scale.y(value)) for x, value in line.points]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    x, y = points[-1]
    dot = f'<path class="dot" stroke="{colour}" d="M{x:.1f} {y:.1f}h0"/>'
    return f'<polyline points="{path}" stroke="{colour}"/>{dot}'


def hover_bars(lines: Sequence[Line], last: float) -> str:
    """Invisible bars side by side that show the values under the mouse."""
    positions = sorted({x for line in lines for x, _ in line.points})
    positions = positions[:: -(-len(positions) // MAX_HOVER_BARS)]
    edges = [0.0, *((left + right) / 2 for left, right in pairwise(positions)), last]
    values = [dict(line.points) for line in lines]
    bars = []
    for x, (left, right) in zip(positions, pairwise(edges), strict=True):
        labels = [
            f"{line.label} {format_value(own[x])}" for line, own in zip(lines, values, strict=True) if x in own
        ]
        attributes = f'x="{WIDTH * left / last:.1f}" width="{WIDTH * (right - left) / last:.1f}" height="{HEIGHT}"'
        bars.append(f"<rect {attributes}><title>{x:,.0f} shown: {escape(', '.join(labels))}</title></rect>")
    return "".join(bars)


def format_value(value: float) -> str:
    """Three significant digits: ``0.0123``, ``1.23``, ``45.6``, ``1,234``."""
    if value == 0:
        return "0"
    digits = 2 - math.floor(math.log10(abs(value)))
    return f"{value:,.{min(max(digits, 0), 6)}f}"


def format_count(images: float) -> str:
    """A number of images, short: ``800``, ``12k``, ``1.5M``."""
    if images < 1000:
        return f"{images:.0f}"
    return f"{images / 1e3:.3g}k" if images < 1e6 else f"{images / 1e6:.3g}M"
