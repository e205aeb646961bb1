"""Descriptions of sites: where the characters are, by a few CSS selectors."""

import re
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path

import soupsieve

from scraper.errors import FetchError, ScrapeSettingsError
from scraper.net.address_policy import host_and_port, is_host_pattern


@dataclass(frozen=True)
class Site:
    """Where a site keeps its characters; the selectors are CSS, the patterns regular expressions."""

    name: str
    """For whoever reads the description."""
    base_url: str
    hub: str = "/"
    """Path of the page that leads to the others."""
    letter_links: str = "a[href]"
    """The links on the hub that lead to pages of characters; empty: the hub is the only one."""
    letter_pattern: str = r"(?<![^/.=_-])([^/.=_-]+)(?:\.\w+)?/*$"
    """Searched in a link's address; its first group is the page's letter. A link without it is passed over."""
    hub_characters: bool | None = None
    """Whether the hub holds characters too; left out: where it links to no pages, or to its own further ones."""
    next_pages: str | None = None
    """The links to a gallery's further pages; left out: ``rel=next``, "next" and page numbers; empty: none."""
    max_pages: int = 1000
    """Maximum number of pages of one gallery."""
    area: str = "body"
    """The part of a page that holds the characters."""
    cells: str = "td"
    """One character each, within the area."""
    character_name: str = "strong"
    """Within the cell; without it, the picture's alternative text is the name."""
    character_link: str = "a[href]"
    picture: str = "img"
    picture_attribute: str = ""
    """Where its address is: an attribute, or ``style`` for a background; empty: where sites usually have it."""
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

    @property
    def hub_url(self) -> str:
        """The address of the page that leads to the others."""
        return f"{self.base_url}/{self.hub.lstrip('/')}"


SELECTORS = (
    "letter_links",
    "next_pages",
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
MAY_BE_EMPTY = (
    "letter_links",
    "next_pages",
    "picture_attribute",
    "character_name",
    "game",
    "title",
    "game_pattern",
    "title_pattern",
)
GROUPED = ("letter_pattern", "game_pattern")
"""Patterns whose first group is what is looked for."""
PATTERNS = (*GROUPED, "title_pattern")


def _check_field(name: str, value: object) -> None:
    if name == "picture_hosts":
        if not isinstance(value, tuple) or not all(
            isinstance(host, str) and is_host_pattern(host) for host in value
        ):
            raise ScrapeSettingsError('picture_hosts: a list of host names, such as ["cdn.example.org"]')
    elif name == "hub_characters":
        if value not in (None, True, False):
            raise ScrapeSettingsError(f"{name}: write true or false")
    elif name == "max_pages":
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ScrapeSettingsError(f"{name}: write a number, 1 or more")
    elif value is not None or name != "next_pages":
        _check_text(name, value)


def _check_text(name: str, value: object) -> None:
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
    hub_characters=False,
    next_pages="",
    area="div.entry",
    game_pattern=r"-from-(?:the-)?(.+?)(?:-[io]n-(?:the-)?(?:ga|game-art)-hq.*)?(?<!/)/*$",
    title="h2.post-title, h2.page-title",
    title_pattern=r"^(?P<name>.+?) from (?:the )?(?P<game>.+?)(?: [io]n (?:the )?(?:GA|Game-Art)-HQ.*)?$",
)


def load_site(path: Path) -> Site:
    """Read a site's description from a TOML file whose keys are the fields of `Site`.

    Raises:
        ScrapeSettingsError: the file cannot be read, or a key or a selector is wrong.
    """
    try:
        values = tomllib.loads(path.read_text("utf-8-sig"))
    except UnicodeDecodeError:
        raise ScrapeSettingsError(f"--site {path}: not UTF-8; save it as UTF-8") from None
    except (OSError, ValueError, RecursionError) as error:
        raise ScrapeSettingsError(f"--site {path}: {error}") from None
    known = {field.name for field in fields(Site)}
    unknown, missing = sorted(values.keys() - known), sorted({"name", "base_url"} - values.keys())
    if unknown or missing:
        problem = f"unknown key {unknown[0]!r}" if unknown else f"the key {missing[0]!r} is missing"
        raise ScrapeSettingsError(f"--site {path}: {problem}; the keys are {', '.join(sorted(known))}")
    if isinstance(values.get("picture_hosts"), list):
        values["picture_hosts"] = tuple(values["picture_hosts"])
    try:
        return Site(**values)
    except ScrapeSettingsError as error:
        raise ScrapeSettingsError(f"--site {path}: {error}") from None
