"""From a folder of any pictures to a training set: in parallel, only what changed, or nothing at all."""

import json
import logging
from array import array
from collections import Counter
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import PIL

from dataset.build_cache import FORMAT, BuildCache, read_build_recipe
from dataset.card import CARD, SAMPLE, SAMPLE_IMAGES, dataset_card, write_sample_grid
from dataset.decode import FITS, RESAMPLES, Fit, Resample, parse_background
from dataset.errors import DatasetError, DatasetSettingsError
from dataset.near_duplicates import find_near_duplicates
from dataset.raw import FOLLOW_HINT, MANIFEST_FIELDS, RawFolder, RawImage, read_manifest_fields, scan_raw_folder
from dataset.render import GREY_FOLDER, NOT_THIS_TIME, RGB_FOLDER, Outcome, RenderJob, RenderSettings
from dataset.render_pool import render_all
from dataset.staging import (
    METADATA,
    PAGE,
    REPORT,
    RenderLog,
    build_lock,
    commit,
    compute_stamp,
    file_names,
    finish_commit,
    is_built_set,
    open_staging,
    png_names,
    read_stamp,
    remove_unused,
    write_stamp,
)
from dataset.tables import LABELS_CSV, PIXELS_CSV, PreviousRows, TableWriter, read_pixel_row, remove_tables
from kit.atomic import cannot_write, write_text
from kit.image_grid import evenly_spaced
from kit.jsonl import read_jsonl
from kit.progress import Progress, noop
from kit.worker_pool import available_cores
from scraper.manifest import IMAGES

log = logging.getLogger(__name__)

SIZES_PX = range(16, 513)
Tables = Literal["csv", "none"]
TABLES: tuple[Tables, ...] = get_args(Tables)
NETWORK_BASES_PX = (4, 5, 6, 7)
"""Networks of vgc draw sizes of these times a power of two; see `gan.config.doublings`."""


@dataclass(frozen=True)
class BuildSettings:
    """How raw pictures become a training set; what shapes the pictures is saved in ``report.json``."""

    raw: Path = Path("Data/raw")
    """A scrape's folder, or any folder of pictures."""

    out: Path = Path("Data/train_data")
    """The set's folder: empty, missing, or an earlier set."""

    size_px: int = 80
    """Side of the square pictures, pixels: 16 to 512."""

    fit: Fit = "pad"
    """What becomes of a picture that is not square; see `dataset.decode.to_square`."""

    background: str = "black"
    """Behind transparent parts and in the padding: ``black``, ``white``, ``#rrggbb`` or ``edge``."""

    workers: int = field(default_factory=available_cores)
    """Processes that render, 1 or more; the set does not depend on it."""

    follow_links: bool = False
    """Read links out of the raw folder and enter linked folders; else both are refused."""

    tables: Tables = "csv"
    """Whether to write the grey images as tables of numbers too."""

    resample: Resample = "lanczos"
    """The filter; ``nearest`` is for pixel art."""

    trim: bool = False
    """Cut off margins of one colour first."""

    def __post_init__(self) -> None:
        if self.size_px not in SIZES_PX:
            raise DatasetSettingsError(f"--size {self.size_px}: choose {SIZES_PX[0]} to {SIZES_PX[-1]} pixels")
        if self.fit not in FITS:
            raise DatasetSettingsError(f"--fit {self.fit}: choose {', '.join(FITS[:-1])} or {FITS[-1]}")
        try:
            parse_background(self.background)
        except ValueError:
            raise DatasetSettingsError(
                f"--background {self.background}: choose black, white, #rrggbb or edge"
            ) from None
        if self.resample not in RESAMPLES:
            raise DatasetSettingsError(f"--resample {self.resample}: choose {' or '.join(RESAMPLES)}")
        if self.tables not in TABLES:
            raise DatasetSettingsError(f"--tables {self.tables}: choose {' or '.join(TABLES)}")
        if self.workers < 1:
            raise DatasetSettingsError(f"--workers {self.workers}: choose 1 or more")
        if self.out.is_file():
            raise DatasetSettingsError(f"--out {self.out}: is a file, not a folder; choose another")
        for images in (self.raw, self.raw / IMAGES):
            if images.resolve().is_relative_to(self.out.resolve()):
                raise DatasetSettingsError(
                    f"--out {self.out} holds the raw pictures in {images}; choose another folder"
                )

    def rendering(self) -> RenderSettings:
        """What a process that renders has to know."""
        return RenderSettings(self.size_px, self.fit, self.background, self.resample, self.trim)

    def recipe(self) -> dict[str, Any]:
        """All that decides which bytes a raw image becomes; options of later versions only where they are used."""
        later: dict[str, Any] = {"resample": self.resample} if self.resample != "lanczos" else {}
        later |= {"trim": True} if self.trim else {}
        return {
            "format": FORMAT,
            "pillow": PIL.__version__,
            "size_px": self.size_px,
            "fit": self.fit,
            "background": self.background,
            **later,
        }


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


