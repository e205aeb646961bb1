"""Statistics of training steps, averaged between two lines of metrics."""

import torch
from torch import Tensor

from gan.training.distributed import DistributedContext

STATS = ("loss_d", "r1", "sign_real", "sign_fake", "augment", "loss_g")
"""What a step measures, by its name in ``metrics.jsonl``. ``sign_real`` (ADA's r_t) and ``sign_fake`` are means of
sign(score), in [-1, 1]; with relativistic pairing, of the difference to the paired image's score. ``augment`` is
ADA's p, 0 to 1."""


class RunningStats:
    """Means of `STATS` over the steps since they were last taken."""

    def __init__(self, device: torch.device) -> None:
        self.total = torch.zeros(len(STATS), device=device)
        self.steps = 0

    def add(self, values: Tensor) -> None:
        """Count a step; ``values`` [len(STATS)] float32."""
        self.total += values
        self.steps += 1

    def take_means(self, distributed: DistributedContext) -> dict[str, float]:
        """Means since the last call, by name, over all processes; waits for the device."""
        distributed.all_reduce_mean([self.total])
        means = (self.total / max(self.steps, 1)).tolist()
        self.total.zero_()
        self.steps = 0
        return dict(zip(STATS, means, strict=True))
