"""The loop: what to ask for next, and what became of it."""

import logging
from collections import deque
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

from kit.counted import counted
from kit.progress import Progress, noop
from kit.worker_pool import WorkerPool, available_cores
from scraper.collect import Collector, GalleryPage, failed_record, labels
from scraper.crawl_progress import CrawlProgress
from scraper.errors import FetchError, ScrapeError, ScrapeSettingsError
from scraper.hub import choose_letters, gallery_links, no_hub
from scraper.manifest import Manifest, Record, delete_file
from scraper.net.fetch import Fetcher, Stopped, user_agent
from scraper.net.transport import Transport
from scraper.net.wayback import MIN_DELAY_SECONDS
from scraper.page_queue import PageQueue, QueuedPage
from scraper.pages.characters import Character
from scraper.pages.content import read_gallery
from scraper.pages.images import checked_image_suffix
from scraper.pages.saved import find_saved_pages
from scraper.pages.sites import Site
from scraper.raw_folder import saving_in, taken
from scraper.settings import ScrapeSettings, parse_letters
from scraper.shared_images import SharedImages
from scraper.summary import ScrapeSummary, no_character
from scraper.task_pool import TaskPool

__all__ = ["ScrapeSettings", "ScrapeSummary", "crawl"]

READ_AHEAD = 2000
"""Pages are read before pictures, so that the amount of work is known, until this many pictures are waiting."""

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
    with ExitStack() as stack, saving_in(settings.out):
        _warn(settings)
        return _Crawl(settings, progress, stack).run()


def _warn(settings: ScrapeSettings) -> None:
    if settings.ignore_robots:
        log.warning("robots.txt is not read: make sure that the site's owner agrees")
    if not settings.contact and not settings.base_url:
        log.warning("tell the site's owner how to reach you, with --contact or VGC_CONTACT")


def _fetcher(settings: ScrapeSettings, site: Site) -> Fetcher:
    policy, limits = settings.address_policy(site), settings.limits
    agent, cookies = user_agent(settings.contact), settings.site_cookies(site)
    return Fetcher(
        policy,
        limits,
        Transport(policy, limits, agent, settings.workers, cookies),
        delay_seconds=settings.delay_seconds,
        least_delay_seconds=MIN_DELAY_SECONDS if settings.wayback else 0.0,
        workers=settings.workers,
        ignore_robots=settings.ignore_robots,
    )


