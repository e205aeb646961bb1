"""manifest.jsonl: every address and its outcome; what a rerun still has to do."""

import json
import logging
import os
import re
import stat
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO, Literal, Self, get_args

from kit.jsonl import parse_json_line
from scraper.errors import ScrapeError

MANIFEST_NAME = "manifest.jsonl"
IMAGES = "images"
"""The folder beside it with the pictures."""

_FILE = re.compile(r"(?:images|pages)/(?!\.{1,2}$)[^/\\\0]+")
"""Files of a crawl lie in its two folders; any other path is not touched."""
LOOPBACK_PORT = re.compile(r"^(http://(?:127\.0\.0\.1|localhost|\[::1\])):\d+")

Status = Literal["saved", "unchanged", "failed", "skipped"]

log = logging.getLogger(__name__)


def now() -> str:
    """Give the present moment as the manifest writes it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass(frozen=True, slots=True)
class Record:
    """What became of one address: a line of the manifest."""

    url: str
    status: Status
    page: str | None = None
    """The page that led here."""
    name: str | None = None
    """The character's true name; None for the site's own pages."""
    game: str | None = None
    letter: str | None = None
    file: str | None = None
    """Where the bytes are, from the manifest's folder: ``images/…`` or ``pages/…``."""
    sha256: str | None = None
    """Of the file; or of bytes that came damaged, so that the next run knows whether they ever differ."""
    bytes: int | None = None
    reason: str | None = None
    """Why it failed or was skipped."""
    http: int | None = None
    etag: str | None = None
    last_modified: str | None = None
    fetched_at: str = field(default_factory=now)
    """UTC, ISO 8601."""
    retry: bool = False
    """Failed, but worth another try: the next run asks again."""
    character_page: str | None = None
    description: str | None = None
    fields: dict[str, str] | None = None
    """The field table of the character's page."""


def address_key(url: str) -> str:
    """Give what two addresses of one thing have in common: servers on this machine change their ports."""
    return LOOPBACK_PORT.sub(r"\1", url)


_NAMES = tuple(each.name for each in fields(Record))
_OPTIONAL = ("retry", "character_page", "description", "fields")
"""Left out of the line where they say nothing."""


class Manifest:
    """The manifest of one folder, appended to line by line.

    In memory it holds only where each address's last line begins, so a crawl of any size stays small.
    A line that a kill tore off at the end is dropped when the next one is written.
    """

    def __init__(self, folder: Path) -> None:
        """Read what is there; nothing is written before the first `write`.

        Raises:
            OSError: the manifest cannot be read.
            ScrapeError: it is somebody else's: no line of it is a record.
        """
        self._path = folder / MANIFEST_NAME
        self._offsets: dict[str, int] = {}
        self._characters: dict[int, int] = {}
        self._end = 0
        self._missing_line_end = b""
        self._reader: BinaryIO | None = None
        self._writer: FileIO | None = None
        if self._path.exists():
            self._reader = self._path.open("rb")
            self._index(self._reader)
            if self._end and not self._offsets:
                raise ScrapeError(
                    f"{self._path}: not of vgc scrape; move it away, or choose another folder with --out"
                )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer:
            os.fsync(self._writer.fileno())
        for file in (self._reader, self._writer):
            if file:
                file.close()

    def get(self, url: str) -> Record | None:
        """Look up the last outcome of an address, without its file if that has been lost or cut since."""
        return self._record_at(self._offsets.get(address_key(url)))

    def get_character(self, name: str | None, page: str | None) -> Record | None:
        """Look up the last picture that was saved of a character: its address may have changed since.

        Args:
            name: its name; without one nothing is found.
            page: the character's own page, or else the page of characters.
        """
        record = self._record_at(self._characters.get(hash((name, page)))) if name else None
        return record if record and record.file and record.name == name else None

    def _record_at(self, offset: int | None) -> Record | None:
        record = None if offset is None else self._read(offset)
        if record and record.file:
            try:
                state = (self._path.parent / record.file).lstat()
            except OSError:
                return replace(record, file=None)
            if not stat.S_ISREG(state.st_mode) or state.st_size != record.bytes:  # a link may lead anywhere
                return replace(record, file=None)
        return record

    def write(self, record: Record) -> None:
        """Append a line and hand it to the operating system, so that killing this process loses nothing.

        Raises:
            OSError: it cannot be written; the lines before it stand.
        """
        values = {name: getattr(record, name) for name in _NAMES}
        line = {name: value for name, value in values.items() if value or name not in _OPTIONAL}
        encoded = json.dumps(line, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
        if self._writer is None:
            self._writer = self._open_writer()
        # Whatever an interrupted write left behind the last whole line goes first.
        self._writer.truncate(self._end)
        self._writer.seek(self._end)
        rest = memoryview(encoded)
        while rest:
            rest = rest[self._writer.write(rest) :]
        self._remember(record)
        self._end += len(encoded)

    def _remember(self, record: Record) -> None:
        self._offsets[address_key(record.url)] = self._end
        if record.name and record.file:
            self._characters[hash((record.name, record.character_page or record.page))] = self._end

    def _open_writer(self) -> FileIO:
        writer = FileIO(self._path, "rb+" if self._reader else "xb+")
        self._reader = self._reader or self._path.open("rb")
        writer.truncate(self._end)
        writer.seek(self._end)
        self._end += writer.write(self._missing_line_end)
        return writer

    def _index(self, lines: BinaryIO) -> None:
        for line in lines:
            record = _parse(line)
            if record:
                self._remember(record)
                self._missing_line_end = b"" if line.endswith(b"\n") else b"\n"
            elif line.endswith(b"\n"):
                log.warning("%s: a line that is no record is passed over: %.60r", self._path, line)
            else:
                log.info("%s: a line torn off by a kill is dropped", self._path)
                return
            self._end += len(line)

    def _read(self, offset: int) -> Record | None:
        assert self._reader
        self._reader.seek(offset)
        return _parse(self._reader.readline())


def delete_file(folder: Path, record: Record) -> None:
    """Delete the file of a record, unless it lies behind a link: what is there may be anybody's."""
    file = folder / (record.file or "")
    if record.file and not file.parent.is_symlink():
        file.unlink(missing_ok=True)


def _parse(line: bytes) -> Record | None:
    """Read a line, which may be a stranger's; None: it is torn, no record, or names a file elsewhere."""
    values = parse_json_line(line)
    if values is None or not all(_is_valid(name, values[name]) for name in _NAMES if name in values):
        return None
    if not {"url", "status"} <= values.keys():
        return None
    return Record(**{name: values[name] for name in _NAMES if name in values})


def _is_valid(name: str, value: Any) -> bool:
    if name == "status":
        return value in get_args(Status)
    if name == "file" and value is not None:
        return isinstance(value, str) and _FILE.fullmatch(value) is not None
    if name in ("bytes", "http"):
        return value is None or (isinstance(value, int) and not isinstance(value, bool))
    if name == "retry":
        return isinstance(value, bool)
    if name == "fields":
        texts = [*value, *value.values()] if isinstance(value, dict) else [] if value is None else [None]
        return all(isinstance(text, str) for text in texts)
    return isinstance(value, str) or (value is None and name not in ("url", "fetched_at"))
