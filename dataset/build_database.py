"""The database of a set and recipe: its file, its tables, and how what became of a raw file lies in a row."""

import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Self

from dataset.parts import Part
from dataset.raw import clean_stem, label_of, part_path, path_key, path_of_key, readable, split_part, stem_apart
from dataset.render import OUTCOME_FIELDS, Outcome
from dataset.staging import is_picture_name

VERSION = 2
"""Raised with every change of `SCHEMA`: older databases are then made anew, save for `_add_alpha`."""
APPLICATION_ID = int.from_bytes(b"vgcs")
PAGE_ROWS = 1_000
"""Rows in memory at once. What is read in pages may be written to between them."""
CACHE_KIB = 48 * 1024

SETTLED, TO_RENDER, RENDERED = range(3)
"""Stages of a raw file: as the set's lists have it; of which nothing is known; known, but not yet in the lists."""

BY_ALPHA = "CREATE INDEX transparent ON files (file_name) WHERE alpha IS NOT NULL;"
SCHEMA = f"""
CREATE TABLE files (
    id INTEGER PRIMARY KEY AUTOINCREMENT, path BLOB NOT NULL UNIQUE, state BLOB NOT NULL, refusal TEXT NOT NULL,
    doubt INTEGER NOT NULL DEFAULT 0,
    stem TEXT NOT NULL, apart INTEGER NOT NULL DEFAULT 0, file_name TEXT NOT NULL,
    stage INTEGER NOT NULL, kept INTEGER NOT NULL DEFAULT 0, images BLOB, row_bytes INTEGER,
    raw_sha256 BLOB, reason TEXT, note TEXT, raw_format TEXT, raw_width INTEGER, raw_height INTEGER,
    pixel_sha256 BLOB, perceptual_hash INTEGER, alpha TEXT);
CREATE INDEX by_name ON files (file_name);
CREATE INDEX by_stem ON files (stem);
CREATE INDEX by_pixels ON files (pixel_sha256, file_name) WHERE pixel_sha256 IS NOT NULL;
CREATE INDEX by_doubt ON files (doubt) WHERE doubt;
CREATE INDEX to_render ON files (file_name) WHERE stage = {TO_RENDER};
CREATE INDEX rendered ON files (file_name) WHERE stage = {RENDERED};
CREATE INDEX in_set ON files (file_name, perceptual_hash, row_bytes, kept) WHERE kept;
CREATE INDEX twins ON files (file_name) WHERE pixel_sha256 IS NOT NULL AND images IS NULL;
CREATE INDEX refused ON files (file_name) WHERE reason IS NOT NULL;
CREATE INDEX noted ON files (file_name) WHERE note IS NOT NULL;
{BY_ALPHA}
CREATE TABLE facts (path BLOB PRIMARY KEY, facts TEXT NOT NULL, host TEXT, game TEXT) WITHOUT ROWID;
CREATE TABLE stale (file_name TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE notes (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
"""
"""``files``: a line for each raw file. It is ``apart`` if its name tells it from another, and ``kept`` if it is in
the set; ``images`` are `dataset.render.image_states`. ``facts``: what a scrape's manifest tells. ``stale``: clean
pictures that may lie in the set's folder, where they belong only if they are kept."""

FOREIGN = """SELECT 1 FROM sqlite_master WHERE type IN ('trigger', 'view')
    UNION ALL SELECT 1 FROM files WHERE NOT is_picture_name(file_name)
    UNION ALL SELECT 1 FROM stale WHERE NOT is_picture_name(file_name)"""
"""Finds something in what no build has written: names that lead out of the set's folders, code."""

FIGURES = """CREATE TABLE IF NOT EXISTS figures
    (path BLOB PRIMARY KEY, left INTEGER, top INTEGER, right INTEGER, bottom INTEGER) WITHOUT ROWID"""
"""Where each file's figure is, by `dataset.render.measure`, for sets that are trimmed together."""

OUTCOME_COLUMNS = OUTCOME_FIELDS[2:-2]
"""The file, the frame and the cell stand in the path."""
PART_MARK = "instr(files.path, x'0000')"
FILE_PATH = f"iif({PART_MARK}, substr(files.path, 1, {PART_MARK} - 1), files.path)"
"""The path of an animation for each of its frames, and of a sheet for each of its cells."""
IS_TWIN = "pixel_sha256 IS NOT NULL AND images IS NULL"
"""A file with another's pixels; only that one has clean pictures. SQLite has to be told to use the index."""
TRANSPARENT = "kept AND alpha IS NOT NULL"
"""Pictures of the set that are not opaque all over."""
OUTCOME_SQL = f"path, file_name, {', '.join(OUTCOME_COLUMNS)}"
SET_OUTCOME = ", ".join(f"{column} = ?" for column in OUTCOME_COLUMNS)


