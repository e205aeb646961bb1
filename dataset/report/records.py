"""The lines of a set's metadata, read as they are asked for: a page shows few of them."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kit.jsonl import parse_json_line

Record = dict[str, Any]


class Records(Mapping[str, Record]):
    """Records by file name, in the file's order; memory holds names and offsets only."""

    def __init__(self, metadata: Path) -> None:
        """Find where each line is.

        Raises:
            OSError: the file cannot be read.
        """
        self._metadata = metadata
        self._offsets: dict[str, int] = {}
        offset = 0
        with metadata.open("rb") as lines:
            for line in lines:
                if record := parse_json_line(line.decode("utf-8-sig", "replace")):
                    self._offsets[record["file_name"]] = offset
                offset += len(line)

    def __len__(self) -> int:
        return len(self._offsets)

    def __iter__(self) -> Iterator[str]:
        return iter(self._offsets)

    def __getitem__(self, file_name: str) -> Record:
        offset = self._offsets[file_name]
        with self._metadata.open("rb") as lines:
            lines.seek(offset)
            record = parse_json_line(lines.readline().decode("utf-8-sig", "replace"))
        assert record
        return record
