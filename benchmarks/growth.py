"""How ``vgc preprocess`` grows: sets of so many pictures from nothing, with nothing new, with one new; memory.

    python -m benchmarks.growth [--sizes 1000,10000] [--work FOLDER] [--workers 2] [--tables csv]

The pictures are mosaics of 16x16 pixels, for what grows is what is done for each file. Seconds of wall and of CPU
(of all processes, Linux) stand beside each other: on a machine that others use too, the CPU's and the ratios mean
more. ``--work`` keeps the pictures for the next time. The new picture is the last in the order of names, then the
first.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table

CHUNK = 1_000
SIDE_PX, MOSAIC_PX = 16, 5
TICKS_A_SECOND = 100
BUILD = """
import json, os, resource, sys
from pathlib import Path
from dataset.build import BuildSettings, build
if __name__ == "__main__":
    raw, out, size, workers, tables = sys.argv[1:]
    report = build(BuildSettings(Path(raw), Path(out), int(size), workers=int(workers), tables=tables))
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu, mib = used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
    print(json.dumps({"rendered": report.rendered, "cpu": cpu, "mib": mib}))
"""


@dataclass(frozen=True)
class Cost:
    """Of one run."""

    wall_seconds: float
    cpu_seconds: float
    """Of all processes."""
    peak_mib: float
    """Resident, of the main process."""
    rendered: int


def make_pictures(folder: Path, count: int) -> None:
    """Fill ``folder`` with ``count`` different pictures, but for those it has."""
    folder.mkdir(parents=True, exist_ok=True)
    starts = range(0, count, CHUNK)
    with ProcessPoolExecutor() as pool:
        list(pool.map(_make_chunk, [folder] * len(starts), starts, [count] * len(starts)))


def _make_chunk(folder: Path, start: int, count: int) -> None:
    for number in range(start, min(start + CHUNK, count)):
        path = folder / f"{number:07d}.png"
        if not path.exists():
            mosaic(number).save(path, compress_level=1)


def mosaic(seed: int) -> Image.Image:
    """A smooth picture of coloured patches."""
    patches = np.random.default_rng(seed).integers(0, 256, (MOSAIC_PX, MOSAIC_PX, 3), np.uint8)
    return Image.fromarray(patches).resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC)


def run(raw: Path, out: Path, workers: int, tables: str) -> Cost:
    """One build in a fresh process."""
    words = [sys.executable, "-c", BUILD, *map(str, (raw, out, SIDE_PX, workers, tables))]
    began, workers_cpu = time.perf_counter(), {}
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        while process.poll() is None:
            workers_cpu |= _session_cpu(process.pid)
            time.sleep(0.2)
        wall = time.perf_counter() - began
        assert process.stdout
        told = json.loads(process.stdout.read())
    return Cost(wall, told["cpu"] + sum(workers_cpu.values()), told["mib"], told["rendered"])


def _session_cpu(leader: int) -> dict[int, float]:
    """CPU seconds of the other processes of a session."""
    seconds = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(fields[3]) == leader != int(folder.name):
                seconds[int(folder.name)] = (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND
    return seconds


def measure(work: Path, count: int, workers: int, tables: str) -> dict[str, Cost]:
    """All runs of one size."""
    raw, out = work / f"raw-{count}", work / f"set-{count}"
    shutil.rmtree(out, ignore_errors=True)
    make_pictures(raw, count)
    costs = {"from nothing": run(raw, out, workers, tables), "nothing new": run(raw, out, workers, tables)}
    for seed, (name, when) in enumerate(
        (("zz-last.png", "one new, the last"), ("0-first.png", "one new, the first"))
    ):
        mosaic(count + seed).save(raw / name)
        costs[when] = run(raw, out, workers, tables)
        (raw / name).unlink()
        run(raw, out, workers, tables)
    assert [cost.rendered for cost in costs.values()] == [count, 0, 1, 1]
    return costs


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="1000,5000")
    parser.add_argument("--work", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--tables", default="csv")
    options = parser.parse_args()
    table = Table(title="seconds: wall (CPU), of the build's CPU; memory", title_justify="left")
    for heading in ("pictures", "run", "wall", "CPU", "of the build's CPU", "of its wall", "peak MiB"):
        table.add_column(heading, justify="left" if heading == "run" else "right")
    with tempfile.TemporaryDirectory() as folder:
        for count in map(int, options.sizes.split(",")):
            costs = measure(options.work or Path(folder), count, options.workers, options.tables)
            whole = costs["from nothing"]
            for name, cost in costs.items():
                shares = (cost.cpu_seconds / whole.cpu_seconds, cost.wall_seconds / whole.wall_seconds)
                texts = (f"{count:,}", name, f"{cost.wall_seconds:.1f}", f"{cost.cpu_seconds:.1f}")
                table.add_row(*texts, *(f"{share:.1%}" for share in shares), f"{cost.peak_mib:.0f}")
            Console(width=110).print(table)


if __name__ == "__main__":
    main()
