"""Which images a step shows: every image, or every group, as often an epoch, as the seed alone decides."""

import torch
from torch import Tensor


class IndexSampler:
    """Draws the indices of batches. Stateless but for a cache, so that a resumed run shows the same images."""

    def __init__(self, count: int, seed: int, device: torch.device, groups: Tensor | None = None) -> None:
        """Begin.

        Args:
            count: of images, which is also the length of an epoch.
            seed: of the order.
            device: of the indices.
            groups: [count] int64, the number of each image's group from 0 on; each group is shown as often as any
                other, whatever its size. None: every image is shown once an epoch.
        """
        self.count, self.seed, self.device = count, seed, device
        self._groups = groups
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
            if self._groups is not None:
                order = _equal_shares(order, self._groups, shuffler)
            # From pinned memory, so that the device is not waited for.
            order = order.pin_memory() if self.device.type == "cuda" else order
            self._epoch, self._order = epoch, order.to(self.device, non_blocking=True)
        return self._order


def _equal_shares(order: Tensor, groups: Tensor, shuffler: torch.Generator) -> Tensor:
    """[N] images of an epoch, so that the groups' shares differ by one image at most.

    Args:
        order: [N] all images, shuffled.
        groups: [N] of each image.
        shuffler: draws which groups are shown once more, and the order of the epoch.
    """
    sizes = torch.bincount(groups)
    by_group = order[groups[order].argsort(stable=True)]
    begins = sizes.cumsum(0) - sizes
    # Groups take turns, so that the epoch's rest is spread over as many as it has images.
    turns = torch.arange(len(order))
    group = torch.randperm(len(sizes), generator=shuffler)[turns % len(sizes)]
    shown = by_group[begins[group] + turns // len(sizes) % sizes[group]]
    return shown[torch.randperm(len(shown), generator=shuffler)]
