"""Sites: hub → letter pages → Character records, described by a few CSS selectors."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import zip_longest
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import soupsieve
from bs4 import BeautifulSoup, Tag

from scraper.errors import FetchError, ScrapeSettingsError
from scraper.net.address_policy import MAX_URL_CHARACTERS, host_and_port, is_host_name
from scraper.pages.html import clean

LAZY_ATTRIBUTES = ("data-src", "data-lazy-src", "data-original")
LAZY_SETS = ("data-srcset", "data-lazy-srcset")
MAX_SRCSET_CHARACTERS = 4000
MAX_OTHER_CHARACTERS = 100
"""How much of a ``data:`` address, which may hold a whole picture, goes into the manifest."""
MAX_FIELDS = 50
SRCSET_SIZE = re.compile(r"\d*\.?\d+[wx]")
ROMAN_NUMERAL = re.compile(r"[ivx]+")


@dataclass(frozen=True)
class Site:
    """Where a site keeps its characters; the selectors are CSS, the patterns regular expressions."""

    name: str
    """For whoever reads the description."""
    base_url: str
    hub: str = "/"
    """Path of the page that leads to the others."""
    letter_links: str = "a[href]"
    """The links on the hub that lead to pages of characters."""
    letter_pattern: str = r"([^/.=_-]+)(?:\.\w+)?/*$"
    """Searched in a link's address; its first group names the page. A link without it is passed over."""
    area: str = "body"
    """The part of a page that holds the characters."""
    cells: str = "td"
    """One character each, within the area."""
    character_name: str = "strong"
    """Within the cell; without it, the picture's alternative text is the name."""
    character_link: str = "a[href]"
    picture: str = "img"
    game: str = ""
    """The game's title, within the cell; or else…"""
    game_pattern: str = ""
    """…searched in the path of the character's page; its first group is the title, with hyphens."""
    title: str = "h1, h2"
    """On the character's page."""
    title_pattern: str = ""
    """Searched in that title; groups ``name`` and ``game``."""
    description: str = "p"
    """On the character's page, within the area: the first one with text."""
    field_rows: str = "tr"
    """On the character's page, within the area: rows of a name and a value."""
    picture_hosts: tuple[str, ...] = ()
    """Other hosts that may serve the pictures."""

    def __post_init__(self) -> None:
        for field in fields(self):
            _check_field(field.name, getattr(self, field.name))
        try:
            host_and_port(self.base_url)
        except FetchError as error:
            raise ScrapeSettingsError(f"base_url {self.base_url!r}: {error}") from None


SELECTORS = (
    "letter_links",
    "area",
    "cells",
    "character_name",
    "character_link",
    "picture",
    "game",
    "title",
    "description",
    "field_rows",
)
MAY_BE_EMPTY = ("character_name", "game", "title", "game_pattern", "title_pattern")
GROUPED = ("letter_pattern", "game_pattern")
"""Patterns whose first group is what is looked for."""
PATTERNS = (*GROUPED, "title_pattern")


def _check_field(name: str, value: object) -> None:
    if name == "picture_hosts":
        if not isinstance(value, tuple) or not all(isinstance(host, str) and is_host_name(host) for host in value):
            raise ScrapeSettingsError('picture_hosts: a list of host names, such as ["cdn.example.org"]')
        return
    if not isinstance(value, str):
        raise ScrapeSettingsError(f"{name}: write text between quotes")
    if not value and name in MAY_BE_EMPTY:
        return
    try:
        if name in SELECTORS:
            soupsieve.compile(value)
        elif name in PATTERNS:
            groups = re.compile(value).groups
            if name in GROUPED and not groups:
                raise ScrapeSettingsError(f"{name} = {value!r}: put what is looked for between round brackets")
    except (soupsieve.SelectorSyntaxError, re.error) as error:
        raise ScrapeSettingsError(f"{name} = {value!r}: {str(error).splitlines()[0]}") from None


GAME_ART_HQ = Site(
    name="Game Art HQ",
    base_url="http://www.game-art-hq.com",
    hub="/52702/the-game-art-hq/",
    letter_links='a[href*="video-game-character"]',
    letter_pattern=r"-([a-z])/*$",
    area="div.entry",
    game_pattern=r"-from-(?:the-)?(.+?)(?:-[io]n-(?:the-)?(?:ga|game-art)-hq.*)?/*$",
    title="h2.post-title, h2.page-title",
    title_pattern=r"^(?P<name>.+?) from (?:the )?(?P<game>.+?)(?: [io]n (?:the )?(?:GA|Game-Art)-HQ.*)?$",
)


def load_site(path: Path) -> Site:
    """Read a site's description from a TOML file whose keys are the fields of `Site`.

    Raises:
        ScrapeSettingsError: the file cannot be read, or a key or a selector is wrong.
    """
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ScrapeSettingsError(f"--site {path}: {error}") from None
    known = {field.name for field in fields(Site)}
    unknown, missing = sorted(values.keys() - known), sorted({"name", "base_url"} - values.keys())
    if unknown or missing:
        words = f"unknown key {unknown[0]!r}" if unknown else f"the key {missing[0]!r} is missing"
        raise ScrapeSettingsError(f"--site {path}: {words}; the keys are {', '.join(sorted(known))}")
    if isinstance(values.get("picture_hosts"), list):
        values["picture_hosts"] = tuple(values["picture_hosts"])
    try:
        return Site(**values)
    except ScrapeSettingsError as error:
        raise ScrapeSettingsError(f"--site {path}: {error}") from None


