"""Layers that the families of networks share."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LEAKY_SLOPE = 0.2
"""Of every LeakyReLU but the student project's (Radford et al. 2015, arXiv:1511.06434, section 3)."""


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


class SelfModulation(nn.Module):
    """Scales and shifts of normalised maps, as functions of the latent, which so has a say at every stage.

    ``z`` [N, latent_dim] float32 -> for each map in turn a scale and a shift, [N, channels, 1, 1] each.

    Source: Chen et al. 2019, arXiv:1810.01365, section 2, but one hidden layer serves all maps, and at first they
    change nothing.
    """

    def __init__(self, latent_dim: int, hidden: int, channels: Sequence[int]) -> None:
        super().__init__()
        self.hidden = nn.Linear(latent_dim, hidden)
        self.scales = nn.ModuleList(nn.Linear(hidden, count) for count in channels)
        self.shifts = nn.ModuleList(nn.Linear(hidden, count) for count in channels)

    def init_as_identity(self) -> None:
        """Let every scale be 1 and every shift 0, whatever the latent."""
        for parameter in (*self.scales.parameters(), *self.shifts.parameters()):
            nn.init.zeros_(parameter)

    def forward(self, z: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        hidden = F.leaky_relu(self.hidden(z), LEAKY_SLOPE)
        for scale, shift in zip(self.scales, self.shifts, strict=True):
            yield 1 + as_map(scale(hidden)), as_map(shift(hidden))


def as_map(values: Tensor) -> Tensor:
    """[N, channels] -> [N, channels, 1, 1]; not by [..., None, None], which OpenCV does not read from ONNX."""
    return torch.unflatten(values, 1, (-1, 1, 1))


def modulate(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """``x`` [N, C, H, W] times the scale, plus the shift."""
    return torch.addcmul(shift.to(x.dtype), x, scale.to(x.dtype))
