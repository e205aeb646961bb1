"""What commands print of their results: lines for a person, and the JSON object."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from kit.counted import counted
from kit.quoting import quoted
from screen import Screen

if TYPE_CHECKING:
    from dataset.build import BuildReport, BuildSettings
    from gan.sampling.generate import Drawn, GenerateSettings
    from gan.training.dry_run import DryRun
    from gan.training.loop import TrainSummary
    from scraper.summary import ScrapeSummary
    from sprites.sprite_export import ExportedSprites

MOST_LEFT_OUT_SHOWN = 20
MOST_FLAWS_SHOWN = 4
MOST_LOST_UNSAID = 0.01


def show_scrape(screen: Screen, summary: "ScrapeSummary", exit_code: int) -> None:
    """Say what a crawl came to, also one that had to end early."""
    for line in summary.lines():
        screen.say(line)
    failures = [vars(failure) for failure in summary.failures]
    screen.result({**vars(summary), "failures": failures, "exit_code": exit_code})


def show_built(screen: Screen, built: "BuildReport", settings: "BuildSettings") -> None:
    """Print what a build made, and what it left out."""
    from dataset.curation import CURATION

    raw, out = settings.raw, settings.out
    screen.say(f"{counted(built.pictures, 'picture')} in {out / 'rgb_images'}")
    parts = "of them" if built.rendered <= built.found else "frames and cells"
    screen.say(f"{counted(built.found, 'file')} in {raw}, {built.rendered:,} {parts} new or changed")
    if built.by_hand:
        by_hand = (f"{count:,} {name.replace('_', ' ')}" for name, count in built.by_hand.items())
        screen.say(f"by hand: {', '.join(by_hand)}; see {raw / CURATION}")
    show_left_out(screen, built, out)
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
    show_transparency(screen, built, out)


def show_left_out(screen: Screen, built: "BuildReport", out: Path) -> None:
    """Print the first of the files that are not in the set, and why."""
    from dataset.curation import LEFT_OUT

    left_out = [f"{raw_name(each)}: exactly the pixels of {each['duplicate_of']}" for each in built.duplicates]
    left_out += [f"{raw_name(each)}: {each['reason']}" for each in built.rejected if each["reason"] != LEFT_OUT]
    for line_of_one in left_out[:MOST_LEFT_OUT_SHOWN]:
        screen.say(f"left out: {line_of_one}")
    if len(left_out) > MOST_LEFT_OUT_SHOWN:
        screen.say(f"left out: {len(left_out) - MOST_LEFT_OUT_SHOWN:,} more, all in {out / 'report.json'}")


def raw_name(record: dict[str, Any]) -> str:
    """A raw file, and which frame or cell of it."""
    frame = f" {'cell' if 'cell' in record else 'frame'} {record['frame']}" if "frame" in record else ""
    return f"{record['raw_file']}{frame}"


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


def mostly_transparent(built: "BuildReport") -> bool:
    """Whether a set is one of sprites, to be trained with alpha."""
    return 2 * built.transparent > built.pictures


def suggest_training(screen: Screen, built: "BuildReport", settings: "BuildSettings") -> None:
    """Name the next command, if a network draws images of this size; else the build has said which ones do."""
    from dataset.build import fits_a_network

    if fits_a_network(settings.side_px):
        start = " --from base" if mostly_transparent(built) else ""  # from nothing it ends in clear pictures
        screen.hint(f"next: vgc train{data_option(built, settings.out)}{start}")


def data_option(built: "BuildReport", out: Path) -> str:
    """What leads ``vgc train`` to a set; nothing if it looks there by itself."""
    images = out / ("rgba_images" if mostly_transparent(built) else "rgb_images")
    return "" if images == Path("Data/train_data/rgb_images") else f" --data {quoted(images)}"


def show_training(screen: Screen, summary: "TrainSummary") -> None:
    """Print what a run reached and how to resume it; KeyboardInterrupt if it was stopped."""
    from gan.config import TrainConfig
    from gan.runs.model_files import run_argument

    run = run_argument(summary.run)
    screen.result(vars(summary))
    if summary.stopped:
        raise KeyboardInterrupt(f"stopped and saved; go on with: vgc train --resume {run}")
    screen.say(f"{summary.run}: {summary.images:,} images shown in {summary.minutes:.1f} minutes")
    if summary.too_short:
        screen.hint(f"too few images to have learned to draw these: vgc train --resume {run} --minutes 60")
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
        show_flaws(screen, bundled)
    screen.result({
        "out": out, "count": drawn.count, "model": drawn.model, "animation": settings.animate,
        "sprites": bundled.path if bundled else None,
    })  # fmt: skip


def show_flaws(screen: Screen, exported: "ExportedSprites") -> None:
    """Say which figures may have been cut, and which sprites have none."""
    for files, one, several in (
        (exported.cut, "figure reaches the edge, maybe cut", "figures reach the edge, maybe cut"),
        (exported.empty, "sprite is empty", "sprites are empty"),
    ):
        if files:
            names = ", ".join(files[:MOST_FLAWS_SHOWN]) + (", …" if len(files) > MOST_FLAWS_SHOWN else "")
            screen.hint(f"{counted(len(files), one, several)} ({names}); other seeds draw others")


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
