"""The pages of the built-in site, in the real site's markup, its pictures and robots.txt."""

import io
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from html import escape
from zlib import crc32

from PIL import Image

from scraper.demosite.characters import Character, character_image, load_characters
from scraper.demosite.naming import GAMES

HUB_PATH = "/52702/the-game-art-hq/"
ROBOTS = "User-agent: *\nDisallow: /wp-admin/\n"
CELLS_IN_ROW = 6
ROWS_IN_TABLE = 5
JPEG_EVERY = 12
"""One picture in this many is a JPEG on black, though its address ends in .png: the real site's habit."""
LAZY_EVERY = 8
ROOT_RELATIVE_EVERY = 5
PLACEHOLDER = "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAACADs="
"""The ``src`` where a script loads the picture later: an empty GIF."""
CLUTTER_NAMES = ("logo", "banner", "feed", "mail", *(f"popular-{number}" for number in range(1, 7)))
"""Pictures on every page that are no characters."""
CLUTTER_SIZE_PX = (80, 80)


@dataclass(frozen=True)
class DemoResponse:
    """What the site says: a body, or (``location``) that it stands elsewhere."""

    content_type: str = "text/plain; charset=UTF-8"
    body: bytes = b""
    location: str = ""


@dataclass(frozen=True)
class Entry:
    """A character and the site's addresses for it."""

    character: Character
    number: int

    @property
    def page_path(self) -> str:
        return f"/{53000 + 3 * self.number}/{self._slug}/"

    @property
    def image_path(self) -> str:
        month = f"{2010 + self.number % 7}/{1 + self.number % 12:02}"
        return f"/wp-content/uploads/{month}/{self._slug}-{self.number}.png"

    @property
    def _slug(self) -> str:
        return f"{slug(self.character.name)}-from-{slug(self.character.game)}"


def slug(text: str) -> str:
    """Make ASCII for an address: ``Élodie O'Linn`` becomes ``elodie-o-linn``."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-") or "character"


def letter_path(letter: str) -> str:
    """Give the address of a letter's page; its numbers are not in the order of the alphabet."""
    if letter == "A":
        return "/52008/the-video-game-character-database-letter-a/"
    number = 52158 + 27 * (7 * (ord(letter) - ord("A")) % 26)
    return f"/{number}/video-game-characters-on-game-art-hq-{letter.lower()}/"


def respond(path: str, base_url: str) -> DemoResponse | None:
    """Look up what stands at ``path``, with links that begin with ``base_url``; None: nothing does."""
    make = _addresses().get(path)
    return make(base_url) if make else None


@cache
def _entries() -> dict[str, list[Entry]]:
    letters: dict[str, list[Entry]] = {}
    for number, character in enumerate(load_characters()):
        letters.setdefault(character.letter, []).append(Entry(character, number))
    return letters


@cache
def _addresses() -> dict[str, Callable[[str], DemoResponse]]:
    """Every address, and the function from a base URL to its answer."""
    addresses: dict[str, Callable[[str], DemoResponse]] = {
        "/": partial(_redirect, HUB_PATH),
        "/robots.txt": _robots,
        HUB_PATH: _hub,
    }
    for letter, entries in _entries().items():
        path = letter_path(letter)
        addresses[path] = partial(_letter_page, letter)
        addresses[f"/{path.split('/')[2]}/"] = partial(_redirect, path)  # links without the number still work
        for entry in entries:
            addresses[entry.page_path] = partial(_character_page, entry)
            addresses[entry.image_path] = partial(_image_answer, entry)
    for name in CLUTTER_NAMES:
        addresses[_clutter_path(name)] = partial(_clutter, name)
    return addresses


def _redirect(path: str, base_url: str) -> DemoResponse:
    return DemoResponse(location=base_url + path)


def _robots(_base_url: str) -> DemoResponse:
    return DemoResponse(body=ROBOTS.encode())


def _hub(base_url: str) -> DemoResponse:
    links = "".join(f"<p>{_letter_link(letter, base_url)}</p>" for letter in _entries())
    return _page("The Game-Art-HQ Video Game Character Database", links, base_url)


