"""Small charts as SVG and HTML, without a script."""

from collections.abc import Sequence
from html import escape

WIDTH, HEIGHT = 720, 120
"""Of a chart's own coordinates; it grows with the page."""


def histogram(counts: Sequence[int], colours: Sequence[str], label: str) -> str:
    """Bars side by side.

    Args:
        counts: their heights.
        colours: of each, as CSS.
        label: read aloud in place of the chart.
    """
    step, highest = WIDTH / len(counts), max(*counts, 1)
    bars = []
    for index, (count, colour) in enumerate(zip(counts, colours, strict=True)):
        height = HEIGHT * count / highest
        box = f'x="{index * step:.1f}" y="{HEIGHT - height:.1f}" width="{step * 0.86:.1f}" height="{height:.1f}"'
        bars.append(f'<rect {box} rx="1.5" fill="{colour}"><title>{count:,}</title></rect>')
    return _svg("".join(bars), label)


def area_chart(lines: Sequence[Sequence[int]], colours: Sequence[str], label: str) -> str:
    """Filled curves over each other, to one scale.

    Args:
        lines: the curves' values, equally many each.
        colours: of each, as CSS.
        label: read aloud in place of the chart.
    """
    # Pure black and pure white would flatten everything between them.
    highest = max(*(value for line in lines for value in line[1:-1]), 1)
    shapes = []
    for line, colour in zip(lines, colours, strict=True):
        step = WIDTH / (len(line) - 1)
        points = " ".join(
            f"{index * step:.1f},{HEIGHT * (1 - min(value / highest, 1)):.1f}" for index, value in enumerate(line)
        )
        shapes.append(
            f'<polygon points="0,{HEIGHT} {points} {WIDTH},{HEIGHT}" fill="{colour}" stroke="{colour}"/>'
        )
    return _svg(f'<g class="curves">{"".join(shapes)}</g>', label)


def _svg(content: str, label: str) -> str:
    box = f'viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none"'
    return f'<svg {box} role="img" aria-label="{escape(label)}">{content}</svg>'


def colour_strip(parts: Sequence[tuple[int, Sequence[int]]]) -> str:
    """Colours side by side, each as wide as its share.

    Args:
        parts: pairs of a count and (red, green, blue).
    """
    cells = (
        f'<b style="flex:{count};background:rgb{tuple(colour)}" title="#{bytes(colour).hex()}"></b>'
        for count, colour in parts
    )
    return f'<div class="strip">{"".join(cells)}</div>'


def bar_table(counts: Sequence[tuple[str, int]]) -> str:
    """Named bars, one below the other, with their numbers."""
    highest = max((count for _, count in counts), default=1)
    lines = []
    for name, count in counts:
        bar = f'<b style="width:{100 * count / highest:.2f}%"></b>'
        lines.append(f"<tr><th>{escape(name)}</th><td>{bar}</td><td>{count:,}</td></tr>")
    return f'<table class="bars">{"".join(lines)}</table>'
