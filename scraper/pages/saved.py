"""Pages that somebody saved in a browser."""

import base64
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup, Tag

from scraper.errors import ScrapeSettingsError
from scraper.net.urls import join_url
from scraper.pages.characters import Character, characters
from scraper.pages.html import page_text, parse_html
from scraper.pages.sites import Site
from scraper.pages.walls import explain_empty_page

SUFFIXES = frozenset({".html", ".htm", ".xhtml"})
ARCHIVES = frozenset({".mhtml", ".mht", ".webarchive"})
KEPT = ("src", "alt", "title", "class", "id")
"""Attributes of an image that was saved; the others would lead to the site again."""
_SAVED_FROM = re.compile(r"(?:saved from url=\(\d{1,6}\)|\n\s*url:\s*)(https?://[^\s>]{1,2000})")


@dataclass(frozen=True)
class SavedPage:
    """A page of characters in a file."""

    letter: str
    url: str
    """Where it was saved from, as far as it says so."""
    characters: list[Character]
    why_empty: str
    """Where there is no character: what the page seems to be."""


def find_saved_pages(folder_or_file: Path, cap_bytes: int) -> list[Path]:
    """The pages in a folder, or one file, in the order of their names.

    Raises:
        ScrapeSettingsError: there is no such page, one is larger than ``cap_bytes``, or it is an archive.
    """
    is_file = folder_or_file.is_file()
    files = [folder_or_file] if is_file else sorted(folder_or_file.glob("*"))
    archives = [path for path in files if path.suffix.lower() in ARCHIVES]
    if archives:
        raise ScrapeSettingsError(
            f"--pages: {archives[0]} is a web archive; save the page as a complete web page (.html and a folder)"
        )
    paths = files if is_file else [path for path in files if path.suffix.lower() in SUFFIXES]
    if not paths:
        raise ScrapeSettingsError(f"--pages {folder_or_file}: no .html file there")
    for path in paths:
        if path.stat().st_size > cap_bytes:
            raise ScrapeSettingsError(f"--pages: {path} is larger than {cap_bytes / 1e6:g} MB")
    return paths


def read_saved_page(site: Site, path: Path, site_url: str, image_bytes: int, max_pixels: int) -> SavedPage:
    """Read a page of characters.

    Images that the browser saved beside a page become ``data:`` addresses; everything else stays as it is.

    Args:
        site: how its pages are read.
        path: the page.
        site_url: the address of a page that does not say where it is from.
        image_bytes: larger images are passed over.
        max_pixels: see `scraper.pages.characters.characters`.

    Raises:
        FetchError: more tags than a page may have.
    """
    text = page_text(path.read_bytes(), "")
    tree = parse_html(text)
    for image in tree.select("img[src]"):
        _take_in(image, path.parent, image_bytes)
    url = _address(text, tree, site_url)
    result = list(characters(site, tree, url, path.stem, max_pixels))
    return SavedPage(path.stem, url, result, "" if result else explain_empty_page(parse_html(text)))


def _address(text: str, tree: BeautifulSoup, site_url: str) -> str:
    if saved_from := _SAVED_FROM.search(text[:5000]):
        return saved_from[1]
    canonical = tree.select_one('link[rel~="canonical"][href]')
    address = join_url(site_url, str(canonical["href"])) if canonical else site_url
    return address if address.startswith(("http://", "https://")) else site_url


def _take_in(image: Tag, folder: Path, image_bytes: int) -> None:
    """Put a file beside the page in place of its address, if there is one and it lies within the folder."""
    try:
        parts = urlsplit(str(image["src"]).strip().replace("\\", "/"))
        path = (folder / unquote(parts.path)).resolve()
        is_beside = not parts.scheme and not parts.netloc and path.is_relative_to(folder.resolve())
        if is_beside and path.is_file() and path.stat().st_size <= image_bytes:
            image["src"] = f"data:image/*;base64,{base64.b64encode(path.read_bytes()).decode()}"
            image.attrs = {name: value for name, value in image.attrs.items() if name in KEPT}
    except (OSError, ValueError):
        return
