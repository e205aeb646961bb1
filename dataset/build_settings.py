"""How raw pictures become a training set: what people choose, checked, and what it means for each stage."""

import json
import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

import PIL

from dataset.decode import FITS, RESAMPLES, Fit, Resample, parse_background
from dataset.earlier_set import FORMAT
from dataset.errors import DatasetError, DatasetSettingsError
from dataset.frames import ALL, FIRST
from dataset.pixel_art import PIXEL_ARTS, PixelArt
from dataset.render import RenderSettings
from dataset.set_palette import as_report
from dataset.sheets import parse_sheet
from dataset.staging import SETTINGS, WORK_FOLDER
from dataset.trim import TRIMS, Trim
from kit.atomic import write_text
from kit.palette_files import Colour, PaletteError, read_palette_file
from kit.typed_json import read_fields, read_object
from kit.worker_pool import available_cores
from scraper.manifest import IMAGES

SIZES_PX = range(16, 513)
Tables = Literal["csv", "none"]
TABLES: tuple[Tables, ...] = get_args(Tables)
Group = Literal["auto", "on", "off"]
GROUPS: tuple[Group, ...] = get_args(Group)
NETWORK_BASES_PX = (4, 5, 6, 7)
"""Networks of vgc draw sizes of these times a power of two; see `gan.config.doublings`."""

CHOICES: dict[str, tuple[str, ...]] = {
    "fit": FITS,
    "resample": RESAMPLES,
    "trim": TRIMS,
    "pixel_art": PIXEL_ARTS,
    "tables": TABLES,
    "group": GROUPS,
}
"""Of options that have few."""


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

    trim: Trim = "none"
    """Cut off empty margins first: ``each`` picture's own, so that every figure fills the square; or those
    that all have, ``together``, which keeps relative sizes and the ground line."""

    frames: str = FIRST
    """Frames of an animation that become pictures: ``first`` (with something to see), ``all``, or how many."""

    sheet: str = "none"
    """How pictures of many figures are cut; see `dataset.sheets.parse_sheet`."""

    group: Group = "auto"
    """Whether the metadata says which pictures show one character; ``auto``: where frames or cells are taken."""

    include: tuple[str, ...] = ()
    """Patterns of raw files that are taken, all by default; see `dataset.raw.RawFolder.select`."""

    exclude: tuple[str, ...] = ()
    """Patterns of raw files that are not."""

    margin_px: int = 0
    """Left around a figure that was trimmed, pixels of the set."""

    matte: bool = False
    """Give drawings on one colour an alpha, for ``rgba_images``; see `dataset.matte`."""
    palette: str = "auto"
    """For the sprites, recorded in the report: a palette file; ``auto``: the own colours of pixel art, if they are
    at most 255; or ``none``."""

    pixel_art: PixelArt = "off"
    """Scale by whole numbers without a new colour, and bring what was enlarged back to its grid first; ``auto``:
    pictures that look like it. The pictures are then padded to a size that a network draws."""

    def __post_init__(self) -> None:
        if self.size_px not in SIZES_PX:
            raise DatasetSettingsError(f"--size {self.size_px}: choose {SIZES_PX[0]} to {SIZES_PX[-1]} pixels")
        for option, choices in CHOICES.items():
            if getattr(self, option) not in choices:
                allowed = f"{', '.join(choices[:-1])} or {choices[-1]}"
                name = option.replace("_", "-")
                raise DatasetSettingsError(f"--{name} {getattr(self, option)}: choose {allowed}")
        try:
            parse_background(self.background)
        except ValueError:
            raise DatasetSettingsError(
                f"--background {self.background}: choose black, white, #rrggbb or edge"
            ) from None
        self._refuse_margin()
        self.palette_colours()
        if self.frames not in (FIRST, ALL) and not (self.frames.isdecimal() and int(self.frames)):
            raise DatasetSettingsError(f"--frames {self.frames}: choose {FIRST}, {ALL} or a number")
        try:
            parse_sheet(self.sheet)
        except ValueError:
            raise DatasetSettingsError(
                f"--sheet {self.sheet}: choose none, auto, json, or a cell's size such as 32x32, from 8 "
                "pixels on, with the margin and the spacing if there are any: 32x32+1+2"
            ) from None
        if self.workers < 1:
            raise DatasetSettingsError(f"--workers {self.workers}: choose 1 or more")
        if self.out.is_file():
            raise DatasetSettingsError(f"--out {self.out}: is a file, not a folder; choose another")
        for images in (self.raw, self.raw / IMAGES):
            if images.resolve().is_relative_to(self.out.resolve()):
                raise DatasetSettingsError(
                    f"--out {self.out} holds the raw pictures in {images}; choose another folder"
                )

    @property
    def side_px(self) -> int:
        """Side of the pictures: ``size_px``, or of pixel art the next larger one that a network draws."""
        return self.size_px if self.pixel_art == "off" else sizes_around(self.size_px - 1)[1]

    def palette_colours(self) -> list[Colour] | None:
        """Those of the palette file, if one is named."""
        if self.palette in ("auto", "none"):
            return None
        try:
            return read_palette_file(Path(self.palette))
        except PaletteError as error:
            raise DatasetSettingsError(str(error)) from None

    def _refuse_margin(self) -> None:
        if not 0 <= self.margin_px <= self.size_px // 4:
            raise DatasetSettingsError(f"--margin {self.margin_px}: choose 0 to {self.size_px // 4} pixels")
        if self.margin_px and self.trim == "none":
            raise DatasetSettingsError(
                f"--margin {self.margin_px}: is left of margins that are cut; add --trim each"
            )

    @property
    def has_groups(self) -> bool:
        """Whether the metadata has groups."""
        return self.group == "on" or (self.group == "auto" and (self.frames != FIRST or self.sheet != "none"))

    def lists(self) -> dict[str, Any]:
        """What decides on the set's lists, beside its pictures."""
        colours = self.palette_colours()
        palette = {} if self.palette == "auto" else {"palette": as_report(colours or ())}
        return {"tables": self.tables, "groups": self.has_groups, **palette, **self.selection()}

    def selection(self) -> dict[str, Any]:
        """The patterns of raw files, where there are any."""
        patterns = {"include": self.include, "exclude": self.exclude}
        return {name: list(value) for name, value in patterns.items() if value}

    def rendering(self) -> RenderSettings:
        """What a process that renders has to know."""
        return RenderSettings(
            *(self.side_px, self.fit, self.background, self.resample, self.trim, self.margin_px, self.matte),
            pixel_art=self.pixel_art,
        )

    def recipe(self) -> dict[str, Any]:
        """All that decides which bytes a raw image becomes; options of later versions only where they are used."""
        later: dict[str, Any] = {"resample": self.resample} if self.resample != "lanczos" else {}
        later |= {"trim": self.trim} if self.trim != "none" else {}
        later |= {"margin_px": self.margin_px} if self.margin_px else {}
        later |= {"matte": True} if self.matte else {}
        later |= {"pixel_art": self.pixel_art} if self.pixel_art != "off" else {}
        later |= {"frames": self.frames} if self.frames != FIRST else {}
        later |= {"sheet": self.sheet} if self.sheet != "none" else {}
        return {
            "format": FORMAT,
            "pillow": PIL.__version__,
            "size_px": self.side_px,
            "fit": self.fit,
            "background": self.background,
            **later,
        }


