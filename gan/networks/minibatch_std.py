"""Minibatch standard deviation: what a discriminator sees of a whole batch."""

import math

import torch
from torch import Tensor, nn


class MinibatchStd(nn.Module):
    """Appends the standard deviation over an image's group as a channel, which exposes a collapsing generator.

    [N, C, H, W] -> [N, C + 1, H, W]; groups are consecutive images, smaller where N is no multiple of ``group``.

    Source: Karras et al. 2018, arXiv:1710.10196, section 3.
    """

    def __init__(self, group: int) -> None:
        super().__init__()
        self.group = group

    def forward(self, x: Tensor) -> Tensor:
        size = math.gcd(len(x), self.group)
        groups = x.float().unflatten(0, (-1, size))  # type: ignore[no-untyped-call]
        # The small number keeps the root's gradient finite where all are alike.
        std = (groups.var(1, correction=0) + 1e-8).sqrt().mean((1, 2, 3)).repeat_interleave(size)
        channel = std.to(x.dtype).view(-1, 1, 1, 1).expand(-1, -1, *x.shape[2:])
        return torch.cat([x, channel], 1)
