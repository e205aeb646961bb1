"""The DCGAN family (Radford et al. 2015, arXiv:1511.06434): as published, and with folded upsampling."""

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gan.config import Architecture, Upsampling, check_stage_count
from gan.device import in_fp32
from gan.networks.layers import LEAKY_SLOPE, MinibatchStd, SelfModulation, modulate


class TransposedGenerator(nn.Module):
    """The generator of Radford et al. 2015 (arXiv:1511.06434, figure 1) on a base of 4 to 7 pixels.

    ``z`` [N, latent_dim] float32 -> [N, channels, size, size] float32 in [-1, 1].
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        check_stage_count(architecture, len(architecture.widths))
        base_px = architecture.size_px >> len(architecture.widths)
        widths = architecture.widths
        layers: list[nn.Module] = [
            nn.ConvTranspose2d(architecture.latent_dim, widths[0], base_px, bias=False),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(),
        ]
        for before, after in pairwise(widths):
            layers += [
                nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(after),
                nn.ReLU(),
            ]
        self.layers = nn.Sequential(*layers)
        self.to_rgb = nn.ConvTranspose2d(widths[-1], architecture.channels, 4, stride=2, padding=1, bias=False)
        self.apply(init_normal_002)

    def forward(self, z: Tensor) -> Tensor:
        return in_fp32(self.to_rgb, self.layers(torch.unflatten(z, 1, (-1, 1, 1)))).tanh()


class StridedDiscriminator(nn.Module):
    """Convolutions of stride 2 down to the base, then one over all of it; batch norm or none.

    ``images`` [N, channels, size, size] float32 -> [N] float32, positive for real.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        check_stage_count(architecture, len(architecture.widths))
        layers: list[nn.Module] = []
        channels = architecture.channels
        for index, width in enumerate(architecture.widths):
            normalised = architecture.batch_norm and index > 0
            layers.append(nn.Conv2d(channels, width, 4, stride=2, padding=1, bias=not architecture.batch_norm))
            layers += [nn.BatchNorm2d(width)] if normalised else []
            layers.append(nn.LeakyReLU(LEAKY_SLOPE))
            channels = width
        if architecture.minibatch_std_group:
            layers.append(MinibatchStd(architecture.minibatch_std_group))
            channels += 1
        self.layers = nn.Sequential(*layers)
        base_px = architecture.size_px >> len(architecture.widths)
        self.score = nn.Conv2d(channels, 1, base_px, bias=not architecture.batch_norm)
        self.apply(init_normal_002 if architecture.batch_norm else init_kaiming)

    def forward(self, images: Tensor) -> Tensor:
        return in_fp32(self.score, self.layers(images)).flatten()


class UpsampleConv2d(nn.Module):
    """Upsampling by 2, then a 3x3 convolution, without ever writing down the large image of all channels.

    After nearest-neighbour doubling a 3x3 window sees only 2x2 different pixels, so the pair equals a transposed
    convolution of stride 2 whose 4x4 kernel is the 3x3 one summed over 2x2 boxes: 4 products a pixel, not 9.
    Bilinear doubling is the same, then a blur of each channel by [1, 2, 1] / 4, for convolutions commute; only the
    pixels at the border are darker. [N, in, H, W] -> [N, out, 2H, 2W].

    Source of the blur: Zhang 2019, arXiv:1904.11486, and Karras et al. 2019, arXiv:1812.04948, appendix C.
    """

    def __init__(self, in_channels: int, out_channels: int, upsampling: Upsampling = "nearest") -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels, 3, 3))
        self.bias = None
        self.blur: Tensor | None
        # In the file like a weight, so that a network built without values gets it with the others.
        self.register_buffer("blur", binomial_kernel(out_channels) if upsampling == "bilinear" else None)

    def forward(self, x: Tensor) -> Tensor:
        kernel: Tensor = (
            UpsampleKernel.apply(self.weight) if torch.is_grad_enabled() else upsample_kernel(self.weight)
        )
        x = F.conv_transpose2d(x, kernel.transpose(0, 1), stride=2, padding=1)
        return x if self.blur is None else F.conv2d(x, self.blur, padding=1, groups=len(self.blur))

    def as_transposed(self) -> nn.Module:
        """The same function in layers that other programs know, to the same values; its kernel is larger."""
        kernel = upsample_kernel(self.weight.detach()).transpose(0, 1).contiguous()
        layer = nn.ConvTranspose2d(kernel.shape[0], kernel.shape[1], 4, stride=2, padding=1, bias=False)
        layer.weight = nn.Parameter(kernel)
        if self.blur is None:
            return layer
        blur = nn.Conv2d(len(self.blur), len(self.blur), 3, padding=1, groups=len(self.blur), bias=False)
        blur.weight = nn.Parameter(self.blur)
        return nn.Sequential(layer, blur)


