"""From a folder of any pictures to a training set: in parallel, only what changed, or nothing at all."""

import json
import logging
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from itertools import chain, tee
from pathlib import Path
from typing import Any

from dataset.build_cache import LAST_NAME, WITHOUT_RGBA, BuildCache
from dataset.build_database import TO_RENDER, TRANSPARENT
from dataset.build_report import BuildReport, ReportWriter, read_build_report
from dataset.build_settings import (
    BuildSettings,
    fits_a_network,
    save_settings,
    saved_settings,
    sizes_around,
)
from dataset.card import CARD, SAMPLE
from dataset.curation import CURATION, read_curation
from dataset.earlier_set import FORMAT, adopt, made_ns, read_build_recipe, read_manifest
from dataset.errors import DatasetError
from dataset.raw import FOLLOW_HINT, RawFolder, each_part, readable, scan_raw_folder, split_part
from dataset.render import (
    GREY_FOLDER,
    NOT_THIS_TIME,
    RGB_FOLDER,
    RGBA_FOLDER,
    STATE,
    OpaqueCopy,
    RenderJob,
    content_sha256,
    image_states,
)
from dataset.render_pool import measure_all, render_all, write_all_opaque_rgba
from dataset.set_contents import SetContents
from dataset.set_lists import SetLists, add_groups
from dataset.sheets import parse_sheet
from dataset.staging import (
    METADATA,
    PAGE,
    REPORT,
    build_lock,
    cache_file,
    commit,
    file_states,
    finish_commit,
    has_transparent_images,
    is_built_set,
    newest_image,
    open_staging,
    png_names,
    remove_cache,
    remove_images,
    remove_other_caches,
    remove_stagings,
    staging_folder,
    write_plan,
)
from dataset.tables import LABELS_CSV, PIXELS_CSV, remove_tables
from dataset.trim import Box
from kit.atomic import cannot_write
from kit.counted import counted
from kit.progress import Progress, noop

__all__ = ["BuildReport", "BuildSettings", "build", "fits_a_network", "saved_settings"]

log = logging.getLogger(__name__)

COMMIT_SECONDS = 0.5
"""What was rendered in a longer time is not lost by a kill."""


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
    raw = _scan(settings)
    if settings.side_px != settings.size_px:
        log.warning(
            "--size %d: no network of vgc draws this size; padded to %d", settings.size_px, settings.side_px
        )
    elif not fits_a_network(settings.size_px):
        smaller, larger = sizes_around(settings.size_px)
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


def _scan(settings: BuildSettings) -> RawFolder:
    folder = scan_raw_folder(settings.raw, settings.out, settings.follow_links)
    raw = each_part(
        folder.select(settings.include, settings.exclude),
        settings.frames,
        parse_sheet(settings.sheet),
    )
    first = next(raw.files, None)
    if not first:
        if settings.selection():
            raise DatasetError(f"{raw.folder}: nothing in it that --include and --exclude leave; see the patterns")
        raise DatasetError(f"{raw.folder}: nothing in it; run vgc scrape first, or name another folder with --raw")
    return replace(raw, files=chain([first], raw.files))


def _build(settings: BuildSettings, raw: RawFolder, progress: Progress) -> BuildReport:
    with build_lock(settings.out):
        finish_commit(settings.out)
        recipe = read_build_recipe(settings.out, settings.recipe())
        file = cache_file(settings.out, recipe)
        try:
            count = _update(settings, raw, recipe, file, progress)
        except sqlite3.DatabaseError as error:
            _raise_if_not_damaged(error, file)
            log.warning("%s: damaged (%s); what it held is found out anew", file, error)
            remove_cache(file)
            count = _update(settings, _scan(settings), recipe, file, progress)
        save_settings(settings)
        return read_build_report(settings.out, rendered_now=count)


DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}
PROBE_BYTES = 2**16


