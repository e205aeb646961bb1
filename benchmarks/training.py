"""Images a second of the training step, against a textbook loop and against its own convolutions, in one run.

    python -m benchmarks.training [--presets A,B] [--device cpu] [--batch N] [--rounds 3] [--cuda-graphs]

- The textbook loop is the one of tutorials: fp32, NCHW, a DataLoader over pictures already decoded in memory,
  binary cross-entropy, Adam. Its discriminator and generator are the preset's own. "Eager bf16" is the same under
  autocast, its pictures on the device already.
- The convolutions are those of the step itself, forward and backward, recorded with their shapes and formats and
  then timed one by one with nothing between: what remains of the step's time is all that a faster program of the
  same networks could win.
- On a GPU also the share of the time in which a kernel runs; everywhere the share of a large bf16 product's speed.

The last line shows what the hardware leaves to win: the ratio of bf16 to fp32 in one large matrix product.
"""

import argparse
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.data import DataLoader, Dataset

from gan.config import PRESETS, Recipe
from gan.device import choose_device, choose_precision, use_algorithms
from gan.networks.build import build_discriminator, build_generator
from gan.training.dry_run import gflop_per_image
from gan.training.trainer import Execution, Trainer

PICTURES = 1024
SECONDS_A_ROUND = 8.0
STEPS_PROFILED = 200
CONVOLUTIONS = {torch.ops.aten.convolution.default, torch.ops.aten.convolution_backward.default}


class DecodedImages(Dataset[Tensor]):
    """Pictures in memory, made floats one by one, as tutorials do."""

    def __init__(self, images: Tensor) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Tensor:
        return self.images[index].float() / 127.5 - 1


class TextbookLoop:
    """The loop of PyTorch's DCGAN example."""

    def __init__(
        self, recipe: Recipe, images: Tensor, batch: int, device: torch.device, bf16: bool = False
    ) -> None:
        self.bf16 = bf16
        self.generator = build_generator(recipe.generator).to(device)
        self.discriminator = build_discriminator(recipe.discriminator).to(device)
        self.optimizer_g = torch.optim.Adam(self.generator.parameters(), 2e-4, betas=(0.5, 0.999))
        self.optimizer_d = torch.optim.Adam(self.discriminator.parameters(), 2e-4, betas=(0.5, 0.999))
        self.criterion = nn.BCEWithLogitsLoss()
        if bf16:
            images = images.to(device)
        self.loader = DataLoader(DecodedImages(images), batch, shuffle=True, drop_last=True)
        self.batches = iter(self.loader)
        self.batch, self.latent_dim, self.device = batch, recipe.generator.latent_dim, device

    def next_batch(self) -> Tensor:
        """The next batch, a new epoch when the last is through."""
        try:
            return next(self.batches).to(self.device)
        except StopIteration:
            self.batches = iter(self.loader)
            return next(self.batches).to(self.device)

    def step(self) -> None:
        """One update of each network."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            self.update(self.next_batch())

    def update(self, real: Tensor) -> None:
        """The two updates themselves."""
        ones, zeros = torch.ones(self.batch, device=self.device), torch.zeros(self.batch, device=self.device)
        self.discriminator.zero_grad()
        self.criterion(self.discriminator(real), ones).backward()
        fake = self.generator(torch.randn(self.batch, self.latent_dim, device=self.device))
        self.criterion(self.discriminator(fake.detach()), zeros).backward()
        self.optimizer_d.step()
        self.generator.zero_grad()
        self.criterion(self.discriminator(fake), ones).backward()
        self.optimizer_g.step()


def images_per_second(step: Callable[[], None], batch: int, device: torch.device) -> float:
    """Speed of a step over a few seconds, after a warm-up."""
    for _ in range(2):
        step()
    wait_for(device)
    start, steps = time.perf_counter(), 0
    while time.perf_counter() - start < SECONDS_A_ROUND:
        step()
        steps += 1
    wait_for(device)
    return steps * batch / (time.perf_counter() - start)


class Convolutions(TorchDispatchMode):
    """Takes down every convolution that runs, by shapes, layouts, formats and settings."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[tuple[Any, ...]] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in CONVOLUTIONS:
            self.calls[func, *map(described, args)] += 1
        return func(*args, **(kwargs or {}))


def described(argument: object) -> object:
    """A tensor as shape, strides and format; a list as a tuple."""
    if isinstance(argument, Tensor):
        return torch.Size(argument.shape), argument.stride(), argument.dtype
    return tuple(argument) if isinstance(argument, list) else argument


def made_again(description: object, device: torch.device) -> object:
    """The inverse of `described`, with random numbers."""
    if not isinstance(description, tuple):
        return description
    if not description or not isinstance(description[0], torch.Size):
        return list(description)
    shape, strides, dtype = description
    length = 1 + sum((side - 1) * stride for side, stride in zip(shape, strides, strict=True))
    return torch.randn(length, device=device).to(dtype).as_strided(shape, strides)


