"""Curves over the pictures shown, as SVG and HTML without a script."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

WIDTH, HEIGHT = 600, 160
"""Of a chart's own coordinates; it grows with the page."""
COLOURS = ("var(--one)", "var(--two)", "var(--three)")
MOST_STRIPS = 60
"""Places of a chart that tell their figures under the mouse."""
LOGARITHMIC_FROM = 50
"""Quotient of the largest and the smallest value from which a scale of powers shows more."""


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
        """Where a value lies, from the top."""
        low, high, value = (self._bend(each) for each in (self.low, self.high, value))
        return HEIGHT * (1 - (min(max(value, low), high) - low) / (high - low))

    def _bend(self, value: float) -> float:
        return math.log(max(value, self.low)) if self.logarithmic else value

    @property
    def middle(self) -> float:
        """The value half way up."""
        return math.sqrt(self.low * self.high) if self.logarithmic else (self.low + self.high) / 2


def chart(
    title: str, note: str, lines: Sequence[Line], last: float, bounds: tuple[float, float] | None = None
) -> str:
    """A card with one chart: every line to one scale, its last figure beside its name.

    Args:
        title: above it.
        note: below the title, how to read it.
        lines: at least one, at most `COLOURS`.
        last: pictures shown at the right edge, the same for all charts of a page.
        bounds: lowest and highest value of the scale; None: those of the lines.
    """
    scale = scale_of(lines, bounds)
    coloured = list(zip(lines, COLOURS, strict=False))
    keys = "".join(
        f'<span class="key" style="--own:{colour}">{escape(line.label)} <b>{figure(line.points[-1][1])}</b></span>'
        for line, colour in coloured
    )
    hint = f"{note} Logarithmic." if scale.logarithmic else note
    ticks = "".join(f"<span>{figure(value)}</span>" for value in (scale.high, scale.middle, scale.low))
    times = "".join(f"<span>{words}</span>" for words in ("0", count(last / 2), f"{count(last)} shown"))
    words = f"{title}: " + ", ".join(f"{line.label} {figure(line.points[-1][1])}" for line in lines)
    rules = "".join(f'<path class="rule" d="M0 {y}H{WIDTH}"/>' for y in (0, HEIGHT // 2, HEIGHT))
    curves = "".join(polyline(line, colour, scale, last) for line, colour in coloured)
    box = f'viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none"'
    return (
        f'<figure class="chart"><figcaption><b>{escape(title)}</b><span class="keys">{keys}</span></figcaption>'
        f'<p>{escape(hint)}</p><div class="plot"><div class="y">{ticks}</div>'
        f'<svg {box} role="img" aria-label="{escape(words)}">{rules}{curves}{strips(lines, last)}</svg>'
        f'</div><div class="axis">{times}</div></figure>'
    )


def scale_of(lines: Sequence[Line], bounds: tuple[float, float] | None) -> Scale:
    """The scale on which all lines can be read."""
    values = [value for line in lines for _, value in line.points]
    low, high = bounds or (min(values), max(values))
    if low == high:
        low, high = low - 0.5, high + 0.5
    return Scale(low, high, bounds is None and low > 0 and high / low >= LOGARITHMIC_FROM)


def polyline(line: Line, colour: str, scale: Scale, last: float) -> str:
    """A line, and a dot where it ends."""
    places = [(WIDTH * x / last, scale.y(value)) for x, value in line.points]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    x, y = places[-1]
    dot = f'<path class="dot" stroke="{colour}" d="M{x:.1f} {y:.1f}h0"/>'
    return f'<polyline points="{path}" stroke="{colour}"/>{dot}'


def strips(lines: Sequence[Line], last: float) -> str:
    """Unseen bars side by side that tell the figures below the mouse."""
    at = sorted({x for line in lines for x, _ in line.points})
    at = at[:: -(-len(at) // MOST_STRIPS)]
    edges = [0.0, *((left + right) / 2 for left, right in pairwise(at)), last]
    values = [dict(line.points) for line in lines]
    found = []
    for x, (left, right) in zip(at, pairwise(edges), strict=True):
        told = [f"{line.label} {figure(own[x])}" for line, own in zip(lines, values, strict=True) if x in own]
        box = f'x="{WIDTH * left / last:.1f}" width="{WIDTH * (right - left) / last:.1f}" height="{HEIGHT}"'
        found.append(f"<rect {box}><title>{x:,.0f} shown: {escape(', '.join(told))}</title></rect>")
    return "".join(found)


def figure(value: float) -> str:
    """Three digits that mean something: ``0.0123``, ``1.23``, ``45.6``, ``1,234``."""
    if value == 0:
        return "0"
    digits = 2 - math.floor(math.log10(abs(value)))
    return f"{value:,.{min(max(digits, 0), 6)}f}"


def count(images: float) -> str:
    """Pictures in few letters: ``800``, ``12k``, ``1.5M``."""
    if images < 1000:
        return f"{images:.0f}"
    return f"{images / 1e3:.3g}k" if images < 1e6 else f"{images / 1e6:.3g}M"
