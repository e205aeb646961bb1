"""Options → one call → message: the ``vgc`` command."""

import inspect
import logging
import os
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, nullcontext
from copy import copy
from dataclasses import dataclass, fields, is_dataclass
from functools import partial, wraps
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast, get_args

import typer
from typer.core import TyperGroup

from kit.counted import counted
from kit.printable import printable
from kit.progress import noop
from kit.quoting import quoted
from screen import Screen, StderrLog, print_error, print_traceback

if TYPE_CHECKING:
    from dataset.build import BuildReport
    from gan.sampling.generate import Drawn, GenerateSettings
    from gan.training.dry_run import DryRun
    from gan.training.loop import TrainSummary
    from scraper.summary import ScrapeSummary
    from sprites.pixels import SpriteSettings
    from sprites.sprite_export import ExportedSprites

UsageError = typer.BadParameter.__base__
"""Click's, or that of the copy in newer versions of typer."""


@contextmanager
def printable_usage_errors() -> Iterator[None]:
    """Escape what an argument, such as a file's name that the shell filled in, would do to the terminal."""
    try:
        yield
    except UsageError as error:  # type: ignore[misc]
        error.message = printable(error.message)
        raise


class Commands(TyperGroup):
    """All commands; typer shows their usage errors."""

    def parse_args(self, *arguments: Any) -> list[str]:
        """Read the options before the command's name."""
        with printable_usage_errors():
            return super().parse_args(*arguments)

    def invoke(self, *arguments: Any) -> Any:
        """Call the command."""
        with printable_usage_errors():
            return super().invoke(*arguments)


app = typer.Typer(
    name="vgc",
    cls=Commands,
    help="Scrape a video-game character database, train a GAN on it, create new characters.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"auto_envvar_prefix": "VGC", "help_option_names": ["-h", "--help"]},
)

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130

MOST_LEFT_OUT_SHOWN = 20

MOST_CUT_SHOWN = 4

MORE_COMMANDS = "More commands"


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
FirstSeed = Annotated[int, option(help="Seed of the first picture; the next has the next.")]
Seeds = Annotated[str | None, option(help="The pictures' seeds one by one, such as 0,4-6.")]
Codes = Annotated[
    list[str] | None, option(help="A share code, a link, or a PNG that carries one; may be repeated.")
]
Likes = Annotated[list[Path] | None, option(help="A picture: draw the character most like it; may be repeated.")]
BestOf = Annotated[int, more(help="Candidates drawn for each picture; the one most like real pictures is kept.")]
RealImages = Annotated[Path | None, more(help="Real pictures for --best-of. [default: those of the run]")]


@dataclass(frozen=True)
class SpriteOptions:
    """Options of every command that makes sprites; None: not given."""

    colours: Annotated[int | None, option(help="Colours that the sprites share. [default: 16]")] = None
    palette: Annotated[
        Path | None, option(help="A .gpl or .hex file with the sprites' colours, not found ones.")
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


EvalEvery = Annotated[
    float | None, more(help="Thousand pictures between two scores, which find the best generator.")
]
GradAccum = Annotated[
    int | None, advanced(help="Micro-batches whose gradients are added up: saves memory. [default: 1]")
]
CUDAGraphs = Annotated[
    bool,
    advanced("--cuda-graphs", help="Record steps as CUDA graphs: less work for the CPU beside a GPU."),
]
Deterministic = Annotated[
    bool, advanced("--deterministic", help="The same bits again: on a GPU, and beside other programs.")
]
Profile = Annotated[bool, advanced("--profile", help="Write where the time goes into the run's folder.")]
TrainDryRun = Annotated[
    bool, more("--dry-run", help="Try a few steps: parameters, memory, speed, time to the end.")
]


Command = Callable[..., int | None]


def command(panel: str | None = None, hidden: Collection[str] = ()) -> Callable[[Command], Command]:
    """Register ``function(screen, …options)`` as a command. An option may be a dataclass of several.

    Adds ``--json`` and ``-q`` (as ``screen``) and ``-v``; see `run` for what becomes of its errors.

    Args:
        panel: the panel of ``vgc --help`` that lists it; None: the first.
        hidden: options that are accepted, and not shown.
    """

    def register(function: Command) -> Command:
        parameters = list(inspect.signature(function).parameters.values())[1:]
        groups: dict[str, Any] = {
            each.name: each.annotation for each in parameters if is_dataclass(each.annotation)
        }

        @wraps(function)
        def entry(json: bool = False, quiet: bool = False, verbose: bool = False, **options: Any) -> None:
            for name, group in groups.items():
                options[name] = group(**{each.name: options.pop(each.name) for each in fields(group)})
            raise typer.Exit(run(partial(function, **options), json, quiet, verbose))

        shared = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=kind)
            for name, kind in (("json", Json), ("quiet", Quiet), ("verbose", Verbose))
        ]
        own = [
            each.replace(
                kind=inspect.Parameter.KEYWORD_ONLY,
                annotation=hide_option(each.annotation) if each.name in hidden else each.annotation,
            )
            for parameter in parameters
            for each in one_by_one(parameter)
        ]
        entry.__signature__ = inspect.Signature([*own, *shared])  # type: ignore[attr-defined]
        entry.__annotations__ = {each.name: each.annotation for each in [*own, *shared]}
        variable = f"VGC_{function.__name__.upper()}_"
        epilog = f"Any option may also be set in the environment: --some-name as {variable}SOME_NAME."
        app.command(rich_help_panel=panel, epilog=epilog)(entry)
        return function

    return register


