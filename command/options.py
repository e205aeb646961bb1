"""Options: of every command, of several, and those of one where they are many."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

if TYPE_CHECKING:
    from dataset.build import BuildSettings
    from gan.sampling.generate import GenerateSettings
    from scraper.crawl import ScrapeSettings


def option(*names: str, help: str, **settings: Any) -> Any:
    """A `typer.Option`, in the help's first panel by default: what most people need."""
    # Brackets are markup to rich, which would leave out "[default: …]".
    return typer.Option(*names, help=help.replace("[", r"\["), show_envvar=False, **settings)


more = partial(option, rich_help_panel="More")
advanced = partial(option, rich_help_panel="Advanced")
output = partial(option, rich_help_panel="Output")

Json = Annotated[bool, output("--json", help="Print one JSON object on stdout.")]
Quiet = Annotated[bool, output("--quiet", "-q", help="Print errors only.")]
Verbose = Annotated[bool, output("--verbose", "-v", help="Print more, and a traceback on errors.")]

Model = Annotated[
    str | None,
    option(help="A run or a .safetensors file. [default: the newest run, else the built-in generator]"),
]
Device = Annotated[str, more(help="auto, cpu, cuda, cuda:1 or mps.")]
Truncation = Annotated[float, more(help="0 to 1; below 1: nearer to the typical picture, and less varied.")]

Count = Annotated[int, option("-n", "--count", help="How many pictures.")]


@dataclass(frozen=True)
class ScrapeOptions:
    """Options of ``vgc scrape``."""

    base_url: Annotated[str | None, option(help="The site at another address, such as a local copy's.")] = None
    letters: Annotated[str | None, option(help="Only these, such as a-c,x. [default: all]")] = None
    limit: Annotated[int | None, option(help="Maximum number of characters.")] = None
    out: Annotated[Path, option(help="Folder for pictures and manifest.")] = Path("Data/raw")
    delay: Annotated[float, more(help="Mean seconds between two requests.")] = 1.0
    workers: Annotated[int, more(help="Requests at once, as far as the delay allows.")] = 4
    details: Annotated[bool, more("--details", help="Read each character's own page too.")] = False
    refresh: Annotated[bool, more("--refresh", help="Look again at what is known already.")] = False
    wayback: Annotated[
        str | None, more(help="Read the Wayback Machine's copy of this time: 2016, 20160131, …")
    ] = None
    wayback_url: Annotated[
        str | None, advanced(envvar="VGC_WAYBACK_URL", help="Another archive of the same kind.")
    ] = None
    site: Annotated[Path | None, option(help="Another site, described in this TOML file.")] = None
    picture_host: Annotated[
        list[str] | None, advanced(metavar="HOST", help="A further host that may serve pictures; may be repeated.")
    ] = None
    cookies: Annotated[
        Path | None, more(help="A browser's cookies.txt (Netscape form), sent to the site alone.")
    ] = None
    pages: Annotated[Path | None, more(help="Read pages saved in a browser: a folder, or a file.")] = None
    contact: Annotated[str | None, more(envvar="VGC_CONTACT", help="How the site's owner can reach you.")] = None
    ignore_robots: Annotated[
        bool, advanced("--ignore-robots", help="Do not read robots.txt: only with the owner's leave.")
    ] = False
    dry_run: Annotated[bool, option("--dry-run", help="Count what there is to fetch and how long it takes.")] = (
        False
    )

    def settings(self) -> "ScrapeSettings":
        """The crawl that they ask for."""
        from scraper.crawl import ScrapeSettings
        from scraper.net.wayback import WAYBACK_URL

        return ScrapeSettings(
            base_url=self.base_url, letters=self.letters, limit=self.limit, out=self.out, delay_seconds=self.delay,
            workers=self.workers, details=self.details, refresh=self.refresh, wayback=self.wayback,
            wayback_url=self.wayback_url or WAYBACK_URL, site=self.site,
            picture_hosts=tuple(self.picture_host or ()), cookies=self.cookies, pages=self.pages,
            contact=self.contact, ignore_robots=self.ignore_robots, dry_run=self.dry_run,
        )  # fmt: skip


