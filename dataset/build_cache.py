"""What earlier runs found out about the raw pictures, as far as it still holds."""

from pathlib import Path
from typing import Any

from dataset.raw import RawFolder, RawImage
from dataset.render import OUTCOME_FIELDS, Outcome, content_sha256
from dataset.staging import METADATA, RENDER_LOG, REPORT, complete_images, read_report
from dataset.tables import latest_change_ns
from kit.jsonl import read_jsonl

FORMAT = 6
"""Increased whenever a raw image would give other bytes: sets of an older revision are then rebuilt."""
COMPATIBLE_FORMAT = 5
"""Of sets of version 0.1.0, which are gone on with; see `read_build_recipe`."""


class BuildCache:
    """Outcomes by raw file: of the set that stands, and of a build that was cut off."""

    def __init__(self, out: Path, staging: Path, recipe: dict[str, Any]) -> None:
        self.made_ns, self._standing = _standing(out, recipe)
        """When the set that stands was made, 0 without one: what is younger was changed by somebody else."""
        self._whole_standing = complete_images(out, not_after_ns=self.made_ns)
        self._staged = _by_raw_file(read_jsonl(staging / RENDER_LOG))
        self._whole_staged = complete_images(staging)
        self.from_staging: set[str] = set()
        """Clean names whose pictures lie in the staging folder."""

    def outcomes(self, raw: RawFolder) -> list[Outcome | None]:
        """What is known of each raw picture; None where it has to be rendered.

        A duplicate has no pictures of its own: it is known while a known picture before it has its pixels.
        """
        cached: list[Outcome | None] = []
        pixels: set[str] = set()
        for image in raw.images:
            outcome = self._outcome(raw, image, pixels)
            cached.append(outcome)
            if outcome:
                pixels.add(outcome.pixel_sha256)
        return cached

    def _outcome(self, raw: RawFolder, image: RawImage, pixels: set[str]) -> Outcome | None:
        if image.refusal:
            return Outcome(image.raw_file, image.file_name, reason=image.refusal)
        candidates = (self._staged.get(image.raw_file), self._standing.get(image.raw_file))
        if not any(candidates):
            return None
        digest = content_sha256(raw.folder / image.path)
        for outcome, whole in zip(candidates, (self._whole_staged, self._whole_standing), strict=True):
            if not outcome or not digest or (outcome.raw_sha256, outcome.file_name) != (digest, image.file_name):
                continue
            if outcome.reason or outcome.pixel_sha256 in pixels:
                return outcome
            if outcome.file_name in whole:
                if whole is self._whole_staged:
                    self.from_staging.add(outcome.file_name)
                return outcome
        return None


def read_build_recipe(out: Path, recipe: dict[str, Any]) -> dict[str, Any]:
    """``recipe``, or that of an older set in ``out`` which differs in nothing but a compatible format.

    The images of such a set stay as they are; only its rejected files are tried again.
    """
    older = {**recipe, "format": COMPATIBLE_FORMAT}
    return older if read_report(out).get("recipe") == older else recipe


def is_older_version(recipe: dict[str, Any]) -> bool:
    """Whether a set was begun by a version that refused more files."""
    return bool(recipe["format"] == COMPATIBLE_FORMAT)


def _standing(out: Path, recipe: dict[str, Any]) -> tuple[int, dict[str, Outcome]]:
    """Time and outcomes of the set in ``out``; none if it was made by another recipe."""
    report = read_report(out)
    # Somebody may have edited it: what it lacks is computed again.
    if report.get("recipe") != recipe:
        return 0, {}
    records = [*read_jsonl(out / METADATA), *report.get("duplicates", [])]
    if not is_older_version(recipe):
        records += report.get("rejected", [])
    return latest_change_ns((out / REPORT).stat()), _by_raw_file(records)


def _by_raw_file(records: Any) -> dict[str, Outcome]:
    return {
        record["raw_file"]: Outcome(**{key: record[key] for key in OUTCOME_FIELDS if key in record})
        for record in records
        if "raw_file" in record and "file_name" in record
    }
