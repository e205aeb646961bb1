"""Minibatch standard deviation: what a discriminator sees of a whole batch."""

import math
from typing import Any

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
        std = (group_variance(groups) + 1e-8).sqrt().mean((1, 2, 3)).repeat_interleave(size)
        channel = std.to(x.dtype).view(-1, 1, 1, 1).expand(-1, -1, *x.shape[2:])
        return torch.cat([x, channel], 1)


def group_variance(groups: Tensor) -> Tensor:
    """``groups.var(1, correction=0)``, bit for bit, and much faster on a CPU; [G, n, …] -> [G, …] float32."""
    if groups.device.type != "cpu":
        return groups.var(1, correction=0)
    variance: Tensor = CPUVariance.apply(groups)
    return variance


class CPUVariance(torch.autograd.Function):
    """Variance over dimension 1 as PyTorch's CPU kernel has it, Welford's method in float64, but vectorised."""

    @staticmethod
    def forward(ctx: Any, groups: Tensor) -> Tensor:
        ctx.save_for_backward(groups)
        mean = squares = torch.zeros((), dtype=torch.float64)
        for count, each in enumerate(groups.double().unbind(1), 1):
            delta = each - mean
            mean = mean + delta / count
            squares = squares + delta * (each - mean)
        variance = squares / groups.shape[1]
        # Laid out as PyTorch's own result: a later mean sums in that order.
        return variance.to(torch.float32, memory_format=torch.contiguous_format)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (groups,) = ctx.saved_tensors
        centred = groups - groups.mean(1, keepdim=True)
        slope: Tensor = 2.0 / groups.shape[1] * gradient.unsqueeze(1) * centred
        return slope