@dataclass(frozen=True)
class PreprocessOptions:
    """Options of ``vgc preprocess``, save what is written besides the set."""

    raw: Annotated[Path, option(help="A scrape, or any folder of pictures.")] = Path("Data/raw")
    out: Annotated[Path, option(help="Folder for the set.")] = Path("Data/train_data")
    size: Annotated[int, option(help="Side of the square pictures, 16 to 512 pixels.")] = 80
    fit: Annotated[str, option(help="What becomes of pictures that are not square: pad, crop or stretch.")] = "pad"
    background: Annotated[
        str, option(help="Behind transparent parts and in padding: black, white, #rrggbb or edge.")
    ] = "black"
    workers: Annotated[int | None, more(help="Processes. [default: one a core]")] = None
    follow_links: Annotated[
        bool, more("--follow-links", help="Read links out of the folder, and linked folders.")
    ] = False
    tables: Annotated[str, more(help="The pictures as numbers too: csv or none.")] = "csv"
    resample: Annotated[str, more(help="lanczos, or nearest: whole-number scaling for pixel art.")] = "lanczos"
    trim: Annotated[
        str, more(help="Cut off empty margins: none, each (every figure fills the square) or together.")
    ] = "none"
    margin: Annotated[int, more(help="Pixels left around trimmed figures.")] = 0
    matte: Annotated[
        bool, more("--matte", help="Give drawings on one colour a transparent background, in rgba_images.")
    ] = False
    palette: Annotated[
        str,
        more(help="For vgc sprites: auto (pixel art's own colours), none, or a file."),
    ] = "auto"
    pixel_art: Annotated[
        str, more(help="Whole-number scaling, no new colour, enlarged art back to its grid: off, auto or on.")
    ] = "off"
    frames: Annotated[
        str, more(help="Of an animation: first (with something to see), all, or how many, evenly spaced.")
    ] = "first"
    sheet: Annotated[
        str, more(help="Cut sheets: 32x32[+margin[+spacing]], json (a file beside each), auto or none.")
    ] = "none"
    group: Annotated[
        str, more(help="Tell which pictures show one character: on, off, or auto: with --frames or --sheet.")
    ] = "auto"
    include: Annotated[
        list[str] | None,
        more(metavar="PATTERN", help="Take only files that fit this pattern, such as 'heroes/*'; repeatable."),
    ] = None
    exclude: Annotated[
        list[str] | None,
        more(metavar="PATTERN", help="Leave out files that fit this pattern, such as '*-death*'; repeatable."),
    ] = None

    def settings(self) -> "BuildSettings":
        """The build that they ask for."""
        from dataset.build import BuildSettings
        from kit.worker_pool import available_cores

        return BuildSettings(
            raw=self.raw, out=self.out, size_px=self.size, fit=cast(Any, self.fit), background=self.background,
            workers=available_cores() if self.workers is None else self.workers, follow_links=self.follow_links,
            tables=cast(Any, self.tables), resample=cast(Any, self.resample), trim=cast(Any, self.trim),
            margin_px=self.margin, matte=self.matte, palette=self.palette, pixel_art=cast(Any, self.pixel_art),
            frames=self.frames, sheet=self.sheet, group=cast(Any, self.group),
            include=tuple(self.include or ()), exclude=tuple(self.exclude or ()),
        )  # fmt: skip


@dataclass(frozen=True)
class TrainOptions:
    """Options of ``vgc train``, save how it goes about it; None: not given."""

    data: Annotated[
        Path | None, option(help="Folder of square pictures. [default: Data/train_data/rgb_images]")
    ] = None
    preset: Annotated[str | None, option(help="Recipe: see vgc info. [default: dcgan; projected from base]")] = (
        None
    )
    device: Annotated[str | None, option(help="auto, cpu, cuda, cuda:1 or mps. [default: auto]")] = None
    precision: Annotated[str | None, more(help="auto, fp32 or bf16. [default: auto]")] = None
    kimg: Annotated[float | None, option(help="End after this many thousand pictures shown.")] = None
    minutes: Annotated[float | None, option(help="End after this many minutes. [default: 20 on a CPU]")] = None
    batch: Annotated[int | None, more(help="Real pictures a step. [default: the preset's]")] = None
    seed: Annotated[int | None, more(help="Seed of everything random. [default: 0]")] = None
    init_from: Annotated[
        str | None,
        option("--from", envvar="VGC_TRAIN_FROM", help="Start from a run or a model file, or from base."),
    ] = None
    run: Annotated[str | None, option(help="Name of the new run. [default: preset, date, time]")] = None
    resume: Annotated[str | None, option(help="Go on with this run: its name or its folder.")] = None
    save_minutes: Annotated[float | None, more(help="Minutes between checkpoints. [default: 5]")] = None
    eval_every: Annotated[
        float | None, more(help="Thousand pictures between two scores, which find the best generator.")
    ] = None
    hold_out: Annotated[
        float | None,
        more(help="Share of the characters to leave out, by which vgc evaluate tells copies."),
    ] = None
    grad_accum: Annotated[
        int | None, advanced(help="Micro-batches whose gradients are added up: saves memory. [default: 1]")
    ] = None
    split: Annotated[int | None, advanced(hidden=True, help="Old name of --grad-accum.")] = None
    devices: Annotated[int, advanced(help="Processes on this machine, one a GPU, that train together.")] = 1
    cuda_graphs: Annotated[
        bool,
        advanced("--cuda-graphs", help="Record steps as CUDA graphs: less work for the CPU beside a GPU."),
    ] = False
    deterministic: Annotated[
        bool, advanced("--deterministic", help="The same bits again: on a GPU, and beside other programs.")
    ] = False

    def given(self) -> dict[str, Any]:
        """Those of the run's configuration that were given, as `TrainConfig` names them."""
        return given_options(
            data=self.data, preset=self.preset, device=self.device, precision=self.precision, kimg=self.kimg,
            minutes=self.minutes, batch=self.batch, seed=self.seed, init_from=self.init_from, run=self.run,
            save_minutes=self.save_minutes, eval_every_kimg=self.eval_every, hold_out=self.hold_out,
            grad_accum=self.split if self.grad_accum is None else self.grad_accum,
            deterministic=self.deterministic or None, cuda_graphs=self.cuda_graphs or None,
        )  # fmt: skip


