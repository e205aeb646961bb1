"""JSON lines: one object a line."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kit.typed_json import parse_object


def parse_json_line(line: str | bytes) -> dict[str, Any] | None:
    """The object in a line; None for anything else, such as a line that a kill cut off."""
    try:
        return parse_object(line)
    except ValueError:
        return None


def read_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a JSON-lines file, in order; lines that hold none are skipped.

    A file that does not exist has no objects. A byte order mark at the start is skipped.

    Raises:
        OSError: the file exists but cannot be read.
    """
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as lines:
            for line in lines:
                record = parse_json_line(line)
                if record is not None:
                    yield record
    except FileNotFoundError:
        return