class _Crawl:
    """One run. One thread decides what to request and writes the manifest; the others fetch and save."""

    def __init__(self, settings: ScrapeSettings, progress: Progress, stack: ExitStack) -> None:
        self._settings = settings
        self._site = settings.described_site()
        self._fetcher = _fetcher(settings, self._site)
        stack.callback(self._fetcher.close)
        if not settings.dry_run:
            stack.enter_context(taken(settings.out))
        self._manifest = stack.enter_context(Manifest(settings.out))
        # Twice as many threads as requests at once: while one half waits for the site, the other may decode.
        self._tasks = TaskPool(2 * settings.workers)
        self._processes = stack.enter_context(WorkerPool(min(2 * settings.workers, available_cores())))
        self._processes.prepare(read_gallery, checked_image_suffix)
        self._collector = Collector(
            self._fetcher, self._processes, self._site, settings.limits, settings.out, save=not settings.dry_run
        )
        self._pages = PageQueue(self._site.max_pages)
        self._waiting: deque[Character] = deque()
        self._images = SharedImages()
        self._summary = ScrapeSummary(settings.out, to_fetch=0 if settings.dry_run else None)
        self._progress = CrawlProgress(
            self._summary, progress, self._fetcher, self._site.hub_url, 2 if settings.details else 1
        )

    def run(self) -> ScrapeSummary:
        """Read the hub, then pages and pictures, until nothing is left to do."""
        try:
            with saving_in(self._settings.out):
                self._read_saved_pages(self._settings.pages) if self._settings.pages else self._read_hub()
                self._loop()
                self._leave_out_placeholders()
                self._summary.same_bytes = self._images.same_bytes(self._manifest)
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
        self._progress.pages_left = self._pages.left

    def _start_next(self) -> bool:
        """Start what is best done next: pages before pictures; False: nothing can be started now."""
        # With a limit pages are read one by one, so that none is read unnecessarily.
        room = len(self._waiting) < READ_AHEAD if self._settings.limit is None else not self._pages.running
        if self._pages.is_waiting and room:
            self._start_page(self._pages.pop())
        elif self._waiting:
            self._start_character(self._waiting.popleft())
        else:
            return False
        return True

    # Pages

    def _read_hub(self) -> None:
        try:
            hub = self._collector.fetch_page(self._site.hub_url, "hub", self._manifest.get(self._site.hub_url))
            content = self._collector.read_hub(hub)
        except FetchError as error:
            raise no_hub(error, self._site, self._settings) from error
        self._write(hub.record)
        self._summary.pages += 1
        links = gallery_links(self._site, content, hub.url)
        chosen = choose_letters(links, self._settings.letters)
        self._pages.add_galleries(links, chosen, self._site.hub_url)
        self._report()

    def _read_saved_pages(self, folder_or_file: Path) -> None:
        limits = self._settings.limits
        wanted = parse_letters(self._settings.letters)
        for path in find_saved_pages(folder_or_file, limits.page_bytes):
            if wanted is not None and path.stem.lower() not in wanted:
                continue
            try:
                page = self._collector.read_saved_page(path, self._site.hub_url)
            except FetchError as error:
                raise ScrapeSettingsError(f"--pages {path}: {error}") from error
            self._summary.pages += 1
            if not page.characters:
                reason = FetchError(no_character(page.why_empty))
                self._note_failed_page(failed_record(page.url, reason, letter=page.letter))
            for character in page.characters:
                self._consider(character)
        self._progress.log_estimate(len(self._waiting))

    def _start_page(self, page: QueuedPage) -> None:
        self._pages.running += 1
        self._tasks.submit(
            lambda future: self._settle_page(page, future),
            self._collector.fetch_gallery_page,
            page.link,
            page.parent,
            self._manifest.get(page.link.url),
            first=page.first,
        )

    def _settle_page(self, queued: QueuedPage, future: Future[GalleryPage]) -> None:
        self._pages.running -= 1
        self._note_pages_left()
        try:
            page = future.result()
        except FetchError as error:
            record = failed_record(queued.link.url, error, page=queued.parent, letter=queued.link.letter)
            # Behind a gallery's first page are many pictures: it is always worth another try.
            record = replace(record, retry=record.retry or (queued.first and not error.forbidden))
            self._note_failed_page(record)
        else:
            self._summary.pages += 1
            self._write(page.record)
            before = len(self._images)
            for character in page.characters:
                self._consider(character)
            # A further page without a new image is the last: some sites give that one again and again.
            leads_on = queued.first or len(self._images) > before
            if leads_on and not self._is_enough:
                self._pages.add_further(queued.link.letter, page)
        if not self._pages.left:
            self._progress.log_estimate(len(self._waiting))
        self._report()

    def _note_failed_page(self, record: Record) -> None:
        self._write(record)
        self._progress.note_failure(record)

    @property
    def _is_enough(self) -> bool:
        return len(self._images) == self._settings.limit

    def _consider(self, character: Character) -> None:
        """Decide what a cell of a page of characters asks for."""
        if self._is_enough:
            self._pages.clear()
            return
        self._progress.cells += 1
        if not character.image:
            self._note_empty_cell(character)
        elif self._images.add(character):
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
        if self._images.is_placeholder(character.image):
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
        self._summary.placeholders.update(self._images.placeholders())
        for image in self._summary.placeholders:
            record = self._manifest.get(image)
            if self._summary.to_fetch:
                self._summary.to_fetch -= record is None
            elif record and record.file and record.status == "saved" and not self._settings.dry_run:
                delete_file(self._settings.out, record)
                self._write(replace(record, status="skipped", file=None, reason="a placeholder"))
                self._summary.saved -= 1
                self._summary.skipped += 1

    def _write(self, record: Record) -> None:
        if not self._settings.dry_run:
            self._manifest.write(record)