@dataclass(frozen=True, slots=True)
class Character:
    """A cell of a letter page."""

    name: str
    game: str | None
    letter: str
    page: str
    """Address of the letter page."""
    link: str | None
    """Address of the character's own page."""
    picture: str
    """Address of the picture, or text that claims to be one; empty where the cell has none."""


@dataclass(frozen=True, slots=True)
class Details:
    """What a character's own page says."""

    name: str | None
    game: str | None
    description: str | None
    fields: dict[str, str]


def letter_pages(site: Site, hub: BeautifulSoup, hub_url: str) -> dict[str, str]:
    """Find the pages of characters that the hub links to: letter → address, in the letters' order."""
    found: dict[str, str] = {}
    for link in hub.select(site.letter_links):
        address = _absolute(hub_url, str(link.get("href", "")))
        letter = re.search(site.letter_pattern, _path(address))
        if letter and letter[1]:
            found.setdefault(letter[1].lower(), address)
    return dict(sorted(found.items()))


def characters(site: Site, page: BeautifulSoup, url: str, letter: str) -> Iterator[Character]:
    """Give the characters of a letter page in their order; empty cells give nothing.

    The page is taken apart: each cell is looked at on its own, the inner ones of nested tables first, so that
    no picture counts twice and a page of deep nesting takes no longer than a flat one, and its room is free again.
    """
    area = page.select_one(site.area)
    cells = [cell.extract() for cell in reversed(area.select(site.cells))] if area else []
    page.decompose()
    for cell in reversed(cells):
        character = _character(site, cell, url, letter)
        cell.decompose()
        if character:
            yield character


def _character(site: Site, cell: Tag, url: str, letter: str) -> Character | None:
    images = cell.select(site.picture)
    picture = _picture_address(images, url)
    link = cell.select_one(site.character_link)
    address = _absolute(url, str(link.get("href", ""))) if link else ""
    name = _text(cell, site.character_name) or _alternative_text(images)
    if not picture and not name:
        return None
    game = _text(cell, site.game) or _game_in(site, address)
    return Character(name, game, letter, url, address or None, picture)


def details(site: Site, page: BeautifulSoup) -> Details:
    """Read a character's own page."""
    title = re.search(site.title_pattern, _text(page, site.title) or "") if site.title_pattern else None
    area = page.select_one(site.area) or page
    table = {}
    for row in area.select(site.field_rows)[:MAX_FIELDS]:
        cells = [clean(cell.get_text(" ")) for cell in row.find_all(["td", "th"], limit=2)]
        if len(cells) == 2 and cells[0]:
            table[cells[0].rstrip(": ")] = cells[1]
    description = next(
        (text for part in area.select(site.description) if (text := clean(part.get_text(" ")))), None
    )
    named = title.groupdict() if title else {}
    return Details(named.get("name"), named.get("game"), description, table)


def _picture_address(images: list[Tag], url: str) -> str:
    """Choose among all that a cell's images offer: where scripts load the picture later, ``src`` is a blank."""
    offers = [str(image.get(name, "")) for name in LAZY_ATTRIBUTES for image in images]
    offers += [_largest(image, name) for name in LAZY_SETS for image in images]
    noscript_first = sorted(images, key=lambda image: image.find_parent("noscript") is None)
    offers += [str(image.get("src", "")) for image in noscript_first]
    offers += [_largest(image, "srcset") for image in images]
    addresses = [address for offer in offers if (address := _absolute(url, offer))]
    good = (address for address in addresses if address.startswith(("http://", "https://")))
    return next(good, addresses[0] if addresses else "")


def _largest(image: Tag, attribute: str) -> str:
    """Give the largest picture of a ``srcset``: addresses, each with a width (``300w``) or a density (``2x``)."""
    value = str(image.get(attribute, ""))[:MAX_SRCSET_CHARACTERS]
    words = re.sub(r"(\s[\d.]+[wx]),", r"\1 ", value).split()
    best, largest = "", -1.0
    for word, size in zip_longest(words, words[1:], fillvalue=""):
        if SRCSET_SIZE.fullmatch(word):
            continue
        number = float(size[:-1]) if SRCSET_SIZE.fullmatch(size) else 1.0
        if number > largest:
            best, largest = word.rstrip(","), number
    return best


def _absolute(url: str, address: str) -> str:
    """Join, without the fragment; what is no address stays as it is, cut to a length fit for the manifest."""
    try:
        joined = urldefrag(urljoin(url, address.strip())).url if address.strip() else ""
    except ValueError:
        joined = address
    is_http = joined.startswith(("http://", "https://"))
    return joined[: MAX_URL_CHARACTERS + 1 if is_http else MAX_OTHER_CHARACTERS]


def _path(address: str) -> str:
    """Give what follows the host."""
    try:
        return urlsplit(address)._replace(scheme="", netloc="").geturl()
    except ValueError:
        return ""


def _text(part: Tag, selector: str) -> str:
    found = part.select_one(selector) if selector else None
    return clean(found.get_text(" ")) if found else ""


def _alternative_text(images: list[Tag]) -> str:
    return next((text for image in images if (text := clean(str(image.get("alt", ""))))), "")


def _game_in(site: Site, address: str) -> str | None:
    """Read the game from the address of a character's page: the letter page does not name it."""
    found = re.search(site.game_pattern, _path(address)) if site.game_pattern else None
    if not found or not found[1]:
        return None
    words = clean(unquote(found[1]).replace("-", " ")).split()
    return " ".join(word.upper() if ROMAN_NUMERAL.fullmatch(word) else word.capitalize() for word in words)
