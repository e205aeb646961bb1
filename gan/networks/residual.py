"""The residual pair of R3GAN (Huang et al. 2024, arXiv:2501.05441, section 4) on a base of 4 to 7 pixels.

No normalisation anywhere: blocks start as the identity, and the rest is scaled as in Zhang et al. 2019
(arXiv:1901.09321), so that depth alone changes no variance.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gan.config import Architecture, check_stage_count, doublings
from gan.device import in_fp32
from gan.networks.layers import LEAKY_SLOPE, MinibatchStd

EXPANSION = 2
"""Channels inside a block, as a multiple of those outside."""
GROUP_CHANNELS = 16
"""Channels that a 3x3 convolution mixes; the 1x1 convolutions around it mix them all."""


class ResidualBlock(nn.Module):
    """1x1 wider, 3x3 in groups, 1x1 back, added to the input. [N, C, H, W] -> the same."""

    def __init__(self, channels: int, blocks: int) -> None:
        super().__init__()
        inner = channels * EXPANSION
        self.wider = nn.Conv2d(channels, inner, 1)
        self.mixed = nn.Conv2d(inner, inner, 3, padding=1, groups=max(1, inner // GROUP_CHANNELS))
        self.back = nn.Conv2d(inner, channels, 1, bias=False)
        for layer in (self.wider, self.mixed):
            nn.init.kaiming_normal_(layer.weight, a=LEAKY_SLOPE)
            layer.weight.data.mul_(blocks**-0.25)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        nn.init.zeros_(self.back.weight)

    def forward(self, x: Tensor) -> Tensor:
        inner = F.leaky_relu(self.wider(x), LEAKY_SLOPE)
        inner = F.leaky_relu(self.mixed(inner), LEAKY_SLOPE)
        out: Tensor = x + self.back(inner)
        return out


def base_of(architecture: Architecture) -> int:
    """Side of the smallest feature maps; SettingsError if the stages do not lead there."""
    check_stage_count(architecture, len(architecture.widths) - 1)
    return architecture.size_px >> doublings(architecture.size_px)


def residual_stack(channels: int, architecture: Architecture) -> nn.Sequential:
    """The blocks of one stage."""
    total = architecture.blocks * len(architecture.widths)
    return nn.Sequential(*(ResidualBlock(channels, total) for _ in range(architecture.blocks)))


def match_channels(before: int, after: int) -> nn.Module:
    """From one stage's channels to the next's."""
    if before == after:
        return nn.Identity()
    layer = nn.Conv2d(before, after, 1, bias=False)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="linear")
    return layer


class GenerativeBasis(nn.Module):
    """One small image a channel, weighed by the latent. [N, C] -> [N, C, base_px, base_px]."""

    def __init__(self, channels: int, base_px: int) -> None:
        super().__init__()
        self.pictures = nn.Parameter(torch.empty(channels, base_px, base_px).normal_())

    def forward(self, weights: Tensor) -> Tensor:
        weighted = torch.unflatten(weights, 1, (-1, 1, 1)) * self.pictures
        return weighted.contiguous(memory_format=torch.channels_last)


class ResidualGenerator(nn.Module):
    """A learned base weighed by the latent, then stages of blocks with bilinear upsampling between.

    ``z`` [N, latent_dim] float32 -> [N, channels, size, size] float32 in [-1, 1].
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        widths = architecture.widths
        base_px = base_of(architecture)
        self.weigh = nn.Linear(architecture.latent_dim, widths[0], bias=False)
        self.base = GenerativeBasis(widths[0], base_px)
        nn.init.kaiming_normal_(self.weigh.weight, nonlinearity="linear")
        self.stages = nn.ModuleList(residual_stack(width, architecture) for width in widths)
        self.between = nn.ModuleList(match_channels(*pair) for pair in pairwise(widths))
        self.to_rgb = nn.Conv2d(widths[-1], architecture.channels, 1)
        nn.init.kaiming_normal_(self.to_rgb.weight, nonlinearity="linear")

    def forward(self, z: Tensor) -> Tensor:
        x = self.stages[0](self.base(self.weigh(z)))
        for between, stage in zip(self.between, self.stages[1:], strict=True):
            # The 1x1 convolution first: it commutes with the upsampling, and has a quarter of the work there.
            x = stage(F.interpolate(between(x), scale_factor=2, mode="bilinear", align_corners=False))
        return in_fp32(self.to_rgb, x).tanh()


class ResidualDiscriminator(nn.Module):
    """The generator's mirror image: stages of blocks with 2x2 means between, then one weight a pixel and channel.

    ``images`` [N, channels, size, size] float32 -> [N] float32, positive for real.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        widths = architecture.widths
        base_px = base_of(architecture)
        self.from_rgb = match_channels(architecture.channels, widths[0])
        self.stages = nn.ModuleList(residual_stack(width, architecture) for width in widths)
        self.between = nn.ModuleList(match_channels(*pair) for pair in pairwise(widths))
        group = architecture.minibatch_std_group
        self.minibatch_std = MinibatchStd(group) if group else nn.Identity()
        channels = widths[-1] + bool(group)
        self.gather = nn.Conv2d(channels, channels, base_px, groups=channels, bias=False)
        self.score = nn.Linear(channels, 1, bias=False)
        for layer in (self.gather, self.score):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="linear")

    def forward(self, images: Tensor) -> Tensor:
        x = self.stages[0](self.from_rgb(images))
        for between, stage in zip(self.between, self.stages[1:], strict=True):
            x = stage(between(F.avg_pool2d(x, 2)))
        return in_fp32(self.score, self.gather(self.minibatch_std(x)).flatten(1)).squeeze(1)
