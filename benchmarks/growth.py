"""How ``vgc preprocess`` grows: sets of so many pictures from nothing, with nothing new, with one new; memory.

    python -m benchmarks.growth [--sizes 1000,5000] [--work FOLDER] [--workers 2] [--tables csv] [--stand-in]

The pictures are mosaics of 16x16 pixels, because what grows is the work for each file. Seconds of wall and of CPU
(of all processes, Linux) are shown, and Python's start apart, of which the shares are free: it does not grow. On
a busy machine CPU seconds and ratios mean more. ``--stand-in`` decodes
nothing and writes the same picture for each file: what remains is the work that depends on the set's size.
``--work`` keeps the pictures for the next time. The new picture is the last in the order of names, then the first.
"""

import argparse
import io
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table

import dataset.build
from dataset.render import GREY_FOLDER, RGB_FOLDER, Outcome, Rendered, RenderJob, image_states
from dataset.tables import pixel_row

CHUNK = 1_000
SIDE_PX, MOSAIC_PX = 16, 5
BUILD = """
import json, os, resource, sys, time
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as vgc preprocess does
from pathlib import Path
from benchmarks import growth
from dataset.build import BuildSettings, build
from kit import worker_pool
if __name__ == "__main__":
    raw, out, size, workers, tables, stand_in = sys.argv[1:]
    if stand_in == "True":
        growth.decode_nothing()
    start = time.process_time()
    report = build(BuildSettings(Path(raw), Path(out), int(size), workers=int(workers), tables=tables))
    worker_pool._end_spare_processes()  # what a process took is known when it has ended
    used, workers_used = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    cpu, mib = sum(each.ru_utime + each.ru_stime for each in (used, workers_used)), used.ru_maxrss / 1024
    print(json.dumps({"rendered": report.rendered, "start": start, "cpu": cpu, "mib": mib}))
"""


@dataclass(frozen=True)
class Cost:
    """Of one run."""

    wall_seconds: float
    cpu_seconds: float
    """Of all processes."""
    start_seconds: float
    """Of these, until the main process had loaded what it builds with."""
    peak_mib: float
    """Resident, of the main process."""
    rendered: int

    @property
    def grows(self) -> float:
        """CPU seconds without Python's start."""
        return self.cpu_seconds - self.start_seconds


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


def decode_nothing() -> None:
    """Have builds in this process write the same picture for each file."""
    encoded = io.BytesIO()
    mosaic(0).save(encoded, "PNG")
    row = pixel_row(np.asarray(mosaic(0).convert("L")))

    def stand_in(jobs: Iterator[RenderJob], _count: int, _workers: int) -> Iterator[Rendered]:
        for job in jobs:
            for folder in (RGB_FOLDER, GREY_FOLDER):
                (job.target / folder / job.file_name).write_bytes(encoded.getbuffer())
            digest = sha256(job.file_name.encode()).hexdigest()
            outcome = Outcome(
                *(job.raw_file, job.file_name, digest),
                raw_format="PNG",
                raw_width=SIDE_PX,
                raw_height=SIDE_PX,
                pixel_sha256=digest,
                perceptual_hash=digest[:16],
            )
            yield Rendered(outcome, row, image_states(job.target, job.file_name))

    dataset.build.render_all = stand_in  # type: ignore[attr-defined, assignment]


def run(raw: Path, out: Path, options: argparse.Namespace) -> Cost:
    """One build in a fresh process."""
    settings = (raw, out, SIDE_PX, options.workers, options.tables, options.stand_in)
    command = [sys.executable, "-c", BUILD, *map(str, settings)]
    began = time.perf_counter()
    result = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    wall = time.perf_counter() - began
    return Cost(wall, result["cpu"], result["start"], result["mib"], result["rendered"])


def measure(work: Path, count: int, options: argparse.Namespace) -> dict[str, Cost]:
    """All runs of one size."""
    raw, out = work / f"raw-{count}", work / f"set-{count}"
    shutil.rmtree(out, ignore_errors=True)
    make_pictures(raw, count)
    costs = {"from nothing": run(raw, out, options), "nothing new": run(raw, out, options)}
    for seed, (name, when) in enumerate(
        (("zz-last.png", "one new, the last"), ("0-first.png", "one new, the first"))
    ):
        mosaic(count + seed).save(raw / name)
        costs[when] = run(raw, out, options)
        (raw / name).unlink()
        run(raw, out, options)
    assert [cost.rendered for cost in costs.values()] == [count, 0, 1, 1]
    return costs


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="1000,5000")
    parser.add_argument("--work", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--tables", default="csv")
    parser.add_argument("--stand-in", action="store_true")
    options = parser.parse_args()
    table = Table(title="seconds: wall (CPU), of the build's CPU; memory", title_justify="left")
    for heading in (
        "pictures",
        "run",
        "wall",
        "CPU",
        "of it start",
        "of the build's CPU",
        "of its wall",
        "peak MiB",
    ):
        table.add_column(heading, justify="left" if heading == "run" else "right")
    with tempfile.TemporaryDirectory() as folder:
        for count in map(int, options.sizes.split(",")):
            costs = measure(options.work or Path(folder), count, options)
            whole = costs["from nothing"]
            for name, cost in costs.items():
                shares = (cost.grows / whole.grows, cost.wall_seconds / whole.wall_seconds)
                seconds = (cost.wall_seconds, cost.cpu_seconds, cost.start_seconds)
                texts = (f"{count:,}", name, *(f"{each:.2f}" for each in seconds))
                table.add_row(*texts, *(f"{share:.1%}" for share in shares), f"{cost.peak_mib:.0f}")
            Console(width=110).print(table)


if __name__ == "__main__":
    main()