def _letter_page(letter: str, base_url: str) -> DemoResponse:
    cells = [_cell(entry, base_url) for entry in _entries()[letter]]
    cells += ["<td>&nbsp;</td>"] * (-len(cells) % CELLS_IN_ROW)
    rows = [f"<tr>{cells}</tr>\n" for cells in _joined(cells, CELLS_IN_ROW)]
    tables = [f"<table><tbody>\n{rows}</tbody></table>\n" for rows in _joined(rows, ROWS_IN_TABLE)]
    banner = f'<p><img src="{_clutter_path("banner")}" alt="All characters"></p>\n'
    return _page(f"Video Game Characters on Game-Art-HQ: {letter}", banner + "".join(tables), base_url)


def _joined(parts: list[str], size: int) -> list[str]:
    return ["".join(parts[start : start + size]) for start in range(0, len(parts), size)]


def _cell(entry: Entry, base_url: str) -> str:
    name, page_url = escape(entry.character.name), base_url + entry.page_path
    image_url = base_url + entry.image_path
    if entry.number % ROOT_RELATIVE_EVERY == 0:
        image_url = entry.image_path
    image = f'<img src="{image_url}" alt="{name}" width="100" height="100">'
    if entry.number % LAZY_EVERY == 1:
        lazy = f'<img class="lazyload" src="{PLACEHOLDER}" data-src="{image_url}" alt="{name}">'
        image = f"{lazy}<noscript>{image}</noscript>"
    return f'<td><a href="{page_url}">{image}</a><br><a href="{page_url}"><strong>{name}</strong></a></td>'


def _character_page(entry: Entry, base_url: str) -> DemoResponse:
    character = entry.character
    game = next(game for game in GAMES if game.title == character.game)
    fields = {
        "Charactername": character.name,
        "Developed/Created by": game.studio,
        "Gameseries": game.title,
        "First Game": game.title,
        "Year first seen": str(game.year),
        "Role(s)": character.role,
    }
    rows = "".join(
        f"<tr><td><strong>{field}:</strong></td><td>{escape(text)}</td></tr>\n" for field, text in fields.items()
    )
    body = (
        f'<p><img src="{base_url}{entry.image_path}" alt="{escape(character.name)}"></p>\n'
        f"<p>{escape(character.name)} is a made-up character.</p>\n<table><tbody>\n{rows}</tbody></table>"
    )
    title = f"{character.name} from {character.game} in the GA-HQ Video Game Character DB"
    return _page(title, body, base_url)


def _page(title: str, body: str, base_url: str) -> DemoResponse:
    images = {
        name: f'<img src="{base_url}{_clutter_path(name)}" alt="{name}" width="80" height="80">'
        for name in CLUTTER_NAMES
    }
    letters = "".join(f"<li>{_letter_link(letter, base_url)}</li>" for letter in _entries())
    popular = "".join(f"<li>{images[name]}</li>" for name in CLUTTER_NAMES if name.startswith("popular"))
    html = f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="UTF-8"><title>{escape(title)}</title>
<style>body {{ background: #111; color: #ddd; font: 14px sans-serif }} a {{ color: #8cf }}</style></head>
<body>
<div id="header"><a href="{base_url}{HUB_PATH}">{images["logo"]}</a>{images["feed"]}{images["mail"]}</div>
<div id="content"><h2 class="post-title">{escape(title)}</h2>
<div class="entry">
{body}
</div></div>
<div id="sidebar"><ul>{letters}</ul><h3>Popular posts</h3><ul>{popular}</ul></div>
</body></html>
"""
    return DemoResponse("text/html; charset=UTF-8", html.encode())


def _letter_link(letter: str, base_url: str) -> str:
    return f'<a href="{base_url}{letter_path(letter)}">Video Game Characters {letter}</a>'


def _image_answer(entry: Entry, _base_url: str) -> DemoResponse:
    return _encoded_image(entry)


@cache
def _encoded_image(entry: Entry) -> DemoResponse:
    image = character_image(entry.character)
    if entry.number % JPEG_EVERY:
        return _encoded(image, "PNG")
    on_black = Image.new("RGB", image.size)
    on_black.paste(image, mask=image)
    return _encoded(on_black, "JPEG")


def _clutter(name: str, _base_url: str) -> DemoResponse:
    red, green, blue, _ = crc32(name.encode()).to_bytes(4, "big")
    return _encoded(Image.new("RGB", CLUTTER_SIZE_PX, (red, green, blue)), "PNG")


def _clutter_path(name: str) -> str:
    return f"/wp-content/themes/game-art-hq/{name}.png"


def _encoded(image: Image.Image, kind: str) -> DemoResponse:
    buffer = io.BytesIO()
    image.save(buffer, kind, quality=90)
    return DemoResponse(f"image/{kind.lower()}", buffer.getvalue())
