"""A new set: where its pictures come from, how they are made, and the commands that do it."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from dataset.build import BuildSettings
from dataset.errors import DatasetError
from dataset.pixel_art import PixelArt
from dataset.raw import clean_stem
from dataset.staging import METADATA, WORK_FOLDER, is_built_set
from dataset.trim import Trim
from kit.atomic import move, write_text
from scraper.demosite.server import DEFAULT_PORT, HOST, serve
from scraper.errors import ScrapeError
from scraper.settings import ScrapeSettings
from studio.workshop.folders import NotThereError, Root, raw_folder
from studio.workshop.set_jobs import SetJob
from studio.workshop.unzip import Refused
from studio.workshop.uploads import NotTakenError, Upload
from studio.workshop.vgc_command import as_text

DATA = "Data"
"""Where new sets are, below the root."""
PLAN = ".new-set.json"
"""In a raw folder that the workshop has made: what was asked for, to go on with."""
BUILT_IN = f"http://{HOST}:{DEFAULT_PORT}"
SERVE_BUILT_IN = "python -m scraper.demosite"
RAW_SUFFIX = "-raw"
Source = Literal["upload", "folder", "built-in", "game-art-hq", "site"]


class NewSet(BaseModel):
    """What a page asks for."""

    model_config = ConfigDict(extra="forbid")

    source: Source
    path: str = Field("", max_length=1000)
    """Of the folder of pictures, or of the site's description, below the root."""
    name: str = Field(min_length=1, max_length=60)
    size_px: int = 80
    background: str = Field("black", max_length=20)
    trim: Trim = "none"
    pixel_art: PixelArt = "off"
    letters: str | None = Field(None, min_length=1, max_length=100)
    limit: int | None = Field(None, ge=1, le=1_000_000)
    base_url: str | None = Field(None, min_length=1, max_length=300)
    """Of a copy of the site; it alone may be on this machine or in a private network."""


class Plan(BaseModel):
    """What will be done."""

    folder: str
    """The set's, below the root."""
    commands: list[str]
    """The same in a terminal."""


