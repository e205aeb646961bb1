"""A dry run: what a training needs and how long it would take, measured on a few steps."""

import time
import weakref
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from gan.config import TrainConfig
from gan.device import choose_device
from gan.networks.build import count_parameters
from gan.training.distributed import DistributedContext
from gan.training.out_of_memory import checked_train_step
from gan.training.setup import (
    find_first_weights,
    load_training_images,
    make_thread_tuner,
    make_trainer,
    resolve_config,
)
from gan.training.trainer import Execution, Trainer
from kit.progress import Progress, noop

COUNTED_BATCH = 2
SECONDS_TRIED = 8.0


@dataclass(frozen=True)
class DryRun:
    """What a few steps have shown."""

    device: str
    precision: str
    pictures: int
    size_px: int
    batch: int
    generator_parameters: int
    discriminator_parameters: int
    gflop_per_image: float
    """Of a whole step, the penalty's share included, 10^9 floating-point operations."""
    memory_bytes: int
    """Peak: networks, optimizers, images, and what autograd saves for the backward pass."""
    images_per_second: float
    images: int
    """Shown at the end of the run, estimated."""
    minutes: float
    """To the end of the run."""


def dry_run(config: TrainConfig, progress: Progress = noop) -> DryRun:
    """Run a few steps of what ``config`` describes; nothing is written.

    Raises:
        GanError, SettingsError, DatasetError: as in `gan.training.loop.train`.
    """
    device = choose_device(config.device)
    images = load_training_images(config)
    source = find_first_weights(config, DistributedContext())
    config = resolve_config(config, images, device, source)
    progress(0, None, "counting operations")
    trainer = make_trainer(config, images, device, DistributedContext())
    networks, precision = trainer.networks, trainer.execution.precision
    counted = Trainer(
        replace(config.recipe, batch=COUNTED_BATCH), images, config.seed, Execution(device, precision)
    )
    if source and config.recipe.structure_weight:  # its images have to be drawn as well
        trainer.keep_structure()
        counted.keep_structure()
    gflop = gflop_per_image(counted)
    progress(0, None, "measuring memory")
    memory = peak_step_bytes(trainer)
    with make_thread_tuner(trainer, config):
        speed = images_per_second(trainer, progress)
    by_minutes = (config.minutes or float("inf")) * 60 * speed
    images_at_end = min(by_minutes, (config.kimg or float("inf")) * 1000)
    return DryRun(
        device=str(device),
        precision=precision,
        pictures=len(images),
        size_px=images.shape[-1],
        batch=config.recipe.batch,
        generator_parameters=count_parameters(networks.generator),
        discriminator_parameters=count_parameters(networks.discriminator),
        gflop_per_image=gflop,
        memory_bytes=memory,
        images_per_second=speed,
        images=int(images_at_end),
        minutes=images_at_end / speed / 60,
    )


def gflop_per_image(trainer: Trainer) -> float:
    """Counted over the operators that PyTorch really runs, for steps with the penalty and without."""
    recipe = trainer.recipe
    interval = recipe.r1_interval if recipe.r1_gamma else 1
    counts: list[int] = []
    for trainer.steps in (0, 1):
        with FlopCounter() as counter:
            trainer.train_step()
        counts.append(counter.flop)
    return float(counts[0] + (interval - 1) * counts[1]) / interval / recipe.batch / 1e9


class FlopCounter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts floating-point operations by PyTorch's own formulas for its operators.

    Not `torch.utils.flop_counter.FlopCounterMode`, which tracks modules too and fails on the penalty's
    second-order gradients.
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


def peak_step_bytes(trainer: Trainer) -> int:
    """Bytes: weights, optimizers, images and gradients, and the peak of what autograd saves in a step."""
    checked_train_step(trainer)  # the first makes the optimizers' state
    trainer.steps = 0  # a step with the penalty, which takes the most
    device, networks = trainer.execution.device, trainer.networks
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        checked_train_step(trainer)
        return torch.cuda.max_memory_allocated(device)
    images = [] if trainer.training_set.is_mapped else [trainer.training_set.images]
    standing = [*images, *tensors_in(trainer.state())]
    gradients = count_parameters(networks.generator) + count_parameters(networks.discriminator)
    with track_saved_tensors() as meter:
        checked_train_step(trainer)
    return sum(tensor.nbytes for tensor in standing) + gradients * 4 + meter.peak


def tensors_in(state: object) -> Iterator[Tensor]:
    """All tensors in nested dicts and lists."""
    if isinstance(state, Tensor):
        yield state
    elif isinstance(state, dict | list):
        for item in state.values() if isinstance(state, dict) else state:
            yield from tensors_in(item)


class SavedTensorMeter:
    """Bytes of the tensors that autograd saves for the backward pass, each storage counted once."""

    def __init__(self) -> None:
        self.current = self.peak = 0
        self._holders: Counter[int] = Counter()

    def save(self, tensor: Tensor) -> "SavedTensor":
        """Count a tensor until autograd lets go of it."""
        address, size = tensor.untyped_storage().data_ptr(), tensor.untyped_storage().nbytes()
        if not self._holders[address]:
            self.current += size
            self.peak = max(self.peak, self.current)
        self._holders[address] += 1
        saved = SavedTensor(tensor)
        weakref.finalize(saved, self._release, address, size)
        return saved

    def _release(self, address: int, size: int) -> None:
        self._holders[address] -= 1
        if not self._holders[address]:
            self.current -= size


@dataclass(eq=False)
class SavedTensor:
    """A tensor whose release can be noticed."""

    tensor: Tensor


@contextmanager
def track_saved_tensors() -> Iterator[SavedTensorMeter]:
    """Measure what autograd saves inside the block."""
    meter = SavedTensorMeter()
    with saved_tensors_hooks(meter.save, lambda saved: saved.tensor):
        yield meter


def images_per_second(trainer: Trainer, progress: Progress) -> float:
    """Of real steps, for a few seconds, waiting for the device at the end."""
    trainer.take_stats()
    start, steps = time.perf_counter(), 0
    while steps == 0 or time.perf_counter() - start < SECONDS_TRIED:
        checked_train_step(trainer)
        steps += 1
        progress(steps, None, "steps tried")
    trainer.take_stats()
    return steps * trainer.recipe.batch / (time.perf_counter() - start)