def one_by_one(parameter: inspect.Parameter) -> list[inspect.Parameter]:
    """The options of a parameter that is a dataclass of them; else itself."""
    if is_dataclass(parameter.annotation):
        return list(inspect.signature(cast(type, parameter.annotation)).parameters.values())
    return [parameter]


def hide_option(annotation: Any) -> Any:
    """The same option, accepted and not shown."""
    kind, info = get_args(annotation)
    info = copy(info)
    info.hidden = True
    return Annotated[kind, info]


def run(function: Callable[[Screen], int | None], json: bool, quiet: bool, verbose: bool) -> int:
    """Call a command and give its exit code, or that of its error, which becomes one line on stderr."""
    # Of several processes that train together, the first prints; the others print errors only.
    rank = os.environ.get("RANK", "0")
    follower = rank.isdecimal() and int(rank) > 0
    json, quiet = json and not follower, quiet or follower
    level = logging.ERROR if quiet else logging.INFO if verbose else logging.WARNING
    logging.basicConfig(level=level, format="vgc: %(message)s", handlers=[StderrLog()])
    try:
        return function(Screen(json, quiet)) or 0
    except KeyboardInterrupt as stop:
        if not follower:
            print_error(stop, "interrupted")
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Whoever read our words has gone (`| head`): nothing is left to say, and nobody to say it to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED
    except Exception as error:
        # A stage's own errors say what to do, and carry an exit code; anything else is a bug or the machine.
        code = getattr(error, "exit_code", EXIT_FAILED if isinstance(error, OSError) else None)
        if code is None or verbose:
            raise
        print_error(error)
        return int(code)


def main() -> None:
    """The ``vgc`` entry point."""
    # Waiting threads should yield soon: with GNU OpenMP's own 300,000 rounds, a training beside other
    # work on the same cores stands nearly still. Read when torch is loaded.
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    # A pipe or a file on Windows takes the characters of one code page; others are better escaped than an error.
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    if any(not word or (word.startswith("--") and word.endswith("=")) for word in sys.argv[1:]):
        print("vgc: an empty word among the arguments; is a variable not set?", file=sys.stderr)
        sys.exit(EXIT_USAGE)
    try:
        app(prog_name="vgc")
    except Exception as error:
        print_traceback(error)
        sys.exit(EXIT_FAILED)


@command()
def scrape(
    screen: Screen,
    base_url: Annotated[str | None, option(help="The site at another address, such as a local copy's.")] = None,
    letters: Annotated[str | None, option(help="Only these, such as a-c,x. [default: all]")] = None,
    limit: Annotated[int | None, option(help="Maximum number of characters.")] = None,
    out: Annotated[Path, option(help="Folder for pictures and manifest.")] = Path("Data/raw"),
    delay: Annotated[float, more(help="Mean seconds between two requests.")] = 1.0,
    workers: Annotated[int, more(help="Requests at once, as far as the delay allows.")] = 4,
    details: Annotated[bool, more("--details", help="Read each character's own page too.")] = False,
    refresh: Annotated[bool, more("--refresh", help="Look again at what is known already.")] = False,
    wayback: Annotated[
        str | None, more(help="Read the Wayback Machine's copy of this time: 2016, 20160131, …")
    ] = None,
    wayback_url: Annotated[
        str | None, advanced(envvar="VGC_WAYBACK_URL", help="Another archive of the same kind.")
    ] = None,
    site: Annotated[Path | None, option(help="Another site, described in this TOML file.")] = None,
    picture_host: Annotated[
        list[str] | None, advanced(help="A further host that may serve pictures; may be repeated.")
    ] = None,
    cookies: Annotated[
        Path | None, more(help="A browser's cookies.txt (Netscape form), sent to the site alone.")
    ] = None,
    pages: Annotated[Path | None, more(help="Read pages saved in a browser: a folder, or a file.")] = None,
    contact: Annotated[str | None, more(envvar="VGC_CONTACT", help="How the site's owner can reach you.")] = None,
    ignore_robots: Annotated[
        bool, advanced("--ignore-robots", help="Do not read robots.txt: only with the owner's leave.")
    ] = False,
    dry_run: Annotated[
        bool, option("--dry-run", help="Count what there is to fetch and how long it takes.")
    ] = False,
) -> int:
    """Fetch the characters' pictures; the same command goes on where it was stopped."""
    from scraper.crawl import ScrapeSettings, crawl
    from scraper.errors import ScrapeError
    from scraper.net.wayback import WAYBACK_URL

    settings = ScrapeSettings(
        base_url=base_url, letters=letters, limit=limit, out=out, delay_seconds=delay, workers=workers,
        details=details, refresh=refresh, wayback=wayback, wayback_url=wayback_url or WAYBACK_URL, site=site,
        picture_hosts=tuple(picture_host or ()), cookies=cookies, pages=pages, contact=contact,
        ignore_robots=ignore_robots, dry_run=dry_run,
    )  # fmt: skip
    try:
        with screen.progress("scrape") as line:
            summary = crawl(settings, line)
    except ScrapeError as error:
        if error.summary:
            show_scrape(screen, error.summary, error.exit_code)
        raise
    show_scrape(screen, summary, summary.exit_code)
    if summary.exit_code == 0 and not dry_run:
        screen.hint("next: vgc preprocess" + ("" if out == Path("Data/raw") else f" --raw {quoted(out)}"))
    return summary.exit_code