class BuildDatabase:
    """What `dataset.build_cache` writes to and `dataset.set_contents` reads; use it in a ``with`` block.

    Every method raises `sqlite3.DatabaseError` if the database is damaged or cannot be written.
    """

    def __init__(self, file: Path) -> None:
        """Open ``file``, or make it."""
        self.file = file
        self.connection = sqlite3.connect(file)
        try:
            self._open()
        except sqlite3.Error:
            self.connection.close()
            raise

    def _open(self) -> None:
        # The set's lock lets in one process at a time. So the database needs no memory shared with others, which
        # network disks lack.
        for setting in ("locking_mode = EXCLUSIVE", "journal_mode = WAL", f"cache_size = -{CACHE_KIB}"):
            self.connection.execute(f"PRAGMA {setting}")
        # A power cut may take the last moments, but harms nothing.
        self.connection.execute("PRAGMA synchronous = NORMAL")
        self.connection.create_function("clean_name", 2, _clean_name, deterministic=True)
        self.connection.create_function("is_picture_name", 1, is_picture_name, deterministic=True)
        self.connection.create_function("label", 1, _label, deterministic=True)
        self.is_new = not self.one("SELECT count(*) FROM sqlite_master")
        if self.is_new:
            self.connection.executescript(
                f"""BEGIN; {SCHEMA} PRAGMA application_id = {APPLICATION_ID};
                PRAGMA user_version = {VERSION}; COMMIT;"""
            )
        self.connection.execute(FIGURES)
        if self._version() == (APPLICATION_ID, 1):
            self._add_alpha()
        if self._version() != (APPLICATION_ID, VERSION) or self.one(FOREIGN):
            raise sqlite3.DatabaseError("of another program or version")

    def _version(self) -> tuple[int, int]:
        return self.one("PRAGMA application_id"), self.one("PRAGMA user_version")

    def _add_alpha(self) -> None:
        """Bring a database of version 1 up to date, which does not tell what is transparent."""
        self.connection.executescript(
            f"""BEGIN; ALTER TABLE files ADD COLUMN alpha TEXT; {BY_ALPHA}
            INSERT OR REPLACE INTO notes VALUES ('alpha unknown', 1); PRAGMA user_version = {VERSION}; COMMIT;"""
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.connection.commit()
        finally:
            self.connection.close()

    def commit(self) -> None:
        """Make sure that a kill loses nothing of what was recorded until now."""
        self.connection.commit()

    def one(self, query: str, *values: Any) -> Any:
        """The first value of the first line, or None."""
        row = self.connection.execute(query, values).fetchone()
        return row[0] if row else None

    def pages(
        self, columns: str, condition: str = "true", after: tuple[str, int] = ("", 0), index: str = ""
    ) -> Iterator[list[Any]]:
        """Clean name, number and ``columns`` of the files that fulfil a condition, in order."""
        while True:
            page = self.connection.execute(
                f"""SELECT file_name, id, {columns} FROM files AS file {index} WHERE {condition}
                AND (file_name, id) > (?, ?) ORDER BY file_name, id LIMIT {PAGE_ROWS}""",
                after,
            ).fetchall()
            if not page:
                return
            after = page[-1][:2]
            yield page

    def count(self, condition: str = "true") -> int:
        """How many raw files fulfil a condition."""
        return int(self.one(f"SELECT count(*) FROM files WHERE {condition}"))

    def original(self, pixel_sha256: bytes | None) -> str | None:
        """The first file with these pixels."""
        name: str | None = self.one("SELECT min(file_name) FROM files WHERE pixel_sha256 = ?", pixel_sha256)
        return name

    def note(self, name: str) -> Any:
        """What was noted under a name, or None."""
        return self.one("SELECT value FROM notes WHERE name = ?", name)

    def set_note(self, name: str, value: Any) -> None:
        """Note text, bytes or a number."""
        self.connection.execute("INSERT OR REPLACE INTO notes VALUES (?, ?)", (name, value))


def _label(folder: bytes) -> str | None:
    return label_of(path_of_key(folder) + b"any file")


def _clean_name(key: bytes, apart: int) -> str:
    path = path_of_key(key)
    stem = clean_stem(path)
    return f"{stem_apart(stem, path) if apart else stem}.png"


def outcome_key(outcome: Outcome) -> bytes:
    """The path of a file, a frame or a cell, as the database has it."""
    return path_key(part_path(outcome.raw_file.encode(), Part(outcome.frame, outcome.cell)))


def outcome_values(outcome: Outcome) -> list[Any]:
    """For `OUTCOME_COLUMNS`: checksums in half the room, and nothing where there is nothing to say."""
    values = outcome.as_dict()
    for name in ("raw_sha256", "pixel_sha256"):
        values[name] = bytes.fromhex(values[name])
    if outcome.perceptual_hash:
        values["perceptual_hash"] = int.from_bytes(bytes.fromhex(outcome.perceptual_hash), signed=True)
    return [None if values[name] in ("", b"") else values[name] for name in OUTCOME_COLUMNS]


def read_outcome(columns: Iterable[Any]) -> Outcome:
    """The inverse, of the columns of `OUTCOME_SQL`."""
    key, file_name, *values = columns
    known = {name: value for name, value in zip(OUTCOME_COLUMNS, values, strict=True) if value is not None}
    for name in ("raw_sha256", "pixel_sha256"):
        if name in known:
            known[name] = known[name].hex()
    if "perceptual_hash" in known:
        known["perceptual_hash"] = known["perceptual_hash"].to_bytes(8, signed=True).hex()
    path, part = split_part(path_of_key(key))
    return Outcome(readable(path), file_name, **known, frame=part.number, cell=part.cell)
