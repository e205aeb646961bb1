"""The folder that a scrape saves into: made, taken for one run alone, and cleared of what a killed one left."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kit.atomic import cannot_write, sweep
from kit.lock import lock_or_raise
from scraper.collect import PAGES
from scraper.errors import ScrapeError, ScrapeSettingsError
from scraper.manifest import IMAGES

LOCK_NAME = ".lock"


@contextmanager
def taken(folder: Path) -> Iterator[None]:
    """Make the folder, and keep it for this run alone.

    Raises:
        ScrapeSettingsError: it is a file.
        ScrapeError: another run is at work in it.
    """
    if folder.is_file():
        raise ScrapeSettingsError(f"--out {folder}: is a file, not a folder; choose another")
    for name in (IMAGES, PAGES):
        (folder / name).mkdir(parents=True, exist_ok=True)
    busy = f"another vgc scrape is at work in {folder}: wait for it, or choose another folder with --out"
    with lock_or_raise(folder / LOCK_NAME, ScrapeError(busy)):
        for name in (IMAGES, PAGES):
            if not (folder / name).is_symlink():  # what lies behind a link may be anybody's
                sweep(folder / name)
        yield


@contextmanager
def saving_in(folder: Path) -> Iterator[None]:
    """Raise ScrapeError where something cannot be written."""
    try:
        yield
    except OSError as error:
        raise ScrapeError(
            f"{cannot_write(error, folder)}; what was saved is saved, and the same command goes on"
        ) from error