def show_scrape(screen: Screen, summary: "ScrapeSummary", exit_code: int) -> None:
    """Say what a crawl came to, also one that had to end early."""
    for line in summary.lines():
        screen.say(line)
    failures = [vars(failure) for failure in summary.failures]
    screen.result({**vars(summary), "failures": failures, "exit_code": exit_code})


@command()
def preprocess(
    screen: Screen,
    raw: Annotated[Path, option(help="A scrape, or any folder of pictures.")] = Path("Data/raw"),
    out: Annotated[Path, option(help="Folder for the set.")] = Path("Data/train_data"),
    size: Annotated[int, option(help="Side of the square pictures, 16 to 512 pixels.")] = 80,
    fit: Annotated[
        str, option(help="What becomes of pictures that are not square: pad, crop or stretch.")
    ] = "pad",
    background: Annotated[
        str, option(help="Behind transparent parts and in padding: black, white, #rrggbb or edge.")
    ] = "black",
    workers: Annotated[int | None, more(help="Processes. [default: one a core]")] = None,
    follow_links: Annotated[
        bool, more("--follow-links", help="Read links out of the folder, and linked folders.")
    ] = False,
    tables: Annotated[str, more(help="The pictures as numbers too: csv or none.")] = "csv",
    resample: Annotated[str, more(help="lanczos, or nearest: whole-number scaling for pixel art.")] = "lanczos",
    trim: Annotated[
        str, more(help="Cut off empty margins: none, each (every figure fills the square) or together.")
    ] = "none",
    margin: Annotated[int, more(help="Pixels left around trimmed figures.")] = 0,
    matte: Annotated[
        bool, more("--matte", help="Give drawings on one colour a transparent background, in rgba_images.")
    ] = False,
    palette: Annotated[
        str,
        more(help="For vgc sprites: auto (pixel art's own colours), none, or a file."),
    ] = "auto",
    pixel_art: Annotated[
        str, more(help="Whole-number scaling, no new colour, enlarged art back to its grid: off, auto or on.")
    ] = "off",
    frames: Annotated[
        str, more(help="Of an animation: first (with something to see), all, or how many, evenly spaced.")
    ] = "first",
    sheet: Annotated[
        str, more(help="Cut sheets: 32x32[+margin[+spacing]], json (a file beside each), auto or none.")
    ] = "none",
    group: Annotated[
        str, more(help="Tell which pictures show one character: on, off, or auto: with --frames or --sheet.")
    ] = "auto",
    include: Annotated[
        list[str] | None, more(help="Take only files that fit this pattern, such as 'heroes/*'; repeatable.")
    ] = None,
    exclude: Annotated[
        list[str] | None, more(help="Leave out files that fit this pattern, such as '*-death*'; repeatable.")
    ] = None,
    report: Annotated[
        bool, option("--report", help="Also write report.html: the set as a page to look at.")
    ] = False,
) -> None:
    """Make a clean training set of square pictures; a rerun does only what changed."""
    # Read when numpy is loaded: threads for large matrices, of which there are none here, wait at full speed.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from dataset.build import BuildSettings, build, fits_a_network
    from dataset.report.page import refresh_page
    from kit.worker_pool import available_cores

    settings = BuildSettings(
        raw=raw, out=out, size_px=size, fit=cast(Any, fit), background=background,
        workers=available_cores() if workers is None else workers, follow_links=follow_links,
        tables=cast(Any, tables), resample=cast(Any, resample), trim=cast(Any, trim), margin_px=margin,
        matte=matte, palette=palette, pixel_art=cast(Any, pixel_art), frames=frames, sheet=sheet,
        group=cast(Any, group), include=tuple(include or ()), exclude=tuple(exclude or ()),
    )  # fmt: skip
    with screen.progress("preprocess") as line:
        built = build(settings, line)
    page = refresh_page(settings.raw, settings.out, wanted=report)
    show_built(screen, built, raw, out)
    show_transparency(screen, built, out)
    if report:
        screen.say(f"to look at: {page}")
    if fits_a_network(settings.side_px):  # else the build has said which sizes do
        screen.hint(f"next: vgc train{data_option(built, out)}")
    screen.result({**vars(built), "page": page})


