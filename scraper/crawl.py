"""The loop: what to ask for next, and what became of it."""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from kit.atomic import PARTIAL_SUFFIX, cannot_write
from kit.lock import lock_or_raise
from kit.progress import Progress, noop
from scraper.collect import PAGES, Collector, labels, refused
from scraper.errors import FetchError, ScrapeBlockedError, ScrapeError, ScrapeSettingsError
from scraper.manifest import IMAGES, Manifest, Record
from scraper.net.fetch import Fetcher, Stopped, user_agent
from scraper.net.wayback import MIN_DELAY_SECONDS
from scraper.pages.html import parse_html
from scraper.pages.sites import Character, letter_pages
from scraper.settings import ScrapeSettings, wanted_letters
from scraper.summary import Failure, ScrapeSummary

__all__ = ["ScrapeSettings", "ScrapeSummary", "crawl"]

LOCK_NAME = ".lock"
READ_AHEAD = 2000
"""Pages are read before pictures, so that the amount of work is known, until so many pictures wait."""
LISTEN_SECONDS = 0.2
"""On Windows Ctrl-C ends no wait, and is heard only after it: so long at most."""
TOLD_MINUTES = 1.0
"""A crawl that will take longer says so before it starts."""

log = logging.getLogger(__name__)


def crawl(settings: ScrapeSettings, progress: Progress = noop) -> ScrapeSummary:
    """Scrape a site into ``settings.out``, or go on where an earlier run ended.

    Args:
        settings: what, how fast, where to.
        progress: told about each picture.

    Raises:
        ScrapeSettingsError: the site's description, a letter or the folder is wrong.
        ScrapeBlockedError: the site does not want to be asked (now).
        ScrapeError: the site cannot be reached, or the folder cannot be written or is not free. Once a page
            has been read, this and the one before carry the ``summary`` so far.
        KeyboardInterrupt: Ctrl-C, with a word on how to go on; what was saved is saved.
    """
    with ExitStack() as stack, _saving_in(settings.out):
        _warn(settings)
        return _Crawl(settings, progress, stack).run()


