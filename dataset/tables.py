"""The grey pictures as rows of numbers: the two CSV files, written and read as a stream."""

import csv
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
from PIL import Image

PIXELS_CSV = "csv_files/train_converted.csv"
LABELS_CSV = "csv_files/train_labels.csv"
LABELS_HEADER = "image#"

_DIGITS = np.frombuffer(b"".join(f"{value},".encode().ljust(4, b"\0") for value in range(256)), np.uint32)
"""Every byte as text, filled up with zero bytes to four: a row is one look-up and one deletion of zeros."""


def pixel_row(grey: npt.NDArray[np.uint8]) -> bytes:
    """A grey picture as a line of CSV.

    Args:
        grey: [H, W].

    Returns:
        Its pixels row by row, 0 to 255, with commas between and a line feed after.
    """
    return _DIGITS[grey].tobytes().translate(None, b"\0")[:-1] + b"\n"


class TableWriter:
    """Writes both tables picture by picture, or their ends; use it in a ``with`` block."""

    def __init__(self, folder: Path, size_px: int, whole: bool = True) -> None:
        """Open both files below ``folder`` anew; with their headers, if they are to be ``whole``."""
        self._pixels = (folder / PIXELS_CSV).open("wb")
        self._labels = (folder / LABELS_CSV).open("w", encoding="utf-8", newline="")
        self._label_lines = csv.writer(self._labels, lineterminator="\n")
        if whole:
            self._pixels.write(header(size_px))
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


def header(size_px: int) -> bytes:
    """The first line of the pixel table."""
    return ",".join(f"pixel{index}" for index in range(size_px**2)).encode() + b"\n"


def latest_change_ns(state: os.stat_result) -> int:
    """When a file was written, or moved here if that was later: what is moved brings its old date along."""
    return max(state.st_mtime_ns, state.st_ctime_ns)


class NamedLines:
    """Lines of an earlier list, to be asked for in the order of their names."""

    def __init__(self, lines: Iterator[tuple[str, bytes]]) -> None:
        self._lines = lines
        self._next = next(lines, None)

    def get(self, file_name: str) -> bytes:
        """The picture's line, empty where there is none."""
        while self._next and self._next[0] < file_name:
            self._next = next(self._lines, None)
        return self._next[1] if self._next and self._next[0] == file_name else b""


def previous_rows(
    folder: Path, size_px: int, not_after_ns: int, offsets: tuple[int, int] | None = None
) -> Iterator[tuple[str, bytes]]:
    """File names and rows of an earlier pair of tables, as far as they are whole.

    Args:
        folder: of the set.
        size_px: of its pictures.
        not_after_ns: tables that changed later have no rows.
        offsets: where to begin, instead of behind the headers: bytes of the pixels' table and of the labels'.
    """
    commas = size_px**2 - 1
    try:
        if max(latest_change_ns((folder / name).stat()) for name in (PIXELS_CSV, LABELS_CSV)) > not_after_ns:
            return
        with (
            (folder / PIXELS_CSV).open("rb") as pixels,
            (folder / LABELS_CSV).open(encoding="utf-8", newline="") as labels,
        ):
            names = csv.reader(labels)
            if pixels.readline() == header(size_px) and next(names, None) == [LABELS_HEADER]:
                if offsets:
                    pixels.seek(offsets[0])
                    labels.seek(offsets[1])
                    names = csv.reader(labels)
                for name, row in zip(names, pixels, strict=True):
                    if row.endswith(b"\n") and row.count(b",") == commas:
                        yield name[0], row
    except (OSError, ValueError, IndexError, csv.Error):
        # Tables that cannot be read are made again from the pictures.
        return


def read_pixel_row(path: Path) -> bytes:
    """The row of a saved grey picture."""
    with Image.open(path) as grey:
        return pixel_row(np.asarray(grey))