def data_option(built: "BuildReport", out: Path) -> str:
    """What leads ``vgc train`` to a set; nothing if it looks there by itself."""
    images = out / ("rgba_images" if mostly_transparent(built) else "rgb_images")
    return "" if images == Path("Data/train_data/rgb_images") else f" --data {quoted(images)}"


MOST_LOST_UNSAID = 0.01


def mostly_transparent(built: "BuildReport") -> bool:
    """Whether a set is one of sprites, to be trained with alpha."""
    return 2 * built.transparent > built.pictures


def show_transparency(screen: Screen, built: "BuildReport", out: Path) -> None:
    """Say where pictures with transparency are, and what a model without it would lose."""
    if not built.transparent:
        return
    amount = counted(built.transparent, "of them is", "of them are")
    screen.say(f"{amount} transparent: {out / 'rgba_images'} has all with four channels")
    if mostly_transparent(built) and built.lost_to_flood > MOST_LOST_UNSAID:
        screen.hint(
            f"over this background {100 * built.lost_to_flood:.0f} % of the figures are like it and would be cut "
            "away by --sprites: train with alpha, as below, or choose another --background"
        )


def show_built(screen: Screen, built: "BuildReport", raw: Path, out: Path) -> None:
    """Print what a build made, and what it left out."""
    from dataset.curation import CURATION, LEFT_OUT

    screen.say(f"{counted(built.pictures, 'picture')} in {out / 'rgb_images'}")
    parts = "of them" if built.rendered <= built.found else "frames and cells"
    screen.say(f"{counted(built.found, 'file')} in {raw}, {built.rendered:,} {parts} new or changed")
    left_out = [f"{raw_name(each)}: exactly the pixels of {each['duplicate_of']}" for each in built.duplicates]
    left_out += [f"{raw_name(each)}: {each['reason']}" for each in built.rejected if each["reason"] != LEFT_OUT]
    if built.by_hand:
        by_hand = (f"{count:,} {name.replace('_', ' ')}" for name, count in built.by_hand.items())
        screen.say(f"by hand: {', '.join(by_hand)}; see {raw / CURATION}")
    for line_of_one in left_out[:MOST_LEFT_OUT_SHOWN]:
        screen.say(f"left out: {line_of_one}")
    if len(left_out) > MOST_LEFT_OUT_SHOWN:
        screen.say(f"left out: {len(left_out) - MOST_LEFT_OUT_SHOWN:,} more, all in {out / 'report.json'}")
    if built.groups:
        characters = counted(built.groups, "character")
        screen.say(f"{characters}; each has the same share in vgc train, see group in metadata.jsonl")
    if built.near_duplicates:
        groups = f", in {counted(built.near_duplicate_groups, 'group')}" if built.near_duplicate_groups else ""
        pairs = counted(built.near_duplicate_pairs, "pair looks", "pairs look")
        screen.say(f"{pairs} alike{groups}; all stay in the set, and --report shows the nearest")
    if built.notes:
        first = f"{built.notes[0]['raw_file']}: {built.notes[0]['note']}"
        files = counted(len({note["raw_file"] for note in built.notes}), "file is", "files are")
        how = "animated, of several pages, repaired, changed by hand or a sheet"
        screen.say(f"{files} {how} ({first}); see notes in {out / 'report.json'}")
    if built.frames_passed_over:
        frames = counted(built.frames_passed_over, "frame")
        screen.say(f"{frames} of animations passed over; --frames all takes them")


def raw_name(record: dict[str, Any]) -> str:
    """A raw file, and which frame or cell of it."""
    frame = f" {'cell' if 'cell' in record else 'frame'} {record['frame']}" if "frame" in record else ""
    return f"{record['raw_file']}{frame}"