@contextmanager
def _saving_in(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ScrapeError(
            f"{cannot_write(error, folder)}; what was saved is saved, and the same command goes on"
        ) from error


def _warn(settings: ScrapeSettings) -> None:
    if settings.ignore_robots:
        log.warning("robots.txt is not read: make sure that the site's owner agrees")
    if not settings.contact and not settings.base_url:
        log.warning("tell the site's owner how to reach you, with --contact or VGC_CONTACT")


class _Crawl:
    """One run. One thread decides what to ask for and writes the manifest; the others fetch and save."""

    def __init__(self, settings: ScrapeSettings, progress: Progress, stack: ExitStack) -> None:
        self._settings = settings
        self._progress = progress
        self._site = settings.described_site()
        self._hub_url = f"{self._site.base_url}/{self._site.hub.lstrip('/')}"
        self._fetcher = Fetcher(
            settings.address_policy(self._site),
            settings.limits,
            delay_seconds=settings.delay_seconds,
            least_delay_seconds=MIN_DELAY_SECONDS if settings.wayback else 0.0,
            workers=settings.workers,
            agent=user_agent(settings.contact),
            ignore_robots=settings.ignore_robots,
        )
        stack.callback(self._fetcher.close)
        if not settings.dry_run:
            _prepare_folder(settings.out, stack)
        self._manifest = stack.enter_context(Manifest(settings.out))
        self._collector = Collector(
            self._fetcher, self._site, settings.limits, settings.out, save=not settings.dry_run
        )
        # Twice as many threads as requests at once: while one half waits for the site, the other may decode.
        self._threads = 2 * settings.workers
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="scrape")
        self._running: dict[Future[Any], Callable[[Future[Any]], None]] = {}
        self._finished: SimpleQueue[Future[Any]] = SimpleQueue()
        self._pages: deque[tuple[str, str]] = deque()
        self._pages_running = 0
        self._waiting: deque[Character] = deque()
        self._seen: set[str] = set()
        self._cells = 0
        self._started = time.monotonic()
        self._summary = ScrapeSummary(settings.out, to_fetch=0 if settings.dry_run else None)

    def run(self) -> ScrapeSummary:
        """Read the hub, then pages and pictures, until nothing is left to do."""
        try:
            with _saving_in(self._settings.out):
                self._read_hub()
                self._loop()
        except KeyboardInterrupt:
            self._end_early()
            raise KeyboardInterrupt(
                f"interrupted; {self._summary.saved} pictures were saved in this run, and the same command goes on"
            ) from None
        except ScrapeError as error:
            self._end_early()
            usage = isinstance(error, ScrapeSettingsError)  # there is nothing to tell of
            if self._summary.pages and not usage:
                error.summary = self._summary
            raise
        finally:
            self._pool.shutdown(cancel_futures=True)
            self._summary.requests = self._fetcher.requests
        return self._summary

    def _end_early(self) -> None:
        """Cut the requests under way, and keep what the finished ones have brought."""
        self._fetcher.stop()
        self._pool.shutdown(cancel_futures=True)
        for future, settle in self._running.items():
            with suppress(Stopped, CancelledError, ScrapeError, OSError):
                settle(future)

    def _loop(self) -> None:
        while True:
            while len(self._running) <= self._threads and self._start_next():
                pass
            if not self._running:
                return
            future = self._next_finished()
            with suppress(Stopped):  # the reason comes with another one
                self._running[future](future)
            del self._running[future]

    def _next_finished(self) -> Future[Any]:
        while True:
            with suppress(Empty):
                return self._finished.get(timeout=LISTEN_SECONDS)

    def _follow(self, future: Future[Any], settle: Callable[[Future[Any]], None]) -> None:
        self._running[future] = settle
        future.add_done_callback(self._finished.put)

    def _start_next(self) -> bool:
        """Start what is best done next: pages before pictures; False: nothing can be started now."""
        # With a limit pages are read one by one, for none should be read in vain.
        room = len(self._waiting) < READ_AHEAD if self._settings.limit is None else not self._pages_running
        if self._pages and room:
            self._start_page(*self._pages.popleft())
        elif self._waiting:
            self._start_character(self._waiting.popleft())
        else:
            return False
        return True

    # Pages

    def _read_hub(self) -> None:
        try:
            hub = self._collector.page(self._hub_url, "hub", self._manifest.get(self._hub_url))
            found = letter_pages(self._site, parse_html(hub.text), hub.url)
        except FetchError as error:
            raise self._no_hub(error) from error
        self._write(hub.record)
        self._summary.pages += 1
        if not found:
            raise ScrapeError(
                f"{self._hub_url} links to no pages of characters: look whether it is the right site, or whether "
                "it has changed (docs/scraping.md tells how to describe a site)"
            )
        wanted = wanted_letters(self._settings.letters)
        chosen = {letter: url for letter, url in found.items() if wanted is None or letter in wanted}
        if not chosen:
            raise ScrapeSettingsError(f"--letters {self._settings.letters}: the site has {', '.join(found)}")
        if wanted and wanted - found.keys():
            log.warning("the site has no page for %s", ", ".join(sorted(wanted - found.keys())))
        self._pages.extend(chosen.items())
        self._progress(0, None, f"{len(self._pages)} pages to read")

    def _no_hub(self, error: FetchError) -> ScrapeError:
        if error.forbidden:
            return ScrapeBlockedError(
                f"robots.txt of {self._site.base_url} forbids {self._site.hub}: ask the site's owner; "
                "--ignore-robots is for those who have leave"
            )
        what = (
            f"{self._site.base_url} cannot be reached" if error.unanswered else f"{self._hub_url} cannot be read"
        )
        archive = "" if self._settings.wayback else "read an archived copy with `vgc scrape --wayback 2016`, "
        return ScrapeError(
            f"{what} ({error.reason}): try later, {archive}or see the whole road offline with `vgc demo`"
        )

    def _start_page(self, letter: str, url: str) -> None:
        self._pages_running += 1
        known = self._manifest.get(url)
        future = self._pool.submit(self._collector.letter_page, url, letter, self._hub_url, known)
        self._follow(future, lambda future: self._settle_page(letter, url, future))

    def _settle_page(self, letter: str, url: str, future: Future[tuple[Record, list[Character]]]) -> None:
        try:
            record, found = future.result()
        except FetchError as error:
            # Behind a page are many pictures: it is always worth another try.
            record = replace(refused(url, error, page=self._hub_url, letter=letter), retry=True)
            found = []
            self._note_refusal(record)
        else:
            self._summary.pages += 1
        self._pages_running -= 1
        self._write(record)
        for character in found:
            self._consider(character)
        if not self._pages and not self._pages_running:
            self._tell_estimate()

    def _consider(self, character: Character) -> None:
        """Decide what a cell of a letter page asks for."""
        if len(self._seen) == self._settings.limit:
            self._pages.clear()
            return
        self._cells += 1
        if not character.picture:
            self._note_empty_cell(character)
        elif character.picture in self._seen:
            self._summary.skipped += 1
        else:
            self._seen.add(character.picture)
            self._queue(character)

    def _note_empty_cell(self, character: Character) -> None:
        url = character.link or f"{character.page}#{character.name}"
        if not self._manifest.get(url):
            self._write(Record(url, "skipped", reason="no picture in its cell", **labels(character)))
        self._summary.skipped += 1

    def _queue(self, character: Character) -> None:
        known = self._manifest.get(character.picture)
        if known and not self._picture_due(known) and not self._details_due(character):
            self._count(replace(known, status="unchanged") if known.file else known)
        elif self._summary.to_fetch is not None:
            self._summary.to_fetch += 1
        else:
            self._waiting.append(character)

    # Characters

    def _picture_due(self, known: Record | None) -> bool:
        if known is None or self._settings.refresh:
            return True
        refused_for_good = known.status == "failed" and not known.retry
        return not known.file and not refused_for_good

    def _details_due(self, character: Character) -> bool:
        if not self._settings.details or not character.link:
            return False
        known = self._manifest.get(character.link)
        return known is None or known.status == "skipped" or known.retry or self._settings.refresh

    def _start_character(self, character: Character) -> None:
        known = self._manifest.get(character.picture)
        future = self._pool.submit(
            self._collector.character,
            character,
            known,
            picture_due=self._picture_due(known),
            details_due=self._details_due(character),
        )
        self._follow(future, self._settle_character)

    def _settle_character(self, future: Future[list[Record]]) -> None:
        *others, picture = future.result()
        # First, for it bears what the character's page says: a page on record is not read again.
        self._write(picture)
        for record in others:
            self._write(record)
            self._note_refusal(record)
        self._count(picture)

    # The account

    def _write(self, record: Record) -> None:
        if not self._settings.dry_run:
            self._manifest.write(record)

    def _note_refusal(self, record: Record) -> None:
        if record.status == "failed":
            failure = Failure(record.url, record.name, record.reason or "", record.retry)
            self._summary.failures.append(failure)
        elif record.status == "skipped":
            self._summary.forbidden += 1

    def _count(self, picture: Record) -> None:
        summary = self._summary
        setattr(summary, picture.status, getattr(summary, picture.status) + 1)
        self._note_refusal(picture)
        minutes = self._minutes(len(self._waiting))
        left = f", about {minutes:.0f} min left" if minutes >= TOLD_MINUTES else ""
        done = summary.saved + summary.unchanged + summary.skipped + summary.failed
        self._progress(
            done,
            None if self._pages or self._pages_running else self._cells,
            f"{summary.saved} saved, {summary.failed} failed{left}",
        )

    def _minutes(self, characters: int) -> float:
        """Estimate how long so many characters will take at the pace that is allowed and was seen."""
        seen = (time.monotonic() - self._started) / max(self._fetcher.requests, 1)
        allowed = self._fetcher.seconds_between_requests(self._hub_url)
        return characters * (2 if self._settings.details else 1) * max(seen, allowed) / 60

    def _tell_estimate(self) -> None:
        """Say what the crawl will cost, once all pages are read and before most pictures are asked for."""
        if self._summary.to_fetch is not None:
            self._summary.minutes = self._minutes(self._summary.to_fetch)
        elif (minutes := self._minutes(len(self._waiting))) >= TOLD_MINUTES:
            log.warning(
                "%d pages read; the %d pictures still to fetch will take about %s",
                self._summary.pages,
                len(self._waiting),
                "a minute" if round(minutes) == 1 else f"{minutes:.0f} minutes",
            )


def _prepare_folder(folder: Path, stack: ExitStack) -> None:
    """Make the folder, take it for this run alone, and clear what a killed run left unfinished."""
    if folder.is_file():
        raise ScrapeSettingsError(f"--out {folder}: is a file, not a folder; choose another")
    for name in (IMAGES, PAGES):
        (folder / name).mkdir(parents=True, exist_ok=True)
    busy = ScrapeError(
        f"another vgc scrape is at work in {folder}: wait for it, or choose another folder with --out"
    )
    stack.enter_context(lock_or_raise(folder / LOCK_NAME, ScrapeError(busy)))
    for name in (IMAGES, PAGES):
        for partial in (folder / name).glob(f"*{PARTIAL_SUFFIX}"):
            partial.unlink()
