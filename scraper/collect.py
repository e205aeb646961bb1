"""What a worker does with one page or one character: fetch, check, save, and say what came of it."""

import hashlib
import re
import threading
import unicodedata
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from kit.atomic import write_bytes
from scraper.errors import FetchError
from scraper.manifest import IMAGES, Record, Status, address_key, now
from scraper.net.fetch import NOT_MODIFIED, Fetcher
from scraper.net.transport import Limits, Response
from scraper.pages.html import page_text, parse_html
from scraper.pages.images import image_suffix
from scraper.pages.sites import Character, Site, characters, details

PAGES = "pages"
SLUG_CHARACTERS = 60
ID_DIGITS = 10
MAX_HEADER_CHARACTERS = 300


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


class Collector:
    """Fetches and saves; safe to use from several threads.

    Args:
        fetcher: asks the site.
        site: how its pages are read.
        limits: caps of pages and pictures.
        folder: where things are.
        save: whether to save there.
    """

    def __init__(self, fetcher: Fetcher, site: Site, limits: Limits, folder: Path, save: bool) -> None:
        self._fetcher = fetcher
        self._site = site
        self._limits = limits
        self._folder = folder
        self._save = save
        # A tree takes a hundred times the room of its page, and two at once are not read any faster.
        self._parsing = threading.Lock()

    def page(self, url: str, label: str, known: Record | None, **labels: Any) -> PageRead:
        """Read a page, from the copy of an earlier run if the site says that it still holds.

        Args:
            url: its address.
            label: goes into the copy's file name.
            known: what the manifest says of it.
            labels: fields of the record.

        Raises:
            FetchError: it cannot be read.
            OSError: it cannot be saved.
        """
        response = self._fetcher.get(url, self._limits.page_bytes, _validators(url, known))
        if known and known.file and response.status == NOT_MODIFIED:
            return PageRead(_still_good(known), (self._folder / known.file).read_text("utf-8"), response.url)
        text = page_text(response.body, response.headers.get("Content-Type", ""))
        file = f"{PAGES}/{file_stem(label, url)}.html"
        record = self._saved(url, file, text.encode("utf-8", "replace"), response, known)
        return PageRead(replace(record, **labels), text, response.url)

    def letter_page(
        self, url: str, letter: str, hub_url: str, known: Record | None
    ) -> tuple[Record, list[Character]]:
        """Read a letter page's characters.

        Raises:
            FetchError: it cannot be read, or there is no character on it.
            OSError: it cannot be saved.
        """
        read = self.page(url, f"letter {letter}", known, page=hub_url, letter=letter)
        with self._parsing:
            found = list(characters(self._site, parse_html(read.text), read.url, letter))
        if not found:
            raise FetchError("no character on the page", http=read.record.http, retry=True)
        return read.record, found

    def character(
        self, character: Character, known: Record | None, *, picture_due: bool, details_due: bool
    ) -> list[Record]:
        """Fetch what is still due of a character; what cannot be had is recorded with its reason.

        Args:
            character: a cell of a letter page.
            known: what the manifest says of its picture; not None where ``picture_due`` is false.
            picture_due: fetch the picture.
            details_due: read the character's own page.

        Returns:
            The record of the character's page, where it was due, and last that of the picture.

        Raises:
            OSError: something cannot be saved.
        """
        said = labels(character)
        if known and (known.description or known.fields):
            # The character's own page has been read, and its words hold.
            own = ("name", "game", "description", "fields")
            said |= {key: value for key in own if (value := getattr(known, key))}
        records = []
        if details_due:
            page, found = self._details(character)
            records.append(page)
            said |= found
        if picture_due or not known:
            picture = self._picture(character, known)
        else:
            picture = replace(known, status="unchanged") if known.file else known
        return [*records, replace(picture, **said)]

    def _details(self, character: Character) -> tuple[Record, dict[str, Any]]:
        url = character.link or ""
        try:
            response = self._fetcher.get(url, self._limits.page_bytes)
            with self._parsing:
                tree = parse_html(page_text(response.body, response.headers.get("Content-Type", "")))
                found = details(self._site, tree)
        except FetchError as error:
            return refused(url, error, page=character.page, name=character.name), {}
        record = Record(url, "saved", character.page, character.name, http=response.status)
        return record, {key: value for key, value in asdict(found).items() if value}

    def _picture(self, character: Character, known: Record | None) -> Record:
        suffix = ""

        def accept(response: Response) -> None:
            nonlocal suffix
            suffix = image_suffix(response.body, self._limits.image_pixels)

        url = character.picture
        try:
            response = self._fetcher.get(url, self._limits.image_bytes, _validators(url, known), accept)
        except FetchError as error:
            return refused(url, error)
        if known and response.status == NOT_MODIFIED:
            return _still_good(known)
        file = f"{IMAGES}/{file_stem(character.name, url)}{suffix}"
        return self._saved(url, file, response.body, response, known)

    def _saved(self, url: str, file: str, content: bytes, response: Response, known: Record | None) -> Record:
        digest = hashlib.sha256(content).hexdigest()
        if self._save:
            write_bytes(self._folder / file, content)
            if known and known.file and known.file != file:
                (self._folder / known.file).unlink(missing_ok=True)
        return Record(
            url,
            "unchanged" if known and known.file and known.sha256 == digest else "saved",
            file=file,
            sha256=digest,
            bytes=len(content),
            http=response.status,
            etag=_header(response, "ETag"),
            last_modified=_header(response, "Last-Modified"),
        )


def refused(url: str, error: FetchError, **said: Any) -> Record:
    """Make the record of an address that brought nothing."""
    status: Status = "skipped" if error.forbidden else "failed"
    return Record(url, status, reason=error.reason, http=error.http, retry=error.retry, **said)


def labels(character: Character) -> dict[str, Any]:
    """Give the fields of a record that say whose picture it is."""
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


def _validators(url: str, known: Record | None) -> dict[str, str]:
    """Make the headers that ask for a page or picture only if it has changed since."""
    if not known or not known.file or known.url != url:
        return {}
    pairs = {"If-None-Match": known.etag, "If-Modified-Since": known.last_modified}
    return {name: value for name, value in pairs.items() if value}


def _still_good(known: Record) -> Record:
    return replace(known, status="unchanged", http=NOT_MODIFIED, fetched_at=now())
