"""What a worker does with one page or one character: fetch, check, save, and say what came of it."""

import hashlib
import re
import unicodedata
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from kit.atomic import write_bytes
from kit.worker_pool import SECONDS, WorkerClosedError, WorkerError, WorkerPool
from scraper.errors import FetchError
from scraper.manifest import IMAGES, Record, Status, address_key, delete_file, now
from scraper.net.fetch import NOT_MODIFIED, OK, Fetcher, Stopped
from scraper.net.transport import Limits, Response
from scraper.pages.characters import Character
from scraper.pages.content import HubContent, read_details, read_gallery, read_hub
from scraper.pages.html import page_text, refresh_target
from scraper.pages.images import checked_image_suffix, decode_data_url
from scraper.pages.links import PageLink
from scraper.pages.saved import SavedPage, read_saved_page
from scraper.pages.sites import Site
from scraper.summary import no_character

PAGES = "pages"
SLUG_CHARACTERS = 60
ID_DIGITS = 10
MAX_HEADER_CHARACTERS = 300
PAGE_SECONDS = 120.0
"""A page may take so long to read: one of `scraper.pages.html.MAX_TAGS` tags takes some ten seconds."""


def file_stem(name: str, url: str) -> str:
    """Make a file name from ``name`` that every file system takes, and that no other address gets.

    ASCII letters, digits and hyphens; the id at its end comes from the address alone, so it is the same in
    every run, and keeps apart names that are equal, differ by case, or are reserved (``con``).
    """
    plain = unicodedata.normalize("NFKD", name[:300]).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain)[:SLUG_CHARACTERS].strip("-") or "character"
    return f"{slug}-{hashlib.sha256(address_key(url).encode('utf-8', 'replace')).hexdigest()[:ID_DIGITS]}"


@dataclass(frozen=True)
class PageRead:
    """A page of the site, and where its links start from."""

    record: Record
    text: str
    url: str


@dataclass(frozen=True)
class GalleryPage:
    """A page of characters that was read."""

    record: Record
    url: str
    """Where its address led."""
    characters: list[Character]
    further: list[str]
    """Addresses of the gallery's further pages."""
    doubtful: list[str]
    """Where a "next" link leads that looks like something else."""


