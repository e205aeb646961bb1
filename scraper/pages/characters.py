"""Characters: the cells of a page of characters, and what a character's own page says."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from urllib.parse import unquote

import soupsieve
from bs4 import BeautifulSoup, Tag

from scraper.net.address_policy import MAX_URL_CHARACTERS
from scraper.net.urls import join_url, url_path
from scraper.pages.html import base_url, clean_text
from scraper.pages.image_links import find_image_url
from scraper.pages.sites import Site

MAX_OTHER_CHARACTERS = 100
"""How much of text that is no http address goes into the manifest."""
MAX_FIELDS = 50
MAX_CAPTION_CHARACTERS = 80
"""A cell's own text may be a name if it is no longer."""
LINK_ANCESTORS = 3
"""A link may surround a cell, at most this many elements above it."""
ROMAN_NUMERAL = re.compile(r"[ivx]+")


@dataclass(frozen=True, slots=True)
class Character:
    """A cell of a page of characters."""

    name: str
    game: str | None
    letter: str
    page: str
    """Address of the page of characters."""
    link: str | None
    """Address of the character's own page."""
    image: str
    """Address of the image, or text that claims to be one; empty where the cell has none."""
    inline_image: str = ""
    """A ``data:`` address that holds the image; ``image`` is then a short name for it."""


@dataclass(frozen=True, slots=True)
class Details:
    """What a character's own page says."""

    name: str | None
    game: str | None
    description: str | None
    fields: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Page:
    """What the cells of a page have in common."""

    site: Site
    url: str
    base_url: str
    letter: str
    repeated: frozenset[str]
    """Values of ``src`` that several cells have."""
    max_pixels: int


def characters(
    site: Site, tree: BeautifulSoup, url: str, letter: str, max_pixels: int = 25_000_000
) -> Iterator[Character]:
    """Yield the characters of a page in their order; empty cells give nothing.

    The tree is taken apart: each cell is parsed on its own, the inner ones of nested tables first, so that
    no image counts twice and a page of deep nesting takes no longer than a flat one, and its room is free again.
    """
    base = base_url(tree, url)
    area = tree.select_one(site.area)
    cells = area.select(site.cells) if area else []
    links = [_link_around(cell) for cell in cells]
    for cell in reversed(cells):
        cell.extract()
    tree.decompose()
    sources = Counter(
        source for cell in cells for source in {str(image.get("src", "")) for image in _images(site, cell)}
    )
    repeated = frozenset(source.strip() for source, count in sources.items() if count > 1)
    page = _Page(site, url, base, letter, repeated, max_pixels)
    for cell, link in zip(cells, links, strict=True):
        character = _character(page, cell, link)
        cell.decompose()
        if character:
            yield character


def _character(page: _Page, cell: Tag, link_around: Tag | None) -> Character | None:
    site = page.site
    images = _images(site, cell)
    image = find_image_url(
        images,
        cell,
        page.base_url,
        attribute=site.picture_attribute,
        repeated=page.repeated,
        max_pixels=page.max_pixels,
    )
    link = next(iter(_select(cell, site.character_link)), link_around)
    address = _fit(join_url(page.base_url, str(link.get("href", "")))) if link else ""
    name = _text(cell, site.character_name) or _label([*images, *([link] if link else []), cell])
    if image and not name:
        caption = clean_text(cell.get_text(" "))
        name = caption if len(caption) <= MAX_CAPTION_CHARACTERS else ""
    if not image and not name:
        return None
    inline = image if image.startswith("data:image/") else ""
    if inline:
        image = f"data:{inline[5:].split(',')[0].split(';')[0][:40]};sha256={sha256(inline.encode()).hexdigest()}"
    game = _text(cell, site.game) or _game_in(site, address)
    return Character(name, game, page.letter, page.url, address or None, _fit(image), inline)


def details(site: Site, tree: BeautifulSoup) -> Details:
    """Read a character's own page."""
    name_parts = re.search(site.title_pattern, _text(tree, site.title) or "") if site.title_pattern else None
    area = tree.select_one(site.area) or tree
    table = {}
    for row in area.select(site.field_rows)[:MAX_FIELDS]:
        cells = [clean_text(cell.get_text(" ")) for cell in row.find_all(["td", "th"], limit=2)]
        if len(cells) == 2 and cells[0]:
            table[cells[0].rstrip(": ")] = cells[1]
    description = next(
        (text for part in area.select(site.description) if (text := clean_text(part.get_text(" ")))), None
    )
    named = name_parts.groupdict() if name_parts else {}
    return Details(named.get("name"), named.get("game"), description, table)


def _select(cell: Tag, selector: str) -> list[Tag]:
    """What matches in the cell, which may be the cell itself."""
    return [*([cell] if soupsieve.match(selector, cell) else []), *cell.select(selector)]


def _images(site: Site, cell: Tag) -> list[Tag]:
    return _select(cell, site.picture)


def _link_around(cell: Tag) -> Tag | None:
    """A copy without content: an outer cell that has the link is gone before the inner one is read."""
    around = (tag for tag in islice(cell.parents, LINK_ANCESTORS) if tag.name == "a" and tag.get("href"))
    link = next(around, None)
    return Tag(name=link.name, attrs=dict(link.attrs)) if link else None


def _fit(address: str) -> str:
    """Cut to a length fit for the manifest; what is too long for an address shows as such."""
    is_http = address.startswith(("http://", "https://"))
    return address[: MAX_URL_CHARACTERS + 1 if is_http else MAX_OTHER_CHARACTERS]


def _text(part: Tag, selector: str) -> str:
    match = part.select_one(selector) if selector else None
    return clean_text(match.get_text(" ")) if match else ""


def _label(tags: list[Tag]) -> str:
    """The name that an attribute gives: what browsers show or read out first."""
    attributes = ("alt", "title", "aria-label", "data-name", "data-title", "data-caption")
    labels = (clean_text(str(tag.get(attribute, ""))) for attribute in attributes for tag in tags)
    return next((label for label in labels if label), "")


def _game_in(site: Site, address: str) -> str | None:
    """Read the game from the address of a character's page: the page of characters does not name it."""
    match = re.search(site.game_pattern, url_path(address)) if site.game_pattern else None
    if not match or not match[1]:
        return None
    name_parts = clean_text(unquote(match[1]).replace("-", " ")).split()
    return " ".join(word.upper() if ROMAN_NUMERAL.fullmatch(word) else word.capitalize() for word in name_parts)
