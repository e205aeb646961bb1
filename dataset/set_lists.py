"""The lists of a set's pictures: metadata.jsonl and the tables, written as streams."""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any, Self

from dataset.build_cache import BuildCache, Row
from dataset.build_database import SETTLED
from dataset.curation import PictureKey
from dataset.groups import group_names
from dataset.raw import MANIFEST_FIELDS, label_of, path_of_key
from dataset.render import GREY_FOLDER, Outcome
from dataset.staging import COPY_BYTES, METADATA
from dataset.tables import (
    LABELS_CSV,
    PIXELS_CSV,
    NamedLines,
    TableWriter,
    header,
    previous_rows,
    read_pixel_row,
)
from kit.jsonl import read_jsonl

FIRST_KEY = '{"file_name": '
"""What a line of the metadata begins with."""


class SetLists:
    """Writes the metadata and the tables, or only their ends; use it in a ``with`` block."""

    def __init__(
        self, cache: BuildCache, out: Path, staging: Path, tables_px: int | None, start: str | None, made_ns: int
    ) -> None:
        """Find out what has to be written.

        Args:
            cache: what is known of the pictures.
            out: the set that stands.
            staging: where the lists are written.
            tables_px: side of the pictures, where there are to be tables.
            start: clean name before which the lists of ``out`` are as ``cache`` has them; None if they are not.
            made_ns: tables of ``out`` that changed later are somebody else's.
        """
        self._cache, self._out, self._staging, self._tables_px = cache, out, staging, tables_px
        self.ends = self._ends(start) if start else {}
        """By file name, after how many bytes of the set's own the new file begins; whole files are not named."""
        self.may_copy = start is not None and cache.note("listed") is not None
        """Whether the lines after the last change can be taken over; see `copy_rest`."""
        self.start = start if start and self.ends else ""
        """Clean name of the first picture that is to be added."""
        lines = _metadata_lines(out / METADATA, self.ends.get(METADATA, 0)) if start is not None else iter(())
        self._former_metadata = NamedLines(lines)
        offsets = (self.ends[PIXELS_CSV], self.ends[LABELS_CSV]) if self.ends and tables_px else None
        self._former_rows = NamedLines(previous_rows(out, tables_px, made_ns, offsets) if tables_px else iter(()))

    def _ends(self, start: str) -> dict[str, int]:
        count, row_bytes = self._cache.rows_before(start)
        if not count:
            return {}
        ends = {METADATA: _bytes_of_lines(self._out / METADATA, count)}
        if self._tables_px:
            if row_bytes is None:
                return {}
            ends[PIXELS_CSV] = len(header(self._tables_px)) + row_bytes
            ends[LABELS_CSV] = _bytes_of_lines(self._out / LABELS_CSV, 1 + count)
        return ends

    def __enter__(self) -> Self:
        with ExitStack() as files:
            self._metadata = files.enter_context(
                (self._staging / METADATA).open("w", encoding="utf-8", newline="\n")
            )
            self._tables = None
            if self._tables_px:
                tables = TableWriter(self._staging, self._tables_px, whole=not self.ends)
                self._tables = files.enter_context(tables)
            self._files = files.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._files.close()

    def add(self, row: Row, outcome: Outcome | None, pixels: bytes) -> None:
        """Write a picture's lines; they come in the order of their names.

        Args:
            row: of the picture.
            outcome: what became of it, where it was rendered in this run.
            pixels: its line of the table, empty where it was not.
        """
        line = self._former_metadata.get(row.file_name) if row.stage == SETTLED else b""
        self._metadata.write(line.decode() or self._metadata_line(row, outcome or self._cache.outcome(row.id)))
        if self._tables:
            pixels = pixels or self._pixels(row)
            self._tables.add(row.file_name, pixels)
            self._cache.set_row_bytes(row, len(pixels))

    def rest_from(self, name: str) -> dict[str, int] | None:
        """Where the lines of a picture and all after it begin in the set's files, by file; None if not known."""
        count, row_bytes = self._cache.rows_from(name)
        before = self._cache.note("listed") - count
        rest = {METADATA: _bytes_of_lines(self._out / METADATA, before)}
        if self._tables_px:
            if row_bytes is None:
                return None
            rest[PIXELS_CSV] = (self._out / PIXELS_CSV).stat().st_size - row_bytes
            rest[LABELS_CSV] = _bytes_of_lines(self._out / LABELS_CSV, 1 + before)
        return rest

    def copy_rest(self, rest: dict[str, int]) -> None:
        """Put the set's lines from `rest_from` on behind those that were added; after the ``with`` block."""
        for name, offset in rest.items():
            with (self._out / name).open("rb") as former, (self._staging / name).open("ab") as file:
                former.seek(offset)
                shutil.copyfileobj(former, file, COPY_BYTES)

    def _metadata_line(self, row: Row, outcome: Outcome) -> str:
        facts = self._cache.facts(row.path)
        provenance = json.loads(facts) if facts else dict.fromkeys(MANIFEST_FIELDS)
        label = label_of(path_of_key(row.path))
        labelled = {"label": label} if label else {}
        return _line({"file_name": row.file_name, **provenance, **labelled, **short(outcome)})

    def _pixels(self, row: Row) -> bytes:
        rendered = self._staging / GREY_FOLDER / row.file_name
        # Earlier tables have an earlier picture of that name.
        if row.stage != SETTLED and rendered.exists():
            return read_pixel_row(rendered)
        return self._former_rows.get(row.file_name) or read_pixel_row(self._out / GREY_FOLDER / row.file_name)


def _line(record: dict[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=False) + "\n"


def add_groups(metadata: Path, by_hand: Mapping[PictureKey, str], others_too: bool) -> int:
    """Write into each line of a set's metadata which character it shows, and give the number of characters.

    Args:
        metadata: of the set.
        by_hand: the groups that people decided on.
        others_too: find the groups of the other pictures; else each is one of its own.
    """
    records = list(read_jsonl(metadata))
    names = group_names(records) if others_too else [Path(record["file_name"]).stem for record in records]
    names = [by_hand.get(PictureKey.of_record(each), name) for each, name in zip(records, names, strict=True)]
    with metadata.open("w", encoding="utf-8", newline="\n") as lines:
        lines.writelines(_line({**record, "group": name}) for record, name in zip(records, names, strict=True))
    return len(set(names))


def short(outcome: Outcome) -> dict[str, Any]:
    """All that is known, without the fields that stay empty for a refused file."""
    return {key: value for key, value in outcome.as_dict().items() if value}


def _bytes_of_lines(path: Path, count: int) -> int:
    with path.open("rb") as lines:
        return sum(map(len, islice(lines, count)))


def _metadata_lines(path: Path, offset: int) -> Iterator[tuple[str, bytes]]:
    decoder = json.JSONDecoder()
    with path.open("rb") as lines:
        lines.seek(offset)
        for line in lines:
            yield decoder.raw_decode(line.decode(), len(FIRST_KEY))[0], line
