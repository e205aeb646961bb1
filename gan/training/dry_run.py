"""A training tried out before it begins: what it counts, what it needs, how long it would take."""

import time
import weakref
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from gan.config import TrainConfig
from gan.device import choose_device
from gan.networks.build import parameter_count
from gan.training.distributed import World
from gan.training.loop import game_of, pictures_of, settled, step
from gan.training.trainer import Game
from kit.progress import Progress, noop

COUNTED_BATCH = 2
SECONDS_TRIED = 8.0


@dataclass(frozen=True)
class Rehearsal:
    """What a few steps have shown."""

    device: str
    precision: str
    pictures: int
    size_px: int
    batch: int
    generator_parameters: int
    discriminator_parameters: int
    gflop_per_image: float
    """Of a whole step, all passes and the penalty's share, 10^9 floating-point operations."""
    memory_bytes: int
    """The most that was held at once: networks, optimizers, pictures, and what a step keeps to go back by."""
    images_per_second: float
    images: int
    """At the end of the run, as far as one can tell."""
    minutes: float
    """To the end of the run."""


def rehearse(config: TrainConfig, progress: Progress = noop) -> Rehearsal:
    """Play a few steps of what ``config`` describes; nothing is written.

    Raises:
        GanError, SettingsError, DatasetError: as in `gan.training.loop.train`.
    """
    device = choose_device(config.device)
    pictures = pictures_of(config)
    config = settled(config, pictures.shape[-1], device)
    progress(0, None, "counting operations")
    game = game_of(config, pictures, device, World())
    gflop = gflop_per_image(Game(config.recipe, pictures, COUNTED_BATCH, config.seed, device, game.precision))
    progress(0, None, "measuring memory")
    memory = memory_of_a_step(game)
    speed = images_per_second(game, progress)
    by_minutes = (config.minutes or float("inf")) * 60 * speed
    images = min(by_minutes, (config.kimg or float("inf")) * 1000)
    return Rehearsal(
        device=str(device),
        precision=game.precision,
        pictures=len(pictures),
        size_px=pictures.shape[-1],
        batch=game.batch,
        generator_parameters=parameter_count(game.generator),
        discriminator_parameters=parameter_count(game.discriminator),
        gflop_per_image=gflop,
        memory_bytes=memory,
        images_per_second=speed,
        images=int(images),
        minutes=images / speed / 60,
    )


def gflop_per_image(game: Game) -> float:
    """Counted over the operators that PyTorch really runs, for steps with the penalty and without."""
    interval = game.recipe.r1_interval if game.recipe.r1_gamma else 1
    counts: list[int] = []
    for game.steps in (0, 1):
        with Operations() as operations:
            game.step()
        counts.append(operations.flop)
    return float(counts[0] + (interval - 1) * counts[1]) / interval / game.batch / 1e9


class Operations(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts floating-point operations by PyTorch's own formulas for its operators.

    Not `torch.utils.flop_counter.FlopCounterMode`, which also follows the modules and cannot do so through the
    penalty's gradient of a gradient.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.flop = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        formula = flop_registry.get(func._overloadpacket)
        if formula:
            self.flop += int(formula(*args, **(kwargs or {}), out_val=out))
        return out


def memory_of_a_step(game: Game) -> int:
    """Bytes: the standing tensors, and the most that the two phases of a step keep for their way back."""
    step(game)  # the optimizers' state comes with the first
    game.steps = 0  # with the penalty, which takes the most
    if game.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(game.device)
        step(game)
        return torch.cuda.max_memory_allocated(game.device)
    standing = [game.pictures, *tensors_in(game.state())]
    gradients = parameter_count(game.generator) + parameter_count(game.discriminator)
    with kept_for_the_way_back() as kept:
        step(game)
    return sum(tensor.nbytes for tensor in standing) + gradients * 4 + kept.most


def tensors_in(state: object) -> Iterator[Tensor]:
    """All tensors of a nest of dicts and lists."""
    if isinstance(state, Tensor):
        yield state
    elif isinstance(state, dict | list):
        for part in state.values() if isinstance(state, dict) else state:
            yield from tensors_in(part)


class Kept:
    """Bytes of the tensors that autograd holds, each storage counted once."""

    def __init__(self) -> None:
        self.now = self.most = 0
        self._holders: Counter[int] = Counter()

    def hold(self, tensor: Tensor) -> "Held":
        """Autograd saves a tensor."""
        place, size = tensor.untyped_storage().data_ptr(), tensor.untyped_storage().nbytes()
        if not self._holders[place]:
            self.now += size
            self.most = max(self.most, self.now)
        self._holders[place] += 1
        held = Held(tensor)
        weakref.finalize(held, self._let_go, place, size)
        return held

    def _let_go(self, place: int, size: int) -> None:
        self._holders[place] -= 1
        if not self._holders[place]:
            self.now -= size


@dataclass(eq=False)
class Held:
    """A saved tensor whose end can be noticed."""

    tensor: Tensor


@contextmanager
def kept_for_the_way_back() -> Iterator[Kept]:
    """Count what autograd saves inside the block."""
    kept = Kept()
    with saved_tensors_hooks(kept.hold, lambda held: held.tensor):
        yield kept


def images_per_second(game: Game, progress: Progress) -> float:
    """Of real steps, for a few seconds, waiting for the device at the end."""
    game.take_metrics()
    start, steps = time.perf_counter(), 0
    while steps == 0 or time.perf_counter() - start < SECONDS_TRIED:
        step(game)
        steps += 1
        progress(steps, None, "steps tried")
    game.take_metrics()
    return steps * game.batch / (time.perf_counter() - start)
