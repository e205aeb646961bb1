"""Training and drawing on a CPU beside busy programs: as vgc does it, on one thread, and on all of them.

    python -m benchmarks.busy [--busy 0,1,2] [--rounds 5] [--seconds 3] [--preset dcgan]

A busy program is an endless loop. The three ways are processes of their own that work in turn, one at a time, in
rounds; medians and ratios are printed. For each number of busy programs they are started anew, and so choose anew.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from rich.console import Console
from rich.table import Table

from gan.config import PRESETS
from gan.device import choose_precision
from gan.runs.checkpoint import load_generator
from gan.runs.model_files import built_in_model
from gan.sampling.sample import DRAW_BATCH, draw, latents_from_seeds
from gan.threads import ThreadTuner
from gan.training.trainer import Execution, Trainer

CPU = torch.device("cpu")
WAYS = ("vgc", "one thread", "all threads")
WORK = ("train", "draw")
DRAWN = 64


class PausedClock:
    """Seconds in which it was this process's turn."""

    def __init__(self) -> None:
        self.paused = 0.0

    def __call__(self) -> float:
        return time.perf_counter() - self.paused


def training(way: str, preset: str, clock: PausedClock) -> Callable[[], int]:
    """A step of training; gives the images shown."""
    images = torch.randint(0, 256, (256, 3, 80, 80), dtype=torch.uint8)
    trainer = Trainer(PRESETS[preset], images, 0, Execution(CPU, choose_precision("auto", CPU)))
    tuner = ThreadTuner(trainer.forward_pass, enabled=way == "vgc", clock=clock)

    def step() -> int:
        tuner.check()
        trainer.train_step()
        return trainer.recipe.batch

    return step


def drawing(way: str, *_: object) -> Callable[[], int]:
    """A wall of images; gives their number."""
    generator, header = load_generator(built_in_model(), CPU)
    latents = latents_from_seeds(range(DRAWN), header.architecture.latent_dim)

    @torch.inference_mode()
    def divided() -> int:
        for chunk in latents.split(DRAW_BATCH):
            generator(chunk)
        return DRAWN

    return divided if way == "all threads" else lambda: len(list(draw(generator, latents)))


def take_turns(work: str, way: str, preset: str) -> None:
    """Work for as many seconds as each line of stdin says, and answer with the speed."""
    if way == "one thread":
        torch.set_num_threads(1)
    clock = PausedClock()
    once = (training if work == "train" else drawing)(way, preset, clock)
    once()
    print("ready", flush=True)
    asked = time.perf_counter()
    for line in sys.stdin:
        start = time.perf_counter()
        clock.paused += start - asked
        done = 0
        while (seconds := time.perf_counter() - start) < float(line):
            done += once()
        print(done / seconds, flush=True)
        asked = time.perf_counter()


@contextmanager
def processes(*commands: list[str]) -> Iterator[list[subprocess.Popen[str]]]:
    """Commands that run while the block does."""
    # As vgc's own start-up has it.
    environment = {"GOMP_SPINCOUNT": "10000", **os.environ}
    pipe = subprocess.PIPE
    started = [subprocess.Popen(each, stdin=pipe, stdout=pipe, text=True, env=environment) for each in commands]
    try:
        yield started
    finally:
        for process in started:
            process.kill()
            process.wait()


def speeds(work: str, busy: int, options: argparse.Namespace) -> dict[str, float]:
    """Median images a second of each way."""
    loops = [[sys.executable, "-c", "while True: pass"]] * busy
    ways = [[sys.executable, "-m", "benchmarks.busy", "--turns", work, way, options.preset] for way in WAYS]
    with processes(*loops), processes(*ways) as workers:
        for worker in workers:
            ask(worker)
        rounds = [[ask(worker, options.seconds) for worker in workers] for _ in range(options.rounds)]
    return dict(zip(WAYS, map(statistics.median, zip(*rounds, strict=True)), strict=True))


def ask(worker: "subprocess.Popen[str]", seconds: float | None = None) -> float:
    """Let a worker work for so long; without, wait until it is ready."""
    assert worker.stdin and worker.stdout
    if seconds is not None:
        worker.stdin.write(f"{seconds}\n")
        worker.stdin.flush()
    answer = worker.stdout.readline()
    return float(answer) if seconds else 0.0


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--busy", default="0,1,2")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--preset", default="dcgan")
    parser.add_argument("--turns", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.turns:
        take_turns(*options.turns)
        return
    threads = f"{torch.get_num_threads()} threads"
    table = Table(
        "work", "busy programs", *(f"{way}, img/s" for way in WAYS), "vgc / one", "vgc / all", title=threads
    )
    for work in WORK:
        for busy in map(int, options.busy.split(",")):
            row = speeds(work, busy, options)
            ours, one, every = (row[way] for way in WAYS)
            shown = [f"{speed:,.1f}" for speed in row.values()]
            table.add_row(work, str(busy), *shown, f"{ours / one:.2f}", f"{ours / every:.2f}")
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
