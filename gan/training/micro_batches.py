"""A batch in parts: the rows of each process, and its micro-batches for gradient accumulation."""

from dataclasses import dataclass

from torch import Tensor

from gan.errors import SettingsError
from gan.training.distributed import DistributedContext
from gan.training.step_noise import StepNoise
from gan.training.training_set import TrainingSet


@dataclass(frozen=True)
class MicroBatch:
    """Rows of a step's batch that go through the networks together."""

    training_set: TrainingSet
    indices: Tensor
    """[n] int64, the real images."""
    noise: StepNoise
    """Of these rows."""

    def real_images(self) -> Tensor:
        """[n, C, H, W] float32 in [-1, 1]; made at each call: a whole step's may not fit into memory."""
        return self.training_set.normalised(self.indices)


def micro_batch_rows(batch: int, distributed: DistributedContext, grad_accum: int) -> list[slice]:
    """The rows of each micro-batch of this process.

    Gradients of micro-batches are added up: less memory, the same mathematics, except for batch norm, whose
    statistics are a micro-batch's.

    Raises:
        SettingsError: the batch cannot be divided evenly.
    """
    count = distributed.size * grad_accum
    if batch % count:
        raise SettingsError(
            f"--batch {batch} cannot be shared out evenly among {count} "
            f"(processes: {distributed.size}, --grad-accum {grad_accum}); choose a multiple of {count}"
        )
    size = batch // count
    first = distributed.rank * grad_accum
    return [slice(index * size, (index + 1) * size) for index in range(first, first + grad_accum)]
