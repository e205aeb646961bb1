"""What is known of the raw files and of the set, in a database: a cache, made anew where it is lost."""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from dataset.build_database import (
    FILE_PATH,
    IS_TWIN,
    OUTCOME_COLUMNS,
    OUTCOME_SQL,
    PAGE_ROWS,
    RENDERED,
    SET_OUTCOME,
    SETTLED,
    TO_RENDER,
    BuildDatabase,
    outcome_key,
    outcome_values,
    read_outcome,
)
from dataset.raw import RawFile, clean_stem, path_key, path_of_key, split_part
from dataset.render import STATE, Outcome
from dataset.trim import Box

OPAQUE_FORMATS = ("JPEG", "BMP", "PPM", "PCX", "MPO")
"""Pillow's names of formats without transparency."""
_TO_FORGET = ", ".join(
    [f"stage = {TO_RENDER}, doubt = 0, kept = 0, images = NULL, row_bytes = NULL"]
    + [f"{column} = NULL" for column in OUTCOME_COLUMNS]
)
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


class BuildCache(BuildDatabase):
    """What is known of the raw files, and what became of them; use it in a ``with`` block."""

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
                    self.connection.execute(
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
        while page := self.connection.execute(
            f"SELECT path, id, state, refusal FROM files WHERE path > ? ORDER BY path LIMIT {PAGE_ROWS}", (last,)
        ).fetchall():
            yield from page
            last = page[-1][0]

    def _add(self, rows: list[tuple[Any, ...]]) -> None:
        if rows:
            self.mark_changed()
            self.connection.executemany(
                """INSERT INTO files (path, state, refusal, reason, stage, stem, file_name)
                VALUES (?, ?, ?, ?, ?, ?, ?)""",
                rows,
            )
            self.connection.commit()
            rows.clear()

    def _remove(self, number: int) -> None:
        self._forget("id = ?", number)
        self.connection.execute("DELETE FROM files WHERE id = ?", (number,))

    def _forget(self, which: str, *values: Any) -> None:
        """Have files rendered anew, except those that must not be opened."""
        self.mark_changed()
        self.connection.execute(
            f"INSERT OR IGNORE INTO stale SELECT file_name FROM files WHERE images IS NOT NULL AND {which}", values
        )
        self.connection.execute(f"UPDATE files SET {_TO_FORGET} WHERE refusal = '' AND {which}", values)

    def _settle_names(self) -> None:
        """Tell apart the files whose clean names would be the same on some file system."""
        several = "stem IN (SELECT stem FROM files GROUP BY stem HAVING count(*) > 1)"
        for which, apart in ((f"NOT apart AND {several}", 1), (f"apart AND NOT {several}", 0)):
            if self.one(f"SELECT 1 FROM files WHERE {which} LIMIT 1"):
                self._forget(which)
                self.connection.execute(
                    f"UPDATE files SET apart = {apart}, file_name = clean_name(path, {apart}) WHERE {which}"
                )

    def doubtful(self) -> Iterator[tuple[int, bytes, str]]:
        """Number, path and known checksum of files that may have changed; each is to be settled."""
        while page := self.connection.execute(
            f"SELECT id, path, hex(raw_sha256) FROM files WHERE doubt LIMIT {PAGE_ROWS}"
        ).fetchall():
            for number, key, digest in page:
                yield number, path_of_key(key), digest.lower()

    def settle(self, number: int, same: bool) -> None:
        """Say of a doubtful file whether it is the same as ever."""
        if same:
            self.connection.execute("UPDATE files SET doubt = 0 WHERE id = ?", (number,))
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
        for page in self.pages("images", WITHOUT_RGBA):
            yield from ((number, name, images) for name, number, images in page)

    def set_images(self, number: int, images: bytes) -> None:
        """Record the states of a file's clean pictures."""
        self.connection.execute("UPDATE files SET images = ? WHERE id = ?", (images, number))

    def drop_rgba(self) -> None:
        """Take note that no picture has a copy in four channels any more."""
        self.connection.execute(
            f"""UPDATE files SET images = substr(images, 1, {2 * STATE.size})
            WHERE length(images) > {2 * STATE.size}"""
        )

    def check_images(self, is_whole: Callable[[str, bytes], bool]) -> None:
        """Have files rendered anew whose clean pictures are not as they were made.

        Args:
            is_whole: given a clean name and ``images`` as recorded.
        """
        for page in self.pages("images", "images IS NOT NULL"):
            for name, number, images in page:
                if not is_whole(name, images):
                    self._forget("id = ?", number)
        # Twins have no pictures of their own: they are known while a file before them has their pixels.
        if self.one(f"SELECT 1 FROM files INDEXED BY twins WHERE {ORPHANS} LIMIT 1"):
            self._forget(ORPHANS)

    def retry(self, reason: str) -> None:
        """Have files rendered anew that were rejected for a reason that begins so."""
        which = "reason IS NOT NULL AND substr(reason, 1, ?) = ?"
        if self.one(f"SELECT 1 FROM files WHERE {which} LIMIT 1", len(reason), reason):
            self._forget(which, len(reason), reason)

    def forget_files(self, raw_sha256s: Iterable[str]) -> None:
        """Have files with these checksums rendered anew."""
        self._forget("lower(hex(raw_sha256)) IN (SELECT value FROM json_each(?))", json.dumps(sorted(raw_sha256s)))

    def adopt(self, outcome: Outcome, images: bytes | None) -> None:
        """Take over what an earlier build found out where nothing is known; the file itself stays in doubt.

        Raises:
            ValueError: the outcome is none that a build would have written.
        """
        self.connection.execute(
            f"""UPDATE files SET doubt = 1, stage = {RENDERED}, images = ?, {SET_OUTCOME}
            WHERE path = ? AND file_name = ? AND refusal = '' AND stage = {TO_RENDER}""",
            (images, *outcome_values(outcome), outcome_key(outcome), outcome.file_name),
        )

    def add_stale(self, names: Iterable[str]) -> None:
        """Take note of clean pictures in the set's folder, which go unless they are kept."""
        self.mark_changed()
        self.connection.executemany("INSERT OR IGNORE INTO stale VALUES (?)", ((name,) for name in names))

    def stale(self) -> Iterator[str]:
        """Clean pictures that do not belong into the set's folder any more."""
        query = "SELECT file_name FROM stale WHERE file_name NOT IN (SELECT file_name FROM files WHERE kept)"
        return (name for (name,) in self.connection.execute(query))

    def count_settled(self) -> int:
        """How many pictures lie in the set's folder for certain, once all have been checked."""
        waiting = f"SELECT count(*) FROM files INDEXED BY rendered WHERE stage = {RENDERED} AND kept"
        return self.count("kept") - int(self.one(waiting))

    def count_from(self, name: str) -> int:
        """How many raw files have this clean name or a later one."""
        return int(self.one("SELECT count(*) FROM files WHERE file_name >= ?", name))

    def knows_images(self) -> bool:
        """Whether any clean picture was ever made."""
        return bool(
            self.one(
                "SELECT EXISTS (SELECT 1 FROM files WHERE images IS NOT NULL) OR EXISTS (SELECT 1 FROM stale)"
            )
        )

    def first_change(self) -> str | None:
        """The clean name from which on the set's lists have to be written anew; None if they are right."""
        query = f"""SELECT min(name) FROM (SELECT min(file_name) AS name FROM files WHERE stage = {RENDERED}
            UNION ALL SELECT min(file_name) FROM files WHERE stage = {TO_RENDER}
            UNION ALL SELECT min(file_name) FROM stale)"""
        name: str | None = self.one(query)
        return name

    def last_change(self) -> str:
        """The clean name up to which the set's lists have to be written anew; empty if they are right."""
        query = f"""SELECT max(name) FROM (SELECT max(file_name) AS name FROM files WHERE stage = {RENDERED}
            UNION ALL SELECT max(file_name) FROM files WHERE stage = {TO_RENDER}
            UNION ALL SELECT max(file_name) FROM stale
            UNION ALL SELECT max(file_name) FROM files INDEXED BY twins WHERE {ORPHANS})"""
        return str(self.one(query) or "")

    def rows_from(self, name: str) -> tuple[int, int | None]:
        """As `rows_before`, of the pictures with this name and later ones."""
        count, known, total = self.connection.execute(
            "SELECT count(*), count(row_bytes), sum(row_bytes) FROM files WHERE kept AND file_name >= ?", (name,)
        ).fetchone()
        return count, total or 0 if count == known else None

    def rows_before(self, name: str) -> tuple[int, int | None]:
        """How many pictures of the set come before a name, and the bytes of their rows, None if not known."""
        count, known, total = self.connection.execute(
            "SELECT count(*), count(row_bytes), sum(row_bytes) FROM files WHERE kept AND file_name < ?", (name,)
        ).fetchone()
        return count, total or 0 if count == known else None

    def to_render(self) -> Iterator[tuple[bytes, str]]:
        """Path and clean name of each file of which nothing is known, in the order of `rows`."""
        for page in self.pages("path", f"stage = {TO_RENDER}"):
            yield from ((path_of_key(key), name) for name, _, key in page)

    def rows(self, start: str) -> Iterator[Row]:
        """All files from a clean name on. Those of which nothing is known have to be recorded as they come."""
        original = (
            """(SELECT min(first.file_name) FROM files AS first WHERE first.pixel_sha256 = file.pixel_sha256)"""
        )
        for page in self.pages(f"path, stage, kept, pixel_sha256, row_bytes, {original}", after=(start, 0)):
            fresh = False
            for values in page:
                row = Row(*values)
                fresh = fresh or row.stage == TO_RENDER
                # What was recorded since the page was read may come before.
                yield row._replace(original=self.original(row.pixel_sha256)) if fresh and row.pixel_sha256 else row

    def record(self, row: Row, outcome: Outcome, images: bytes, row_bytes: int) -> bool:
        """Record what became of a file; give whether its picture is in the set."""
        original = self.original(bytes.fromhex(outcome.pixel_sha256)) if outcome.pixel_sha256 else None
        kept = bool(outcome.pixel_sha256) and (original is None or original > outcome.file_name)
        self.connection.execute(
            f"""UPDATE files SET stage = {RENDERED}, kept = ?, images = ?, row_bytes = ?, {SET_OUTCOME}
            WHERE id = ?""",
            (kept, images if kept else None, row_bytes if kept else None, *outcome_values(outcome), row.id),
        )
        if kept and original:  # which goes
            self.connection.execute(f"UPDATE files SET stage = {RENDERED} WHERE file_name = ?", (original,))
        return kept

    def keep(self, row: Row) -> bool:
        """Put a known picture into the set, or take it out where another has its pixels; give which."""
        kept = row.original == row.file_name
        if kept != bool(row.kept):
            if not kept:
                self.connection.execute("INSERT OR IGNORE INTO stale VALUES (?)", (row.file_name,))
            self.connection.execute(
                f"""UPDATE files SET kept = {kept}, stage = {RENDERED}{"" if kept else ", images = NULL"}
                WHERE id = ?""",
                (row.id,),
            )
        return kept

    def set_row_bytes(self, row: Row, row_bytes: int) -> None:
        """Record the length of a picture's row in the table, where it was not known."""
        if row.row_bytes != row_bytes:
            self.connection.execute("UPDATE files SET row_bytes = ? WHERE id = ?", (row_bytes, row.id))

    def outcome(self, number: int) -> Outcome:
        """What is known of a file."""
        return read_outcome(
            self.connection.execute(f"SELECT {OUTCOME_SQL} FROM files WHERE id = ?", (number,)).fetchone()
        )

    def finish(self) -> None:
        """Say that the set is as it is known here."""
        self.connection.execute(f"UPDATE files SET stage = {SETTLED} WHERE stage = {RENDERED}")
        self.connection.execute("DELETE FROM stale")
        self.set_note("changed", 0)
        self.set_note("listed", self.count("kept"))
        self.connection.commit()

    # The set's folder

    def foreign(self, names: Iterable[str]) -> list[str]:
        """Those clean pictures that were never made here, in order."""
        return self._none_of(
            names, "SELECT file_name FROM files WHERE images IS NOT NULL", "SELECT file_name FROM stale"
        )

    def not_kept(self, names: Iterable[str]) -> list[str]:
        """Those clean pictures that are not in the set, in order."""
        return self._none_of(names, "SELECT file_name FROM files WHERE kept")

    def _none_of(self, names: Iterable[str], *queries: str) -> list[str]:
        self.connection.execute("CREATE TEMP TABLE IF NOT EXISTS listed (name TEXT)")
        self.connection.execute("DELETE FROM listed")
        self.connection.executemany("INSERT INTO listed VALUES (?)", ((name,) for name in names))
        others = " AND ".join(f"name NOT IN ({query})" for query in queries)
        query = f"SELECT name FROM listed WHERE {others} ORDER BY name"
        return [name for (name,) in self.connection.execute(query)]

    def is_wanted(self, name: str) -> bool:
        """Whether a raw file's clean picture has this name."""
        return bool(self.one("SELECT 1 FROM files WHERE file_name = ?", name))

    # Figures that are trimmed together

    def record_figures(self, figures: Iterable[tuple[bytes, Box | None]]) -> None:
        """Take note of where the figures of some files are, and forget those of files that are gone."""
        self.connection.executemany(
            "INSERT OR REPLACE INTO figures VALUES (?, ?, ?, ?, ?)",
            ((path_key(path), *(box or (None,) * 4)) for path, box in figures),
        )
        self.connection.execute("DELETE FROM figures WHERE path NOT IN (SELECT path FROM files)")

    def window(self) -> Box | None:
        """The smallest box that holds all figures; None where there is none."""
        edges = self.connection.execute(
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
        run = self.connection.execute
        run("CREATE TEMP TABLE incoming (path BLOB PRIMARY KEY, facts, host, game) WITHOUT ROWID")
        self.connection.executemany(
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
        facts: str | None = self.one("SELECT facts FROM facts WHERE path = ?", file)
        return facts


def _new_row(file: RawFile, key: bytes) -> tuple[Any, ...]:
    stem = clean_stem(file.path)
    stage = RENDERED if file.refusal else TO_RENDER
    return key, file.state, file.refusal, file.refusal or None, stage, stem.casefold(), f"{stem}.png"
