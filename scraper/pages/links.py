"""Links from the hub to pages of characters, and from such a page to the next one of its gallery."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from urllib.parse import urlsplit

from bs4 import BeautifulSoup, NavigableString, Tag

from scraper.net.urls import join_url, url_path
from scraper.pages.html import base_url, clean_text
from scraper.pages.sites import Site

HUB_LETTER = "1"
"""The letter of a hub that holds characters itself: it is the first page."""
MAX_PAGE_DIGITS = 3
MAX_NODES, MAX_TOKENS, MAX_VALUE_CHARACTERS = 50, 50, 4000
"""A link is judged by so much of what it holds, and of an attribute of it."""
_NEXT_TEXT = re.compile(
    r"(?:next|older|more|load more|show more|weiter|nächste|suivante?|siguiente|próxim[ao]|seguinte|avanti"
    r"|successiv[ao]|volgende|następna|次|次へ|次の|下一页|下一頁|다음)?"
    r"(?: ?(?:page|entries|posts|results|seite|ページ))?"
    r"[ »›→>⟩]*",
    re.IGNORECASE,
)
_NEXT_CLASS = re.compile(r"(?<![a-z])next(?![a-z])|next-?(?:page|post)", re.IGNORECASE)
_PAGE_SEGMENT = re.compile(r"/(?:pages?|p|pg|seite|pagina)?[-_/]?\d{1,6}(?=/|$)", re.IGNORECASE)
_LAST_NUMBER = re.compile(r"[-_.]?(?:pages?|p|pg)?[-_]?\d{1,6}(?=(?:\.\w{1,5})?/*$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PageLink:
    """A page of characters."""

    letter: str
    url: str


def letter_pages(site: Site, hub: BeautifulSoup, hub_url: str) -> list[PageLink]:
    """The pages of characters that the hub links to, each address once, in the letters' order."""
    base = base_url(hub, hub_url)
    links: dict[str, str] = {}
    for link in hub.select(site.letter_links) if site.letter_links else []:
        address = join_url(base, str(link.get("href", "")))
        letter = re.search(site.letter_pattern, url_path(address))
        if letter and letter[1] and address.startswith(("http://", "https://")):
            links.setdefault(address, letter[1].lower())
    pages = [PageLink(letter, address) for address, letter in links.items()]
    return sorted(pages, key=_in_order)


def _in_order(page: PageLink) -> tuple[bool, int, str]:
    """Numbers by their value, before words."""
    is_number = page.letter.isdecimal()
    return not is_number, int(page.letter[:9]) if is_number else 0, page.letter


def is_paginated_hub(site: Site, hub: BeautifulSoup) -> bool:
    """Whether the hub's links are page numbers or "next", so that the hub itself is the first page."""
    links = hub.select(site.letter_links) if site.letter_links else []
    return any(_page_number(link) or _is_next(link) for link in links)


def pagination_links(site: Site, tree: BeautifulSoup, url: str) -> tuple[list[str], list[str]]:
    """The addresses of a gallery's further pages that a page links to, in their order.

    Returns:
        Those to read; and those that a "next" link leads to, but that look like something else, such as the
        next article of a blog.
    """
    base = base_url(tree, url)
    if site.next_pages is not None:
        links = tree.select(site.next_pages) if site.next_pages else []
        return _unique(url, (join_url(base, str(link.get("href", ""))) for link in links)), []
    numbers: dict[int, str] = {}
    following: list[str] = []
    for link in tree.select("a[href], link[rel~=next][href]"):
        address = join_url(base, str(link["href"]))
        if (number := _page_number(link)) and _gallery(address) == _gallery(url):
            numbers.setdefault(number, address)
        elif _is_next(link):
            following.append(address)
    pages = [*_with_gaps_filled(numbers), *(each for each in following if _is_alike(url, each))]
    return _unique(url, pages), _unique(url, [each for each in following if not _is_alike(url, each)])


def _label(link: Tag) -> str:
    """A link's text; of one that holds half a page, the beginning."""
    inside = islice(link.descendants, MAX_NODES)
    return clean_text(" ".join(str(each) for each in inside if type(each) is NavigableString))


def _page_number(link: Tag) -> int | None:
    text = _label(link)
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= MAX_PAGE_DIGITS else None


def _is_next(link: Tag) -> bool:
    if "next" in _tokens(link, "rel"):
        return True
    labels = [
        _label(link),
        *(clean_text(str(link.get(name, ""))) for name in ("title", "aria-label")),
    ]
    if any(label and _NEXT_TEXT.fullmatch(label) for label in labels):
        return True
    around = (
        [link, link.parent] if link.parent is not None and link.parent.name in ("li", "span", "div") else [link]
    )
    return any(_NEXT_CLASS.search(" ".join(_tokens(tag, "class"))) for tag in around)


def _tokens(tag: Tag, attribute: str) -> list[str]:
    value = tag.get(attribute, "")
    tokens = value[:MAX_TOKENS] if isinstance(value, list) else str(value)[:MAX_VALUE_CHARACTERS].split()
    return [token.lower() for token in tokens]


def _with_gaps_filled(numbers: dict[int, str]) -> list[str]:
    """All pages, where sites shorten their numbers (1 2 3 … 6) and two of them show the pattern."""
    if len(numbers) < 2:
        return list(numbers.values())
    second, last = sorted(numbers)[-2:]
    before, mark, after = numbers[last].rpartition(str(last))
    if mark and f"{before}{second}{after}" == numbers[second]:
        for number in range(2, last):
            numbers.setdefault(number, f"{before}{number}{after}")
    return [numbers[number] for number in sorted(numbers)]


def _is_alike(url: str, address: str) -> bool:
    """Whether ``address`` looks like a further page of the gallery at ``url``."""
    here, there = urlsplit(url).path.rstrip("/"), urlsplit(address).path.rstrip("/")
    return here == there or _gallery(url) == _gallery(address) or bool(here and there.startswith(f"{here}/"))


def _gallery(address: str) -> str:
    """What the pages of one gallery have in common: the path without a page's number."""
    path = urlsplit(address).path
    path = re.sub(r"/index\.\w{1,5}$", "/", path)
    shorter = _LAST_NUMBER.sub("", _PAGE_SEGMENT.sub("", path))
    return re.sub(r"\.\w{1,5}$", "", shorter.rstrip("/"))


def _unique(url: str, addresses: Iterator[str] | list[str]) -> list[str]:
    pages = [each for each in addresses if each.startswith(("http://", "https://")) and each != url]
    return list(dict.fromkeys(pages))