class Collector:
    """Fetches and saves; safe to use from several threads.

    Args:
        fetcher: asks the site.
        processes: take apart what it answers.
        site: how its pages are read.
        limits: caps of pages and images.
        folder: where things are.
        save: whether to save there.
    """

    def __init__(
        self, fetcher: Fetcher, processes: WorkerPool, site: Site, limits: Limits, folder: Path, save: bool
    ) -> None:
        self._fetcher = fetcher
        self._processes = processes
        self._site = site
        self._limits = limits
        self._folder = folder
        self._save = save

    def fetch_page(self, url: str, label: str, previous: Record | None, **labels: Any) -> PageRead:
        """Read a page, from the copy of an earlier run if the site says that it still holds.

        Args:
            url: its address.
            label: goes into the copy's file name.
            previous: what the manifest says of it.
            labels: fields of the record.

        Raises:
            FetchError: it cannot be read.
            OSError: it cannot be saved.
        """
        response = self._fetcher.get(url, self._limits.page_bytes, _validators(url, previous))
        if previous and previous.file and response.status == NOT_MODIFIED:
            return PageRead(_confirmed(previous), (self._folder / previous.file).read_text("utf-8"), response.url)
        final, text = self._after_refreshes(response)
        file = f"{PAGES}/{file_stem(label, url)}.html"
        record = self._save_changed(url, file, text.encode("utf-8", "replace"), response, previous)
        if final is not response:  # what the site says of the first page's age holds for that one only
            record = replace(record, etag=None, last_modified=None)
        return PageRead(replace(record, **labels), text, final.url)

    def _after_refreshes(self, response: Response) -> tuple[Response, str]:
        """Go where a page sends browsers by ``<meta http-equiv=refresh>``."""
        for _ in range(self._limits.redirects + 1):
            text = page_text(response.body, response.headers.get("Content-Type", ""))
            target = refresh_target(text, response.url)
            if not target:
                return response, text
            response = self._fetcher.get(target, self._limits.page_bytes)
        raise FetchError(f"more than {self._limits.redirects} meta refreshes", http=response.status)

    def fetch_gallery_page(
        self, link: PageLink, parent: str, previous: Record | None, *, first: bool
    ) -> GalleryPage:
        """Read a page of characters.

        Args:
            link: the page.
            parent: the page that led to it.
            previous: what the manifest says of it.
            first: it is a gallery's first page, which must have characters.

        Raises:
            FetchError: it cannot be read, or there is no character on it.
            OSError: it cannot be saved.
        """
        read = self.fetch_page(link.url, f"letter {link.letter}", previous, page=parent, letter=link.letter)
        content = self._in_process(
            PAGE_SECONDS, read_gallery, self._site, read.text, read.url, link.letter, self._limits.image_pixels
        )
        if first and not content.characters:
            raise FetchError(no_character(content.why_empty), http=read.record.http, retry=True)
        return GalleryPage(read.record, read.url, content.characters, content.further, content.doubtful)

    def read_hub(self, hub: PageRead) -> HubContent:
        """Read the page that leads to the others.

        Raises:
            FetchError: it cannot be read.
        """
        content: HubContent = self._in_process(PAGE_SECONDS, read_hub, self._site, hub.text, hub.url)
        return content

    def read_saved_page(self, path: Path, site_url: str) -> SavedPage:
        """Read a page that somebody saved in a browser.

        Raises:
            FetchError: it cannot be read.
        """
        limits = self._limits
        page: SavedPage = self._in_process(
            PAGE_SECONDS, read_saved_page, self._site, path, site_url, limits.image_bytes, limits.image_pixels
        )
        return page

    def _in_process(self, seconds: float, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function that takes apart what a site sent, where it can be ended."""
        try:
            return self._processes.call(function, *arguments, seconds=seconds)
        except WorkerClosedError:
            raise Stopped from None
        except WorkerError as error:
            raise FetchError(f"not read this time: {error}", retry_later=True) from None

    def fetch_character(
        self, character: Character, previous: Record | None, *, image_due: bool, details_due: bool
    ) -> list[Record]:
        """Fetch what is still due of a character; what cannot be had is recorded with its reason.

        Args:
            character: a cell of a page of characters.
            previous: what the manifest says of its image; not None where ``image_due`` is false. It may be of
                another address, which the image had before.
            image_due: fetch the image.
            details_due: read the character's own page.

        Returns:
            The record of the character's page, where it was due, and last that of the image.

        Raises:
            OSError: something cannot be saved.
        """
        values = labels(character)
        if previous and (previous.description or previous.fields):
            # The character's own page has been read, and its words hold.
            own = ("name", "game", "description", "fields")
            values |= {key: value for key in own if (value := getattr(previous, key))}
        records = []
        if details_due:
            page, from_page = self._details(character)
            records.append(page)
            values |= from_page
        if image_due or not previous:
            image = self._image(character, previous)
        else:
            image = replace(previous, status="unchanged") if previous.file else previous
        return [*records, replace(image, **values)]

    def _details(self, character: Character) -> tuple[Record, dict[str, Any]]:
        url = character.link or ""
        try:
            response = self._fetcher.get(url, self._limits.page_bytes)
            text = page_text(response.body, response.headers.get("Content-Type", ""))
            from_page = self._in_process(PAGE_SECONDS, read_details, self._site, text)
        except FetchError as error:
            return failed_record(url, error, page=character.page, name=character.name), {}
        values = {key: value for key, value in asdict(from_page).items() if value}
        record = Record(url, "saved", character.page, character.name, http=response.status)
        return replace(record, description=from_page.description, fields=from_page.fields or None), values

    def _image(self, character: Character, previous: Record | None) -> Record:
        checker = _ImageChecker(self._image_suffix, previous)
        url = character.image
        try:
            if character.inline_image:
                response = Response(url, OK, {}, decode_data_url(character.inline_image, self._limits.image_bytes))
                checker(response)
            else:
                headers = _validators(url, previous)
                response = self._fetcher.get(url, self._limits.image_bytes, headers, checker)
        except FetchError as error:
            record = failed_record(url, error, sha256=checker.damaged_sha256)
            return replace(record, retry=error.retry_later) if character.inline_image else record
        if previous and response.status == NOT_MODIFIED:
            return _confirmed(previous)
        if previous and previous.url != url:
            if previous.sha256 == hashlib.sha256(response.body).hexdigest():
                return replace(_confirmed(previous), url=url, http=response.status, etag=None, last_modified=None)
            previous = None
        file = f"{IMAGES}/{file_stem(character.name, url)}{checker.suffix}"
        return self._save_changed(url, file, response.body, response, previous)

    def _image_suffix(self, body: bytes) -> str:
        suffix: str = self._in_process(SECONDS, checked_image_suffix, body, self._limits.image_pixels)
        return suffix

    def _save_changed(
        self, url: str, file: str, content: bytes, response: Response, previous: Record | None
    ) -> Record:
        digest = hashlib.sha256(content).hexdigest()
        if self._save:
            write_bytes(self._folder / file, content)
            if previous and previous.file != file:
                delete_file(self._folder, previous)
        return Record(
            url,
            "unchanged" if previous and previous.file and previous.sha256 == digest else "saved",
            file=file,
            sha256=digest,
            bytes=len(content),
            http=response.status,
            etag=_header(response, "ETag"),
            last_modified=_header(response, "Last-Modified"),
        )


class _ImageChecker:
    """Accepts whole images; damaged bytes that an earlier run got too are what the site has."""

    def __init__(self, image_suffix: Callable[[bytes], str], previous: Record | None) -> None:
        self.suffix = ""
        self.damaged_sha256: str | None = None
        self._image_suffix = image_suffix
        self._previous_sha256 = previous.sha256 if previous and not previous.file else None

    def __call__(self, response: Response) -> None:
        try:
            self.suffix = self._image_suffix(response.body)
        except FetchError as error:
            if error.retry and response.body:
                self.damaged_sha256 = hashlib.sha256(response.body).hexdigest()
                if self.damaged_sha256 == self._previous_sha256:
                    raise FetchError(f"{error.reason}, as before", http=response.status) from error
            raise


def failed_record(url: str, error: FetchError, **labels: Any) -> Record:
    """Make the record of an address that brought nothing."""
    status: Status = "skipped" if error.forbidden else "failed"
    retry = error.retry or error.retry_later
    return Record(url, status, reason=error.reason, http=error.http, retry=retry, **labels)


def labels(character: Character) -> dict[str, Any]:
    """Give the fields of a record that say whose image it is."""
    return {
        "page": character.page,
        "name": character.name or None,
        "game": character.game,
        "letter": character.letter,
        "character_page": character.link,
    }


def _header(response: Response, name: str) -> str | None:
    """Give a header fit to be sent back; servers answer in Latin-1."""
    value = response.headers.get(name, "")[:MAX_HEADER_CHARACTERS]
    return value if value.isascii() and value.isprintable() and value else None


def _validators(url: str, previous: Record | None) -> dict[str, str]:
    """Make the headers that ask for a page or picture only if it has changed since."""
    if not previous or not previous.file or previous.url != url:
        return {}
    pairs = {"If-None-Match": previous.etag, "If-Modified-Since": previous.last_modified}
    return {name: value for name, value in pairs.items() if value}


def _confirmed(previous: Record) -> Record:
    return replace(previous, status="unchanged", http=NOT_MODIFIED, fetched_at=now())
