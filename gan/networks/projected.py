"""The discriminator of Projected GAN (Sauer et al. 2021, arXiv:2111.01007): it judges pretrained features.

What a face or a coat is, it need not learn from a thousand pictures first.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from gan.config import Architecture
from gan.device import in_fp32
from gan.networks.dcgan import StridedDiscriminator, binomial_kernel
from gan.networks.layers import LEAKY_SLOPE
from gan.networks.pretrained_features import CHANNELS, STRIDES, PretrainedFeatures
from kit.channels import RGB, RGBA

LOGITS_PX = 4
"""Least side of a head's map of logits, where its feature map has it."""
FEATURE_STD = (11.0, 10.0, 8.0, 3.0)
"""About the standard deviation of each map on drawings: behind it all have the same weight."""
PIXEL_SHARE = 0.5
"""The pixels' score counts as half of the heads do."""
HEAD_WIDTH = 64
"""Channels behind a head's first convolution; twice as many behind the next."""


class ProjectedDiscriminator(nn.Module):
    """Small heads on four feature maps, each with logits of its own, and one strided network on the pixels.

    The features hardly tell colours and surfaces apart; without the second part a generator soon keeps to a few.
    Photographs have no alpha: the heads score one transparent image over black, the next over white, by turns.

    ``images`` [N, channels, size, size] float32 in [-1, 1], and their ``features`` where these are at hand
    -> [N, L] float32 logits, positive for real. The penalty (R1, R2) is the second part's own, for the heads have
    spectral norm: pass it features without a graph.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.view_px = max(architecture.view_px, architecture.size_px)
        self.blur: Tensor | None
        self.register_buffer("blur", binomial_kernel(RGB) if architecture.view_blur else None, persistent=False)
        self.features = PretrainedFeatures()
        self.mixing = RandomMixing(architecture.widths)
        self.heads = nn.ModuleList(
            LogitHead(width, halvings_to_logits(architecture.view_px // stride))
            for width, stride in zip(architecture.widths, STRIDES, strict=True)
        )
        self.pixels = StridedDiscriminator(architecture.pixels)

    def forward(self, images: Tensor, *features: Tensor) -> Tensor:
        features = features or self.take_features(images)
        logits = torch.cat([head(x) for head, x in zip(self.heads, features, strict=True)], 1)
        score = self.pixels(images).unsqueeze(1)
        return torch.cat([logits, score.expand(-1, round(PIXEL_SHARE * logits.shape[1]))], 1)

    def take_features(self, images: Tensor) -> tuple[Tensor, ...]:
        """What the heads score, from the largest map down: [N, width, H, W] each."""
        if images.shape[1] == RGBA:
            images = over_black_and_white(images)
        if self.blur is not None:
            images = F.conv2d(F.pad(images, (1, 1, 1, 1), mode="replicate"), self.blur, groups=RGB)
        if images.shape[-1] != self.view_px:
            side = (self.view_px, self.view_px)
            images = F.interpolate(images, side, mode="bilinear", align_corners=False)
        return tuple(self.mixing(self.features(images.contiguous(memory_format=torch.channels_last))))


def over_black_and_white(images: Tensor) -> Tensor:
    """The first image over black, the second over white, and so on; each over both takes half as long again.

    ``images`` [N, 4, H, W] float32 in [-1, 1], premultiplied -> [N, 3, H, W].
    """
    colours, alpha = images[:, :RGB], images[:, RGB:]
    is_over_white = torch.arange(len(images), device=images.device).view(-1, 1, 1, 1) % 2
    return colours + is_over_white * (1 - alpha)


def halvings_to_logits(side_px: int) -> int:
    """How often a square map is halved until its side is `LOGITS_PX`; the architecture's, for any larger image."""
    return max(0, (side_px // LOGITS_PX).bit_length() - 1)


class RandomMixing(nn.Module):
    """Fixed random projections that mix channels, then scales from coarse to fine: no feature can be ignored.

    Source: section 3.2 there (cross-channel and cross-scale mixing).
    """

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.across_channels = nn.ModuleList(
            RandomConv2d(channels, width, 1) for channels, width in zip(CHANNELS, widths, strict=True)
        )
        self.across_scales = nn.ModuleList(RandomConv2d(coarse, fine, 3) for fine, coarse in pairwise(widths))

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        mixed = [conv(x / std) for conv, x, std in zip(self.across_channels, maps, FEATURE_STD, strict=True)]
        for scale in reversed(range(len(mixed) - 1)):
            coarser = F.interpolate(mixed[scale + 1], mixed[scale].shape[2:], mode="nearest")
            mixed[scale] = (mixed[scale] + self.across_scales[scale](coarser)) * 0.5**0.5
        return mixed


class RandomConv2d(nn.Module):
    """A convolution with random weights that are saved but not trained."""

    weight: Tensor

    def __init__(self, in_channels: int, out_channels: int, kernel: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.empty(out_channels, in_channels, kernel, kernel))
        nn.init.kaiming_normal_(self.weight, nonlinearity="linear")

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight, padding="same")


class LogitHead(nn.Module):
    """Convolutions of stride 2 down to a map of logits, or one of stride 1. [N, C, H, W] -> [N, L] float32.

    Their spectral norm is 1 (Miyato et al. 2018, arXiv:1802.05957).
    """

    def __init__(self, channels: int, halvings: int) -> None:
        super().__init__()
        kernel, stride = (4, 2) if halvings else (3, 1)
        widths = [HEAD_WIDTH, *[2 * HEAD_WIDTH] * (halvings - 1)] if halvings else [2 * HEAD_WIDTH]
        layers: list[nn.Module] = []
        for width in widths:
            layers.append(spectral_norm(nn.Conv2d(channels, width, kernel, stride, padding=1)))
            layers.append(nn.LeakyReLU(LEAKY_SLOPE))
            channels = width
        self.layers = nn.Sequential(*layers)
        self.score = spectral_norm(nn.Conv2d(channels, 1, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        return in_fp32(self.score, self.layers(x)).flatten(1)