def binomial_kernel(channels: int) -> Tensor:
    """[1, 2, 1] / 4 along rows and columns, for each channel by itself; [channels, 1, 3, 3] float32."""
    row = torch.tensor([1.0, 2.0, 1.0]) / 4
    return torch.outer(row, row).repeat(channels, 1, 1, 1)


def upsample_kernel(weight: Tensor) -> Tensor:
    """The 4x4 kernel of `UpsampleConv2d`; [out, in, 3, 3] -> [out, in, 4, 4]."""
    padded = F.pad(weight.flip(2, 3), (1, 1, 1, 1))
    return padded[:, :, :-1, :-1] + padded[:, :, 1:, :-1] + padded[:, :, :-1, 1:] + padded[:, :, 1:, 1:]


class UpsampleKernel(torch.autograd.Function):
    """`upsample_kernel` with its gradient in closed form; autograd's own writes many large tensors of zeros."""

    @staticmethod
    def forward(_ctx: Any, weight: Tensor) -> Tensor:
        return upsample_kernel(weight)

    @staticmethod
    def backward(_ctx: Any, gradient: Tensor) -> Tensor:
        # As the weights are laid out: in the convolution's own layout the sums take fifteen times as long.
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        kernel = gradient[:, :, :-1, :-1] + gradient[:, :, 1:, :-1]
        kernel = kernel + gradient[:, :, :-1, 1:] + gradient[:, :, 1:, 1:]
        return kernel.flip(2, 3)


class UpsampleGenerator(nn.Module):
    """A learned base, then stages of (upsample, conv3, conv3), each with batch norm and leaky ReLU.

    With a ``modulation_width`` the latent scales and shifts what each batch norm gives.

    ``z`` [N, latent_dim] float32 -> [N, channels, size, size] float32 in [-1, 1].
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        widths = architecture.widths
        check_stage_count(architecture, len(widths) - 1)
        self.base_px = architecture.size_px >> (len(widths) - 1)
        self.dense = nn.Linear(architecture.latent_dim, widths[0] * self.base_px**2, bias=False)
        layers: list[nn.Module] = [nn.BatchNorm2d(widths[0]), nn.LeakyReLU(LEAKY_SLOPE)]
        for before, after in pairwise(widths):
            layers += [
                UpsampleConv2d(before, after, architecture.upsampling),
                nn.BatchNorm2d(after),
                nn.LeakyReLU(LEAKY_SLOPE),
                nn.Conv2d(after, after, 3, padding=1, bias=False),
                nn.BatchNorm2d(after),
                nn.LeakyReLU(LEAKY_SLOPE),
            ]
        self.layers = nn.Sequential(*layers)
        self.to_rgb = nn.Conv2d(widths[-1], architecture.channels, 3, padding=1)
        self.modulation: SelfModulation | None = None
        if architecture.modulation_width:
            normalised = [layer.num_features for layer in self.layers if isinstance(layer, nn.BatchNorm2d)]
            self.modulation = SelfModulation(architecture.latent_dim, architecture.modulation_width, normalised)
        self.apply(init_kaiming)
        if self.modulation:
            self.modulation.init_as_identity()

    def forward(self, z: Tensor) -> Tensor:
        x: Tensor = self.dense(z).unflatten(1, (-1, self.base_px, self.base_px))
        modulations = iter(self.modulation(z) if self.modulation else ())
        for layer in self.layers:
            x = layer(x)
            if self.modulation and isinstance(layer, nn.BatchNorm2d):
                x = modulate(x, *next(modulations))
        return in_fp32(self.to_rgb, x).tanh()


def init_normal_002(module: nn.Module) -> None:
    """Weights from N(0, 0.02²), as in Radford et al. 2015, section 4; batch-norm scales from N(1, 0.02²).

    The scales are those of PyTorch's example; the paper says nothing of them.
    """
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)


def init_kaiming(module: nn.Module) -> None:
    """He et al. 2015: keep the variance through leaky ReLUs; zero biases."""
    if isinstance(module, nn.Linear | nn.Conv2d | UpsampleConv2d):
        nn.init.kaiming_normal_(module.weight, a=LEAKY_SLOPE)
        if isinstance(module.bias, nn.Parameter):
            nn.init.zeros_(module.bias)