@command()
def train(
    screen: Screen,
    data: Annotated[
        Path | None, option(help="Folder of square RGB pictures. [default: Data/train_data/rgb_images]")
    ] = None,
    preset: Annotated[
        str | None, option(help="Recipe: see vgc info. [default: dcgan; projected from base]")
    ] = None,
    device: Annotated[str | None, option(help="auto, cpu, cuda, cuda:1 or mps. [default: auto]")] = None,
    precision: Annotated[str | None, more(help="auto, fp32 or bf16. [default: auto]")] = None,
    kimg: Annotated[float | None, option(help="End after this many thousand pictures shown.")] = None,
    minutes: Annotated[float | None, option(help="End after this many minutes. [default: 20 on a CPU]")] = None,
    batch: Annotated[int | None, more(help="Real pictures a step. [default: the preset's]")] = None,
    seed: Annotated[int | None, more(help="Seed of everything random. [default: 0]")] = None,
    init_from: Annotated[
        str | None,
        option("--from", envvar="VGC_TRAIN_FROM", help="Start from a run or a model file, or from base."),
    ] = None,
    run: Annotated[str | None, option(help="Name of the new run. [default: preset, date, time]")] = None,
    resume: Annotated[str | None, option(help="Go on with this run: its name or its folder.")] = None,
    save_minutes: Annotated[float | None, more(help="Minutes between checkpoints. [default: 5]")] = None,
    eval_every: EvalEvery = None,
    grad_accum: GradAccum = None,
    split: Annotated[int | None, advanced(hidden=True, help="Old name of --grad-accum.")] = None,
    devices: Annotated[int, advanced(help="Processes on this machine, one a GPU, that train together.")] = 1,
    cuda_graphs: CUDAGraphs = False,
    deterministic: Deterministic = False,
    profile: Profile = False,
    dry_run: TrainDryRun = False,
) -> int:
    """Train a GAN on the pictures; Ctrl-C saves, --resume goes on."""
    from gan.config import TrainConfig
    from gan.training.dry_run import dry_run as run_dry
    from gan.training.launch import is_launched, launch
    from gan.training.loop import resume as resume_run
    from gan.training.loop import train as train_run

    refuse_contradictions(resume, run, dry_run, devices)
    options = given_options(
        data=data, preset=preset, device=device, precision=precision, kimg=kimg, minutes=minutes, batch=batch,
        seed=seed, init_from=init_from, run=run, save_minutes=save_minutes, eval_every_kimg=eval_every,
        grad_accum=split if grad_accum is None else grad_accum,
        deterministic=deterministic or None, cuda_graphs=cuda_graphs or None,
    )  # fmt: skip
    config = TrainConfig(**options)
    if devices > 1 and not is_launched():
        return launch(devices, TrainConfig.output)
    with screen.progress("train") as line:
        if dry_run:
            show_dry_run(screen, run_dry(config, line))
            return 0
        if resume is None:
            summary = train_run(config, line, profile, screen.hint)
        else:
            summary = resume_run(resume, TrainConfig.output, options, line, profile, screen.hint)
    show_training(screen, summary)
    return 0


def refuse_contradictions(resume: str | None, run: str | None, dry_run: bool, devices: int) -> None:
    """A usage error if these options of ``vgc train`` do not go together."""
    from gan.training.launch import is_launched

    if resume is not None and (run is not None or dry_run):
        raise usage_error("--resume goes on with an old run: leave out --run and --dry-run")
    if devices < 1:
        raise usage_error(f"--devices {devices}: choose 1 or more")
    if dry_run and (devices > 1 or is_launched()):
        raise usage_error("--dry-run measures one process alone: leave out --devices, and torchrun")


def show_training(screen: Screen, summary: "TrainSummary") -> None:
    """Print what a run reached and how to resume it; KeyboardInterrupt if it was stopped."""
    from gan.config import TrainConfig
    from gan.runs.model_files import run_argument

    run = run_argument(summary.run)
    screen.result(vars(summary))
    if summary.stopped:
        raise KeyboardInterrupt(f"stopped and saved; go on with: vgc train --resume {run}")
    screen.say(f"{summary.run}: {summary.images:,} images shown in {summary.minutes:.1f} minutes")
    if summary.noise:
        screen.hint(f"too few images for more than noise: vgc train --resume {run} --minutes 60")
    is_newest = summary.run.parent == TrainConfig.output  # what vgc generate draws with by itself
    screen.hint("next: vgc generate -n 64" + ("" if is_newest else f" --model {run}"))


def show_dry_run(screen: Screen, result: "DryRun") -> None:
    """Print the result of a dry run."""
    screen.say(
        f"{result.pictures:,} pictures of {result.size_px}x{result.size_px} on {result.device}, "
        f"{result.precision}, batch {result.batch}"
    )
    screen.say(f"generator      {result.generator_parameters:>12,} parameters")
    screen.say(f"discriminator  {result.discriminator_parameters:>12,} parameters")
    screen.say(f"a step         {result.gflop_per_image:>12.2f} GFLOP an image")
    screen.say(f"memory         {result.memory_bytes / 2**20:>12,.0f} MiB, beside PyTorch itself")
    screen.say(f"speed          {result.images_per_second:>12.1f} images a second")
    screen.say(f"to the end     {result.minutes:>12,.0f} minutes, {result.images:,} images")
    screen.result(vars(result))


SPRITE_OPTIONS = tuple(each.name for each in fields(SpriteOptions))