@dataclass(frozen=True)
class DrawOptions:
    """Options of every command that draws new characters, save how many and where to."""

    model: Model = None
    seed: Annotated[int, option(help="Seed of the first picture; the next has the next.")] = 0
    seeds: Annotated[str | None, option(help="The pictures' seeds one by one, such as 0,4-6.")] = None
    code: Annotated[
        list[str] | None,
        option(metavar="CODE", help="A share code, a link, or a PNG that carries one; may be repeated."),
    ] = None
    like: Annotated[
        list[Path] | None,
        option(metavar="FILE", help="A picture: draw the character most like it; may be repeated."),
    ] = None
    truncation: Truncation = 1.0
    best_of: Annotated[
        int, more(help="Candidates drawn for each picture; the one most like real pictures is kept.")
    ] = 1
    data: Annotated[Path | None, more(help="Real pictures for --best-of. [default: those of the run]")] = None
    device: Device = "auto"

    def settings(self, **rest: Any) -> "GenerateSettings":
        """What they ask for; ``rest``: the other fields."""
        from gan.sampling.generate import GenerateSettings

        return GenerateSettings(
            model=self.model, seed=self.seed, seeds=self.seeds, codes=tuple(self.code or ()),
            likes=tuple(self.like or ()), truncation=self.truncation, best_of=self.best_of, data=self.data,
            device=self.device, **rest,
        )  # fmt: skip


@dataclass(frozen=True)
class SpriteOptions:
    """Options of every command that makes sprites; None: not given."""

    colours: Annotated[int | None, option(help="Colours that the sprites share. [default: 16]")] = None
    palette: Annotated[
        Path | None, option(help="A .gpl, .hex, .pal or .ase file with the sprites' colours, not found ones.")
    ] = None
    sprite_size: Annotated[
        int | None, option(help="Side of the sprites. [default: the set's grid, or the pictures']")
    ] = None
    upscale: Annotated[
        int | None, option(help="Factor by which the sprites' pixels are enlarged. [default: 1]")
    ] = None
    upscale_with: Annotated[
        str | None, more(help="How pixels are enlarged: nearest (squares), scale2x or scale3x. [default: nearest]")
    ] = None
    tolerance: Annotated[
        int | None, option(help="How far from the background's colour is still background. [default: 32]")
    ] = None
    alpha_cut: Annotated[
        int | None,
        more(help="Of a model with alpha: from which alpha a pixel is opaque, 1 to 255. [default: 128]"),
    ] = None
    min_island: Annotated[
        int | None, more(help="Specks of fewer pixels vanish, and dots along edges; 0: none. [default: 4]")
    ] = None
    outline: Annotated[
        str | None, option(help="Line of one pixel around each sprite: black, white or #rrggbb.")
    ] = None

    def given(self) -> dict[str, Any]:
        """Those that were given, as `SpriteSettings` names them."""
        names = {"sprite_size": "sprite_px", "min_island": "min_island_px"}
        return given_options(**{names.get(name, name): value for name, value in vars(self).items()})


def given_options(**options: Any) -> dict[str, Any]:
    """The options that were given: those left out are None."""
    return {name: value for name, value in options.items() if value is not None}
