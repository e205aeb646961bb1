"""The pages of characters that are still to be read, in order, each once."""

import logging
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass

from scraper.collect import GalleryPage
from scraper.pages.links import PageLink

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class QueuedPage:
    """A page to be read."""

    link: PageLink
    parent: str
    """The page that led to it."""
    first: bool
    """Whether it is its gallery's first."""


class PageQueue:
    """Pages of characters, those that wait and those known.

    Args:
        max_pages: of one gallery.
    """

    def __init__(self, max_pages: int) -> None:
        self.running = 0
        """Pages that are being read."""
        self._max_pages = max_pages
        self._waiting: deque[QueuedPage] = deque()
        self._known: set[str] = set()
        """All addresses that were ever put among them."""
        self._further: Counter[str] = Counter()
        """How many further pages each letter has."""

    @property
    def left(self) -> int:
        """Pages not yet read."""
        return len(self._waiting) + self.running

    @property
    def is_waiting(self) -> bool:
        """Whether there is a page to be read next."""
        return bool(self._waiting)

    def pop(self) -> QueuedPage:
        """The page to be read next."""
        return self._waiting.popleft()

    def clear(self) -> None:
        """No more pages are wanted."""
        self._waiting.clear()

    def add_galleries(self, links: Iterable[PageLink], chosen: Iterable[PageLink], hub_url: str) -> None:
        """Put in the first pages of the chosen galleries; none of the others is another's further page."""
        self._known.update(link.url for link in links)
        self._waiting.extend(QueuedPage(link, hub_url, first=True) for link in chosen)

    def add_further(self, letter: str, page: GalleryPage) -> None:
        """Put a gallery's further pages in front of the next gallery."""
        self._known.add(page.url)
        new = [url for url in page.further if url not in self._known]
        room = self._max_pages - 1 - self._further[letter]
        if len(new) > room:
            log.warning(
                "%s has more than %d pages: max_pages in the site's description reads more of them",
                page.url,
                self._max_pages,
            )
            new = new[:room]
        self._further[letter] += len(new)
        self._known.update(new)
        self._waiting.extendleft(QueuedPage(PageLink(letter, url), page.url, first=False) for url in reversed(new))
        for url in page.doubtful:
            if url not in self._known:
                log.warning(
                    "%s has a next link to %s, which looks like something else: next_pages in the site's "
                    "description tells which links to follow",
                    page.url,
                    url,
                )
