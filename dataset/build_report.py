"""The report of a build: report.json, the card and the samples; and what a caller is told."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dataset.build_database import TRANSPARENT, BuildDatabase
from dataset.build_settings import BuildSettings
from dataset.card import CARD, SAMPLE, SAMPLE_IMAGES, dataset_card, write_sample_grid
from dataset.lost_rims import share_lost_to_flood
from dataset.near_duplicates import Comparison, NearDuplicate
from dataset.render import RGB_FOLDER, RGBA_FOLDER
from dataset.set_contents import SetContents
from dataset.set_grid import GRID, shared_grid
from dataset.set_lists import short
from dataset.set_palette import PALETTE, as_report, own_palette
from dataset.staging import REPORT, newest_image
from dataset.trim import Box
from kit.atomic import replacing, sync_all, write_text
from kit.image_grid import evenly_spaced
from kit.palette_files import Colour


@dataclass(frozen=True)
class BuildReport:
    """What a build found and made; the lists are those of ``report.json``."""

    out: Path
    found: int
    """Files in the raw folder."""
    pictures: int
    """Pictures in the set."""
    rendered: int
    """Raw files that had to be opened in this run; 0: nothing was new."""
    duplicates: list[dict[str, Any]]
    """Raw files with exactly the pixels of ``duplicate_of``."""
    near_duplicates: list[dict[str, Any]]
    """Pairs that look alike, the nearest first; both are in the set."""
    near_duplicate_pairs: int
    """All of them: the list above ends after the nearest."""
    near_duplicate_groups: int | None
    """What they come to, or None where all are in the list."""
    rejected: list[dict[str, Any]]
    """Raw files without a picture, each with its ``reason``."""
    notes: list[dict[str, str]]
    """What was repaired, and which of how many frames was taken: ``raw_file`` and ``note``."""
    frames_passed_over: int
    """Frames of animations that did not become pictures of their own; see ``--frames``."""
    transparent: int
    """Pictures that are not opaque all over; where there is any, all of the set are in ``rgba_images/`` too."""
    groups: int
    """Characters that the pictures show, or 0 where that was not asked for; see `dataset.groups`."""
    by_hand: dict[str, int]
    """Pictures ``left_out``, ``cropped`` and ``turned`` by people, where there are any; see `dataset.curation`."""
    lost_to_flood: float
    """See `dataset.lost_rims.share_lost_to_flood`."""


def read_build_report(out: Path, rendered_now: int) -> BuildReport:
    """What ``report.json`` says of a build that has ended."""
    saved = json.loads((out / REPORT).read_text(encoding="utf-8"))
    counts = saved["counts"]
    return BuildReport(
        out,
        counts["found"],
        counts["pictures"],
        rendered_now,
        duplicates=saved["duplicates"],
        near_duplicates=saved["near_duplicates"],
        near_duplicate_pairs=saved.get("near_duplicate_pairs", len(saved["near_duplicates"])),
        near_duplicate_groups=saved.get("near_duplicate_groups"),
        rejected=saved["rejected"],
        notes=saved.get("notes", []),
        frames_passed_over=counts.get("frames_passed_over", 0),
        transparent=counts.get("transparent", 0),
        groups=counts.get("groups", 0),
        by_hand=counts.get("by_hand", {}),
        lost_to_flood=saved.get("lost_to_flood", 0.0),
    )


class ReportWriter:
    """Writes the reports of a build into its staging folder."""

    def __init__(
        self, settings: BuildSettings, recipe: dict[str, Any], database: BuildDatabase, staging: Path
    ) -> None:
        """Take what is needed.

        Args:
            settings: of the build.
            recipe: as the report names it.
            database: what is known of the set.
            staging: where the reports go, and what of the set's pictures is new.
        """
        self._settings, self._recipe, self._database, self._staging = settings, recipe, database, staging
        self._contents = SetContents(database)

    def write(self, groups: int, window: Box | None, shown: str | None) -> str:
        """Write the reports; ``report.json`` last, because it marks the rest as complete.

        Args:
            groups: characters that the pictures show; 0: not known.
            window: the part of all images that was taken, where they are trimmed together.
            shown: what this gave for the grid of samples that the set has; None: no grid, or not known.

        Returns:
            The images on the grid of samples, as JSON: clean names → hashes.
        """
        alike = self._contents.compare()
        counts = self._counts(groups)
        report = {
            "recipe": self._recipe,
            "counts": counts,
            **self._lists(alike),
            **self._measurements(counts, window),
        }
        if self._database.count("note IS NOT NULL AND kept"):
            report["notes"] = ({"raw_file": each.raw_file, "note": each.note} for each in self._contents.noted())
        if alike.pairs > len(report["near_duplicates"]):  # or the list is all there is, as in version 0.1.0
            report |= {"near_duplicate_pairs": alike.pairs, "near_duplicate_groups": alike.group_count()}
        sample = self._contents.sample(SAMPLE_IMAGES)
        if shown != (shown_now := json.dumps(sample)):
            write_sample_grid(self._staging / SAMPLE, [self._image_path(name) for name in sample])
        contents = self._contents
        about = {**report, "near_duplicate_pairs": alike.pairs}
        card = dataset_card(about, contents.most_common("host"), contents.most_common("game"), contents.labels())
        write_text(self._staging / CARD, card)
        sync_all()  # pictures and lists, one by one, would take long
        write_json(self._staging / REPORT, report)
        return shown_now

    def _counts(self, groups: int) -> dict[str, Any]:
        contents, count = self._contents, self._database.count
        more = {
            "by_hand": contents.count_by_hand(),
            "frames_passed_over": contents.count_frames_passed_over(),
            "transparent": count(TRANSPARENT),
            "groups": groups,
        }
        return {
            "found": contents.count_files(),
            "pictures": count("kept"),
            "duplicates": contents.count_twins(),
            "rejected": count("reason IS NOT NULL"),
            **{name: value for name, value in more.items() if value},
        }

    def _lists(self, alike: Comparison) -> dict[str, Any]:
        """Long ones as iterators, which nothing but `write_json` uses up."""
        name = self._contents.name
        nearest = (NearDuplicate(name(first), name(second), bits) for bits, first, second in alike.nearest_ids())
        return {
            "duplicates": ({**short(twin), "duplicate_of": first} for twin, first in self._contents.duplicates()),
            "near_duplicates": list(map(asdict, nearest)),
            "rejected": map(short, self._contents.rejected()),
        }

    def _measurements(self, counts: dict[str, Any], window: Box | None) -> dict[str, Any]:
        """What was measured of the images, and the settings that are no part of the recipe."""
        settings, transparent = self._settings, counts.get("transparent", 0)
        result: dict[str, Any] = {}
        if transparent:
            result["lost_to_flood"] = self._share_lost_to_flood(transparent)
        result |= settings.selection()
        if palette := self._palette(bool(transparent)):
            result[PALETTE] = as_report(palette)
        if settings.pixel_art != "off" and (grid := shared_grid(self._images(bool(transparent)))):
            result[GRID] = grid._asdict()
        if window:
            result["window"] = window
        if settings.tables == "none":
            result["tables"] = "none"
        return result

    def _palette(self, has_rgba: bool) -> list[Colour]:
        if self._settings.palette == "auto" and self._settings.pixel_art != "off":
            return own_palette(self._images(has_rgba))
        return self._settings.palette_colours() or []

    def _images(self, has_rgba: bool) -> Iterator[Path]:
        folder = RGBA_FOLDER if has_rgba else RGB_FOLDER
        return (self._image_path(name, folder) for name in self._contents.kept_names())

    def _share_lost_to_flood(self, transparent: int) -> float:
        names = self._contents.names(TRANSPARENT, evenly_spaced(range(transparent), SAMPLE_IMAGES))
        return share_lost_to_flood(
            [(self._image_path(name), self._image_path(name, RGBA_FOLDER)) for name in names]
        )

    def _image_path(self, name: str, folder: str = RGB_FOLDER) -> Path:
        return newest_image(self._settings.out, self._staging, name, folder)


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write an object as ``json.dumps`` with an indent of 1 does; a value may be an iterator, for a long list."""
    with replacing(path) as partial, partial.open("w", encoding="utf-8", newline="\n") as file:
        for index, (name, value) in enumerate(values.items()):
            file.write(f"{',' if index else '{'}\n {json.dumps(name)}: ")
            if isinstance(value, Iterator):
                file.writelines(_json_list(value))
            else:
                file.write(_json(value, 1))
        file.write("\n}\n")


def _json_list(items: Iterable[Any]) -> Iterator[str]:
    before = "["
    for item in items:
        yield f"{before}\n  {_json(item, 2)}"
        before = ","
    yield "[]" if before == "[" else "\n ]"


def _json(value: Any, depth: int) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1).replace("\n", "\n" + " " * depth)