def build(settings: BuildSettings, progress: Progress = noop) -> BuildReport:
    """Make the set of ``settings.out`` out of ``settings.raw``.

    Args:
        settings: see `BuildSettings`.
        progress: called for every file.

    Raises:
        DatasetError: no raw folder, no picture in it, a folder in the way, another build at work, or the disk is
            full or cannot be written.
        OSError: a picture of the set was damaged without a trace in its dates.
        KeyboardInterrupt: Ctrl-C; the same settings resume where this run stopped.
    """
    raw = scan_raw_folder(settings.raw, settings.out, settings.follow_links)
    if not raw.files:
        raise DatasetError(f"{raw.folder}: nothing in it; run vgc scrape first, or name another folder with --raw")
    if not _fits_a_network(settings.size_px):
        smaller, larger = _sizes_around(settings.size_px)
        log.warning(
            "--size %d: no network of vgc draws this size; for vgc train choose %d or %d",
            *(settings.size_px, smaller, larger),
        )
    try:
        return _build(settings, raw, progress)
    except OSError as error:
        if error.errno is None:  # Pillow's own, of a picture of the set
            raise
        raise DatasetError(f"{cannot_write(error, settings.out)}; the same command goes on") from error


def _fits_a_network(size_px: int) -> bool:
    while size_px > max(NETWORK_BASES_PX) and size_px % 2 == 0:
        size_px //= 2
    return size_px in NETWORK_BASES_PX


def _sizes_around(size_px: int) -> tuple[int, int]:
    """The nearest sizes below and above that networks draw."""
    sizes = [size for size in SIZES_PX if _fits_a_network(size)]
    smaller = max((size for size in sizes if size < size_px), default=sizes[0])
    return smaller, min((size for size in sizes if size > size_px), default=sizes[-1])


def _build(settings: BuildSettings, raw: RawFolder, progress: Progress) -> BuildReport:
    with build_lock(settings.out):
        finish_commit(settings.out)
        recipe = read_build_recipe(settings.out, settings.recipe())
        inputs = [json.dumps(recipe), f"{FORMAT} {settings.tables}", raw.fingerprint]
        if read_stamp(settings.out) == compute_stamp(settings.out, inputs):
            return _report(settings.out, rendered_now=0)
        _refuse_foreign_files(settings.out, raw)
        try:
            count, is_final = _Build(settings, raw, recipe).run(progress)
        except KeyboardInterrupt:
            raise KeyboardInterrupt("interrupted; the same command goes on from here") from None
        if is_final:
            write_stamp(settings.out, compute_stamp(settings.out, inputs))
        return _report(settings.out, rendered_now=count)


def _report(out: Path, rendered_now: int) -> BuildReport:
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
    )


def _refuse_foreign_files(out: Path, raw: RawFolder) -> None:
    """What no earlier build made in the set's folder is somebody's own: never overwritten or deleted."""
    stands = is_built_set(out)
    if not stands:
        grey = (f"{GREY_FOLDER}/{name}" for name in png_names(out / GREY_FOLDER))
        for name in (CARD, SAMPLE, REPORT, PAGE, METADATA, PIXELS_CSV, LABELS_CSV, *grey):
            if (out / name).exists():
                raise DatasetError(_not_ours(out / name))
    folder = out / RGB_FOLDER
    made = file_names(out / METADATA)
    foreign = sorted(name for name in png_names(folder) if name not in made)
    if not foreign:
        return
    if stands and not made:
        raise DatasetError(
            f"{out / METADATA}: gone or empty, so that nothing tells whose the pictures beside it are; "
            f"move {folder} away, and it is made again"
        )
    wanted = {image.file_name for image in raw.images}
    lost = [name for name in foreign if name in wanted]
    if lost or not made:
        raise DatasetError(_not_ours(folder / (lost or foreign)[0]))
    log.warning("%s is not of this set; to add a picture, put it into %s", folder / foreign[0], raw.folder)


def _not_ours(path: Path) -> str:
    return f"{path} was not made by vgc preprocess: move it away, or choose another --out"


