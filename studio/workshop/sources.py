"""What a new set can be made of: folders of pictures, descriptions of sites, and what was begun."""

import os
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from pydantic import BaseModel

from dataset.staging import METADATA
from gan.runs.model_files import GENERATOR_FILE
from scraper.errors import ScrapeError
from scraper.manifest import IMAGES, MANIFEST_NAME
from scraper.settings import ScrapeSettings
from studio.workshop.folders import MAX_DEPTH, MAX_FOLDERS, NotThereError, Root, WorkshopError
from studio.workshop.new_set import PLAN, NewSet, Planned, data_folder, read_plan
from studio.workshop.uploads import UPLOADS

SUFFIXES = frozenset(
    (
        ".png",
        ".jpg",
        ".jpeg",
        ".gif",
        ".webp",
        ".avif",
        ".bmp",
        ".tif",
        ".tiff",
        ".tga",
        ".dds",
        ".psd",
        ".pcx",
        ".qoi",
    )
)
"""By which folders of pictures are found; what is in a set is decided by content."""


class Folder(BaseModel):
    """A folder of pictures below the root."""

    path: str
    pictures: int


class Sources(BaseModel):
    """What a new set can be made of."""

    folders: list[Folder]
    sites: list[str]
    """Descriptions of sites (TOML)."""
    begun: list[NewSet]
    """What was stopped, and goes on."""
    uploads: list[NewSet]
    """Those whose pictures have not all come: the same ones, dropped again, go on."""


def find_sources(root: Root) -> Sources:
    """What is below the root; thousands of folders take a second."""
    own: Counter[Path] = Counter()
    sites, begun = [], []
    for path, files in islice(_walk(root.folder.resolve()), MAX_FOLDERS):
        own[path] = sum(Path(name).suffix.lower() in SUFFIXES for name in files)
        sites += [root.name_of(path / name) for name in files if name.endswith(".toml") and name[0] != "."]
        if PLAN in files and (plan := _begun(root, path)):
            begun.append(plan)
    return Sources(
        folders=_with_pictures(root, own),
        sites=[each for each in sites if _is_site(root, each)],
        begun=begun,
        uploads=[plan for folder in sorted(data_folder(root).glob(UPLOADS)) if (plan := read_plan(folder))],
    )


def _walk(top: Path) -> Iterator[tuple[Path, list[str]]]:
    """Folders with the names of their files; of a scrape with its pictures'; sets and runs are passed over."""
    for name, folders, names in os.walk(top):
        path, files = Path(name), names
        if (path / METADATA).is_file() or GENERATOR_FILE in files:
            folders.clear()
            continue
        if MANIFEST_NAME in files and IMAGES in folders:
            folders.clear()
            files = [*files, *(each.name for each in (path / IMAGES).iterdir())]
        yield path, files
        is_deep = len(path.relative_to(top).parts) >= MAX_DEPTH
        folders[:] = [] if is_deep else sorted(each for each in folders if not each.startswith("."))


def _with_pictures(root: Root, own: Counter[Path]) -> list[Folder]:
    """Folders that hold pictures, or several such folders; with all below."""
    below, parts = Counter[Path](), Counter[Path]()
    for path in sorted(own, key=lambda path: -len(path.parts)):
        below[path] += own[path]
        below[path.parent] += below[path]
        parts[path.parent] += below[path] > 0
    shown = [path for path in sorted(own) if own[path] or parts[path] > 1]
    return [Folder(path=root.name_of(path), pictures=below[path]) for path in shown]


def _is_site(root: Root, name: str) -> bool:
    try:
        ScrapeSettings(site=root.find(name)).described_site()
    except (ScrapeError, NotThereError, OSError):
        return False
    return True


def _begun(root: Root, raw: Path) -> NewSet | None:
    """What was begun in a raw folder, and can go on."""
    plan = read_plan(raw)
    try:
        return plan if plan and Planned(root, plan).raw.samefile(raw) else None
    except (OSError, WorkshopError):
        return None
