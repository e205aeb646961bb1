"""Draw ``fit.png``, what each ``--fit`` does to a character: ``python docs/pictures/fit.py``."""

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from dataset.decode import Fit, parse_background, to_square
from scraper.demosite.characters import character_image, load_characters

CHARACTERS = ((101, "#7dd3fc"), (26, "#fde68a"), (19, "#fca5a5"), (1466, "#bbf7d0"))
"""Places in the list, tall ones and a wide one, and the colour that each stands before."""
COLUMNS: tuple[tuple[str, Fit | None, str], ...] = (
    ("raw", None, "black"),
    ("pad", "pad", "black"),
    ("pad, edge", "pad", "edge"),
    ("crop", "crop", "black"),
    ("stretch", "stretch", "black"),
)
RAW_SCALE = 1.6
SIDE, SCALE, GAP, CAPTION = 80, 2, 16, 30
PAPER, INK, FRAME = "#fafaf9", "#292524", "#d6d3d1"


def raw_picture(index: int, colour: str) -> Image.Image:
    """A built-in character cut to its outline, before a plain wall."""
    figure = character_image(load_characters()[index])
    figure = figure.crop(figure.getbbox())
    return Image.alpha_composite(Image.new("RGBA", figure.size, colour), figure).convert("RGB")


def main() -> None:
    """Draw the board beside this script."""
    cell = SIDE * SCALE + GAP
    size = (len(COLUMNS) * cell + GAP, len(CHARACTERS) * cell + CAPTION + GAP)
    sheet = Image.new("RGB", size, PAPER)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(16)
    for column, (title, fit, background) in enumerate(COLUMNS):
        left = GAP + column * cell
        pen.text((left, GAP // 2), title, INK, font)
        for row, (index, colour) in enumerate(CHARACTERS):
            raw = raw_picture(index, colour)
            if fit:
                square = to_square(raw, SIDE, fit, parse_background(background))
                shown = square.resize((SIDE * SCALE, SIDE * SCALE), Image.Resampling.NEAREST)
            else:
                shown = raw.resize((round(raw.width * RAW_SCALE), round(raw.height * RAW_SCALE)))
            top = CAPTION + GAP // 2 + row * cell
            corner = (left + (SIDE * SCALE - shown.width) // 2, top + (SIDE * SCALE - shown.height) // 2)
            sheet.paste(shown, corner)
            pen.rectangle((left - 1, top - 1, left + SIDE * SCALE, top + SIDE * SCALE), outline=FRAME)
    sheet.save(Path(__file__).with_name("fit.png"), optimize=True)


if __name__ == "__main__":
    main()