class Planned:
    """A request that has been looked at; its folders are below the root.

    Raises:
        WorkshopError: it cannot be done; the message names the thing and the remedy.
    """

    def __init__(self, root: Root, wanted: NewSet) -> None:
        self.root, self.wanted = root, wanted
        if clean_stem(wanted.name.encode("utf-8", "replace")) != wanted.name or wanted.name.startswith("."):
            raise NotTakenError(f"{wanted.name}: no name for a folder; take letters and digits")
        data = data_folder(root)
        self.out = data / wanted.name
        if not root.holds(self.out):
            raise NotThereError(f"{data} leads out of {root.folder}")
        self.raw = root.find(wanted.path) if wanted.source == "folder" else data / f"{wanted.name}{RAW_SUFFIX}"
        self.upload = Upload(self.raw)
        self._refuse_what_is_there()
        self.site = root.find(wanted.path) if wanted.source == "site" else None
        self._check()

    def _refuse_what_is_there(self) -> None:
        name = self.wanted.name
        if (self.out / METADATA).is_file() and is_built_set(self.out):
            raise NotTakenError(f"{name}: there is a set of that name; choose another")
        is_begun = (self.out / WORK_FOLDER).is_dir()
        if self.out.exists() and not is_begun and any(self.out.iterdir()):
            raise NotTakenError(f"{self.out}: there is something else; choose another name")
        if self.wanted.source != "folder":
            self._refuse_other_raw()
        elif not self.raw.is_dir():
            raise NotThereError(f"{self.wanted.path}: no folder")

    def _refuse_other_raw(self) -> None:
        """What is there must have begun as the same is to begin now."""
        for folder in (self.raw, self.upload.folder):
            plan = read_plan(folder)
            # Without a plan, but empty: made by a run that was killed before it wrote one.
            is_ours = plan.source == self.wanted.source if plan else not any(folder.glob("[!.]*"))
            if folder.exists() and not is_ours:
                raise NotTakenError(f"{folder}: there is something else; choose another name")

    def _check(self) -> None:
        wanted = self.wanted
        try:
            self.settings = BuildSettings(
                raw=self.raw,
                out=self.out,
                size_px=wanted.size_px,
                background=wanted.background,
                trim=wanted.trim,
                pixel_art=wanted.pixel_art,
            )
            if self.is_scraped:
                ScrapeSettings(
                    base_url=wanted.base_url, letters=wanted.letters, limit=wanted.limit, site=self.site
                ).described_site()
        except (DatasetError, ScrapeError) as error:
            raise NotTakenError(str(error)) from None

    @property
    def is_scraped(self) -> bool:
        """Whether a site is asked."""
        return self.wanted.source in ("built-in", "game-art-hq", "site")

    def plan(self) -> Plan:
        """What will be done, in words to copy."""
        first = [SERVE_BUILT_IN] if self.wanted.source == "built-in" else []
        commands = [as_text(words) for words in self.commands(BUILT_IN)]
        return Plan(folder=self._folder(), commands=[*first, *commands])

    def _folder(self) -> str:
        return self.root.name_of(self.out.parent.resolve() / self.out.name)

    def commands(self, built_in: str) -> list[list[str]]:
        """The words of the commands; ``built_in`` is the built-in site's address."""
        scrape = [self.scrape_words(built_in)] if self.is_scraped else []
        return [*scrape, preprocess_words(self.root, self.settings)]

    def scrape_words(self, built_in: str) -> list[str]:
        """The words of ``vgc scrape``."""
        wanted = self.wanted
        words = ["scrape"]
        if wanted.source == "built-in":
            words += ["--base-url", built_in, "--delay", "0"]
        elif wanted.base_url:
            words += ["--base-url", wanted.base_url]
        if self.site:
            words += ["--site", as_typed(self.root, self.site)]
        words += ["--letters", wanted.letters] if wanted.letters else []
        words += ["--limit", str(wanted.limit)] if wanted.limit else []
        return [*words, "--out", as_typed(self.root, self.raw)]

    def job(self) -> SetJob:
        """To make it."""
        return SetJob("make", self.wanted.name, self._folder(), self.commands, self._around, self._prepare)

    def estimate_job(self) -> SetJob:
        """To count what there is to fetch."""
        if not self.is_scraped:
            raise NotTakenError("Only what comes from a site is estimated.")
        return SetJob(
            *("estimate", self.wanted.name, self._folder()),
            commands=lambda address: [[*self.scrape_words(address), "--dry-run"]],
            around=self._around,
        )

    @contextmanager
    def _around(self) -> Iterator[str]:
        with built_in_site() if self.wanted.source == "built-in" else nullcontext("") as address:
            yield address

    def _prepare(self) -> list[Refused]:
        if self.wanted.source == "folder":
            return []
        if self.wanted.source == "upload":
            return self.upload.finish()
        self.raw.mkdir(parents=True, exist_ok=True)
        self.save()
        return []

    def begin_upload(self, files: int, size: int) -> bool:
        """Open the folder that pictures are sent to; True where some are there already."""
        if self.raw.is_dir():  # all had come, but the set was not made
            move(self.raw, self.upload.folder)
        begun = self.upload.folder.is_dir()
        self.upload.begin(files, size)
        self.save()
        return begun

    def discard(self) -> None:
        """Delete what has come for a set that was not made."""
        if self.wanted.source == "folder":
            raise NotTakenError("Only what was sent or scraped can be thrown away.")
        if self.raw.exists():
            move(self.raw, self.upload.folder)  # where a kill leaves an upload that is not whole
        if self.upload.folder.exists():
            shutil.rmtree(self.upload.folder)

    def save(self) -> None:
        """Write down what was asked for, to go on with."""
        folder = self.raw if self.is_scraped else self.upload.folder
        write_text(folder / PLAN, self.wanted.model_dump_json())


def data_folder(root: Root) -> Path:
    """Where new sets are."""
    return root.folder if root.folder.name == DATA else root.folder / DATA


@contextmanager
def built_in_site() -> Iterator[str]:
    """The built-in site's address while it is served: on its own port where that is free."""
    with ExitStack() as stack:
        try:
            address = stack.enter_context(serve(DEFAULT_PORT))
        except OSError:
            address = stack.enter_context(serve())
        yield address


def preprocess_words(root: Root, settings: BuildSettings) -> list[str]:
    """The words of ``vgc preprocess``, in the root; what is as by default is left out."""
    default, words = BuildSettings(), ["preprocess"]
    for name in ("raw", "out"):
        words += [f"--{name}", as_typed(root, getattr(settings, name))]
    for name, value in vars(settings).items():
        if name in ("raw", "out") or value == getattr(default, name):
            continue
        option = f"--{name.removesuffix('_px').replace('_', '-')}"
        values = value if isinstance(value, tuple) else (value,)
        words += [option] if value is True else [word for each in values for word in (option, str(each))]
    return words


def make_again(root: Root, out: Path) -> SetJob:
    """To make a set anew as it was made, and by what has been decided since.

    Raises:
        NotThereError: as `raw_folder`.
    """
    words = preprocess_words(root, raw_folder(root, out))
    return SetJob("make", out.name, root.name_of(out), lambda _: [words])


def as_typed(root: Root, path: Path) -> str:
    """A path as somebody types it in the root."""
    for top in (root.folder, root.folder.resolve()):
        if path.is_relative_to(top):
            return str(path.relative_to(top))
    return str(path)


def read_plan(raw: Path) -> NewSet | None:
    """What was asked for, by the file in a raw folder; None where nothing that can be read tells it."""
    try:
        return NewSet.model_validate_json((raw / PLAN).read_bytes())
    except (OSError, ValueError):
        return None
