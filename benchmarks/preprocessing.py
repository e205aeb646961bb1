"""``vgc preprocess`` against the obvious script, on one core and on two; reruns; memory; where the time goes.

    python -m benchmarks.preprocessing [--pictures 20000] [--raw FOLDER] [--rounds 1] [--memory] [--profile]

The pictures are JPEG thumbnails: the built-in characters, or those of ``--raw``, each varied by shift and
brightness until there are enough. The obvious script opens, converts, resizes and saves with Pillow's own
settings and writes its rows by ``map(str)``; it neither checks, hashes nor finds duplicates, which vgc does.
All take turns in one run: on a machine that others use too, only the ratios mean something.
"""

import argparse
import cProfile
import json
import os
import pstats
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance
from rich.console import Console
from rich.table import Table

from dataset.build import BuildSettings, build
from scraper.demosite.characters import character_image, load_characters

CHUNK = 500
PROFILED = 3_000
STAGES = {
    "read the raw file": ("render.py", "read_content"),
    "decode": ("decode.py", "decode"),
    "resize (Lanczos)": ("decode.py", "to_square"),
    "encode and write two PNGs": ("render.py", "_save"),
    "row of the table": ("tables.py", "pixel_row"),
    "perceptual hash": ("near_duplicates.py", "perceptual_hash"),
    "checksums": ("~", "<built-in method _hashlib.openssl_sha256>"),
}
"""What a build does with each picture: file and function, as a profile names them."""

OBVIOUS = """
import csv, sys
from pathlib import Path
from PIL import Image

raw, out = Path(sys.argv[1]), Path(sys.argv[2])
for folder in ("rgb_images", "grayscale_images", "csv_files"):
    (out / folder).mkdir(parents=True)
with open(out / "csv_files/train_converted.csv", "w", newline="") as pixels, \\
        open(out / "csv_files/train_labels.csv", "w", newline="") as labels:
    rows, names = csv.writer(pixels), csv.writer(labels)
    rows.writerow([f"pixel{i}" for i in range(6400)])
    names.writerow(["image#"])
    for path in sorted(raw.iterdir()):
        image = Image.open(path).convert("RGB").resize((80, 80), Image.LANCZOS)
        image.save(out / "rgb_images" / f"{path.stem}.png")
        grey = image.convert("L")
        grey.save(out / "grayscale_images" / f"{path.stem}.png")
        rows.writerow(map(str, grey.get_flattened_data()))
        names.writerow([f"{path.stem}.png"])
"""

OURS = """
import json, sys
from pathlib import Path
from dataset.build import BuildSettings, build
if __name__ == "__main__":
    report = build(BuildSettings(Path(sys.argv[1]), Path(sys.argv[2]), workers=int(sys.argv[3])))
    print(json.dumps({"rendered": report.rendered}))
"""


def sources(raw: Path | None) -> list[Image.Image]:
    """The pictures that are varied, RGB."""
    if raw:
        return [Image.open(path).convert("RGB") for path in sorted(raw.iterdir())]
    result = []
    for character in load_characters():
        rgba = character_image(character)
        result.append(Image.alpha_composite(Image.new("RGBA", rgba.size, "black"), rgba).convert("RGB"))
    return result


def make_images(raw: Path | None, folder: Path, count: int) -> None:
    """Fill ``folder`` with ``count`` different thumbnails."""
    starts = range(0, count, CHUNK)
    with ProcessPoolExecutor() as pool:
        list(pool.map(_make_chunk, [raw] * len(starts), [folder] * len(starts), starts, [count] * len(starts)))


def _make_chunk(raw: Path | None, folder: Path, start: int, count: int) -> None:
    images = sources(raw)
    for number in range(start, min(start + CHUNK, count)):
        rng = np.random.default_rng(number)
        image = images[number % len(images)]
        shifted = Image.new("RGB", image.size)
        shifted.paste(image, tuple(rng.integers(-8, 9, 2).tolist()))
        varied = ImageEnhance.Brightness(shifted).enhance(rng.uniform(0.8, 1.25))
        varied.save(folder / f"{number:06d}.jpg", quality=90)


