"""Picture quality: trains and scores any row of the ablations in docs/recipes.md.

    python -m benchmarks.quality [ROW ...] [--list] [--data FOLDER] [--kimg N] [--seeds 0,1,2] [--hold-out]
                                 [--scorer COMMAND] [--device auto] [--work FOLDER] [--minutes M]

A row is a preset, or a preset with something changed. Each is trained to its number of real pictures shown, chosen
so that all rows of a group take equal time on the machine that the table names; then as many pictures as there are
real ones are generated, at truncation 1, without any choice, and scored by `vgc evaluate`.

- Without --data it takes the built-in characters, which a crawl of the built-in site brings.
- --hold-out leaves every tenth character out of the training, with all pictures of its group, and tells the
  memorisation ratio by them; the scores are still against all pictures.
- --scorer names a program of yours that takes two folders, real and generated, and --json, and prints one object
  of scores; they are added to the row.
- --minutes stops it after so many minutes, as Ctrl-C does.
- A row that was interrupted goes on where it was; one that has been scored is not trained again.

Rows are appended to rows.jsonl in --work, and printed as a table in Markdown.
"""

import argparse
import json
import os
import platform
import shlex
import shutil
import signal
import statistics
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks._ablations import ROWS
from dataset.image_folder import find_metadata, image_files
from dataset.reader import image_groups, load_images
from dataset.staging import METADATA
from demo import built_in_set
from gan.config import TrainConfig
from gan.device import choose_device
from gan.evaluation.evaluate import EvaluateSettings, evaluate
from gan.evaluation.features import load_feature_network, require_evaluate_extra
from gan.runs.checkpoint import load_checkpoint
from gan.runs.run_files import CHECKPOINT_FILE
from gan.sampling.generate import GenerateSettings, generate
from gan.training.loop import resume, train
from kit.exit_codes import INTERRUPTED
from kit.progress import noop

ROOT = Path(__file__).parents[1]
HELD_OUT_OF = 10
DRAWS = 20
"""Choices of training pictures, as many as are held out, that a ratio is the median of."""
COLUMNS = ("fd", "kid", "precision", "recall", "density", "coverage", "copies")


@dataclass(frozen=True)
class ImageFolders:
    """What rows are trained on and scored against."""

    all: Path
    training: Path
    held_out: Path | None


def main() -> None:
    """Train and score the rows that were asked for, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", metavar="ROW", help="default: dcgan-2015 and dcgan")
    parser.add_argument("--list", action="store_true", help="tell the rows, and train none")
    parser.add_argument("--data", type=Path, help="real pictures, as vgc preprocess makes them")
    parser.add_argument("--kimg", type=float, help="default: the row's")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--hold-out", action="store_true")
    parser.add_argument("--scorer", help="a program that scores two folders")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--work", type=Path, default=Path("quality-work"))
    parser.add_argument("--minutes", type=float, help="default: until all rows are through")
    options = parser.parse_args()
    if options.list:
        for name, row in ROWS.items():
            print(f"{name:24} {row.kimg:6g} kimg  {row.change}")
        return
    names = options.rows or ["dcgan-2015", "dcgan"]
    if unknown := set(names) - set(ROWS):
        parser.error(f"no such row: {', '.join(sorted(unknown))}; --list tells them")
    if other := claimed(options.work, options.data):
        parser.error(f"{options.work} holds rows of other pictures ({other}): name another folder with --work")
    require_evaluate_extra()
    if options.minutes:
        interrupt_after(options.minutes)
    images = image_folders(options.data, options.work, options.hold_out)
    for seed in map(int, options.seeds.split(",")):
        for name in names:
            measure_row(name, seed, images, options)
    print("\n".join(table(read_rows(options.work / "rows.jsonl"))))


def interrupt_after(minutes: float) -> None:
    """Do to this process then what Ctrl-C does."""
    timer = threading.Timer(minutes * 60, os.kill, (os.getpid(), signal.SIGINT))
    timer.daemon = True
    timer.start()


def claimed(work: Path, data: Path | None) -> str | None:
    """The other pictures that the folder's rows are of, if they are; else it is for these from now on."""
    note = work / "pictures.txt"
    name = str(data.resolve()) if data else "the built-in characters"
    if not note.exists():
        work.mkdir(parents=True, exist_ok=True)
        note.write_text(name, "utf-8")
    held = note.read_text("utf-8")
    return None if held == name else held


