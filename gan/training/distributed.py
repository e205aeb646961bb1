"""Several processes that train one pair of networks: who is who, and what they tell each other."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn

from gan.config import GanError

Value = TypeVar("Value")

SILENCE = timedelta(minutes=30)
"""A process that says nothing for so long is given up."""


class World:
    """The processes of a training; one alone where nobody else was started."""

    def __init__(self, rank: int = 0, size: int = 1, control: dist.ProcessGroup | None = None) -> None:
        self.rank, self.size = rank, size
        self._control = control
        self._parent = os.getppid()

    @property
    def leads(self) -> bool:
        """Whether this process is the one that writes."""
        return self.rank == 0

    @property
    def is_orphan(self) -> bool:
        """Whether whoever started these processes is gone, so that nobody could stop them."""
        return self.size > 1 and os.getppid() != self._parent

    def average(self, tensors: Iterable[Tensor]) -> None:
        """Replace each tensor by its mean over all processes: flattened into one, one all_reduce."""
        if self.size == 1:
            return
        wanted = list(tensors)
        flat = torch.cat([tensor.flatten() for tensor in wanted])
        with self._together():
            dist.all_reduce(flat)
        flat /= self.size
        sizes = [tensor.numel() for tensor in wanted]
        means = flat.split(sizes)  # type: ignore[no-untyped-call]
        for tensor, mean in zip(wanted, means, strict=True):
            tensor.copy_(mean.view(tensor.shape))

    def average_gradients(self, network: nn.Module) -> None:
        """The gradients, and the floating buffers too: each process has seen its own part of the batch."""
        gradients = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
        self.average([*gradients, *(buffer for buffer in network.buffers() if buffer.is_floating_point())])

    def any(self, *here: bool) -> tuple[bool, ...]:
        """Which of these hold in any process. Told through the CPU: a GPU goes on with its work meanwhile."""
        if self.size == 1:
            return here
        told = torch.tensor([int(word) for word in here])
        with self._together():
            dist.all_reduce(told, dist.ReduceOp.MAX, group=self._control)
        return tuple(bool(word) for word in told)

    def from_leader(self, value: Value) -> Value:
        """The value that the first process has: any picklable object of our own."""
        if self.size == 1:
            return value
        box = [value]
        with self._together():
            dist.broadcast_object_list(box, 0, group=self._control)
        return box[0]

    @contextmanager
    def _together(self) -> Iterator[None]:
        """A word in place of a broken connection, for another process is gone; the leader speaks for all."""
        try:
            yield
        except (RuntimeError, dist.DistError) as error:
            if not self.leads:
                raise SystemExit(1) from error
            raise GanError(
                "another process of this training has ended, so all end; go on with vgc train --resume"
            ) from error


@contextmanager
def joined(device: torch.device) -> Iterator[World]:
    """This process's place among those that torchrun started; alone without it.

    Args:
        device: of the networks; decides how gradients travel (NCCL on CUDA, else Gloo).
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield World()
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=SILENCE)
    try:
        control = cast(dist.ProcessGroup, dist.new_group(backend="gloo", timeout=SILENCE))
        yield World(dist.get_rank(), dist.get_world_size(), control)
    finally:
        dist.destroy_process_group()


def local_device(device: torch.device) -> torch.device:
    """The GPU of this process, where several share a machine."""
    if device.type != "cuda" or device.index is not None or "LOCAL_RANK" not in os.environ:
        return device
    return torch.device("cuda", int(os.environ["LOCAL_RANK"]))