def convolution_seconds(trainer: Trainer) -> float:
    """Time of a step's convolutions alone, forward and backward, each the median of a few runs."""
    recipe, device = trainer.recipe, trainer.execution.device
    steps = recipe.r1_interval if recipe.r1_gamma else 1
    with Convolutions() as recorded:
        for _ in range(steps):
            trainer.train_step()
    total = 0.0
    for (function, *descriptions), count in recorded.calls.items():
        arguments = [made_again(description, device) for description in descriptions]
        taken = []
        for _ in range(7):
            wait_for(device)
            start = time.perf_counter()
            function(*arguments)
            wait_for(device)
            taken.append(time.perf_counter() - start)
        total += statistics.median(taken[2:]) * count / steps
    return total


def union_length(spans: Iterable[tuple[float, float]]) -> float:
    """Length of what the spans (begin, end) cover together."""
    covered, reached = 0.0, float("-inf")
    for begin, end in sorted(spans):
        covered += max(0.0, end - max(begin, reached))
        reached = max(reached, end)
    return covered


def busy_share(trainer: Trainer) -> float:
    """Share of the time of some hundred steps in which the GPU runs a kernel."""
    device = trainer.execution.device
    wait_for(device)
    with profile(activities=[ProfilerActivity.CUDA]) as recorded:
        start = time.perf_counter()
        for _ in range(STEPS_PROFILED):
            trainer.train_step()
        wait_for(device)
        wall_us = (time.perf_counter() - start) * 1e6
    kernels = [event.time_range for event in recorded.events() if event.device_type.name == "CUDA"]
    return union_length((kernel.start, kernel.end) for kernel in kernels) / wall_us


def wait_for(device: torch.device) -> None:
    """Let a GPU finish what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def product_gflops(dtype: torch.dtype, device: torch.device) -> float:
    """GFLOP/s of a matrix product 2048 wide, 8192 on a GPU; the best of five."""
    wide = 8192 if device.type == "cuda" else 2048
    a = torch.ones(wide, wide, dtype=dtype, device=device)
    seconds = []
    for _ in range(6):
        wait_for(device)
        start = time.perf_counter()
        a @ a
        wait_for(device)
        seconds.append(time.perf_counter() - start)
    return 2 * wide**3 / min(seconds[1:]) / 1e9


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--presets", default="dcgan-2015,dcgan")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--batch", type=int, help="default: the preset's")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cuda-graphs", action="store_true")
    options = parser.parse_args()
    device = choose_device(options.device)
    precision = choose_precision("auto", device)
    use_algorithms(deterministic=False)
    images = torch.randint(0, 256, (PICTURES, 3, 80, 80), dtype=torch.uint8)
    headings = [
        "preset",
        "textbook img/s",
        "eager bf16 img/s",
        f"vgc img/s ({precision})",
        "/ textbook",
        "/ eager",
    ]
    table = Table(*headings, "convolutions' share", "GPU busy", "of bf16 peak", title=f"training step, {device}")
    bf16 = product_gflops(torch.bfloat16, device)
    for preset in options.presets.split(","):
        recipe = PRESETS[preset]
        batch = options.batch or recipe.batch
        recipe = replace(recipe, batch=batch)
        execution = Execution(device, precision)
        trainer = Trainer(recipe, images, 0, replace(execution, cuda_graphs=options.cuda_graphs))
        row = compared(images, trainer, options.rounds)
        plain = Trainer(recipe, images, 0, execution)
        share = convolution_seconds(plain) / (batch / row[2])
        gpu = device.type == "cuda"
        peak = gflop_per_image(Trainer(replace(recipe, batch=2), images, 0, execution)) * row[2] / bf16
        table.add_row(
            f"{preset}, batch {batch}",
            *(f"{speed:,.1f}" for speed in row),
            f"{row[2] / row[0]:.2f}",
            f"{row[2] / row[1]:.2f}",
            f"{share:.0%}",
            f"{busy_share(trainer):.0%}" if gpu else "-",
            f"{peak:.0%}",
        )
    Console(width=140).print(table)
    fp32 = product_gflops(torch.float32, device)
    print(f"matrix product: fp32 {fp32:,.0f}, bf16 {bf16:,.0f} GFLOP/s, ratio {bf16 / fp32:.2f}")


def compared(images: Tensor, trainer: Trainer, rounds: int) -> tuple[float, float, float]:
    """Images a second of the textbook loop, of the same in bf16, and of ours; medians, all taken in turn."""
    recipe, device = trainer.recipe, trainer.execution.device
    batch = recipe.batch
    loops = [TextbookLoop(recipe, images, batch, device, bf16).step for bf16 in (False, True)]
    turns = [
        [images_per_second(step, batch, device) for step in (*loops, trainer.train_step)] for _ in range(rounds)
    ]
    textbook, eager, ours = (statistics.median(column) for column in zip(*turns, strict=True))
    return textbook, eager, ours


if __name__ == "__main__":
    main()
