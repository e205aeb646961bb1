"""Options → one call → message: the ``vgc`` command."""

import os
import sys
from contextlib import nullcontext
from dataclasses import fields
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from command.app import app, command
from command.options import (
    Count,
    Device,
    DrawOptions,
    Model,
    PreprocessOptions,
    ScrapeOptions,
    SpriteOptions,
    TrainOptions,
    Truncation,
    advanced,
    more,
    option,
)
from command.results import (
    show_built,
    show_drawn,
    show_dry_run,
    show_flaws,
    show_info,
    show_scrape,
    show_training,
    suggest_training,
)
from kit.counted import counted
from kit.exit_codes import FAILED, USAGE
from kit.progress import noop
from kit.quoting import quoted
from screen import Screen, print_traceback

if TYPE_CHECKING:
    from gan.sampling.generate import GenerateSettings
    from sprites.pixels import SpriteSettings

MORE_COMMANDS = "More commands"


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
        sys.exit(USAGE)
    try:
        app(prog_name="vgc")
    except Exception as error:
        print_traceback(error)
        sys.exit(FAILED)


@command()
def scrape(
    screen: Screen,
    options: ScrapeOptions,
) -> int:
    """Fetch the characters' pictures; the same command goes on where it was stopped."""
    from scraper.crawl import crawl
    from scraper.errors import ScrapeError

    settings = options.settings()
    try:
        with screen.progress("scrape") as line:
            summary = crawl(settings, line)
    except ScrapeError as error:
        if error.summary:
            show_scrape(screen, error.summary, error.exit_code)
        raise
    show_scrape(screen, summary, summary.exit_code)
    if summary.exit_code == 0 and not settings.dry_run:
        raw = settings.out
        screen.hint("next: vgc preprocess" + ("" if raw == Path("Data/raw") else f" --raw {quoted(raw)}"))
    return summary.exit_code


@command()
def preprocess(
    screen: Screen,
    options: PreprocessOptions,
    report: Annotated[
        bool, option("--report", help="Also write report.html: the set as a page to look at.")
    ] = False,
) -> None:
    """Make a clean training set of square pictures; a rerun does only what changed."""
    # Read when numpy is loaded: threads for large matrices, of which there are none here, wait at full speed.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from dataset.build import build
    from dataset.report.page import refresh_page

    settings = options.settings()
    with screen.progress("preprocess") as line:
        built = build(settings, line)
    page = refresh_page(settings.raw, settings.out, wanted=report)
    show_built(screen, built, settings)
    if report:
        screen.say(f"to look at: {page}")
    suggest_training(screen, built, settings)
    screen.result({**vars(built), "page": page})


@command()
def train(
    screen: Screen,
    options: TrainOptions,
    profile: Annotated[
        bool, advanced("--profile", help="Write where the time goes into the run's folder.")
    ] = False,
    dry_run: Annotated[
        bool, more("--dry-run", help="Try a few steps: parameters, memory, speed, time to the end.")
    ] = False,
) -> int:
    """Train a GAN on the pictures; Ctrl-C saves, --resume goes on."""
    from gan.config import TrainConfig
    from gan.training.dry_run import dry_run as run_dry
    from gan.training.launch import is_launched, launch
    from gan.training.loop import resume as resume_run
    from gan.training.loop import train as train_run

    refuse_contradictions(options, dry_run)
    given = options.given()
    config = TrainConfig(**given)
    if options.devices > 1 and not is_launched():
        return launch(options.devices, TrainConfig.output)
    with screen.progress("train") as line:
        if dry_run:
            show_dry_run(screen, run_dry(config, line))
            return 0
        if options.resume is None:
            summary = train_run(config, line, profile, screen.hint)
        else:
            summary = resume_run(options.resume, TrainConfig.output, given, line, profile, screen.hint)
    show_training(screen, summary)
    return 0


def refuse_contradictions(options: TrainOptions, dry_run: bool) -> None:
    """A usage error if these options of ``vgc train`` do not go together."""
    from gan.training.launch import is_launched

    if options.resume is not None and (options.run is not None or dry_run):
        raise usage_error("--resume goes on with an old run: leave out --run and --dry-run")
    if options.devices < 1:
        raise usage_error(f"--devices {options.devices}: choose 1 or more")
    if dry_run and (options.devices > 1 or is_launched()):
        raise usage_error("--dry-run measures one process alone: leave out --devices, and torchrun")


SPRITE_OPTIONS = tuple(each.name for each in fields(SpriteOptions))


@command(hidden=("sprites", *SPRITE_OPTIONS))
def generate(
    screen: Screen,
    *,
    count: Count = 64,
    draw: DrawOptions,
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
    sprite: SpriteOptions,
) -> None:
    """Draw new characters; vgc sprites packs them for a game."""
    from gan.evaluation.typicality import rate_typicality
    from gan.sampling.generate import generate as generate_images
    from sprites.sprite_export import generate_sprites

    settings = draw.settings(count=count, out=out, grid=grid, animate=animate, fps=fps, seconds=seconds)
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


@command()
def sprites(
    screen: Screen,
    *,
    count: Count = 16,
    draw: DrawOptions,
    sprite: SpriteOptions,
    out: Annotated[Path, option(help="Folder for sprites.zip.")] = Path("generated"),
) -> None:
    """Draw new characters as sprites for a game: transparent, few colours, on a sheet."""
    from gan.evaluation.typicality import rate_typicality
    from sprites.sprite_export import export_sprites

    settings = draw.settings(count=count, out=out, grid=False)
    with screen.progress("sprites") as progress:
        exported = export_sprites(settings, sprite_settings(sprite, settings), rate_typicality, progress)
    screen.say(f"{counted(exported.count, 'character')} for a game: {exported.path}")
    show_flaws(screen, exported)
    screen.result(
        {"sprites": exported.path, "count": exported.count, "cut": exported.cut, "empty": exported.empty}
    )


def usage_error(message: str) -> Exception:
    """Options that do not go together."""
    from gan.errors import SettingsError

    return SettingsError(message)


def sprite_settings(options: SpriteOptions, drawn: "GenerateSettings") -> "SpriteSettings":
    """The settings of sprites that the options name; palette and grid are those of the drawing model's set."""
    from gan.errors import GanError
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
    if done.run.too_short:
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


if __name__ == "__main__":
    main()