@command(hidden=("sprites", *SPRITE_OPTIONS))
def generate(
    screen: Screen,
    count: Count = 64,
    model: Model = None,
    seed: FirstSeed = 0,
    seeds: Seeds = None,
    code: Codes = None,
    like: Likes = None,
    truncation: Truncation = 1.0,
    best_of: BestOf = 1,
    data: RealImages = None,
    out: Annotated[Path, option(help="Folder for the pictures.")] = Path("generated"),
    grid: Annotated[bool, more(help="Write grid.png too.")] = True,
    animate: Annotated[
        Path | None, more(metavar="FILE", help="Also write a .gif, .webp or .mp4 that morphs from seed to seed.")
    ] = None,
    fps: Annotated[float | None, more(help="Frames a second of --animate. [default: 16.7]")] = None,
    seconds: Annotated[
        float | None, more(help="Length of --animate, about. [default: one second a character]")
    ] = None,
    sprites: Annotated[bool, option("--sprites", help="Also write sprites.zip; see vgc sprites.")] = False,
    sprite: SpriteOptions = SpriteOptions(),
    device: Device = "auto",
) -> None:
    """Draw new characters; vgc sprites packs them for a game."""
    from gan.evaluation.typicality import rate_typicality
    from gan.sampling.generate import GenerateSettings
    from gan.sampling.generate import generate as generate_images
    from sprites.sprite_export import generate_sprites

    settings = GenerateSettings(
        count=count, model=model, seed=seed, seeds=seeds, codes=tuple(code or ()), likes=tuple(like or ()),
        truncation=truncation, best_of=best_of, data=data, out=out, grid=grid, animate=animate, device=device,
        fps=fps, seconds=seconds,
    )  # fmt: skip
    if sprite.given() and not sprites:
        names = [f"--{name.replace('_', '-')}" for name in SPRITE_OPTIONS]
        raise usage_error(f"{', '.join(names[:-1])} and {names[-1]} are for vgc sprites")
    bundled = None
    with screen.progress("search") if settings.wants_search else nullcontext(noop) as progress:
        if sprites:
            drawn, bundled = generate_sprites(
                settings, sprite_settings(sprite, settings), rate_typicality, progress
            )
        else:
            drawn = generate_images(settings, rate_typicality, progress)
    show_drawn(screen, drawn, settings, bundled)


def show_drawn(
    screen: Screen, drawn: "Drawn", settings: "GenerateSettings", bundled: "ExportedSprites | None"
) -> None:
    """Print which model drew, what was replaced, and what there is besides the pictures."""
    from sprites.sprite_export import BUNDLE_FILE

    out = settings.out
    screen.hint(f"model: {drawn.model}")
    on_grid = f", on {out / 'grid.png'}" if settings.grid else ""
    screen.say(f"{counted(drawn.count, 'character')} in {out}{on_grid}")
    if drawn.replaced:
        screen.hint(f"in place of the {drawn.replaced:,} drawn there before; --out names another folder")
    if drawn.replaced and not bundled and (out / BUNDLE_FILE).exists():
        screen.hint(f"{out / BUNDLE_FILE} holds earlier characters; vgc sprites makes it again")
    if settings.animate:
        screen.say(f"animation: {settings.animate}")
    if bundled:
        screen.say(f"for a game: {bundled.path}")
        show_cut(screen, bundled)
    screen.result({
        "out": out, "count": drawn.count, "model": drawn.model, "animation": settings.animate,
        "sprites": bundled.path if bundled else None,
    })  # fmt: skip


@command()
def sprites(
    screen: Screen,
    count: Count = 16,
    model: Model = None,
    seed: FirstSeed = 0,
    seeds: Seeds = None,
    code: Codes = None,
    like: Likes = None,
    sprite: SpriteOptions = SpriteOptions(),
    truncation: Truncation = 1.0,
    best_of: BestOf = 1,
    data: RealImages = None,
    out: Annotated[Path, option(help="Folder for sprites.zip.")] = Path("generated"),
    device: Device = "auto",
) -> None:
    """Draw new characters as sprites for a game: transparent, few colours, on a sheet."""
    from gan.evaluation.typicality import rate_typicality
    from gan.sampling.generate import GenerateSettings
    from sprites.sprite_export import export_sprites

    settings = GenerateSettings(
        count=count, model=model, seed=seed, seeds=seeds, codes=tuple(code or ()), likes=tuple(like or ()),
        truncation=truncation, best_of=best_of, data=data, out=out, grid=False, device=device,
    )  # fmt: skip
    with screen.progress("sprites") as progress:
        exported = export_sprites(settings, sprite_settings(sprite, settings), rate_typicality, progress)
    screen.say(f"{counted(exported.count, 'character')} for a game: {exported.path}")
    show_cut(screen, exported)
    screen.result({"sprites": exported.path, "count": exported.count, "cut": exported.cut})


def show_cut(screen: Screen, exported: "ExportedSprites") -> None:
    """Say which figures may have been cut."""
    if exported.cut:
        names = ", ".join(exported.cut[:MOST_CUT_SHOWN]) + (", …" if len(exported.cut) > MOST_CUT_SHOWN else "")
        figures = counted(len(exported.cut), "figure reaches", "figures reach")
        screen.hint(f"{figures} the edge of the picture and may be cut there ({names}); other seeds draw others")


def given_options(**options: Any) -> dict[str, Any]:
    """The options that were given: those left out are None."""
    return {name: value for name, value in options.items() if value is not None}


def usage_error(message: str) -> Exception:
    """Options that do not go together."""
    from gan.config import SettingsError

    return SettingsError(message)


