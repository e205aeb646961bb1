"""What a crawl wants of a page's text, as functions that another process can run: pages are a stranger's, too."""

from dataclasses import dataclass

from scraper.pages.characters import Character, Details, characters, details
from scraper.pages.html import parse_html
from scraper.pages.links import HUB_LETTER, PageLink, is_paginated_hub, letter_pages, pagination_links
from scraper.pages.sites import Site
from scraper.pages.walls import explain_empty_page


@dataclass(frozen=True)
class HubContent:
    """What a hub holds."""

    pages: list[PageLink]
    """The pages of characters that it links to."""
    is_paginated: bool
    names: list[str]
    """Of the characters with an image on the hub itself; not looked for where the site's description says."""
    why_empty: str
    """Where there is neither a page nor a name: what the hub seems to be."""


@dataclass(frozen=True)
class GalleryContent:
    """What a page of characters holds."""

    characters: list[Character]
    further: list[str]
    """Addresses of the gallery's further pages."""
    doubtful: list[str]
    """Where a "next" link leads that looks like something else."""
    why_empty: str
    """Where there is no character: what the page seems to be."""


def read_hub(site: Site, text: str, url: str) -> HubContent:
    """Read the page that leads to the others."""
    tree = parse_html(text)
    pages, is_paginated = letter_pages(site, tree, url), is_paginated_hub(site, tree)
    names = []
    if site.hub_characters is None:
        names = [each.name for each in characters(site, tree, url, HUB_LETTER) if each.image]
    why_empty = "" if pages or names else explain_empty_page(parse_html(text))
    return HubContent(pages, is_paginated, names, why_empty)


def read_gallery(site: Site, text: str, url: str, letter: str, max_pixels: int) -> GalleryContent:
    """Read a page of characters."""
    tree = parse_html(text)
    further, doubtful = pagination_links(site, tree, url)
    result = list(characters(site, tree, url, letter, max_pixels))
    return GalleryContent(result, further, doubtful, "" if result else explain_empty_page(parse_html(text)))


def read_details(site: Site, text: str) -> Details:
    """Read a character's own page."""
    return details(site, parse_html(text))