def image_folders(data: Path | None, work: Path, hold_out: bool) -> ImageFolders:
    """The real pictures, every tenth character set apart with all its pictures if it is to be held out."""
    if data is None:
        print("bringing the built-in characters", flush=True)
        data, _ = built_in_set(work / "built-in", None, lambda _: nullcontext(noop))
    if not hold_out:
        return ImageFolders(data, data, None)
    parts = ImageFolders(data, work / "nine-tenths" / data.name, work / "one-tenth" / data.name)
    files, groups = image_files(data), image_groups(data)
    characters = range(len(files)) if groups is None else groups.tolist()
    for file, character in zip(files, characters, strict=True):
        folder = parts.training if character % HELD_OUT_OF else parts.held_out
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, folder)
    if metadata := find_metadata(data):  # it tells the groups
        copy = parts.training.parent / METADATA
        copy.parent.mkdir(exist_ok=True)
        shutil.copy(metadata, copy)
    return parts


def measure_row(name: str, seed: int, folders: ImageFolders, options: argparse.Namespace) -> None:
    """Train a row as far as it goes, score it, and append what was found."""
    row = ROWS[name]
    kimg = options.kimg or row.kimg
    run = f"{name}-{kimg:g}kimg-seed{seed}{'-held-out' if folders.held_out else ''}"
    results = options.work / "rows.jsonl"
    if any(result["run"] == run for result in read_rows(results)):
        return
    config = TrainConfig(
        folders.training,
        name,
        options.device,
        kimg=kimg,
        seed=seed,
        run=run,
        output=options.work,
        recipe=row.recipe,
    )
    print(f"{run}: training", flush=True)
    train_row(config)
    print(f"{run}: scoring", flush=True)
    result = {
        "run": run,
        "row": name,
        "seed": seed,
        "kimg": kimg,
        **run_progress(config),
        **circumstances(config),
    }
    result |= {"change": row.change, "predicted": row.predicted, **score_row(config, folders, options.scorer)}
    with results.open("a", encoding="utf-8") as file:
        file.write(json.dumps(result) + "\n")


def train_row(config: TrainConfig) -> None:
    """Train the run to its end, from where it stands; SystemExit if Ctrl-C ended it before."""
    folder = config.output / str(config.run)
    if not folder.exists():
        stopped = train(config).stopped
    else:
        over = run_progress(config)["images"] >= (config.kimg or 0) * 1000
        stopped = not over and resume(str(folder), config.output, {}).stopped
    if stopped:
        print(f"{config.run}: stopped and saved; the same command goes on", flush=True)
        raise SystemExit(INTERRUPTED)


def run_progress(config: TrainConfig) -> dict[str, Any]:
    """How far a run has come, and in which time."""
    state = load_checkpoint(config.output / str(config.run) / CHECKPOINT_FILE)
    images, seconds = state["steps"] * config.recipe.batch, state["seconds"]
    return {"images": images, "minutes": seconds / 60, "images_per_second": images / max(seconds, 1e-9)}


def circumstances(config: TrainConfig) -> dict[str, str]:
    """The machine and the state of the program."""
    device = choose_device(config.device)
    machine = (
        torch.cuda.get_device_name(device)
        if device.type == "cuda"
        else f"{cpu_name()}, {torch.get_num_threads()} threads"
    )
    arguments = ["git", "describe", "--always", "--dirty", "--exclude", "*"]
    commit = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    return {"hardware": machine, "commit": commit or "unknown"}