def sprite_settings(options: SpriteOptions, drawn: "GenerateSettings") -> "SpriteSettings":
    """The settings of sprites that the options name; palette and grid are those of the drawing model's set."""
    from gan.config import GanError
    from gan.sampling.generate import model_file
    from sprites.palettes import parse_colour, read_palette
    from sprites.pixels import SpriteSettings
    from sprites.set_defaults import set_defaults

    given = options.given()
    if "colours" in given and "palette" in given:
        raise usage_error("--colours and --palette: give one of them")
    if "palette" in given:
        given["palette"] = read_palette(given["palette"])
    if "outline" in given:
        given["outline"] = parse_colour("--outline", given["outline"])
    try:
        defaults = set_defaults(model_file(drawn))
    except GanError:
        defaults = {}  # a model that is not there, or a damaged code, is said when it is to draw
    if "colours" in given:
        defaults.pop("palette", None)
    return SpriteSettings(**{**defaults, **given})


@command(MORE_COMMANDS)
def evaluate(
    screen: Screen,
    model: Model = None,
    fakes: Annotated[Path | None, option(help="A folder of generated pictures in place of a model.")] = None,
    data: Annotated[
        Path | None,
        option(help="The real pictures. [default: those of the run, else Data/train_data/rgb_images]"),
    ] = None,
    held_out: Annotated[
        Path | None, option(help="Real pictures that the model never saw, to find copies by.")
    ] = None,
    metrics: Annotated[str, more(help="Some of kid, fid, prdc and nn.")] = "kid,fid,prdc,nn",
    weights: Annotated[
        Path | None,
        more(help="torch-fidelity's Inception weights. [default: its download, else offline features]"),
    ] = None,
    count: Annotated[int | None, more(help="Generated pictures. [default: as many as real ones]")] = None,
    seed: Annotated[int, more(help="Seed of the first picture and of everything random.")] = 0,
    truncation: Truncation = 1.0,
    out: Annotated[Path, option(help="Folder for the board and the scores.")] = Path("evaluation"),
    device: Device = "auto",
) -> None:
    """Score a model against real pictures, and show whether it copies them."""
    from gan.evaluation.evaluate import EvaluateSettings
    from gan.evaluation.evaluate import evaluate as evaluate_images
    from gan.evaluation.score_table import score_table

    settings = EvaluateSettings(
        model, fakes, data, held_out, metrics, weights, count, seed, truncation, out, device
    )
    with screen.progress("evaluate") as line:
        evaluation = evaluate_images(settings, line)
    for row in score_table(evaluation, settings):
        screen.say(row)
    screen.result(evaluation.to_json())


@command(MORE_COMMANDS)
def demo(
    screen: Screen,
    out: Annotated[Path, option(help="Folder for everything the demo makes.")] = Path("vgc-demo"),
    minutes: Annotated[float, option(help="Minutes of training.")] = 2.0,
    letters: Annotated[str | None, option(help="Only these letters of the built-in site, such as a-c.")] = None,
    device: Device = "auto",
    compare: Annotated[
        bool, option(help="Also train from nothing for as long, to see what the base brings.")
    ] = False,
) -> None:
    """The whole road offline on the built-in site: scrape, preprocess, train, generate."""
    from demo import DemoSettings
    from demo import demo as run_demo

    settings = DemoSettings(out, minutes, letters, device, compare)
    screen.hint(f"vgc demo: the built-in site, then {minutes:g} minutes of training; nothing leaves this machine")
    done = run_demo(settings, screen.progress)
    screen.say(
        f"learned from {done.characters:,} characters in {done.run.minutes:.1f} min, {done.run.images:,} images"
    )
    if done.run.noise:
        screen.hint(
            "too few images to learn these characters well, in this time on this machine: continue as shown below"
        )
    screen.say(f"before and after: {done.before_after}")
    screen.say(f"new characters:   {done.grid}")
    screen.hint(f"better ones:      vgc train --resume {quoted(done.run.run)} --minutes 60")
    screen.hint(f"                  vgc generate -n 64 --model {quoted(done.run.run)}")
    screen.result(
        {"grid": done.grid, "before_after": done.before_after, "run": done.run.run, "images": done.run.images}
    )


@command(MORE_COMMANDS)
def studio(
    screen: Screen,
    model: Model = None,
    host: Annotated[str, option(help="Address to listen on; 0.0.0.0 lets other machines in.")] = "127.0.0.1",
    port: Annotated[int, option(help="Port to listen on; 0: any that is free.")] = 7860,
    browser: Annotated[bool, option(help="Open a browser, where there is a desktop.")] = True,
    allow_host: Annotated[
        list[str] | None, more(help="A further name to answer to: a proxy's, a tunnel's; repeatable.")
    ] = None,
    path_prefix: Annotated[
        str, more(help="Path under which a proxy shows the studio, where it passes that on.")
    ] = "",
    root: Annotated[Path, option(help="The folder whose sets and runs can be looked at and changed.")] = Path(),
) -> None:
    """Open the studio: pages on which to breed, shape and mix characters, and to look through sets."""
    from studio.errors import StudioError

    try:
        from studio.launch import Opened, StudioSettings, open_studio
    except ModuleNotFoundError as missing:
        raise StudioError(
            f"the studio needs {missing.name}; install it with: pip install '.[studio]'"
        ) from missing

    def said(opened: Opened) -> None:
        does = f"draws with {opened.model}; Ctrl-C closes the studio"
        screen.say(f"{opened.url} {does}; sets and runs: {opened.workshop}")
        if opened.public:
            screen.hint("other machines can reach it; anybody there may draw")
        screen.result(vars(opened))

    open_studio(StudioSettings(model, host, port, browser, tuple(allow_host or ()), path_prefix, root), said)


