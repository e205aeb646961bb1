"""What stands in files of what is known: an earlier set, and a scrape's manifest, taken over into the database."""

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from dataset.build_cache import BuildCache
from dataset.card import host_of
from dataset.curation import BY_HAND
from dataset.raw import file_state, manifest_fields
from dataset.render import OUTCOME_FIELDS, Outcome, image_states
from dataset.staging import (
    METADATA,
    REPORT,
    has_transparent_images,
    is_picture_name,
    metadata_names,
    read_report,
)
from dataset.tables import latest_change_ns
from kit.jsonl import parse_json_line, read_jsonl
from kit.typed_json import read_fields
from scraper.manifest import MANIFEST_NAME

FORMAT = 6
"""Increased whenever a raw image would give other bytes: sets of an older revision are then rebuilt."""
COMPATIBLE_FORMAT = 5
"""Of sets of version 0.1.0, which are gone on with; see `read_build_recipe`."""
HASHED_BYTES = 2**20
CLOCKS_DIFFER_NS = 2 * 10**9
"""By so much at most the clock of a network disk is ahead."""


def read_build_recipe(out: Path, recipe: dict[str, Any]) -> dict[str, Any]:
    """``recipe``, or that of an older set in ``out`` which differs in nothing but a compatible format.

    The images of such a set stay as they are; only its rejected files are tried again.
    """
    older = {**recipe, "format": COMPATIBLE_FORMAT}
    return older if read_report(out).get("recipe") == older else recipe


def made_ns(out: Path, recipe: dict[str, Any]) -> int:
    """When the set in ``out`` was made: what is younger was changed by somebody else.

    0 if it is by another recipe, or of a time to come: the clock was wrong then, or is now, and tells nothing.
    """
    if read_report(out).get("recipe") != recipe:
        return 0
    made = latest_change_ns((out / REPORT).stat())
    return made if made < time.time_ns() + CLOCKS_DIFFER_NS else 0


def adopt(cache: BuildCache, out: Path, recipe: dict[str, Any]) -> None:
    """Take over what the files of a set tell, as far as the database knows nothing better."""
    cache.add_stale(metadata_names(out))
    until_ns = made_ns(out, recipe)
    if not until_ns:
        return
    with_rgba = has_transparent_images(out)
    for outcome in _outcomes(read_jsonl(out / METADATA)):
        images = image_states(out, outcome.file_name, until_ns, with_rgba)
        if images:
            _adopt(cache, outcome, images)
    report = read_report(out)
    # A version that refused more files: they are looked at again.
    names = ("duplicates", "rejected") if recipe["format"] != COMPATIBLE_FORMAT else ("duplicates",)
    for records in (report.get(name) for name in names):
        for outcome in _outcomes(records if isinstance(records, list) else []):
            _adopt(cache, outcome, None)


def _outcomes(records: Iterable[Any]) -> Iterator[Outcome]:
    for record in records:
        # Somebody may have edited it: what it lacks is computed again.
        with suppress(ValueError):
            if isinstance(record, dict):
                outcome = read_fields(Outcome, {key: record[key] for key in OUTCOME_FIELDS if key in record})
                if is_picture_name(outcome.file_name):
                    yield outcome


def _adopt(cache: BuildCache, outcome: Outcome, images: bytes | None) -> None:
    if BY_HAND in f"{outcome.reason}{outcome.note}":  # which may have been decided otherwise since
        return
    try:
        cache.adopt(outcome, images)
    except (ValueError, OverflowError):  # no checksum, a number that no database holds: edited
        return


def read_manifest(cache: BuildCache, raw: Path) -> None:
    """Take over what a scrape's manifest tells of its pictures: only what was added, where no more has changed.

    The last line for a file counts.
    """
    path = raw / MANIFEST_NAME
    state = file_state(path.stat(), time.time_ns()).hex() if path.is_file() else "none"
    known = json.loads(cache.note("manifest") or '{"state": "none", "bytes": 0, "sha256": ""}')
    if state and state == known["state"]:
        return
    lines = _ManifestLines(path if path.is_file() else None)
    added = lines.skip(known["bytes"], known["sha256"])
    cache.add_facts(lines.facts(), all_of_them=not added)
    cache.set_note(
        "manifest", json.dumps({"state": state, "bytes": lines.bytes, "sha256": lines.digest.hexdigest()})
    )


class _ManifestLines:
    """Reads whole lines and knows what it has read."""

    def __init__(self, path: Path | None) -> None:
        self._path, self.bytes, self.digest = path, 0, sha256()

    def skip(self, length: int, digest: str) -> bool:
        """Pass over so many bytes, if they have this checksum."""
        if not length or not self._path:
            return False
        read = sha256()
        with self._path.open("rb") as file:
            for begin in range(0, length, HASHED_BYTES):
                read.update(file.read(min(HASHED_BYTES, length - begin)))
        if read.hexdigest() != digest:
            return False
        self.bytes, self.digest = length, read
        return True

    def facts(self) -> Iterator[tuple[bytes, str, str | None, str | None]]:
        """What `BuildCache.add_facts` takes, of each line from there on."""
        if not self._path:
            return
        with self._path.open("rb") as lines:
            lines.seek(self.bytes)
            for line in lines:
                record = parse_json_line(line.decode("utf-8-sig", "replace"))
                if line.endswith(b"\n"):  # or a kill cut it off
                    self.bytes += len(line)
                    self.digest.update(line)
                if record and isinstance(record.get("file"), str):
                    facts = manifest_fields(record)
                    host = host_of(facts["page"] or facts["url"])
                    path = record["file"].encode("utf-8", "replace")
                    yield path, json.dumps(facts), host, facts["game"] or None