def _raise_if_not_damaged(error: sqlite3.DatabaseError, file: Path) -> None:
    """Say as an OSError that the database cannot be written: SQLite does not tell why, but the system does."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_NOTADB) & 0xFF
    if code in DAMAGED:
        return
    probe = file.with_suffix(".probe")
    try:
        probe.write_bytes(bytes(PROBE_BYTES))
    finally:
        probe.unlink(missing_ok=True)
    raise DatasetError(f"{file}: {error}; see who may write there, or choose another folder with --out") from error


def _update(
    settings: BuildSettings, raw: RawFolder, recipe: dict[str, Any], file: Path, progress: Progress
) -> int:
    """Make the set what it should be, and give the number of raw files rendered."""
    with BuildCache(file) as cache:
        run = _Build(settings, raw.folder, recipe, cache)
        run.find_changes(raw)
        _refuse_foreign_files(settings.out, raw.folder, cache)
        if not cache.has_changed():
            remove_stagings(settings.out)
            return 0
        try:
            return run.run(progress)
        except KeyboardInterrupt:
            raise KeyboardInterrupt("interrupted; the same command goes on from here") from None


def _refuse_foreign_files(out: Path, raw: Path, cache: BuildCache) -> None:
    """What no earlier build made in the set's folder is somebody's own: never overwritten or deleted."""
    folder = out / RGB_FOLDER
    stands = cache.note("standing") is not None or is_built_set(out)
    if not stands:
        grey = (f"{GREY_FOLDER}/{name}" for name in png_names(out / GREY_FOLDER))
        for name in (CARD, SAMPLE, REPORT, PAGE, METADATA, PIXELS_CSV, LABELS_CSV, *grey):
            if (out / name).exists():
                raise DatasetError(_not_ours(out / name))
    if sum(1 for _ in png_names(folder)) == cache.count_settled():
        return  # each of which has been looked at
    foreign = cache.foreign(png_names(folder))
    if not foreign:
        return
    if stands and not cache.knows_images():
        raise DatasetError(
            f"{out / METADATA}: gone or empty, so that nothing tells whose the pictures beside it are; "
            f"move {folder} away, and it is made again"
        )
    lost = [name for name in foreign if cache.is_wanted(name)]
    if lost or not cache.knows_images():
        raise DatasetError(_not_ours(folder / (lost or foreign)[0]))
    log.warning("%s is not of this set; to add a picture, put it into %s", folder / foreign[0], raw)


def _not_ours(path: Path) -> str:
    return f"{path} was not made by vgc preprocess: move it away, or choose another --out"


class _Build:
    """One run: renders what is new into the staging folder, writes the reports, moves everything into place."""

    def __init__(self, settings: BuildSettings, raw: Path, recipe: dict[str, Any], cache: BuildCache) -> None:
        self.settings, self.raw, self.recipe, self.cache = settings, raw, recipe, cache
        self.out, self.staging = settings.out, staging_folder(settings.out, recipe)
        self._reports = ReportWriter(settings, recipe, cache, self.staging)
        self._out_text = str(self.out)
        self.window: Box | None = None
        self.is_transparent = False
        """Whether a transparent picture of the set is known."""
        self.curation = read_curation(raw)
        if self.curation.passed_over:
            log.warning("%s: %s without a decision", raw / CURATION, counted(self.curation.passed_over, "line"))
        groups_by_hand = {"groups_by_hand": True} if settings.group != "off" and self.curation.groups() else {}
        self.has_groups = settings.has_groups or bool(groups_by_hand)
        self.lists = json.dumps({**settings.lists(), **groups_by_hand})

    def find_changes(self, raw: RawFolder) -> None:
        """Compare the folders with what is known: by sizes, times and inodes, and by content where in doubt."""
        cache = self.cache
        cache.update(raw.files)
        states = json.loads(cache.note("standing") or "{}")
        self.stands = states == file_states(self.out) and METADATA in states
        """Whether the set's lists are as this database knows them."""
        if not self.stands:
            adopt(cache, self.out, self.recipe)
        older = {"tables": cache.note("tables"), "groups": False}
        if json.loads(cache.note("lists") or json.dumps(older)) != json.loads(self.lists):
            cache.mark_changed()
        if decided_anew := self.curation.changed_since(cache.note("curation") or "{}"):
            cache.forget_files(decided_anew)
            cache.set_note("curation", self.curation.as_json())
        read_manifest(cache, self.raw)
        for number, path, known in cache.doubtful():
            digest = content_sha256(self._source(path))
            cache.settle(number, same=bool(digest) and digest == known)
        cache.check_images(self._is_whole)
        cache.retry(NOT_THIS_TIME)
        if self.recipe["format"] == FORMAT:
            cache.find_alpha()
        if self.settings.trim == "together":
            self._find_window()
        cache.commit()

    def _find_window(self) -> None:
        """Measure the figures of new files; if they need another window, all pictures have to be made anew."""
        cache, waiting = self.cache, f"stage = {TO_RENDER}"
        paths = [path for path, _ in cache.to_render()]
        with closing(measure_all(self._jobs(), cache.count(waiting), self.settings.workers)) as figures:
            cache.record_figures(zip(paths, figures, strict=True))
        self.window = cache.window()
        if cache.note("window") != json.dumps(self.window):
            cache.forget_all()
            cache.set_note("window", json.dumps(self.window))

    def _is_whole(self, name: str, images: bytes) -> bool:
        with_rgba = len(images) > 2 * STATE.size
        # In most runs all are in the set, and this is asked of each picture.
        return (
            image_states(self._out_text, name, with_rgba=with_rgba) == images
            or image_states(self.staging, name, with_rgba=with_rgba) == images
        )

    def _source(self, path: bytes) -> Path:
        return self.raw / os.fsdecode(split_part(path)[0])

    def run(self, progress: Progress) -> int:
        """Make the set and give the number of raw files rendered."""
        open_staging(self.out, self.recipe)
        to_render = self.cache.count(f"stage = {TO_RENDER}")
        self.is_transparent = bool(self.cache.count(TRANSPARENT))
        ends = self._write_images(to_render, progress)
        if not self.cache.count("kept"):
            raise DatasetError(self._nothing())
        remove_images(self.staging, self._unused())
        groups = self._add_groups() if self.has_groups else 0
        self._complete_rgba_folder()
        write_plan(self.staging, self.cache.stale(), ends)
        self.cache.commit()
        sample = self._reports.write(groups, self.window, self.cache.note("sample") if self.stands else None)
        if self.settings.tables == "none":
            remove_tables(self.out)
        commit(self.out, self.staging)
        remove_other_caches(self.out, self.recipe)
        self.cache.set_note("standing", json.dumps(file_states(self.out)))
        self.cache.set_note("lists", self.lists)
        self.cache.set_note("sample", sample)
        self.cache.set_note("rgba", int(has_transparent_images(self.out)))
        self.cache.finish()
        return to_render

    def _jobs(self) -> Iterator[RenderJob]:
        rendering = replace(self.settings.rendering(), window=self.window, curation=self.curation.file)
        for path, name in self.cache.to_render():
            file, part = split_part(path)
            yield RenderJob(
                self._source(path), readable(file), name, self.staging, rendering, *part, self.is_transparent
            )

    def _write_images(self, to_render: int, progress: Progress) -> dict[str, int]:
        """Write pictures, tables and metadata as a stream, in the order of the clean names.

        Returns:
            `SetLists.ends`.
        """
        total = self.cache.count()
        last_change = self.cache.last_change()
        rest: dict[str, int] | None = None
        with closing(render_all(self._jobs(), to_render, self.settings.workers)) as fresh, self._lists() as lists:
            commit_due = 0.0
            passed_over = total - self.cache.count_from(lists.start)
            for done, row in enumerate(self.cache.rows(lists.start), start=passed_over + 1):
                if lists.may_copy and row.file_name > last_change:
                    last_change = self.cache.last_change()  # a new picture can be the first of later twins
                    if row.file_name > last_change and (rest := lists.rest_from(row.file_name)):
                        break
                if row.stage == TO_RENDER:
                    outcome, pixels, images = next(fresh)
                    if self.cache.record(row, outcome, images, len(pixels)):
                        self.is_transparent = self.is_transparent or bool(outcome.alpha)
                        lists.add(row, outcome, pixels)
                    progress(done, total, outcome.raw_file)
                elif row.pixel_sha256 and self.cache.keep(row):
                    lists.add(row, None, b"")
                if time.monotonic() > commit_due:
                    if row.stage != TO_RENDER:
                        progress(done, total, row.file_name)
                    self.cache.commit()
                    commit_due = time.monotonic() + COMMIT_SECONDS
        if rest:
            lists.copy_rest(rest)
        self.cache.commit()
        return lists.ends

    def _lists(self) -> SetLists:
        tables_px = self.settings.side_px if self.settings.tables == "csv" else None
        if not tables_px:
            remove_tables(self.staging)
        same = self.stands and self.cache.note("lists") == self.lists
        same = same and not self.has_groups  # which any picture can change
        start = (self.cache.first_change() or LAST_NAME) if same else None
        return SetLists(self.cache, self.out, self.staging, tables_px, start, made_ns(self.out, self.recipe))

    def _add_groups(self) -> int:
        return add_groups(self.staging / METADATA, self.curation.groups(), others_too=self.settings.has_groups)

    def _complete_rgba_folder(self) -> None:
        """All pictures of a set with a transparent one have four channels; those of any other have three."""
        if not self.cache.count(TRANSPARENT):
            shutil.rmtree(self.staging / RGBA_FOLDER)
            self.cache.drop_rgba()
            return
        folder = self.out / RGBA_FOLDER
        if not (self.cache.note("rgba") or has_transparent_images(self.out)) and any(png_names(folder)):
            raise DatasetError(_not_ours(folder))
        waiting, noted = tee(self.cache.without_rgba())
        copies = (
            OpaqueCopy(
                newest_image(self.out, self.staging, name, RGB_FOLDER),
                self.staging / RGBA_FOLDER / name,
                self.settings.side_px,
            )
            for _, name, _ in waiting
        )
        count, workers = self.cache.count(WITHOUT_RGBA), self.settings.workers
        with closing(write_all_opaque_rgba(copies, count, workers)) as states:
            for (number, _, images), state in zip(noted, states, strict=True):
                self.cache.set_images(number, images + state)

    def _unused(self) -> list[str]:
        """Pictures of files that were rendered and then found to be twins, or went away since."""
        return self.cache.not_kept(png_names(self.staging / RGB_FOLDER))

    def _nothing(self) -> str:
        reason, count = SetContents(self.cache).common_reason()
        files, times = counted(self.cache.count("reason IS NOT NULL"), "file"), counted(count, "time")
        text = f"{self.raw}: no usable picture in {files}; {times}: {reason}"
        return f"{text}; or copy the folder with cp -rL" if FOLLOW_HINT in reason else text
