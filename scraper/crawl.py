"""The loop: what to ask for next, and what became of it."""

import logging
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from kit.atomic import cannot_write, sweep
from kit.counted import counted
from kit.lock import lock_or_raise
from kit.progress import Progress, noop
from kit.worker_pool import WorkerPool, available_cores
from scraper.collect import PAGES, Collector, GalleryPage, failed_record, labels
from scraper.crawl_progress import CrawlProgress
from scraper.errors import (
    FetchError,
    PrivateAddressError,
    ScrapeBlockedError,
    ScrapeError,
    ScrapeSettingsError,
)
from scraper.manifest import IMAGES, Manifest, Record, delete_file
from scraper.net.fetch import Fetcher, Stopped, user_agent
from scraper.net.proxies import proxy_hint
from scraper.net.transport import Transport
from scraper.net.wayback import MIN_DELAY_SECONDS
from scraper.pages.characters import Character
from scraper.pages.content import HubContent, read_gallery
from scraper.pages.images import checked_image_suffix
from scraper.pages.links import HUB_LETTER, PageLink
from scraper.pages.saved import find_saved_pages
from scraper.pages.walls import SAVE_THE_PAGE
from scraper.settings import ScrapeSettings, parse_letters
from scraper.summary import ScrapeSummary, no_character
from scraper.task_pool import TaskPool

__all__ = ["ScrapeSettings", "ScrapeSummary", "crawl"]

LOCK_NAME = ".lock"
READ_AHEAD = 2000
"""Pages are read before pictures, so that the amount of work is known, until this many pictures are waiting."""
FEWEST_SHARING = 3
SHARE_SHARING = 0.02
"""An image shared by at least this many characters, and by this part of all, is a placeholder."""
LOOK_AT_THE_SITE = (
    "look whether it is the right site, or whether it has changed (docs/scraping.md tells how to describe a site)"
)

log = logging.getLogger(__name__)


def crawl(settings: ScrapeSettings, progress: Progress = noop) -> ScrapeSummary:
    """Scrape a site into ``settings.out``, or resume where an earlier run ended.

    Args:
        settings: what, how fast, where to.
        progress: called for each picture.

    Raises:
        ScrapeSettingsError: the site's description, a letter or the folder is wrong.
        ScrapeBlockedError: the site does not want to be asked (now).
        ScrapeError: the site cannot be reached, or the folder cannot be written or is not free. Once a page
            has been read, this and the one before carry the ``summary`` so far.
        KeyboardInterrupt: Ctrl-C, with how to resume; everything saved is kept.
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


@dataclass
class _Pages:
    """Pages of characters, those that wait and those known."""

    waiting: deque[tuple[PageLink, str, bool]] = field(default_factory=deque)
    """A page, the page that led to it, and whether it is its gallery's first."""
    known: set[str] = field(default_factory=set)
    """All addresses that were ever put among them."""
    running: int = 0
    of_gallery: Counter[str] = field(default_factory=Counter)
    """How many further pages each letter has."""


@dataclass
class _Cells:
    """Which characters show which image."""

    first: dict[str, str] = field(default_factory=dict)
    """Image to the first character with it."""
    sharing: dict[str, set[str]] = field(default_factory=dict)
    """Image to all characters with it, where there are several."""

    def add(self, character: Character) -> bool:
        """Note a character's image; False: another cell had it already."""
        who = character.name or character.link or ""
        if self.first.setdefault(character.image, who) is who and character.image not in self.sharing:
            return True
        self.sharing.setdefault(character.image, {self.first[character.image]}).add(who)
        return False

    def is_placeholder(self, image: str) -> bool:
        """Whether too many characters share an image for it to show any of them."""
        return self.are_many(len(self.sharing.get(image, ())))

    def are_many(self, characters: int) -> bool:
        """Whether so many of all cannot have one and the same image."""
        return characters >= max(FEWEST_SHARING, SHARE_SHARING * len(self.first))


