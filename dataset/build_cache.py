"""What is known of the raw files and of the set, in a database: a cache, made anew where it is lost."""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from dataset.frames import frames_of_note
from dataset.near_duplicates import Comparison, compare
from dataset.parts import Part
from dataset.raw import (
    RawFile,
    clean_stem,
    label_of,
    part_path,
    path_key,
    path_of_key,
    readable,
    split_part,
    stem_apart,
)
from dataset.render import OUTCOME_FIELDS, STATE, Outcome
from dataset.trim import Box

VERSION = 2
"""Raised with every change of `SCHEMA`: older databases are then made anew, save for `_without_alpha`."""
APPLICATION_ID = int.from_bytes(b"vgcs")
PAGE_ROWS = 1_000
"""Rows in memory at once. What is read in pages may be written to between them."""
CACHE_KIB = 48 * 1024
WHOLE = np.dtype("<i8")

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

FOREIGN = " UNION ALL ".join(
    [
        "SELECT 1 FROM sqlite_master WHERE type IN ('trigger', 'view')",
        *(
            f"SELECT 1 FROM {table} WHERE file_name GLOB '*[/\\]*' OR instr(file_name, char(0))"
            for table in ("files", "stale")
        ),
    ]
)
"""Finds something in what no build has written: names that lead out of the set's folders, code."""

FIGURES = """CREATE TABLE IF NOT EXISTS figures
    (path BLOB PRIMARY KEY, left INTEGER, top INTEGER, right INTEGER, bottom INTEGER) WITHOUT ROWID"""
"""Where each file's figure is, by `dataset.render.measure`, for sets that are trimmed together."""

OPAQUE_FORMATS = ("JPEG", "BMP", "PPM", "PCX", "MPO")
"""Pillow's names of formats without transparency."""
OUTCOME_COLUMNS = OUTCOME_FIELDS[2:-2]
"""The file, the frame and the cell stand in the path."""
_MARK = "instr(files.path, x'0000')"
FILE_PATH = f"iif({_MARK}, substr(files.path, 1, {_MARK} - 1), files.path)"
"""The path of an animation for each of its frames, and of a sheet for each of its cells."""
_FIRST_FOLDER = f"substr({FILE_PATH}, 1, instr({FILE_PATH}, x'00'))"
"""With the mark after it; empty where a file is in none."""
IS_PART_1_OR_FILE = f"(NOT {_MARK} OR substr(files.path, {_MARK} + 2, 6) = CAST('000001' AS BLOB))"
_TO_FORGET = ", ".join(
    [f"stage = {TO_RENDER}, doubt = 0, kept = 0, images = NULL, row_bytes = NULL"]
    + [f"{column} = NULL" for column in OUTCOME_COLUMNS]
)
_OUTCOME = f"path, file_name, {', '.join(OUTCOME_COLUMNS)}"
_SET_OUTCOME = ", ".join(f"{column} = ?" for column in OUTCOME_COLUMNS)
IS_TWIN = "pixel_sha256 IS NOT NULL AND images IS NULL"
"""A file with another's pixels; only that one has clean pictures. SQLite has to be told to use the index."""
ORPHANS = f"""{IS_TWIN} AND NOT EXISTS (SELECT 1 FROM files AS first
    WHERE first.pixel_sha256 = files.pixel_sha256 AND first.file_name < files.file_name)"""
"""Files that had another's pixels, which is gone or has others now."""
WITHOUT_RGBA = f"kept AND length(images) <= {2 * STATE.size}"
"""Pictures of the set without a copy in four channels."""
LAST_NAME = chr(0x10FFFF)
"""After all clean names."""


class Row(NamedTuple):
    """A raw file in the order of the clean names."""

    file_name: str
    id: int
    path: bytes
    stage: int
    kept: int
    pixel_sha256: bytes | None
    row_bytes: int | None
    original: str | None
    """The first file with these pixels when the page was read."""


