"""Training, drawing, scoring and the studio on a CPU beside busy programs: as vgc does it, on one thread, on all.

    python -m benchmarks.busy [--work train,generate,evaluate,studio] [--busy 0,1,2] [--rounds 3] [--seconds 1]

A busy program is an endless loop. The three ways are processes of their own that work in turn, one at a time, in
rounds; medians and ratios are printed. For each row they choose anew. With ``--busy 0`` ratios to all threads show
what is lost on an idle machine. What else runs here counts as well, so a quiet machine is needed.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import Tensor

from gan.config import PRESETS
from gan.device import choose_precision
from gan.evaluation.features import FEATURE_BATCH, load_feature_network
from gan.runs.checkpoint import load_generator
from gan.runs.model_files import built_in_model
from gan.sampling.sample import DRAW_BATCH, draw, latents_from_seeds
from gan.threads import ThreadTuner
from gan.training.trainer import Execution, Trainer
from studio.draw_queue import BATCH_SIZE
from studio.engine_torch import TorchEngine

CPU = torch.device("cpu")
ALL_THREADS = torch.get_num_threads()
WAYS = ("vgc", "one thread", "all threads")
TRAIN_BATCH = 16
"""Small, for a step on all threads beside busy programs takes many times as long."""
DRAWN = 64
WIDTHS = (10, 6, 12, 12, 12, 11, 11)


class PausedClock:
    """Seconds in which it was this process's turn."""

    def __init__(self) -> None:
        self.paused = 0.0

    def __call__(self) -> float:
        return time.perf_counter() - self.paused


def training(way: str, clock: PausedClock) -> Callable[[], int]:
    """A step of training; gives the images shown."""
    images = torch.randint(0, 256, (256, 3, 80, 80), dtype=torch.uint8)
    recipe = replace(PRESETS["dcgan"], batch=TRAIN_BATCH)
    trainer = Trainer(recipe, images, 0, Execution(CPU, choose_precision("auto", CPU)))
    tuner = ThreadTuner(trainer.forward_pass, enabled=way == "vgc", clock=clock)

    def step() -> int:
        tuner.check()
        trainer.train_step()
        return TRAIN_BATCH

    return step


def drawing(way: str, _: PausedClock) -> Callable[[], int]:
    """A wall of images; gives their number."""
    generator, header = load_generator(built_in_model(), CPU)
    latents = latents_from_seeds(range(DRAWN), header.architecture.latent_dim)
    if way == "vgc":
        return lambda: len(list(draw(generator, latents)))
    return in_turn(generator, latents, DRAW_BATCH)


def scoring(way: str, _: PausedClock) -> Callable[[], int]:
    """Features of images; gives their number."""
    network = load_feature_network(None, CPU)
    images = torch.randint(0, 256, (2 * FEATURE_BATCH, 3, 80, 80), dtype=torch.uint8)
    if way == "vgc":
        return lambda: len(network([images], len(images), "random"))
    return in_turn(network.extract, images, FEATURE_BATCH)


def studio(way: str, _: PausedClock) -> Callable[[], int]:
    """A batch as the studio's queue takes it from a wall; gives its images."""
    generator, header = load_generator(built_in_model(), CPU)
    latents = latents_from_seeds(range(BATCH_SIZE), header.architecture.latent_dim)
    if way != "vgc":
        return in_turn(generator, latents, DRAW_BATCH)
    engine = TorchEngine(built_in_model())
    return lambda: len(engine.draw(latents.numpy()))


def in_turn(network: Callable[[Tensor], Tensor], inputs: Tensor, batch: int) -> Callable[[], int]:
    """A pass for each batch, one after the other, its operations divided among PyTorch's threads."""

    @torch.inference_mode()
    def passes() -> int:
        for chunk in inputs.split(batch):  # type: ignore[no-untyped-call]
            network(chunk)
        return len(inputs)

    return passes


WORK = {"train": training, "generate": drawing, "evaluate": scoring, "studio": studio}


def take_turns(way: str) -> None:
    """Begin the work that a line of stdin names; work for the seconds that one says, and answer with the speed."""
    clock = PausedClock()
    once: Callable[[], int] | None = None
    asked = time.perf_counter()
    for line in map(str.strip, sys.stdin):
        start = time.perf_counter()
        clock.paused += start - asked
        if line in WORK:
            torch.set_num_threads(1 if way == "one thread" else ALL_THREADS)
            once = WORK[line](way, clock)
            once()
            print("ready", flush=True)
        else:
            assert once
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


def speeds(workers: "list[subprocess.Popen[str]]", work: str, options: argparse.Namespace) -> list[float]:
    """Median images a second of each way."""
    for worker in workers:
        ask(worker, work)
    rounds = [[float(ask(worker, options.seconds)) for worker in workers] for _ in range(options.rounds)]
    return [statistics.median(way) for way in zip(*rounds, strict=True)]


def ask(worker: "subprocess.Popen[str]", line: object) -> str:
    """A worker's answer, once it has done what the line says."""
    assert worker.stdin and worker.stdout
    print(line, file=worker.stdin, flush=True)
    return worker.stdout.readline()


def print_row(cells: list[str]) -> None:
    """One line of the table, at once."""
    print("".join(cell.rjust(width) for cell, width in zip(cells, WIDTHS, strict=True)), flush=True)


def main() -> None:
    """Measure and print a row at a time."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", default=",".join(WORK))
    parser.add_argument("--busy", default="0,1,2")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.0, help="that each way works in a round")
    parser.add_argument("--turns", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.turns:
        take_turns(options.turns)
        return
    print(f"images a second on {ALL_THREADS} threads")
    print_row(["work", "busy", *WAYS, "vgc / one", "vgc / all"])
    with processes(*([sys.executable, "-m", "benchmarks.busy", "--turns", way] for way in WAYS)) as workers:
        for busy in map(int, options.busy.split(",")):
            with processes(*[[sys.executable, "-c", "while True: pass"]] * busy):
                for work in options.work.split(","):
                    ours, one, every = speeds(workers, work, options)
                    figures = [f"{speed:,.1f}" for speed in (ours, one, every)]
                    print_row([work, str(busy), *figures, f"{ours / one:.2f}", f"{ours / every:.2f}"])


if __name__ == "__main__":
    main()
