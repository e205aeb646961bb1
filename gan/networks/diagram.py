"""A diagram of a network: its feature maps as blocks, side by side."""

from itertools import pairwise

from PIL import Image, ImageDraw, ImageFont

from gan.networks.layer_summary import Layer

BACKGROUND = (250, 250, 249)
INK = (41, 37, 36)
FAINT = (120, 113, 108)
ARROW = (168, 162, 158)
FRONT, TOP, SIDE = (191, 219, 254), (219, 234, 254), (96, 165, 250)
HEIGHT_PX = 190
"""Height of the tallest block."""
COLUMN_GAP = 46
MARGIN = 40
CAPTION_PX = 74
BRANCH = "modulation."
"""Layers beside the chain, which a row of blocks cannot show."""


def draw_network(title: str, layers: list[Layer], start: str) -> Image.Image:
    """Draw the layers that have weights as blocks: as high as their maps, as wide as their channels (by roots).

    Args:
        title: stands above.
        layers: as `gan.networks.layer_summary` gives them.
        start: what goes in, for the first arrow.
    """
    chain = [layer for layer in layers if not layer.name.startswith(BRANCH)]
    blocks = [layer for layer in chain if layer.parameters and layer.kind != "BatchNorm2d"]
    tallest = max(layer.shape[-1] if len(layer.shape) == 3 else 1 for layer in blocks)
    sizes = [block_size(layer, tallest) for layer in blocks]
    columns = [max(width + depth, 96) for width, _, depth in sizes]
    width = 2 * MARGIN + 96 + sum(columns) + COLUMN_GAP * len(blocks)
    image = Image.new("RGB", (width, HEIGHT_PX + CAPTION_PX + 160), BACKGROUND)
    pen = ImageDraw.Draw(image)
    large, small = ImageFont.load_default(22), ImageFont.load_default(13)
    parameters, shown = (sum(layer.parameters for layer in some) for some in (layers, chain))
    beside = f", {parameters - shown:,} of them in the self-modulation beside these" if parameters > shown else ""
    pen.text((MARGIN, 22), title, INK, large)
    pen.text((MARGIN, 52), f"{parameters:,} parameters{beside}", FAINT, small)
    floor = 124 + HEIGHT_PX
    pen.text((MARGIN, floor - HEIGHT_PX // 2 - 8), start, INK, small)
    x, middles = MARGIN + 96 + COLUMN_GAP // 2, []
    for layer, (block_width, height, depth), column in zip(blocks, sizes, columns, strict=True):
        left = x + (column - block_width - depth) // 2
        draw_block(pen, left, floor - (HEIGHT_PX - height) // 2, block_width, height, depth)
        middles.append((x, x + column))
        lines = [layer.kind, "x".join(map(str, layer.shape)), f"{layer.parameters:,}"]
        for row, (line, colour) in enumerate(zip(lines, (INK, INK, FAINT), strict=True)):
            pen.text((x + column // 2, floor + 24 + 20 * row), line, colour, small, anchor="mt")
        x += column + COLUMN_GAP
    for (_, end), (begin, _) in pairwise(middles):
        draw_arrow(pen, end + 8, begin - 8, floor - HEIGHT_PX // 2)
    return image


def block_size(layer: Layer, tallest: int) -> tuple[int, int, int]:
    """Width by channels, height by side, and the depth of the slant, in pixels."""
    channels = layer.shape[0]
    side = layer.shape[-1] if len(layer.shape) == 3 else 0
    height = round(HEIGHT_PX * (side / tallest) ** 0.5) if side else HEIGHT_PX // 2
    return max(8, round(channels**0.5 * 2.6)) if side else 10, height, max(6, height // 5)


def draw_block(pen: ImageDraw.ImageDraw, left: int, bottom: int, width: int, height: int, depth: int) -> None:
    """A box seen from the front and a little from the right and above."""
    right, top = left + width, bottom - height
    pen.rectangle((left, top, right, bottom), FRONT, INK)
    pen.polygon([(left, top), (left + depth, top - depth), (right + depth, top - depth), (right, top)], TOP, INK)
    pen.polygon(
        [(right, top), (right + depth, top - depth), (right + depth, bottom - depth), (right, bottom)],
        SIDE,
        INK,
    )


def draw_arrow(pen: ImageDraw.ImageDraw, start: int, end: int, y: int) -> None:
    """A thin arrow to the right."""
    pen.line((start, y, end, y), ARROW, 2)
    pen.polygon([(end, y), (end - 7, y - 4), (end - 7, y + 4)], ARROW)
