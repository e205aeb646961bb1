"""What came of each address so far, and how long the rest will take."""

import logging
import time

from kit.counted import counted
from kit.progress import Progress
from scraper.manifest import Record
from scraper.net.fetch import Fetcher
from scraper.summary import Failure, ScrapeSummary

TOLD_MINUTES = 1.0
"""A crawl that will take longer says so before it starts."""

log = logging.getLogger(__name__)


class CrawlProgress:
    """Counts outcomes in a summary, and reports them.

    Args:
        summary: what is counted in.
        progress: called for each picture.
        fetcher: knows the delay between requests.
        url: an address of the site.
        requests_per_character: 2 where each one's own page is read.
    """

    def __init__(
        self, summary: ScrapeSummary, progress: Progress, fetcher: Fetcher, url: str, requests_per_character: int
    ) -> None:
        self.summary = summary
        self.cells = 0
        """Cells of pages of characters seen."""
        self.total_known = False
        """All pages have been read."""
        self.pages_left = 0
        """Pages known and not yet read."""
        self._progress = progress
        self._fetcher = fetcher
        self._url = url
        self._requests_per_character = requests_per_character
        self._started = time.monotonic()

    def count(self, image: Record, waiting: int) -> None:
        """Count the result of a character's picture; ``waiting``: characters still to do."""
        summary = self.summary
        setattr(summary, image.status, getattr(summary, image.status) + 1)
        if image.file and not image.name:
            summary.nameless += 1
        self.note_failure(image)
        self.report(waiting)

    def note_failure(self, record: Record) -> None:
        """Take down an address that brought nothing."""
        if record.status == "failed":
            failure = Failure(record.url, record.name, record.reason or "", record.retry)
            self.summary.failures.append(failure)
        elif record.status == "skipped":
            self.summary.forbidden += 1

    def report(self, waiting: int) -> None:
        """Tell how far the crawl is."""
        summary = self.summary
        done = summary.saved + summary.unchanged + summary.skipped + summary.failed
        if summary.to_fetch is not None:
            text = f"{counted(summary.pages, 'page')} read, {summary.to_fetch:,} to fetch"
            self._progress(summary.pages, summary.pages + self.pages_left, text)
            return
        minutes = self.minutes(waiting)
        left = f", about {minutes:.0f} min left" if minutes >= TOLD_MINUTES else ""
        pages = "" if self.total_known else f"{counted(summary.pages, 'page')} read, "
        total = self.cells if self.total_known else None
        self._progress(done, total, f"{pages}{summary.saved} saved, {summary.failed} failed{left}")

    def minutes(self, characters: int) -> float:
        """Estimate how long this number of characters will take at the allowed and the measured speed."""
        measured = (time.monotonic() - self._started) / max(self._fetcher.requests, 1)
        allowed = self._fetcher.seconds_between_requests(self._url)
        return characters * self._requests_per_character * max(measured, allowed) / 60

    def log_estimate(self, waiting: int) -> None:
        """Say what the crawl will cost, once all pages are read and before most pictures are asked for."""
        self.total_known = True
        if self.summary.to_fetch is not None:
            self.summary.minutes = self.minutes(self.summary.to_fetch)
        elif (minutes := self.minutes(waiting)) >= TOLD_MINUTES:
            log.warning(
                "%s read; the %s still to fetch will take about %s%s",
                counted(self.summary.pages, "page"),
                counted(waiting, "picture"),
                "a minute" if round(minutes) == 1 else f"{minutes:.0f} minutes",
                self._others(waiting),
            )

    def _others(self, waiting: int) -> str:
        """What became of the cells that are not to be fetched any more."""
        here, skipped = self.summary.unchanged, self.summary.skipped
        begun = self.cells - waiting - here - skipped
        parts = [
            f"{count:,} {text}"
            for count, text in (
                (here, "here already"),
                (skipped, "skipped"),
                (begun, "asked for while the pages were read"),
            )
            if count > 0
        ]
        return f" (the others of {self.cells:,}: {', '.join(parts)})" if parts else ""
