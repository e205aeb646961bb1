"""What the workshop costs: a training that its API starts beside one of the command, and the studio at rest.

    python -m benchmarks.studio_training [--rounds 5] [--minutes 0.15] [--idle-seconds 60]

A set of 200 pictures of noise, 32x32, is trained on by ``vgc train`` and by a studio that is asked meanwhile, as
by the run's page, how far it is; the same settings, the same seed. Rounds are short, and who begins alternates, so
that a machine that has other work has it for both. Speed is pictures shown over seconds trained. Idle is the
studio's CPU time while nobody asks it for anything, before the first training and after the last.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from PIL import Image
from rich.console import Console
from rich.table import Table

from benchmarks._studio import opened
from dataset.build import BuildSettings, build
from gan.config import TrainConfig
from gan.runs.run_files import sample_files
from studio.workshop.vgc_command import full_command

PICTURES, SIZE_PX = 200, 32
LOOK_SECONDS = 2.0


def make_set(root: Path, pictures: int = PICTURES) -> None:
    """Pictures of noise, each like no other, as a set of vgc preprocess."""
    raw = root / "raw"
    raw.mkdir()
    for number in range(pictures):
        pixels = np.random.default_rng(number).integers(0, 256, (SIZE_PX, SIZE_PX, 3), np.uint8)
        Image.fromarray(pixels).save(raw / f"{number:05d}.png")
    build(BuildSettings(raw, root / "set", size_px=SIZE_PX, tables="none"))


def speed(root: Path, run: str, minutes: float) -> float:
    """Pictures shown a second of training, by the samples that are drawn when it ends."""
    return int(sample_files(root / TrainConfig.output / run)[-1].stem) / 60 / minutes


def train_by_command(root: Path, run: str, minutes: float) -> float:
    """As in a terminal."""
    words = ["train", "--data", "set/rgb_images", "--minutes", str(minutes), "--run", run, "-q"]
    subprocess.run(full_command(words), cwd=root, check=True, stdin=subprocess.DEVNULL)
    return speed(root, run, minutes)


def train_by_api(root: Path, address: str, run: str, minutes: float) -> float:
    """As the page does, looked at until it is done."""
    ask(address, "training", {"folder": "set", "minutes": minutes, "run": run})
    while (state := ask(address, f"run?run={TrainConfig.output}/{run}")["state"]) in ("waiting", "training"):
        time.sleep(LOOK_SECONDS)
    assert state == "ended", state
    return speed(root, run, minutes)


def ask(address: str, path: str, body: object = None) -> Any:
    """A request of the workshop's API."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{address}api/workshop/{path}", data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def idle_share(studio: psutil.Process, seconds: float) -> float:
    """The share of a core that a studio takes."""
    before = studio.cpu_times()
    time.sleep(seconds)
    after = studio.cpu_times()
    return (after.user + after.system - before.user - before.system) / seconds


def load() -> str:
    """What else the machine does, for a table's title."""
    return f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--minutes", type=float, default=0.15)
    parser.add_argument("--idle-seconds", type=float, default=60)
    options = parser.parse_args()
    by_command, by_api = [], []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        make_set(root)
        with opened(root) as (address, studio):
            idle = [idle_share(studio, options.idle_seconds)]
            for number in range(options.rounds):
                for by_page in (number % 2 == 0, number % 2 == 1):
                    if by_page:
                        by_api.append(train_by_api(root, address, f"api-{number}", options.minutes))
                    else:
                        by_command.append(train_by_command(root, f"command-{number}", options.minutes))
            idle.append(idle_share(studio, options.idle_seconds))
    table = Table("what", "median", "each", title=f"the workshop{load()}")
    for what, speeds in (("vgc train, images/s", by_command), ("started by the page, images/s", by_api)):
        table.add_row(what, f"{statistics.median(speeds):.1f}", ", ".join(f"{each:.1f}" for each in speeds))
    ratios = [page / command for page, command in zip(by_api, by_command, strict=True)]
    table.add_row(
        "page / command", f"{statistics.median(ratios):.2f}", ", ".join(f"{each:.2f}" for each in ratios)
    )
    what = f"idle for {options.idle_seconds:g} s, share of a core; goal < 1 %"
    table.add_row(what, f"{statistics.median(idle):.2%}", ", ".join(f"{each:.2%}" for each in idle))
    Console(file=sys.stdout).print(table)


if __name__ == "__main__":
    main()
