"""Draw the built-in characters with DiceBear: ``python -m scraper.demosite.draw``, from the extra ``draw``.

The same package versions give the same files. They are committed, because a style's definition may change
between versions: nothing here is needed, nor installed, to run vgc.
"""

import io
import json
import random
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from importlib.resources import files
from itertools import count
from pathlib import Path
from typing import Any

import resvg_py
from dicebear import Avatar, Style
from PIL import Image

from kit.atomic import replacing, write_text
from scraper.demosite.characters import SHEET_COLUMNS, TILE_PX, Character, tile_corner
from scraper.demosite.naming import GAMES, SPECIAL_NAMES, distribute_letters, random_name

STYLE_COUNTS = {"voxel-art": 500, "voxel-bot": 300, "critters": 350, "clay": 350}
PACKAGES = ("dicebear-core", "dicebear-styles", "resvg-py")
LICENSE_NAME = "CC0 1.0"
SEED = 52702

LICENSE_TEXT = """The built-in characters: characters.json and the pictures {sheets}

These files are dedicated to the public domain under CC0 1.0 Universal:
https://creativecommons.org/publicdomain/zero/1.0/
To the extent possible under law, all copyright and related or neighbouring rights to them are waived. You may
copy, change and distribute them, and train models on them, even for commercial purposes, without asking.

The avatar styles they were drawn from, with their creators' own words:
{credits}

Drawn by scraper/demosite/draw.py with {tools}.
Names, games and studios are made up; likeness to real ones is chance.
"""


def main() -> None:
    """Write the sheets, ``characters.json`` and the licence beside this file."""
    folder = Path(__file__).parent
    definitions = {style: _definition(style) for style in STYLE_COUNTS}
    for style, amount in STYLE_COUNTS.items():
        with replacing(folder / f"{style}.png") as path:
            _sheet(_unique_images(style, definitions[style]), amount).save(path, "PNG", optimize=True)
    lines = ",\n".join(json.dumps(vars(character), ensure_ascii=False) for character in _cast())
    write_text(folder / "characters.json", f"[\n{lines}\n]\n")
    write_text(folder / "LICENSE-characters.txt", _license(definitions))


def _definition(style: str) -> dict[str, Any]:
    definition: dict[str, Any] = json.loads(files("dicebear_styles").joinpath(f"{style}.json").read_text("utf-8"))
    assert definition["meta"]["license"]["name"] == LICENSE_NAME, f"{style} is not {LICENSE_NAME}"
    return definition


def _unique_images(name: str, definition: dict[str, Any]) -> Iterator[Image.Image]:
    """Draw images of one style without end, RGBA, no two pictures with the same pixels."""
    style, drawn = Style(definition), set()
    for number in count():
        options = {
            "seed": f"{name}-{number}",
            "size": TILE_PX,
            "backgroundColor": [],
            "animationVariant": ["none"],
        }
        svg = Avatar(style, options).to_string()
        png = resvg_py.svg_to_bytes(svg_string=svg, width=TILE_PX, height=TILE_PX, skip_system_fonts=True)
        image = Image.open(io.BytesIO(bytes(png))).convert("RGBA")
        if image.tobytes() not in drawn:
            drawn.add(image.tobytes())
            yield image


def _sheet(images: Iterator[Image.Image], amount: int) -> Image.Image:
    rows = -(-amount // SHEET_COLUMNS)
    sheet = Image.new("RGBA", (SHEET_COLUMNS * TILE_PX, rows * TILE_PX))
    for tile, image in zip(range(amount), images, strict=False):
        sheet.paste(image, tile_corner(tile))
    return sheet


def _cast() -> list[Character]:
    """Give every tile a letter, a name, a game and a role; no name stands twice in one game."""
    rng = random.Random(SEED)
    letters = distribute_letters(sum(STYLE_COUNTS.values()))
    tiles = [(style, tile) for style, amount in STYLE_COUNTS.items() for tile in range(amount)]
    rng.shuffle(tiles)
    cast: list[Character] = []
    for style, letter, name in SPECIAL_NAMES:
        letters.remove(letter)
        tile_key = next(tile_key for tile_key in tiles if tile_key[0] == style)
        tiles.remove(tile_key)
        namesakes = [character for character in cast if character.name == name]
        cast.append(_character(rng, name, letter, tile_key, namesakes))
    names = {character.name for character in cast}
    for letter, tile_key in zip(letters, tiles, strict=True):
        while (name := random_name(rng, letter, style=tile_key[0])) in names:
            pass
        names.add(name)
        cast.append(_character(rng, name, letter, tile_key))
    return sorted(cast, key=lambda character: (character.letter, character.name.casefold(), character.game))


def _character(
    rng: random.Random, name: str, letter: str, tile_key: tuple[str, int], namesakes: Sequence[Character] = ()
) -> Character:
    style, tile = tile_key
    taken = {character.game for character in namesakes}
    game = rng.choice([game for game in GAMES if game.style == style and game.title not in taken])
    return Character(name, letter, game.title, rng.choice(game.roles), style, tile)


def _license(definitions: dict[str, dict[str, Any]]) -> str:
    return LICENSE_TEXT.format(
        sheets=", ".join(f"{style}.png" for style in definitions),
        credits="\n".join(f"- {definition['meta']['license']['text']}" for definition in definitions.values()),
        tools=", ".join(f"{package} {version(package)}" for package in PACKAGES),
    )


if __name__ == "__main__":
    main()
