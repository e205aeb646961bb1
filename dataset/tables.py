"""The grey pictures as rows of numbers: the two CSV files, written and read as a stream."""

import csv
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Self

import numpy as np
from PIL import Image

PIXELS_CSV = "csv_files/train_converted.csv"
LABELS_CSV = "csv_files/train_labels.csv"
LABELS_HEADER = "image#"

_DIGITS = np.frombuffer(b"".join(f"{value},".encode().ljust(4, b"\0") for value in range(256)), np.uint32)
"""Every byte as text, filled up with zero bytes to four: a row is one look-up and one deletion of zeros."""


def pixel_row(grey: Image.Image) -> bytes:
    """A grey picture as a line of CSV.

    Args:
        grey: mode L.

    Returns:
        Its pixels row by row, 0 to 255, with commas between and a line feed after.
    """
    pixels = np.frombuffer(grey.tobytes(), np.uint8)
    return _DIGITS[pixels].tobytes().translate(None, b"\0")[:-1] + b"\n"


class TableWriter:
    """Writes both tables picture by picture; use it in a ``with`` block."""

    def __init__(self, folder: Path, size_px: int) -> None:
        """Create both files below ``folder`` and write their headers."""
        self._pixels = (folder / PIXELS_CSV).open("wb")
        self._labels = (folder / LABELS_CSV).open("w", encoding="utf-8", newline="")
        self._label_lines = csv.writer(self._labels, lineterminator="\n")
        self._pixels.write(_header(size_px))
        self._label_lines.writerow([LABELS_HEADER])

    def add(self, file_name: str, row: bytes) -> None:
        """Write one picture's line to each table."""
        self._pixels.write(row)
        self._label_lines.writerow([file_name])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pixels.close()
        self._labels.close()


def remove_tables(folder: Path) -> None:
    """Delete both tables below ``folder``, and their own folder if nothing else is in it."""
    for name in (PIXELS_CSV, LABELS_CSV):
        (folder / name).unlink(missing_ok=True)
    with suppress(OSError):
        (folder / PIXELS_CSV).parent.rmdir()


def _header(size_px: int) -> bytes:
    return ",".join(f"pixel{index}" for index in range(size_px**2)).encode() + b"\n"


def latest_change_ns(state: os.stat_result) -> int:
    """When a file was written, or moved here if that was later: what is moved brings its old date along."""
    return max(state.st_mtime_ns, state.st_ctime_ns)


class PreviousRows:
    """The rows of an earlier pair of tables, to be asked for in the order of their names."""

    def __init__(self, folder: Path, size_px: int, not_after_ns: int) -> None:
        """Open the tables below ``folder``; without rows if they changed after ``not_after_ns``."""
        self._rows = _rows(folder, size_px, not_after_ns)
        self._commas = size_px**2 - 1
        self._next: tuple[str, bytes] | None = next(self._rows, None)

    def row(self, file_name: str) -> bytes | None:
        """The picture's row, or None where the tables do not have it whole."""
        while self._next and self._next[0] < file_name:
            self._next = next(self._rows, None)
        if not self._next or self._next[0] != file_name:
            return None
        row = self._next[1]
        return row if row.endswith(b"\n") and row.count(b",") == self._commas else None


def _rows(folder: Path, size_px: int, not_after_ns: int) -> Iterator[tuple[str, bytes]]:
    try:
        if max(latest_change_ns((folder / name).stat()) for name in (PIXELS_CSV, LABELS_CSV)) > not_after_ns:
            return
        with (
            (folder / PIXELS_CSV).open("rb") as pixels,
            (folder / LABELS_CSV).open(encoding="utf-8", newline="") as labels,
        ):
            names = csv.reader(labels)
            if pixels.readline() == _header(size_px) and next(names, None) == [LABELS_HEADER]:
                for line in names:
                    yield line[0], pixels.readline()
    except (OSError, ValueError, IndexError, csv.Error):
        # Tables that cannot be read are made again from the pictures.
        return


def read_pixel_row(path: Path) -> bytes:
    """The row of a saved grey picture."""
    with Image.open(path) as grey:
        return pixel_row(grey)