def fits_a_network(size_px: int) -> bool:
    """Whether a network of vgc draws pictures of this side."""
    while size_px > max(NETWORK_BASES_PX) and size_px % 2 == 0:
        size_px //= 2
    return size_px in NETWORK_BASES_PX


def sizes_around(size_px: int) -> tuple[int, int]:
    """The nearest sizes below and above that networks draw."""
    sizes = [size for size in SIZES_PX if fits_a_network(size)]
    smaller = max((size for size in sizes if size < size_px), default=sizes[0])
    return smaller, min((size for size in sizes if size > size_px), default=sizes[-1])


def save_settings(settings: BuildSettings) -> None:
    """Write them down beside the set, for `saved_settings`."""
    values = asdict(replace(settings, raw=settings.raw.absolute(), out=settings.out.absolute()))
    text = json.dumps(values, default=os.fspath)
    path = settings.out / WORK_FOLDER / SETTINGS
    if not path.is_file() or path.read_text("utf-8") != text:
        write_text(path, text)


def saved_settings(out: Path) -> BuildSettings | None:
    """How the set in ``out`` was made last; None where nothing that can be read tells it."""
    try:
        saved = read_fields(BuildSettings, read_object(out / WORK_FOLDER / SETTINGS))
        return replace(saved, out=out)  # it may have been moved since
    except (OSError, ValueError, DatasetError):
        return None