@command(MORE_COMMANDS)
def export(
    screen: Screen,
    model: Model = None,
    onnx: Annotated[Path | None, option(help="Write the generator as one ONNX file.")] = None,
    opset: Annotated[
        int | None, more(help="Version of ONNX's operators in --onnx, 15 to 23. [default: 15, for most programs]")
    ] = None,
    web: Annotated[
        Path | None,
        option(help="Write the studio as a static site into this folder: any host can serve it."),
    ] = None,
) -> None:
    """Give a generator to other programs: as an ONNX file, or as a page that draws in the browser."""
    from gan.config import TrainConfig
    from gan.runs.model_files import find_model

    if not (onnx or web):
        raise usage_error("name what to make: --onnx FILE or --web DIR")
    if opset is not None and not onnx:
        raise usage_error("--opset is for --onnx FILE")
    if onnx and onnx.suffix != ".onnx":
        raise usage_error(f"--onnx {onnx}: name a .onnx file")
    path = find_model(model, TrainConfig.output)
    screen.hint(f"model: {path}")
    if onnx:
        from gan.export.onnx import LOWEST_OPSET, export_onnx
        from gan.sampling.directions import find_directions

        export_onnx(path, onnx, find_directions, LOWEST_OPSET if opset is None else opset)
        screen.say(f"{onnx}: {onnx.stat().st_size:,} bytes")
    if web:
        from studio.site import export_site

        index = export_site(path, web)
        screen.say(f"{index}: to try it, python -m http.server --bind 127.0.0.1 --directory {quoted(web)}")
    screen.result({"model": path, "onnx": onnx, "web": web})


@command(MORE_COMMANDS)
def info(
    screen: Screen,
    draw: Annotated[bool, option("--draw", help="Draw the networks of --preset or --model into --out.")] = False,
    preset: Annotated[str, option(help="The preset to draw.")] = "dcgan",
    model: Annotated[str | None, option(help="The run or .safetensors file to draw.")] = None,
    curves: Annotated[
        Path | None, option(metavar="FILE", help="Draw the curves of --model into a .png or .svg file.")
    ] = None,
    out: Annotated[Path, option(help="Folder for the networks' drawings.")] = Path("Data"),
) -> None:
    """Show versions, devices, models, and every preset's layers and parameter counts."""
    from gan.config import PRESETS
    from gan.info import collect_info, draw_architectures, draw_curves, draw_model
    from gan.old_names import preset_name

    preset = preset_name(preset)
    if preset not in PRESETS:
        raise usage_error(f"--preset {preset}: choose one of {', '.join(PRESETS)}")
    if model and not (draw or curves):
        raise usage_error("--model: say what to draw of it, with --draw or --curves FILE")
    drawn = []
    if draw:
        drawn += draw_model(model, out) if model else draw_architectures(preset, out)
    if curves:
        screen.hint(f"run: {draw_curves(model, curves)}")
        drawn.append(curves)
    if drawn:
        for path in drawn:
            screen.say(str(path))
        screen.result({"drawn": drawn})
        return
    values = collect_info()
    screen.result(values)
    show_info(screen, values)


def show_info(screen: Screen, values: dict[str, Any]) -> None:
    """Print the result of `gan.info.collect_info`; last what a terminal should still show at the end."""
    for preset, networks in values["presets"].items():
        for kind, network in networks.items():
            default = " (default)" if preset == values["default_preset"] else ""
            screen.say(f"{preset}{default}: {kind}, {network['parameters']:,} parameters")
            for layer in network["layers"]:
                shape = " x ".join(map(str, layer["shape"]))
                screen.say(f"  {layer['name']:18}{layer['kind']:18}{shape:>16}{layer['parameters']:>14,}")
            screen.say()
    for name, version in values["versions"].items():
        screen.say(f"{name:16}{version}")
    screen.say(f"{'system':16}{values['system']}")
    for name, description in values["devices"].items():
        screen.say(f"{name:16}{description}")
    screen.say(f"{'--device auto':16}{values['auto']}")
    screen.say(f"{'built-in':16}{values['built_in_generator']}")
    screen.say(f"{'runs':16}{', '.join(values['runs']) or 'none here'}")


def show_version(wanted: bool) -> None:
    """Print the installed version and stop."""
    if wanted:
        from importlib.metadata import version

        print(f"vgc {version('vgc')}")
        raise typer.Exit


@app.callback()
def vgc(
    version: Annotated[
        bool,
        typer.Option("--version", callback=show_version, is_eager=True, help="Print the version and stop."),
    ] = False,
) -> None:
    """Scrape a video-game character database, train a GAN on it, create new characters."""


if __name__ == "__main__":
    main()
