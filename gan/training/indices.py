"""Which images a step shows: every image once an epoch, in an order that the seed alone decides."""

import torch
from torch import Tensor


class IndexSampler:
    """Draws the indices of batches. Stateless but for a cache, so that a resumed run shows the same images."""

    def __init__(self, count: int, seed: int, device: torch.device) -> None:
        self.count, self.seed, self.device = count, seed, device
        self._epoch, self._order = -1, torch.empty(0, dtype=torch.long)

    def next_indices(self, images_shown: int, batch: int) -> Tensor:
        """[batch] int64 on the device, below ``count``: the images that follow the first ``images_shown``."""
        indices = []
        first, last = images_shown, images_shown + batch
        while first < last:
            epoch, start = divmod(first, self.count)
            indices.append(self._epoch_order(epoch)[start : start + last - first])
            first += len(indices[-1])
        return torch.cat(indices)

    def _epoch_order(self, epoch: int) -> Tensor:
        if epoch != self._epoch:
            shuffler = torch.Generator().manual_seed((self.seed * 1_000_003 + epoch) % 2**63)
            order = torch.randperm(self.count, generator=shuffler)
            # From pinned memory, so that the device is not waited for.
            order = order.pin_memory() if self.device.type == "cuda" else order
            self._epoch, self._order = epoch, order.to(self.device, non_blocking=True)
        return self._order
