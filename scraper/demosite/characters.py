"""The committed characters: who they are, and their pictures cut out of the sheets."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from PIL import Image

TILE_PX = 100
SHEET_COLUMNS = 25


@dataclass(frozen=True)
class Character:
    """One built-in character; ``characters.json`` holds one a line, in the order of the letter pages."""

    name: str
    letter: str
    """The letter page it stands on, A to Z; not always the name's first character."""
    game: str
    role: str
    style: str
    """The drawing style, which names the sheet."""
    tile: int
    """Its place on the sheet, row by row from 0."""


@cache
def load_characters() -> tuple[Character, ...]:
    """Read all characters, sorted by letter and name."""
    text = files(__package__).joinpath("characters.json").read_text("utf-8")
    return tuple(Character(**fields) for fields in json.loads(text))


def character_image(character: Character) -> Image.Image:
    """Cut out the character's picture: 100x100 RGBA, transparent around the figure."""
    left, top = tile_corner(character.tile)
    return _sheet(character.style).crop((left, top, left + TILE_PX, top + TILE_PX))


def tile_corner(tile: int) -> tuple[int, int]:
    """Left and top pixel of a tile on its sheet."""
    row, column = divmod(tile, SHEET_COLUMNS)
    return column * TILE_PX, row * TILE_PX


@cache
def _sheet(style: str) -> Image.Image:
    with files(__package__).joinpath(f"{style}.png").open("rb") as file:
        sheet = Image.open(file)
        sheet.load()
    return sheet