def cpu_name() -> str:
    """What the processor calls itself."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next(
        (line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine()
    )


def score_row(config: TrainConfig, folders: ImageFolders, scorer: str | None) -> dict[str, Any]:
    """The scores of as many generated pictures as there are real ones."""
    run = config.output / str(config.run)
    fakes = run / "generated"
    generate(GenerateSettings(count=len(image_files(folders.all)), model=str(run), out=fakes, grid=False))
    out = run / "evaluation"
    result = evaluate(EvaluateSettings(fakes=fakes, data=folders.all, metrics="kid,fid,prdc", out=out)).to_json()
    values: dict[str, Any] = {"scores": result["scores"], "floor": result["floor"]}
    values["traces"] = {
        name: traces(load_images(folder)) for name, folder in (("real", folders.all), ("fake", fakes))
    }
    if folders.held_out:
        values["memorisation"] = memorisation(fakes, folders)
    if scorer:
        arguments = [*shlex.split(scorer), str(folders.all), str(fakes), "--json"]
        values["scorer"] = json.loads(subprocess.run(arguments, capture_output=True, check=True, text=True).stdout)
    return values


def traces(images: Tensor) -> dict[str, float]:
    """What an augmentation that leaks would change in generated pictures.

    Args:
        images: [N, 3, H, W] uint8, of figures on black.

    Returns:
        ``black_border``: share of border pixels that are black; ``saturation``: mean of figures' pixels, 0 to 1;
        ``brightness``: the same, 0 to 255; ``place``: standard deviation of the figures' middle, in widths.
    """
    light, dark = images.amax(1).float(), images.amin(1).float()
    border = torch.cat([light[:, 0], light[:, -1], light[:, :, 0], light[:, :, -1]], 1)
    figure = light > 32
    columns = light.sum(1)
    middle = (columns @ torch.arange(columns.shape[1]).float()) / columns.sum(1).clamp(min=1)
    return {
        "black_border": float((border < 16).float().mean()),
        "saturation": float(((light - dark) / light.clamp(min=1))[figure].mean()),
        "brightness": float(light[figure].mean()),
        "place": float(middle.std() / columns.shape[1]),
    }


def memorisation(fakes: Path, folders: ImageFolders) -> dict[str, float]:
    """Whether generated pictures lie nearer to the training pictures than to those held out.

    Returns:
        By space, pixels and features: the median distance from a generated picture to its nearest training picture
        over that to its nearest held-out one, mirror images counted, among equally many of each; the median over
        `DRAWS` choices of training pictures. 1 says that the generator knows neither; below that it copies.
    """
    assert folders.held_out
    network = load_feature_network(None, torch.device("cpu"))
    views: dict[str, Callable[[Tensor], Tensor]] = {
        "pixels": lambda images: images.flatten(1).float(),
        "features": lambda images: network([images], len(images), "generated"),
    }
    generated, training, held_out = map(load_images, (fakes, folders.training, folders.held_out))
    return {space: nearness(view, generated, training, held_out) for space, view in views.items()}


def nearness(view: Callable[[Tensor], Tensor], generated: Tensor, training: Tensor, held_out: Tensor) -> float:
    """The ratio of `memorisation` in one space; pictures [N, 3, H, W] uint8, ``view`` makes them rows."""
    rows = view(generated)
    # [N, M]: the nearer of each picture and its mirror image.
    known, unknown = (
        torch.minimum(torch.cdist(rows, view(others)), torch.cdist(rows, view(others.flip(3))))
        for others in (training, held_out)
    )
    rng = torch.Generator().manual_seed(0)
    picks = [torch.randperm(len(training), generator=rng)[: len(held_out)] for _ in range(DRAWS)]
    near = statistics.median(float(known[:, pick].amin(1).median()) for pick in picks)
    return near / float(unknown.amin(1).median())


def read_rows(results: Path) -> list[dict[str, Any]]:
    """The rows that have been measured."""
    return [json.loads(line) for line in results.read_text("utf-8").splitlines()] if results.exists() else []


def table(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Measured rows in Markdown: the scores of the scorer if there was one, else our own."""
    heads = [
        "row",
        "change",
        "predicted",
        "seed",
        "images",
        "minutes",
        "img/s",
        *COLUMNS,
        "memorisation",
        "hardware",
        "commit",
    ]
    yield f"| {' | '.join(heads)} |"
    yield "|" + "---|" * len(heads)
    for row in rows:
        scores = row.get("scorer") or {
            name.split("_efficientnet")[0].replace("kd", "kid"): value for name, value in row["scores"].items()
        }
        cells = [row["row"], row["change"], row["predicted"], row["seed"], f"{row['images']:,}"]
        cells += [f"{row['minutes']:.1f}", f"{row['images_per_second']:.1f}"]
        cells += [f"{scores[name]:.3g}" if name in scores else "" for name in COLUMNS]
        cells += [", ".join(f"{value:.3f} {space}" for space, value in row.get("memorisation", {}).items())]
        yield f"| {' | '.join(map(str, [*cells, row['hardware'], row['commit']]))} |"


if __name__ == "__main__":
    main()