def run(script: str, *arguments: object) -> tuple[float, dict[str, object]]:
    """Wall time of a script in a fresh process, and what it printed as JSON."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)], check=True, capture_output=True, text=True
    )
    return time.perf_counter() - start, json.loads(done.stdout or "{}")


def fresh_builds(raw: Path, work: Path, rounds: int) -> Iterator[tuple[str, float]]:
    """Let the three take turns, each into an empty folder."""
    for turn in range(rounds):
        yield "obvious script", run(OBVIOUS, raw, work / f"obvious-{turn}")[0]
        yield "vgc, one core", run(OURS, raw, work / f"one-{turn}", 1)[0]
        yield "vgc, two cores", run(OURS, raw, work / f"two-{turn}", 2)[0]


def reruns(raw: Path, out: Path) -> Iterator[tuple[str, float]]:
    """What a rerun costs, whole process: nothing new, and one picture."""
    yield "vgc, nothing new", run(OURS, raw, out, 2)[0]
    first = min(raw.iterdir())
    image = Image.open(first)
    ImageEnhance.Color(image.convert("RGB")).enhance(0.3).save(raw / "zz-new.jpg")
    seconds, output = run(OURS, raw, out, 2)
    assert output["rendered"] == 1
    yield "vgc, one new picture", seconds


def print_speeds(count: int, taken: dict[str, list[float]]) -> None:
    """The table of speeds, with ratios to the obvious script and to one core."""
    middle = {name: statistics.median(values) for name, values in taken.items()}
    table = Table(title=f"{count:,} pictures to 80x80", title_justify="left")
    for heading in ("", "seconds", "pictures/s", "of the obvious script's speed", "of one core's speed"):
        table.add_column(heading, justify="left" if not heading else "right")
    for name, seconds in middle.items():
        ratios = (middle[other] / seconds for other in ("obvious script", "vgc, one core"))
        table.add_row(name, f"{seconds:.2f}", f"{count / seconds:,.0f}", *(f"{ratio:.2f}" for ratio in ratios))
    Console(width=110).print(table)


def print_memory(raw: Path, work: Path, count: int) -> None:
    """Peak memory of builds of a tenth and of all, to see how flat it stays (Linux)."""
    few = work / "few"
    few.mkdir()
    for path in sorted(raw.iterdir())[: count // 10]:
        os.link(path, few / path.name)
    table = Table(title="peak memory, two workers, MiB", title_justify="left")
    for heading in ("pictures", "the main process", "all processes together"):
        table.add_column(heading, justify="right")
    for folder in (few, raw):
        out = work / f"memory-{folder.name}"
        arguments = [sys.executable, "-c", OURS, str(folder), str(out), "2"]
        with subprocess.Popen(arguments, stdout=subprocess.DEVNULL, start_new_session=True) as build_process:
            main_mib, all_mib = watch_memory(build_process)
        table.add_row(f"{len(list(folder.iterdir())):,}", f"{main_mib:.0f}", f"{all_mib:.0f}")
    Console(width=110).print(table)


def watch_memory(process: "subprocess.Popen[bytes]") -> tuple[float, float]:
    """Peaks of the proportional set size, MiB: of a session's leader, and of all its processes together."""
    peaks = (0.0, 0.0)
    while process.poll() is None:
        sizes = {pid: _pss_mib(pid) for pid in _session(process.pid)}
        peaks = (max(peaks[0], sizes.get(process.pid, 0)), max(peaks[1], sum(sizes.values())))
        time.sleep(0.1)
    return peaks


def _session(leader: int) -> list[int]:
    pids = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if int((folder / "stat").read_text().rpartition(")")[2].split()[3]) == leader:
                pids.append(int(folder.name))
    return pids


def _pss_mib(pid: int) -> float:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0


def print_profile(raw: Path, work: Path) -> None:
    """Share of each step of a build on one core, as cProfile sees it."""
    some = work / "some"
    some.mkdir()
    for path in sorted(raw.iterdir())[:PROFILED]:
        os.link(path, some / path.name)
    profile = cProfile.Profile()
    profile.runcall(build, BuildSettings(some, work / "profiled", workers=1))
    seconds = pstats.Stats(profile)
    spent = {(Path(file).name, name): entry[3] for (file, _, name), entry in seconds.stats.items()}  # type: ignore[attr-defined]
    table = Table(title=f"where the time goes ({PROFILED:,} pictures, one core)", title_justify="left")
    table.add_column("")
    table.add_column("of the time", justify="right")
    rest = 100.0
    for name, function in STAGES.items():
        share = 100 * spent[function] / seconds.total_tt  # type: ignore[attr-defined]
        rest -= share
        table.add_row(name, f"{share:.0f} %")
    table.add_row("everything else", f"{rest:.0f} %")
    Console(width=110).print(table)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=20_000)
    parser.add_argument("--raw", type=Path)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        raw = work / "raw"
        raw.mkdir()
        make_images(options.raw, raw, options.pictures)
        taken: dict[str, list[float]] = {}
        for name, seconds in fresh_builds(raw, work, options.rounds):
            taken.setdefault(name, []).append(seconds)
        taken |= {name: [seconds] for name, seconds in reruns(raw, work / "two-0")}
        print_speeds(options.pictures, taken)
        if options.memory:
            print_memory(raw, work, options.pictures)
        if options.profile:
            print_profile(raw, work)


if __name__ == "__main__":
    main()