class _Build:
    """One run: renders what is new into the staging folder, writes the reports, moves everything into place."""

    def __init__(self, settings: BuildSettings, raw: RawFolder, recipe: dict[str, Any]) -> None:
        self.settings, self.raw, self.recipe, self.out = settings, raw, recipe, settings.out
        self.facts = read_manifest_fields(raw.folder)
        self.staging = open_staging(self.out, recipe)
        self.cache = BuildCache(self.out, self.staging, recipe)
        self.name_by_pixels: dict[bytes, str] = {}
        self.perceptual_hashes = array("Q")
        self.duplicates: list[dict[str, Any]] = []
        self.rejected: list[dict[str, Any]] = []
        self.notes: list[dict[str, str]] = []

    def run(self, progress: Progress) -> tuple[int, bool]:
        """Make the set.

        Returns:
            The number of raw files rendered, and whether another run would find out nothing more.
        """
        cached = self.cache.outcomes(self.raw)
        self._write_images(cached, progress)
        names = list(self.name_by_pixels.values())
        if not names:
            raise DatasetError(self._nothing())
        remove_unused(self.staging, self.cache.from_staging.intersection(names))
        self._write_reports(names)
        if self.settings.tables == "none":
            remove_tables(self.out)
        commit(self.out, self.staging)
        is_final = not any(record["reason"].startswith(NOT_THIS_TIME) for record in self.rejected)
        return cached.count(None), is_final

    def _job(self, image: RawImage) -> RenderJob:
        self.cache.from_staging.add(image.file_name)
        return RenderJob(
            self.raw.folder / image.path,
            image.raw_file,
            image.file_name,
            self.staging,
            self.settings.rendering(),
        )

    def _write_images(self, cached: list[Outcome | None], progress: Progress) -> None:
        """Write pictures, tables and metadata as a stream, in the order of the clean names."""
        jobs = (self._job(image) for image, outcome in zip(self.raw.images, cached, strict=True) if not outcome)
        former = PreviousRows(self.out, self.settings.size_px, self.cache.made_ns)
        with (
            closing(render_all(jobs, cached.count(None), self.settings.workers)) as fresh,
            RenderLog(self.staging) as render_log,
            self._tables() as tables,
            (self.staging / METADATA).open("w", encoding="utf-8", newline="\n") as metadata,
        ):
            for done, cached_outcome in enumerate(cached, start=1):
                outcome, row = (cached_outcome, b"") if cached_outcome else next(fresh)
                if not cached_outcome:
                    render_log.add(outcome)
                if self._belongs(outcome):
                    if tables:
                        tables.add(outcome.file_name, row or self._row(outcome, former))
                    metadata.write(json.dumps(self._metadata(outcome), ensure_ascii=False) + "\n")
                progress(done, len(cached), outcome.raw_file)

    def _tables(self) -> AbstractContextManager[TableWriter | None]:
        if self.settings.tables == "csv":
            return TableWriter(self.staging, self.settings.size_px)
        remove_tables(self.staging)
        return nullcontext()

    def _belongs(self, outcome: Outcome) -> bool:
        """Whether the picture is in the set; else note why not."""
        if outcome.reason:
            self.rejected.append(_short(outcome))
            return False
        first = self.name_by_pixels.setdefault(bytes.fromhex(outcome.pixel_sha256), outcome.file_name)
        if first != outcome.file_name:
            self.duplicates.append({**_short(outcome), "duplicate_of": first})
            return False
        if outcome.note:
            self.notes.append({"raw_file": outcome.raw_file, "note": outcome.note})
        self.perceptual_hashes.append(int(outcome.perceptual_hash, 16))
        return True

    def _row(self, outcome: Outcome, former: PreviousRows) -> bytes:
        if outcome.file_name in self.cache.from_staging:
            return read_pixel_row(self.staging / GREY_FOLDER / outcome.file_name)
        return former.row(outcome.file_name) or read_pixel_row(self.out / GREY_FOLDER / outcome.file_name)

    def _metadata(self, outcome: Outcome) -> dict[str, Any]:
        facts = self.facts.get(outcome.raw_file) or dict.fromkeys(MANIFEST_FIELDS)
        return {"file_name": outcome.file_name, **facts, **_short(outcome)}

    def _nothing(self) -> str:
        reasons = Counter(record["reason"] for record in self.rejected)
        reason, count = reasons.most_common(1)[0]
        files, times = _counted(len(self.rejected), "file"), _counted(count, "time")
        text = f"{self.raw.folder}: no usable picture in {files}; {times}: {reason}"
        return f"{text}; or copy the folder with cp -rL" if FOLLOW_HINT in reason else text

    def _write_reports(self, names: list[str]) -> None:
        """Write the reports; ``report.json`` last, because it marks the rest as complete."""
        near = find_near_duplicates(names, self.perceptual_hashes)
        report: dict[str, Any] = {
            "recipe": self.recipe,
            "counts": {
                "found": len(self.raw.files),
                "pictures": len(names),
                "duplicates": len(self.duplicates),
                "rejected": len(self.rejected),
            },
            "duplicates": self.duplicates,
            "near_duplicates": [asdict(pair) for pair in near.nearest],
            "rejected": self.rejected,
        }
        if self.settings.tables == "none":
            report["tables"] = "none"
        if self.notes:
            report["notes"] = self.notes
        if near.pairs > len(near.nearest):  # or the list is all there is, and the report that of version 0.1.0
            report |= {"near_duplicate_pairs": near.pairs, "near_duplicate_groups": near.groups}
        write_sample_grid(
            self.staging / SAMPLE, [self._image_path(name) for name in evenly_spaced(names, SAMPLE_IMAGES)]
        )
        write_text(self.staging / CARD, dataset_card(report, read_jsonl(self.staging / METADATA)))
        write_text(self.staging / REPORT, json.dumps(report, ensure_ascii=False, indent=1) + "\n")

    def _image_path(self, name: str) -> Path:
        folder = self.staging if name in self.cache.from_staging else self.out
        return folder / RGB_FOLDER / name


def _short(outcome: Outcome) -> dict[str, Any]:
    """All that is known, without the fields that stay empty for a refused file."""
    return {key: value for key, value in outcome.as_dict().items() if value}


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
