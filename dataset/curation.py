"""What people decided on raw pictures: lines in a file beside them, which a build obeys; raw stays as it is."""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from dataset.decode import DecodedImage, refuse_odd_sides
from dataset.errors import DecodeError
from kit.atomic import sync
from kit.jsonl import parse_json_line
from kit.typed_json import read_fields

CURATION = "curation.jsonl"
BY_HAND = "by hand"
LEFT_OUT, CROPPED, TURNED = f"left out {BY_HAND}", f"cropped {BY_HAND}", f"turned {BY_HAND}"
QUARTERS = {
    90: Image.Transpose.ROTATE_270,
    180: Image.Transpose.ROTATE_180,
    270: Image.Transpose.ROTATE_90,
}
"""Degrees clockwise; Pillow's are counter-clockwise."""
MAX_GROUP_CHARS = 200


class PictureKey(NamedTuple):
    """Which picture a decision is on."""

    sha256: str
    """Of the raw file."""
    frame: int = 0
    cell: str = ""
    """As in `dataset.render.Outcome`: of a frame of an animation or a cell of a sheet."""

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> "PictureKey":
        """That of a record of a set's metadata or report."""
        return cls(str(record.get("raw_sha256", "")), record.get("frame", 0), record.get("cell", ""))


@dataclass(frozen=True)
class Decision:
    """All that is decided on one picture; as made, nothing is."""

    sha256: str
    frame: int = 0
    cell: str = ""
    """See `PictureKey`."""
    leave_out: bool = False
    crop: tuple[int, int, int, int] | None = None
    """Left, top, right, bottom in pixels of the raw picture as it is seen (upright), before it is turned."""
    turn_degrees: int = 0
    """Clockwise: 0, 90, 180 or 270."""
    group: str | None = None
    """Pictures with the same name show one character."""

    def __post_init__(self) -> None:
        if self.turn_degrees not in (0, *QUARTERS):
            raise ValueError(f"turn_degrees cannot be {self.turn_degrees}")
        if self.group is not None and not (0 < len(self.group) <= MAX_GROUP_CHARS and self.group.isprintable()):
            raise ValueError(f"group: 1 to {MAX_GROUP_CHARS} printable characters")
        if self.crop and not (0 <= self.crop[0] < self.crop[2] and 0 <= self.crop[1] < self.crop[3]):
            raise ValueError("crop: left, top, right and bottom, in this order")

    @property
    def key(self) -> PictureKey:
        """Which picture it is on."""
        return PictureKey(self.sha256, self.frame, self.cell)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is decided, or all was taken back."""
        return self == Decision(*self.key)

    def line(self) -> dict[str, Any]:
        """What is written: the checksum, and what differs from a picture on which nothing is decided."""
        defaults = {field.name: field.default for field in fields(self)}
        return {name: value for name, value in asdict(self).items() if value != defaults[name]}

    def edit(self, decoded: DecodedImage) -> DecodedImage:
        """The picture cropped and turned; DecodeError where nothing usable is left."""
        notes = [decoded.note] if decoded.note else []
        images = [decoded.image, decoded.rgba]
        if self.crop:
            width, height = decoded.image.size
            left, top, right, bottom = self.crop
            box = (left, top, min(right, width), min(bottom, height))
            refuse_odd_sides(max(0, box[2] - left), max(0, box[3] - top))
            images = [image and image.crop(box) for image in images]
            notes.append(CROPPED)
        if self.turn_degrees:
            images = [image and image.transpose(QUARTERS[self.turn_degrees]) for image in images]
            notes.append(TURNED)
        image, rgba = images
        assert image
        return replace(decoded, image=image, rgba=rgba, note="; ".join(notes))


@dataclass(frozen=True, slots=True)
class CurationFile:
    """The decisions as they stood when a build began: so much of a file that only grows."""

    path: Path
    size: int

    def refuse_left_out(self, key: PictureKey) -> None:
        """DecodeError for a picture that somebody left out."""
        if (decision := _decisions(self).get(key)) and decision.leave_out:
            raise DecodeError(LEFT_OUT)

    def edit(self, decoded: DecodedImage, key: PictureKey) -> DecodedImage:
        """A picture as somebody cropped and turned it; see `Decision.edit`."""
        decision = _decisions(self).get(key)
        return decision.edit(decoded) if decision else decoded


@dataclass(frozen=True)
class Curation:
    """What a curation file says."""

    decisions: Mapping[PictureKey, Decision]
    """The last on each picture, also those that were taken back."""
    passed_over: int
    """Lines that are no decision: cut off by a kill, or of something else."""
    file: CurationFile | None
    """None where there is none."""

    def groups(self) -> dict[PictureKey, str]:
        """The pictures whose group is decided."""
        return {key: each.group for key, each in self.decisions.items() if each.group}

    def as_json(self) -> str:
        """All that is decided, to compare with another time's; what was taken back is not."""
        decided = {key: each for key, each in sorted(self.decisions.items()) if not each.is_empty}
        return json.dumps({json.dumps(key): each.line() for key, each in decided.items()})

    def changed_since(self, other: str) -> set[str]:
        """Checksums of the raw files on which is decided otherwise than when ``other`` was made by `as_json`."""
        before, now = json.loads(other), json.loads(self.as_json())
        changed = {key for key in before.keys() | now.keys() if before.get(key) != now.get(key)}
        return {json.loads(key)[0] for key in changed}


def read_curation(raw: Path) -> Curation:
    """Read what was decided on a folder's pictures.

    Raises:
        OSError: the file exists but cannot be read.
    """
    path = raw / CURATION
    if not path.is_file():
        return Curation({}, 0, None)
    file = CurationFile(path.absolute(), path.stat().st_size)
    decisions, passed_over = _read(file)
    return Curation(decisions, passed_over, file)


def append_decisions(raw: Path, decisions: Iterable[Decision]) -> None:
    """Add lines to a folder's curation file, and wait until they are on the disk.

    Raises:
        OSError: it cannot be written.
    """
    lines = "".join(json.dumps(each.line(), ensure_ascii=False) + "\n" for each in decisions)
    path = raw / CURATION
    is_new = not path.exists()
    with path.open("ab+", buffering=0) as file:
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            lines = lines if file.read(1) == b"\n" else f"\n{lines}"  # a kill cut the last one off
        file.write(lines.encode())
        os.fsync(file.fileno())
    if is_new:
        sync(raw)


@lru_cache(1)
def _decisions(file: CurationFile) -> dict[PictureKey, Decision]:
    return _read(file)[0]


def _read(file: CurationFile) -> tuple[dict[PictureKey, Decision], int]:
    with file.path.open("rb") as opened:
        lines = [line for line in opened.read(file.size).splitlines() if line.strip()]
    parsed = [decision for line in lines if (decision := _parse(line))]
    return {decision.key: decision for decision in parsed}, len(lines) - len(parsed)


def _parse(line: bytes) -> Decision | None:
    try:
        return read_fields(Decision, parse_json_line(line) or {})
    except ValueError:
        return None