class _Crawl:
    """One run. One thread decides what to request and writes the manifest; the others fetch and save."""

    def __init__(self, settings: ScrapeSettings, progress: Progress, stack: ExitStack) -> None:
        self._settings = settings
        self._site = settings.described_site()
        self._hub_url = f"{self._site.base_url}/{self._site.hub.lstrip('/')}"
        policy, limits = settings.address_policy(self._site), settings.limits
        agent, cookies = user_agent(settings.contact), settings.site_cookies(self._site)
        self._fetcher = Fetcher(
            policy,
            limits,
            Transport(policy, limits, agent, settings.workers, cookies),
            delay_seconds=settings.delay_seconds,
            least_delay_seconds=MIN_DELAY_SECONDS if settings.wayback else 0.0,
            workers=settings.workers,
            ignore_robots=settings.ignore_robots,
        )
        stack.callback(self._fetcher.close)
        if not settings.dry_run:
            _prepare_folder(settings.out, stack)
        self._manifest = stack.enter_context(Manifest(settings.out))
        # Twice as many threads as requests at once: while one half waits for the site, the other may decode.
        self._tasks = TaskPool(2 * settings.workers)
        self._processes = stack.enter_context(WorkerPool(min(2 * settings.workers, available_cores())))
        self._processes.prepare(read_gallery, checked_image_suffix)
        self._collector = Collector(
            self._fetcher, self._processes, self._site, limits, settings.out, save=not settings.dry_run
        )
        self._pages = _Pages()
        self._waiting: deque[Character] = deque()
        self._cells = _Cells()
        self._summary = ScrapeSummary(settings.out, to_fetch=0 if settings.dry_run else None)
        self._progress = CrawlProgress(
            self._summary, progress, self._fetcher, self._hub_url, 2 if settings.details else 1
        )

    def run(self) -> ScrapeSummary:
        """Read the hub, then pages and pictures, until nothing is left to do."""
        try:
            with _saving_in(self._settings.out):
                self._read_saved_pages(self._settings.pages) if self._settings.pages else self._read_hub()
                self._loop()
                self._leave_out_placeholders()
                self._note_same_bytes()
        except KeyboardInterrupt:
            self._end_early()
            saved = counted(self._summary.saved, "picture was", "pictures were")
            raise KeyboardInterrupt(
                f"interrupted; {saved} saved in this run, and the same command goes on"
            ) from None
        except ScrapeError as error:
            self._end_early()
            usage = isinstance(error, ScrapeSettingsError)  # there is nothing to report
            if self._summary.pages and not usage:
                error.summary = self._summary
            raise
        finally:
            self._tasks.close()
            self._summary.requests = self._fetcher.requests
        return self._summary

    def _end_early(self) -> None:
        """Cut the requests under way, and keep what the finished ones have brought."""
        self._fetcher.stop()
        self._processes.close()
        self._tasks.close()
        self._tasks.settle_rest(Stopped, ScrapeError, OSError)

    def _loop(self) -> None:
        while True:
            while not self._tasks.is_full and self._start_next():
                pass
            with suppress(Stopped):  # the reason comes with another task
                if not self._tasks.settle_next(self._report):
                    return

    def _report(self) -> None:
        self._note_pages_left()
        self._progress.report(len(self._waiting))

    def _note_pages_left(self) -> None:
        self._progress.pages_left = len(self._pages.waiting) + self._pages.running

    def _start_next(self) -> bool:
        """Start what is best done next: pages before pictures; False: nothing can be started now."""
        # With a limit pages are read one by one, so that none is read unnecessarily.
        room = len(self._waiting) < READ_AHEAD if self._settings.limit is None else not self._pages.running
        if self._pages.waiting and room:
            self._start_page(*self._pages.waiting.popleft())
        elif self._waiting:
            self._start_character(self._waiting.popleft())
        else:
            return False
        return True

    # Pages

    def _read_hub(self) -> None:
        try:
            hub = self._collector.fetch_page(self._hub_url, "hub", self._manifest.get(self._hub_url))
            content = self._collector.read_hub(hub)
        except FetchError as error:
            raise self._no_hub(error) from error
        self._write(hub.record)
        self._summary.pages += 1
        pages = self._hub_pages(content, hub.url)
        if not pages:
            raise ScrapeError(
                f"{self._hub_url} links to no pages of characters: {content.why_empty or LOOK_AT_THE_SITE}"
            )
        letters = list(dict.fromkeys(page.letter for page in pages))
        wanted = parse_letters(self._settings.letters)
        chosen = [page for page in pages if wanted is None or page.letter in wanted]
        if not chosen:
            raise ScrapeSettingsError(f"--letters {self._settings.letters}: the site has {', '.join(letters)}")
        if wanted and (missing := sorted(wanted.difference(letters))):
            log.warning("the site has no page for %s", ", ".join(missing))
        self._pages.known.update(page.url for page in pages)
        self._pages.waiting.extend((page, self._hub_url, True) for page in chosen)
        self._report()

    def _read_saved_pages(self, folder_or_file: Path) -> None:
        limits = self._settings.limits
        wanted = parse_letters(self._settings.letters)
        for path in find_saved_pages(folder_or_file, limits.page_bytes):
            if wanted is not None and path.stem.lower() not in wanted:
                continue
            try:
                page = self._collector.read_saved_page(path, self._hub_url)
            except FetchError as error:
                raise ScrapeSettingsError(f"--pages {path}: {error}") from error
            self._summary.pages += 1
            if not page.characters:
                reason = FetchError(no_character(page.why_empty))
                self._note_failed_page(failed_record(page.url, reason, letter=page.letter))
            for character in page.characters:
                self._consider(character)
        self._progress.log_estimate(len(self._waiting))

    def _hub_pages(self, content: HubContent, hub_url: str) -> list[PageLink]:
        """The pages of characters: those that the hub links to, and itself if it holds some."""
        pages, names = content.pages, content.names
        is_first_page = self._site.hub_characters
        if is_first_page is None:
            is_first_page = bool(names) and (not pages or content.is_paginated)
            if any(names) and not is_first_page:
                log.warning(
                    "%s holds %s itself: hub_characters in the site's description says whether to take them",
                    self._hub_url,
                    counted(len(names), "character"),
                )
        if is_first_page or not self._site.letter_links:
            pages = [PageLink(HUB_LETTER, hub_url), *(page for page in pages if page.url != hub_url)]
        return pages

    def _no_hub(self, error: FetchError) -> ScrapeError:
        if error.forbidden:
            return ScrapeBlockedError(
                f"robots.txt of {self._site.base_url} forbids {self._site.hub}: ask the site's owner; "
                "--ignore-robots is for those who have leave"
            )
        base_url = self._site.base_url
        if isinstance(error, PrivateAddressError) and not self._settings.base_url:
            return ScrapeError(
                f"{self._hub_url} cannot be read ({error.reason}): where that machine is yours, name it with "
                f"--base-url {base_url}, and this host and port may be private"
            )
        refused = error.http in (401, 403) and not self._settings.wayback
        saved = f"{SAVE_THE_PAGE}, " if refused else ""
        what = f"{base_url} cannot be reached" if error.unanswered else f"{self._hub_url} cannot be read"
        archive = "" if self._settings.wayback else "read an archived copy with `vgc scrape --wayback 2016`, "
        proxy = f"; {proxy_hint()}" if error.unanswered and proxy_hint() else ""
        return ScrapeError(
            f"{what} ({error.reason}{proxy}): try later, {saved}{archive}or see the whole road offline with "
            "`vgc demo`"
        )

    def _start_page(self, link: PageLink, parent: str, first: bool) -> None:
        self._pages.running += 1
        previous = self._manifest.get(link.url)
        self._tasks.submit(
            lambda future: self._settle_page(link, parent, first, future),
            self._collector.fetch_gallery_page,
            link,
            parent,
            previous,
            first=first,
        )

    def _settle_page(self, link: PageLink, parent: str, first: bool, future: Future[GalleryPage]) -> None:
        self._pages.running -= 1
        self._note_pages_left()
        try:
            page = future.result()
        except FetchError as error:
            record = failed_record(link.url, error, page=parent, letter=link.letter)
            # Behind a gallery's first page are many pictures: it is always worth another try.
            record = replace(record, retry=record.retry or (first and not error.forbidden))
            self._note_failed_page(record)
        else:
            self._summary.pages += 1
            self._write(page.record)
            before = len(self._cells.first)
            for character in page.characters:
                self._consider(character)
            if first or len(self._cells.first) > before:  # or a site gives its last page again and again
                self._add_further(link, page)
        if not self._pages.waiting and not self._pages.running:
            self._progress.log_estimate(len(self._waiting))
        self._report()

    def _note_failed_page(self, record: Record) -> None:
        self._write(record)
        self._progress.note_failure(record)

    def _add_further(self, link: PageLink, page: GalleryPage) -> None:
        """Put the gallery's further pages in front of the next gallery."""
        if len(self._cells.first) == self._settings.limit:
            return
        self._pages.known.add(page.url)
        new = [url for url in page.further if url not in self._pages.known]
        room = self._site.max_pages - 1 - self._pages.of_gallery[link.letter]
        if len(new) > room:
            log.warning(
                "%s has more than %d pages: max_pages in the site's description reads more of them",
                page.url,
                self._site.max_pages,
            )
            new = new[:room]
        self._pages.of_gallery[link.letter] += len(new)
        self._pages.known.update(new)
        self._pages.waiting.extendleft((PageLink(link.letter, url), page.url, False) for url in reversed(new))
        for url in page.doubtful:
            if url not in self._pages.known:
                log.warning(
                    "%s has a next link to %s, which looks like something else: next_pages in the site's "
                    "description tells which links to follow",
                    page.url,
                    url,
                )

    def _consider(self, character: Character) -> None:
        """Decide what a cell of a page of characters asks for."""
        if len(self._cells.first) == self._settings.limit:
            self._pages.waiting.clear()
            return
        self._progress.cells += 1
        if not character.image:
            self._note_empty_cell(character)
        elif self._cells.add(character):
            self._queue(character)
        else:
            self._summary.skipped += 1
            self._summary.repeated += 1

    def _note_empty_cell(self, character: Character) -> None:
        url = character.link or f"{character.page}#{character.name}"
        if not self._manifest.get(url):
            self._write(Record(url, "skipped", reason="no picture in its cell", **labels(character)))
        self._summary.skipped += 1

    def _queue(self, character: Character) -> None:
        previous = self._manifest.get(character.image)
        if previous and not self._image_due(previous) and not self._details_due(character):
            previous = replace(previous, status="unchanged") if previous.file else previous
            self._progress.count(previous, len(self._waiting))
        elif self._summary.to_fetch is not None:
            self._summary.to_fetch += 1
        else:
            self._waiting.append(character)

    # Characters

    def _image_due(self, previous: Record | None) -> bool:
        if previous is None or self._settings.refresh:
            return True
        failed_for_good = previous.status == "failed" and not previous.retry
        return not previous.file and not failed_for_good

    def _details_due(self, character: Character) -> bool:
        if not self._settings.details or not character.link:
            return False
        previous = self._manifest.get(character.link)
        return previous is None or previous.status == "skipped" or previous.retry or self._settings.refresh

    def _start_character(self, character: Character) -> None:
        if self._cells.is_placeholder(character.image):
            self._leave_out(character)
            return
        previous = self._manifest.get(character.image)
        self._tasks.submit(
            self._settle_character,
            self._collector.fetch_character,
            character,
            previous or self._manifest.get_character(character.name, character.link or character.page),
            image_due=self._image_due(previous),
            details_due=self._details_due(character),
        )

    def _settle_character(self, future: Future[list[Record]]) -> None:
        *others, image = future.result()
        # First, for it bears what the character's page says: a page on record is not read again.
        self._write(image)
        for record in others:
            self._write(record)
            self._progress.note_failure(record)
        self._progress.count(image, len(self._waiting))

    def _leave_out(self, character: Character) -> None:
        self._write(Record(character.image, "skipped", reason="a placeholder", **labels(character)))
        self._summary.skipped += 1

    def _leave_out_placeholders(self) -> None:
        """Say which images many characters share, and let go of one that was saved before that was known."""
        for image, sharing in self._cells.sharing.items():
            if not self._cells.is_placeholder(image):
                continue
            self._summary.placeholders[image] = len(sharing)
            record = self._manifest.get(image)
            if self._summary.to_fetch:
                self._summary.to_fetch -= record is None
            elif record and record.file and record.status == "saved" and not self._settings.dry_run:
                delete_file(self._settings.out, record)
                self._write(replace(record, status="skipped", file=None, reason="a placeholder"))
                self._summary.saved -= 1
                self._summary.skipped += 1

    def _note_same_bytes(self) -> None:
        """Say where one image came from many addresses, as a site's stand-in for missing ones may."""
        files: dict[str, list[str]] = {}
        for image in self._cells.first:
            record = self._manifest.get(image)
            if record and record.file and record.sha256:
                files.setdefault(record.sha256, []).append(record.file)
        self._summary.same_bytes = {
            same[0]: len(same) for same in files.values() if self._cells.are_many(len(same))
        }

    def _write(self, record: Record) -> None:
        if not self._settings.dry_run:
            self._manifest.write(record)


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
        if not (folder / name).is_symlink():  # what lies behind a link may be anybody's
            sweep(folder / name)