class BuildCache:
    """The database of one set and recipe; use it in a ``with`` block.

    Every method raises `sqlite3.DatabaseError` if the database is damaged or cannot be written.
    """

    def __init__(self, file: Path) -> None:
        """Open ``file``, or make it."""
        self.file = file
        self._connection = sqlite3.connect(file)
        try:
            self._open()
        except sqlite3.Error:
            self._connection.close()
            raise

    def _open(self) -> None:
        # The set's lock lets in one process at a time. So the database needs no memory shared with others, which
        # network disks lack.
        for setting in ("locking_mode = EXCLUSIVE", "journal_mode = WAL", f"cache_size = -{CACHE_KIB}"):
            self._connection.execute(f"PRAGMA {setting}")
        # A power cut may take the last moments, but harms nothing.
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.create_function("clean_name", 2, _clean_name, deterministic=True)
        self._connection.create_function("label", 1, _label, deterministic=True)
        self.is_new = not self._one("SELECT count(*) FROM sqlite_master")
        if self.is_new:
            self._connection.executescript(
                f"""BEGIN; {SCHEMA} PRAGMA application_id = {APPLICATION_ID};
                PRAGMA user_version = {VERSION}; COMMIT;"""
            )
        self._connection.execute(FIGURES)
        if self._version() == (APPLICATION_ID, 1):
            self._add_alpha()
        if self._version() != (APPLICATION_ID, VERSION) or self._one(FOREIGN):
            raise sqlite3.DatabaseError("of another program or version")

    def _version(self) -> tuple[int, int]:
        return self._one("PRAGMA application_id"), self._one("PRAGMA user_version")

    def _add_alpha(self) -> None:
        """Bring a database of version 1 up to date, which does not tell what is transparent."""
        self._connection.executescript(
            f"""BEGIN; ALTER TABLE files ADD COLUMN alpha TEXT; {BY_ALPHA}
            INSERT OR REPLACE INTO notes VALUES ('alpha unknown', 1); PRAGMA user_version = {VERSION}; COMMIT;"""
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._connection.commit()
        finally:
            self._connection.close()

    def commit(self) -> None:
        """Make sure that a kill loses nothing of what was recorded until now."""
        self._connection.commit()

    def _one(self, query: str, *values: Any) -> Any:
        """The first value of the first line, or None."""
        row = self._connection.execute(query, values).fetchone()
        return row[0] if row else None

    def _pages(
        self, columns: str, condition: str = "true", after: tuple[str, int] = ("", 0), index: str = ""
    ) -> Iterator[list[Any]]:
        """Clean name, number and ``columns`` of the files that fulfil a condition, in order."""
        while True:
            page = self._connection.execute(
                f"""SELECT file_name, id, {columns} FROM files AS file {index} WHERE {condition}
                AND (file_name, id) > (?, ?) ORDER BY file_name, id LIMIT {PAGE_ROWS}""",
                after,
            ).fetchall()
            if not page:
                return
            after = page[-1][:2]
            yield page

    # Notes

    def note(self, name: str) -> Any:
        """What was noted under a name, or None."""
        return self._one("SELECT value FROM notes WHERE name = ?", name)

    def set_note(self, name: str, value: Any) -> None:
        """Note text, bytes or a number."""
        self._connection.execute("INSERT OR REPLACE INTO notes VALUES (?, ?)", (name, value))

    def has_changed(self) -> bool:
        """Whether the set may have to be other than it is."""
        return bool(self.note("changed"))

    def mark_changed(self) -> None:
        """Have the set's lists written anew."""
        self.set_note("changed", 1)

    # The raw folder

    def update(self, files: Iterable[RawFile]) -> None:
        """Take note of what is new, changed or gone; ``files`` come in the order of their keys."""
        known = self._known()
        new: list[tuple[Any, ...]] = []
        row = next(known, None)
        for file in files:
            key = path_key(file.path)
            while row and row[0] < key:
                self._remove(row[1])
                row = next(known, None)
            if not row or row[0] != key:
                new.append(_new_row(file, key))
            else:
                _, number, state, refusal = row
                if file.refusal != refusal:
                    self._remove(number)
                    new.append(_new_row(file, key))
                elif not refusal and (file.state != state or not state):
                    self._connection.execute(
                        f"UPDATE files SET state = ?, doubt = stage != {TO_RENDER} WHERE id = ?",
                        (file.state, number),
                    )
                row = next(known, None)
            if len(new) >= PAGE_ROWS:
                self._add(new)
        while row:
            self._remove(row[1])
            row = next(known, None)
        self._add(new)
        if self.has_changed():
            self._settle_names()

    def _known(self) -> Iterator[tuple[bytes, int, bytes, str]]:
        last = b""
        while page := self._connection.execute(
            f"SELECT path, id, state, refusal FROM files WHERE path > ? ORDER BY path LIMIT {PAGE_ROWS}", (last,)
        ).fetchall():
            yield from page
            last = page[-1][0]

    def _add(self, rows: list[tuple[Any, ...]]) -> None:
        if rows:
            self.mark_changed()
            self._connection.executemany(
                """INSERT INTO files (path, state, refusal, reason, stage, stem, file_name)
                VALUES (?, ?, ?, ?, ?, ?, ?)""",
                rows,
            )
            self._connection.commit()
            rows.clear()

    def _remove(self, number: int) -> None:
        self._forget("id = ?", number)
        self._connection.execute("DELETE FROM files WHERE id = ?", (number,))

    def _forget(self, which: str, *values: Any) -> None:
        """Have files rendered anew, except those that must not be opened."""
        self.mark_changed()
        self._connection.execute(
            f"INSERT OR IGNORE INTO stale SELECT file_name FROM files WHERE images IS NOT NULL AND {which}", values
        )
        self._connection.execute(f"UPDATE files SET {_TO_FORGET} WHERE refusal = '' AND {which}", values)

    def _settle_names(self) -> None:
        """Tell apart the files whose clean names would be the same on some file system."""
        several = "stem IN (SELECT stem FROM files GROUP BY stem HAVING count(*) > 1)"
        for which, apart in ((f"NOT apart AND {several}", 1), (f"apart AND NOT {several}", 0)):
            if self._one(f"SELECT 1 FROM files WHERE {which} LIMIT 1"):
                self._forget(which)
                self._connection.execute(
                    f"UPDATE files SET apart = {apart}, file_name = clean_name(path, {apart}) WHERE {which}"
                )

    def doubtful(self) -> Iterator[tuple[int, bytes, str]]:
        """Number, path and known checksum of files that may have changed; each is to be settled."""
        while page := self._connection.execute(
            f"SELECT id, path, hex(raw_sha256) FROM files WHERE doubt LIMIT {PAGE_ROWS}"
        ).fetchall():
            for number, key, digest in page:
                yield number, path_of_key(key), digest.lower()

    def settle(self, number: int, same: bool) -> None:
        """Say of a doubtful file whether it is the same as ever."""
        if same:
            self._connection.execute("UPDATE files SET doubt = 0 WHERE id = ?", (number,))
        else:
            self._forget("id = ?", number)

    # What became of the files

    def find_alpha(self) -> None:
        """Have pictures rendered anew of which an older version did not tell whether they are transparent."""
        if self.note("alpha unknown"):
            self._forget(f"pixel_sha256 IS NOT NULL AND raw_format NOT IN {OPAQUE_FORMATS}")
            self.set_note("alpha unknown", 0)

    def without_rgba(self) -> Iterator[tuple[int, str, bytes]]:
        """Number, clean name and ``images`` of the set's pictures without a copy in four channels."""
        for page in self._pages("images", WITHOUT_RGBA):
            yield from ((number, name, images) for name, number, images in page)

    def set_images(self, number: int, images: bytes) -> None:
        """Record the states of a file's clean pictures."""
        self._connection.execute("UPDATE files SET images = ? WHERE id = ?", (images, number))

    def drop_rgba(self) -> None:
        """Take note that no picture has a copy in four channels any more."""
        self._connection.execute(
            f"""UPDATE files SET images = substr(images, 1, {2 * STATE.size})
            WHERE length(images) > {2 * STATE.size}"""
        )

    def check_images(self, is_whole: Callable[[str, bytes], bool]) -> None:
        """Have files rendered anew whose clean pictures are not as they were made.

        Args:
            is_whole: given a clean name and ``images`` as recorded.
        """
        for page in self._pages("images", "images IS NOT NULL"):
            for name, number, images in page:
                if not is_whole(name, images):
                    self._forget("id = ?", number)
        # Twins have no pictures of their own: they are known while a file before them has their pixels.
        if self._one(f"SELECT 1 FROM files INDEXED BY twins WHERE {ORPHANS} LIMIT 1"):
            self._forget(ORPHANS)

    def retry(self, reason: str) -> None:
        """Have files rendered anew that were rejected for a reason that begins so."""
        which = "reason IS NOT NULL AND substr(reason, 1, ?) = ?"
        if self._one(f"SELECT 1 FROM files WHERE {which} LIMIT 1", len(reason), reason):
            self._forget(which, len(reason), reason)

    def forget_files(self, raw_sha256s: Iterable[str]) -> None:
        """Have files with these checksums rendered anew."""
        self._forget("lower(hex(raw_sha256)) IN (SELECT value FROM json_each(?))", json.dumps(sorted(raw_sha256s)))

    def adopt(self, outcome: Outcome, images: bytes | None) -> None:
        """Take over what an earlier build found out where nothing is known; the file itself stays in doubt.

        Raises:
            ValueError: the outcome is none that a build would have written.
        """
        self._connection.execute(
            f"""UPDATE files SET doubt = 1, stage = {RENDERED}, images = ?, {_SET_OUTCOME}
            WHERE path = ? AND file_name = ? AND refusal = '' AND stage = {TO_RENDER}""",
            (images, *_values(outcome), _key(outcome), outcome.file_name),
        )

    def add_stale(self, names: Iterable[str]) -> None:
        """Take note of clean pictures in the set's folder, which go unless they are kept."""
        self.mark_changed()
        self._connection.executemany("INSERT OR IGNORE INTO stale VALUES (?)", ((name,) for name in names))

    def stale(self) -> Iterator[str]:
        """Clean pictures that do not belong into the set's folder any more."""
        query = "SELECT file_name FROM stale WHERE file_name NOT IN (SELECT file_name FROM files WHERE kept)"
        return (name for (name,) in self._connection.execute(query))

    def count(self, condition: str = "true") -> int:
        """How many raw files fulfil a condition."""
        return int(self._one(f"SELECT count(*) FROM files WHERE {condition}"))

    def count_files(self) -> int:
        """How many raw files there are: an animation or a sheet is one, however many of its parts are taken."""
        return self.count(IS_PART_1_OR_FILE)

    def count_frames_passed_over(self) -> int:
        """How many frames of animations with a picture are not looked at as pictures of their own."""
        frames, taken = {}, 0
        for path, note in self._connection.execute("SELECT path, note FROM files WHERE note IS NOT NULL"):
            if number := frames_of_note(note):
                frames[split_part(path_of_key(path))[0]] = number
        for (path,) in self._connection.execute(f"SELECT path FROM files WHERE note IS NOT NULL OR {_MARK}"):
            taken += split_part(path_of_key(path))[0] in frames
        return sum(frames.values()) - taken

    def count_twins(self) -> int:
        """How many raw files have the pixels of another."""
        return int(self._one(f"SELECT count(*) FROM files INDEXED BY twins WHERE {IS_TWIN}"))

    def count_settled(self) -> int:
        """How many pictures lie in the set's folder for certain, once all have been checked."""
        waiting = f"SELECT count(*) FROM files INDEXED BY rendered WHERE stage = {RENDERED} AND kept"
        return self.count("kept") - int(self._one(waiting))

    def count_from(self, name: str) -> int:
        """How many raw files have this clean name or a later one."""
        return int(self._one("SELECT count(*) FROM files WHERE file_name >= ?", name))

    def knows_images(self) -> bool:
        """Whether any clean picture was ever made."""
        return bool(
            self._one(
                "SELECT EXISTS (SELECT 1 FROM files WHERE images IS NOT NULL) OR EXISTS (SELECT 1 FROM stale)"
            )
        )

    def first_change(self) -> str | None:
        """The clean name from which on the set's lists have to be written anew; None if they are right."""
        query = f"""SELECT min(name) FROM (SELECT min(file_name) AS name FROM files WHERE stage = {RENDERED}
            UNION ALL SELECT min(file_name) FROM files WHERE stage = {TO_RENDER}
            UNION ALL SELECT min(file_name) FROM stale)"""
        name: str | None = self._one(query)
        return name

    def last_change(self) -> str:
        """The clean name up to which the set's lists have to be written anew; empty if they are right."""
        query = f"""SELECT max(name) FROM (SELECT max(file_name) AS name FROM files WHERE stage = {RENDERED}
            UNION ALL SELECT max(file_name) FROM files WHERE stage = {TO_RENDER}
            UNION ALL SELECT max(file_name) FROM stale
            UNION ALL SELECT max(file_name) FROM files INDEXED BY twins WHERE {ORPHANS})"""
        return str(self._one(query) or "")

    def rows_from(self, name: str) -> tuple[int, int | None]:
        """As `rows_before`, of the pictures with this name and later ones."""
        count, known, total = self._connection.execute(
            "SELECT count(*), count(row_bytes), sum(row_bytes) FROM files WHERE kept AND file_name >= ?", (name,)
        ).fetchone()
        return count, total or 0 if count == known else None

    def rows_before(self, name: str) -> tuple[int, int | None]:
        """How many pictures of the set come before a name, and the bytes of their rows, None if not known."""
        count, known, total = self._connection.execute(
            "SELECT count(*), count(row_bytes), sum(row_bytes) FROM files WHERE kept AND file_name < ?", (name,)
        ).fetchone()
        return count, total or 0 if count == known else None

    def to_render(self) -> Iterator[tuple[bytes, str]]:
        """Path and clean name of each file of which nothing is known, in the order of `rows`."""
        for page in self._pages("path", f"stage = {TO_RENDER}"):
            yield from ((path_of_key(key), name) for name, _, key in page)

    def rows(self, start: str) -> Iterator[Row]:
        """All files from a clean name on. Those of which nothing is known have to be recorded as they come."""
        original = (
            """(SELECT min(first.file_name) FROM files AS first WHERE first.pixel_sha256 = file.pixel_sha256)"""
        )
        for page in self._pages(f"path, stage, kept, pixel_sha256, row_bytes, {original}", after=(start, 0)):
            fresh = False
            for values in page:
                row = Row(*values)
                fresh = fresh or row.stage == TO_RENDER
                # What was recorded since the page was read may come before.
                yield row._replace(original=self.original(row.pixel_sha256)) if fresh and row.pixel_sha256 else row

    def original(self, pixel_sha256: bytes | None) -> str | None:
        """The first file with these pixels."""
        name: str | None = self._one("SELECT min(file_name) FROM files WHERE pixel_sha256 = ?", pixel_sha256)
        return name

    def record(self, row: Row, outcome: Outcome, images: bytes, row_bytes: int) -> bool:
        """Record what became of a file; give whether its picture is in the set."""
        original = self.original(bytes.fromhex(outcome.pixel_sha256)) if outcome.pixel_sha256 else None
        kept = bool(outcome.pixel_sha256) and (original is None or original > outcome.file_name)
        self._connection.execute(
            f"""UPDATE files SET stage = {RENDERED}, kept = ?, images = ?, row_bytes = ?, {_SET_OUTCOME}
            WHERE id = ?""",
            (kept, images if kept else None, row_bytes if kept else None, *_values(outcome), row.id),
        )
        if kept and original:  # which goes
            self._connection.execute(f"UPDATE files SET stage = {RENDERED} WHERE file_name = ?", (original,))
        return kept

    def keep(self, row: Row) -> bool:
        """Put a known picture into the set, or take it out where another has its pixels; give which."""
        kept = row.original == row.file_name
        if kept != bool(row.kept):
            if not kept:
                self._connection.execute("INSERT OR IGNORE INTO stale VALUES (?)", (row.file_name,))
            self._connection.execute(
                f"""UPDATE files SET kept = {kept}, stage = {RENDERED}{"" if kept else ", images = NULL"}
                WHERE id = ?""",
                (row.id,),
            )
        return kept

    def set_row_bytes(self, row: Row, row_bytes: int) -> None:
        """Record the length of a picture's row in the table, where it was not known."""
        if row.row_bytes != row_bytes:
            self._connection.execute("UPDATE files SET row_bytes = ? WHERE id = ?", (row_bytes, row.id))

    def outcome(self, number: int) -> Outcome:
        """What is known of a file."""
        return _outcome(
            self._connection.execute(f"SELECT {_OUTCOME} FROM files WHERE id = ?", (number,)).fetchone()
        )

    def finish(self) -> None:
        """Say that the set is as it is known here."""
        self._connection.execute(f"UPDATE files SET stage = {SETTLED} WHERE stage = {RENDERED}")
        self._connection.execute("DELETE FROM stale")
        self.set_note("changed", 0)
        self.set_note("listed", self.count("kept"))
        self._connection.commit()

    # What is told of the set

    def duplicates(self) -> Iterator[tuple[Outcome, str]]:
        """Files with the pixels of another, and that one's clean name."""
        for page in self._pages(_OUTCOME, IS_TWIN, index="INDEXED BY twins"):
            for _, _, *values in page:
                outcome = _outcome(values)
                original = self.original(bytes.fromhex(outcome.pixel_sha256))
                assert original
                yield outcome, original

    def rejected(self) -> Iterator[Outcome]:
        """Files without a picture."""
        for page in self._pages(_OUTCOME, "reason IS NOT NULL"):
            yield from (_outcome(values) for _, _, *values in page)

    def noted(self) -> Iterator[Outcome]:
        """Pictures of the set of which something is to be said."""
        for page in self._pages(_OUTCOME, "note IS NOT NULL AND kept"):
            yield from (_outcome(values) for _, _, *values in page)

    def common_reason(self) -> tuple[str, int]:
        """Why most of the rejected files were."""
        reason, count = self._connection.execute(
            """SELECT reason, count(*) FROM files WHERE reason IS NOT NULL
            GROUP BY reason ORDER BY count(*) DESC, min(file_name) LIMIT 1"""
        ).fetchone()
        return reason, count

    def names(self, condition: str, indices: Iterable[int]) -> list[str]:
        """The clean names at some indices of the files that fulfil a condition."""
        query = f"SELECT file_name FROM files WHERE {condition} ORDER BY file_name LIMIT 1 OFFSET ?"
        return [self._one(query, index) for index in indices]

    def compare(self) -> Comparison:
        """Find the pictures that look alike, going on from the last time."""
        query = "SELECT id, perceptual_hash FROM files WHERE kept ORDER BY file_name"
        pairs: npt.NDArray[np.int64] = np.fromiter(self._connection.execute(query), np.dtype((np.int64, 2)))
        former = self.note("comparison")
        comparison = compare(pairs[:, 0], pairs[:, 1].astype(np.uint64), former and _read_comparison(former))
        self.set_note("comparison", _write_comparison(comparison))
        return comparison

    def kept_names(self) -> Iterator[str]:
        """The clean names of the set's pictures, in order."""
        for page in self._pages("file_name", "kept"):
            yield from (name for name, *_ in page)

    def name(self, number: int) -> str:
        """A file's clean name."""
        return str(self._one("SELECT file_name FROM files WHERE id = ?", number))

    def foreign(self, names: Iterable[str]) -> list[str]:
        """Those clean pictures that were never made here, in order."""
        return self._none_of(
            names, "SELECT file_name FROM files WHERE images IS NOT NULL", "SELECT file_name FROM stale"
        )

    def not_kept(self, names: Iterable[str]) -> list[str]:
        """Those clean pictures that are not in the set, in order."""
        return self._none_of(names, "SELECT file_name FROM files WHERE kept")

    def _none_of(self, names: Iterable[str], *queries: str) -> list[str]:
        self._connection.execute("CREATE TEMP TABLE IF NOT EXISTS listed (name TEXT)")
        self._connection.execute("DELETE FROM listed")
        self._connection.executemany("INSERT INTO listed VALUES (?)", ((name,) for name in names))
        others = " AND ".join(f"name NOT IN ({query})" for query in queries)
        query = f"SELECT name FROM listed WHERE {others} ORDER BY name"
        return [name for (name,) in self._connection.execute(query)]

    def is_wanted(self, name: str) -> bool:
        """Whether a raw file's clean picture has this name."""
        return bool(self._one("SELECT 1 FROM files WHERE file_name = ?", name))

    # Figures that are trimmed together

    def record_figures(self, figures: Iterable[tuple[bytes, Box | None]]) -> None:
        """Take note of where the figures of some files are, and forget those of files that are gone."""
        self._connection.executemany(
            "INSERT OR REPLACE INTO figures VALUES (?, ?, ?, ?, ?)",
            ((path_key(path), *(box or (None,) * 4)) for path, box in figures),
        )
        self._connection.execute("DELETE FROM figures WHERE path NOT IN (SELECT path FROM files)")

    def window(self) -> Box | None:
        """The smallest box that holds all figures; None where there is none."""
        edges = self._connection.execute(
            "SELECT min(left), min(top), max(right), max(bottom) FROM figures"
        ).fetchone()
        return None if edges[0] is None else Box(*edges)

    def forget_all(self) -> None:
        """Have all files rendered anew."""
        self._forget("true")

    # What a manifest tells

    def add_facts(self, records: Iterable[tuple[bytes, str, str | None, str | None]], all_of_them: bool) -> None:
        """Take over path, facts (JSON), host and game of pictures.

        Args:
            all_of_them: what is known of other pictures is forgotten.
        """
        run = self._connection.execute
        run("CREATE TEMP TABLE incoming (path BLOB PRIMARY KEY, facts, host, game) WITHOUT ROWID")
        self._connection.executemany(
            "INSERT OR REPLACE INTO incoming VALUES (?, ?, ?, ?)",
            ((path_key(path), *facts) for path, *facts in records),
        )
        other = "SELECT path FROM incoming LEFT JOIN facts USING (path) WHERE incoming.facts IS NOT facts.facts"
        gone = "SELECT path FROM facts WHERE path NOT IN (SELECT path FROM incoming)"
        run(
            f"""UPDATE files SET stage = {RENDERED} WHERE stage = {SETTLED}
            AND {FILE_PATH} IN ({f"{other} UNION ALL {gone}" if all_of_them else other})"""
        )
        if run("SELECT changes()").fetchone()[0]:
            self.mark_changed()
        if all_of_them:
            run("DELETE FROM facts")
        run("INSERT OR REPLACE INTO facts SELECT * FROM incoming")
        run("DROP TABLE incoming")

    def facts(self, key: bytes) -> str | None:
        """What the manifest tells of a picture, as JSON."""
        file = path_key(split_part(path_of_key(key))[0])
        facts: str | None = self._one("SELECT facts FROM facts WHERE path = ?", file)
        return facts

    def labels(self) -> list[tuple[str | None, int]]:
        """Labels, and how many pictures of the set have each, most first."""
        # The function is called for each folder; for each picture it took longer than all else here.
        return self._connection.execute(
            f"""SELECT label(folder), sum(images) FROM (SELECT {_FIRST_FOLDER} AS folder, count(*) AS images,
            min(file_name) AS first FROM files WHERE kept GROUP BY folder)
            GROUP BY label(folder) ORDER BY sum(images) DESC, min(first)"""
        ).fetchall()

    def most_common(self, fact: str) -> list[tuple[str | None, int]]:
        """Hosts or games, and how many pictures of the set are from each, most first."""
        return self._connection.execute(
            f"""SELECT {fact}, count(*) FROM files LEFT JOIN facts ON facts.path = {FILE_PATH} WHERE kept
            GROUP BY {fact} ORDER BY count(*) DESC, min(file_name)"""
        ).fetchall()


def _label(folder: bytes) -> str | None:
    return label_of(path_of_key(folder) + b"any file")


def _clean_name(key: bytes, apart: int) -> str:
    path = path_of_key(key)
    stem = clean_stem(path)
    return f"{stem_apart(stem, path) if apart else stem}.png"


def _new_row(file: RawFile, key: bytes) -> tuple[Any, ...]:
    stem = clean_stem(file.path)
    stage = RENDERED if file.refusal else TO_RENDER
    return key, file.state, file.refusal, file.refusal or None, stage, stem.casefold(), f"{stem}.png"


def _key(outcome: Outcome) -> bytes:
    return path_key(part_path(outcome.raw_file.encode(), Part(outcome.frame, outcome.cell)))


def _values(outcome: Outcome) -> list[Any]:
    """For `OUTCOME_COLUMNS`: checksums in half the room, and nothing where there is nothing to say."""
    values = outcome.as_dict()
    for name in ("raw_sha256", "pixel_sha256"):
        values[name] = bytes.fromhex(values[name])
    if outcome.perceptual_hash:
        values["perceptual_hash"] = int.from_bytes(bytes.fromhex(outcome.perceptual_hash), signed=True)
    return [None if values[name] in ("", b"") else values[name] for name in OUTCOME_COLUMNS]


def _outcome(columns: Iterable[Any]) -> Outcome:
    key, file_name, *values = columns
    known = {name: value for name, value in zip(OUTCOME_COLUMNS, values, strict=True) if value is not None}
    for name in ("raw_sha256", "pixel_sha256"):
        if name in known:
            known[name] = known[name].hex()
    if "perceptual_hash" in known:
        known["perceptual_hash"] = known["perceptual_hash"].to_bytes(8, signed=True).hex()
    path, part = split_part(path_of_key(key))
    return Outcome(readable(path), file_name, **known, frame=part.number, cell=part.cell)


def _write_comparison(comparison: Comparison) -> bytes:
    header = {"images": len(comparison.ids), "pairs": comparison.pairs, "nearest": comparison.nearest}
    arrays = (comparison.ids, comparison.hashes.view(np.int64), comparison.groups)
    return json.dumps(header).encode() + b"\n" + b"".join(array.astype(WHOLE).tobytes() for array in arrays)


def _read_comparison(content: bytes) -> Comparison | None:
    """What `_write_comparison` wrote; None of version 0.1.0, which wrote a zip."""
    if not content.startswith(b"{"):
        return None
    text, _, rest = content.partition(b"\n")
    header = json.loads(text)
    ids, hashes, groups = np.frombuffer(rest, WHOLE).astype(np.int64).reshape(3, header["images"])
    nearest = [(bits, first, second) for bits, first, second in header["nearest"]]
    return Comparison(ids, hashes.view(np.uint64), groups, header["pairs"], nearest)
