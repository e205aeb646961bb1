"""Images a second of the training step against a textbook loop of the same network, taken in turn in one run.

    python -m benchmarks.training [--presets dcgan-2015,dcgan] [--device cpu] [--batch N] [--rounds 3]

The textbook loop is the one of tutorials: fp32, NCHW, a DataLoader over pictures already decoded in memory,
binary cross-entropy, Adam. Its discriminator and generator are the preset's own. The last line shows what the
hardware leaves to win: the ratio of bf16 to fp32 in one large matrix product.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from gan.config import PRESETS, Recipe
from gan.device import choose_device, choose_precision
from gan.game import Game
from gan.networks import build_discriminator, build_generator

PICTURES = 1024
SECONDS_A_ROUND = 8.0


class DecodedPictures(Dataset[Tensor]):
    """Pictures in memory, made floats one by one, as tutorials do."""

    def __init__(self, pictures: Tensor) -> None:
        self.pictures = pictures

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, place: int) -> Tensor:
        return self.pictures[place].float() / 127.5 - 1


class TextbookLoop:
    """The loop of PyTorch's DCGAN example."""

    def __init__(self, recipe: Recipe, pictures: Tensor, batch: int, device: torch.device) -> None:
        self.generator = build_generator(recipe.generator).to(device)
        self.discriminator = build_discriminator(recipe.discriminator).to(device)
        self.optimizer_g = torch.optim.Adam(self.generator.parameters(), 2e-4, betas=(0.5, 0.999))
        self.optimizer_d = torch.optim.Adam(self.discriminator.parameters(), 2e-4, betas=(0.5, 0.999))
        self.criterion = nn.BCEWithLogitsLoss()
        self.loader = DataLoader(DecodedPictures(pictures), batch, shuffle=True, drop_last=True)
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
        real = self.next_batch()
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


def wait_for(device: torch.device) -> None:
    """Let a GPU finish what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def product_gflops(dtype: torch.dtype, device: torch.device) -> float:
    """GFLOP/s of a 2048-wide matrix product, the best of five."""
    a = torch.ones(2048, 2048, dtype=dtype, device=device)
    seconds = []
    for _ in range(6):
        wait_for(device)
        start = time.perf_counter()
        a @ a
        wait_for(device)
        seconds.append(time.perf_counter() - start)
    return 2 * 2048**3 / min(seconds[1:]) / 1e9


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--presets", default="dcgan-2015,dcgan")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--batch", type=int, help="default: the preset's")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    device = choose_device(options.device)
    precision = choose_precision("auto", device)
    pictures = torch.randint(0, 256, (PICTURES, 3, 80, 80), dtype=torch.uint8)
    table = Table(
        "preset", "textbook img/s", f"vgc img/s ({precision})", "ratio", title=f"training step, {device}"
    )
    for preset in options.presets.split(","):
        recipe = PRESETS[preset]
        batch = options.batch or recipe.batch
        textbook = TextbookLoop(recipe, pictures, batch, device)
        ours = Game(recipe, pictures, batch, 0, device, precision)
        pairs = [
            (
                images_per_second(textbook.step, batch, device),
                images_per_second(ours.step, batch, device),
            )
            for _ in range(options.rounds)
        ]
        plain, fast = (statistics.median(column) for column in zip(*pairs, strict=True))
        ratio = statistics.median(pair[1] / pair[0] for pair in pairs)
        table.add_row(f"{preset}, batch {batch}", f"{plain:.1f}", f"{fast:.1f}", f"{ratio:.2f}")
    Console().print(table)
    fp32, bf16 = (product_gflops(dtype, device) for dtype in (torch.float32, torch.bfloat16))
    print(f"matrix product, 2048 wide: fp32 {fp32:,.0f}, bf16 {bf16:,.0f} GFLOP/s, ratio {bf16 / fp32:.2f}")


if __name__ == "__main__":
    main()
