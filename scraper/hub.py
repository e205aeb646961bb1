"""The hub, the page that leads to the others: which ones to read, and what to try where it leads to none."""

import logging

from kit.counted import counted
from scraper.errors import FetchError, PrivateAddressError, ScrapeBlockedError, ScrapeError, ScrapeSettingsError
from scraper.net.proxies import proxy_hint
from scraper.pages.content import HubContent
from scraper.pages.links import HUB_LETTER, PageLink
from scraper.pages.sites import Site
from scraper.pages.walls import SAVE_THE_PAGE
from scraper.settings import ScrapeSettings, parse_letters

LOOK_AT_THE_SITE = (
    "look whether it is the right site, or whether it has changed (docs/scraping.md tells how to describe a site)"
)

log = logging.getLogger(__name__)


def gallery_links(site: Site, content: HubContent, url: str) -> list[PageLink]:
    """The pages of characters: those that the hub links to, and itself if it holds some.

    Args:
        site: how it is read.
        content: what the hub holds.
        url: where its address led.

    Raises:
        ScrapeError: there are none.
    """
    pages, names = content.pages, content.names
    is_first_page = site.hub_characters
    if is_first_page is None:
        is_first_page = bool(names) and (not pages or content.is_paginated)
        if any(names) and not is_first_page:
            log.warning(
                "%s holds %s itself: hub_characters in the site's description says whether to take them",
                site.hub_url,
                counted(len(names), "character"),
            )
    if is_first_page or not site.letter_links:
        pages = [PageLink(HUB_LETTER, url), *(page for page in pages if page.url != url)]
    if not pages:
        raise ScrapeError(
            f"{site.hub_url} links to no pages of characters: {content.why_empty or LOOK_AT_THE_SITE}"
        )
    return pages


def choose_letters(pages: list[PageLink], letters: str | None) -> list[PageLink]:
    """Those of certain letters; of what is missing a warning says so.

    Raises:
        ScrapeSettingsError: there are none.
    """
    wanted = parse_letters(letters)
    if wanted is None:
        return pages
    there = list(dict.fromkeys(page.letter for page in pages))
    chosen = [page for page in pages if page.letter in wanted]
    if not chosen:
        raise ScrapeSettingsError(f"--letters {letters}: the site has {', '.join(there)}")
    if missing := sorted(wanted.difference(there)):
        log.warning("the site has no page for %s", ", ".join(missing))
    return chosen


def no_hub(error: FetchError, site: Site, settings: ScrapeSettings) -> ScrapeError:
    """What to raise where the hub cannot be read, with what to try."""
    if error.forbidden:
        return ScrapeBlockedError(
            f"robots.txt of {site.base_url} forbids {site.hub}: ask the site's owner; "
            "--ignore-robots is for those who have leave"
        )
    if isinstance(error, PrivateAddressError) and not settings.base_url:
        return ScrapeError(
            f"{site.hub_url} cannot be read ({error.reason}): where that machine is yours, name it with "
            f"--base-url {site.base_url}, and this host and port may be private"
        )
    refused = error.http in (401, 403) and not settings.wayback
    saved = f"{SAVE_THE_PAGE}, " if refused else ""
    what = f"{site.base_url} cannot be reached" if error.unanswered else f"{site.hub_url} cannot be read"
    archive = "" if settings.wayback else "read an archived copy with `vgc scrape --wayback 2016`, "
    proxy = f"; {proxy_hint()}" if error.unanswered and proxy_hint() else ""
    return ScrapeError(
        f"{what} ({error.reason}{proxy}): try later, {saved}{archive}or see the whole road offline with `vgc demo`"
    )
