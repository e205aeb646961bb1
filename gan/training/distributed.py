"""Several processes that train one pair of networks: rank, size, reductions, the process group."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn

from gan.errors import GanError

Value = TypeVar("Value")

TIMEOUT = timedelta(minutes=30)
"""A process that does not answer for so long is given up."""


class DistributedContext:
    """The processes of a training, and this one's rank; by default it is the only one."""

    def __init__(self, rank: int = 0, size: int = 1, control: dist.ProcessGroup | None = None) -> None:
        self.rank, self.size = rank, size
        self._control = control
        self._parent = os.getppid()

    @property
    def is_main(self) -> bool:
        """Whether this process is the one that writes (rank 0)."""
        return self.rank == 0

    @property
    def is_orphan(self) -> bool:
        """Whether the launcher is gone, so that nobody could stop the processes."""
        return self.size > 1 and os.getppid() != self._parent

    def all_reduce_mean(self, tensors: Iterable[Tensor]) -> None:
        """Replace each tensor by its mean over all processes, by one all_reduce of all of them, flattened."""
        if self.size == 1:
            return
        every = list(tensors)
        flat = torch.cat([tensor.flatten() for tensor in every])
        with self._connection_lost_is_fatal():
            dist.all_reduce(flat)
        flat /= self.size
        sizes = [tensor.numel() for tensor in every]
        means = flat.split(sizes)  # type: ignore[no-untyped-call]
        for tensor, mean in zip(every, means, strict=True):
            tensor.copy_(mean.view(tensor.shape))

    def all_reduce_gradients(self, network: nn.Module) -> None:
        """Average the gradients, and batch norm's floating buffers, of which each process has seen its part."""
        gradients = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
        self.all_reduce_mean([*gradients, *(buffer for buffer in network.buffers() if buffer.is_floating_point())])

    def any(self, *flags: bool) -> tuple[bool, ...]:
        """Which of these hold in any process. Reduced on the CPU: a GPU goes on with its work meanwhile."""
        if self.size == 1:
            return flags
        reduced = torch.tensor([int(flag) for flag in flags])
        with self._connection_lost_is_fatal():
            dist.all_reduce(reduced, dist.ReduceOp.MAX, group=self._control)
        return tuple(bool(flag) for flag in reduced)

    def broadcast(self, value: Value) -> Value:
        """The value that the main process has: any picklable object of our own."""
        if self.size == 1:
            return value
        box = [value]
        with self._connection_lost_is_fatal():
            dist.broadcast_object_list(box, 0, group=self._control)
        return box[0]

    @contextmanager
    def _connection_lost_is_fatal(self) -> Iterator[None]:
        """A clear error if another process is gone; only the main process says so."""
        try:
            yield
        except (RuntimeError, dist.DistError) as error:
            if not self.is_main:
                raise SystemExit(1) from error
            raise GanError(
                "another process of this training has ended, so all end; go on with vgc train --resume"
            ) from error


@contextmanager
def process_group(device: torch.device) -> Iterator[DistributedContext]:
    """Join the processes that torchrun started; without it, this process alone.

    Args:
        device: of the networks; decides how gradients travel (NCCL on CUDA, else Gloo).
    """
    if os.environ.get("WORLD_SIZE", "1") == "1":
        yield DistributedContext()
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    try:
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=TIMEOUT)
    except ValueError as error:
        raise GanError(
            f"the environment variables of torchrun make no sense ({error}); unset RANK and WORLD_SIZE, "
            "or use --devices"
        ) from error
    try:
        control = cast(dist.ProcessGroup, dist.new_group(backend="gloo", timeout=TIMEOUT))
        yield DistributedContext(dist.get_rank(), dist.get_world_size(), control)
    finally:
        dist.destroy_process_group()


def local_device(device: torch.device) -> torch.device:
    """The GPU of this process, where several share a machine."""
    rank = os.environ.get("LOCAL_RANK", "")
    if device.type != "cuda" or device.index is not None or not rank.isdecimal():
        return device
    return torch.device("cuda", int(rank))
