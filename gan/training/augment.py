"""Augmentation of what the discriminator sees, differentiable, and ADA's control of its probability."""

from typing import Any

import torch
from torch import Tensor

from kit.channels import RGBA

TRANSLATION = 0.125
"""Largest shift, as a share of the side; DiffAugment's."""
AUGMENT_DRAWS = 7
"""Random numbers that `augment` takes for an image."""
ADA_IMAGES = 50_000
"""Real images in which p may go from 0 to 1. Karras et al. 2020 take 500,000, but their runs are a hundred times
as long as one on a CPU."""
MAX_AUGMENT_P = 0.8
"""Where p stops rising: on crisp drawings the discriminator wins without overfitting, and stronger augmentation
would only leak (Karras et al. 2020, section 2.2)."""


def flip_half(images: Tensor, uniform: Tensor) -> Tensor:
    """Mirror left to right each image whose ``uniform`` [N] is below 1/2. [N, C, H, W] -> the same."""
    return torch.where(uniform.view(-1, 1, 1, 1) < 0.5, images.flip(3), images)


def augment(images: Tensor, background: Tensor, uniform: Tensor, p: Tensor, colour_share: float = 1.0) -> Tensor:
    """Change brightness, saturation, contrast and position at random; differentiable.

    The policy is DiffAugment's (colour, milder, and translation; Zhao et al. 2020, arXiv:2006.10738, section 3),
    applied to the difference from the background: background stays background, and what a shift uncovers is
    filled with it, so that the augmentation itself is not learned. Colour and position change independently, each
    with probability ``p`` (Karras et al. 2020, arXiv:2006.06676, section 2.2: below .8 nothing leaks).

    Args:
        images: [N, C, H, W] float32 in about [-1, 1].
        background: [C, 1, 1] float32, the data set's background colour.
        uniform: [N, AUGMENT_DRAWS] float32 from U[0, 1): all the randomness.
        p: [] float32, 0 to 1.
        colour_share: of ``p``, with which colours change.

    Returns:
        [N, C, H, W] float32; values may leave [-1, 1].
    """
    difference = images - background
    recoloured, moved = uniform[:, 5] < colour_share * p, uniform[:, 6] < p
    difference = torch.where(
        recoloured[:, None, None, None], jitter_colour(difference, uniform[:, :3]), difference
    )
    # The middle of the range moves nothing.
    shifts = torch.where(moved[:, None], uniform[:, 3:5], 0.5)
    return translate(difference, shifts) + background


def update_augment_p(p: Tensor, sign_real: Tensor, target: float, batch: int) -> None:
    """Move p, in place, a step up if the discriminator overfits, else a step down.

    Args:
        p: [] float32, 0 to `MAX_AUGMENT_P`.
        sign_real: [] float32, mean sign of D's scores on a batch of real images: r_t of Karras et al. 2020,
            equation 1.
        target: of ``sign_real``.
        batch: real images of the step.
    """
    p.add_(torch.sign(sign_real - target) * batch / ADA_IMAGES).clamp_(0, MAX_AUGMENT_P)


def jitter_colour(difference: Tensor, uniform: Tensor) -> Tensor:
    """Brightness ± .2 on the figure, saturation times .5 to 1.5, contrast times .75 to 1.25; ``uniform`` [N, 3].

    Less than DiffAugment's ± .5, 0 to 2 and .5 to 1.5: if the discriminator sees every degree of saturation, the
    generator learns no colours.
    """
    brightness, saturation, contrast = uniform.T[..., None, None, None]
    if difference.shape[1] == RGBA:
        # Of premultiplied colours: what a change adds is multiplied by alpha too, and alpha itself stays.
        alpha = difference[:, 3:]
        figure, difference = alpha.detach() / 2, difference[:, :3]
    else:
        alpha, figure = None, difference.detach().abs().amax(1, keepdim=True).mul(8).clamp(max=1)
    difference = difference + 0.4 * (brightness - 0.5) * figure
    grey = difference.mean(1, keepdim=True)
    coloured: Tensor = (grey + (difference - grey) * (saturation + 0.5)) * (0.5 * contrast + 0.75)
    return coloured if alpha is None else torch.cat([coloured, alpha], 1)


def translate(difference: Tensor, uniform: Tensor) -> Tensor:
    """Shift each image by up to ± TRANSLATION of its sides, filling with zeros, by ``uniform`` [N, 2].

    A shift is a product with a 0-1 matrix on either side: exact gradients of every order, no scatter, no wait
    for the device. A CPU copies blocks instead, to the same values.
    """
    height, width = difference.shape[2:]
    if difference.device.type == "cpu":
        rows, columns = random_shifts(uniform[:, 0], height), random_shifts(uniform[:, 1], width)
        copied: Tensor = CPUShift.apply(difference.float(), rows.tolist(), columns.tolist())
        return copied
    with torch.autocast(difference.device.type, enabled=False):
        rows = shift_matrices(uniform[:, 0], height)
        columns = shift_matrices(uniform[:, 1], width)
        moved: Tensor = rows @ difference @ columns.transpose(2, 3)
    return moved


class CPUShift(torch.autograd.Function):
    """Images moved up by ``rows`` and to the left by ``columns`` pixels, each by its own; [N, C, H, W]."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, rows: list[int], columns: list[int]) -> Tensor:
        ctx.shifts = rows, columns
        height, width = images.shape[2:]
        moved = torch.zeros(images.shape, dtype=images.dtype)
        for own, image, up, left in zip(moved, images, rows, columns, strict=True):
            own[:, max(-up, 0) : height - up, max(-left, 0) : width - left] = image[
                :, max(up, 0) : height + min(up, 0), max(left, 0) : width + min(left, 0)
            ]
        return moved

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        rows, columns = ctx.shifts
        return CPUShift.apply(gradient, [-up for up in rows], [-left for left in columns]), None, None


def random_shifts(uniform: Tensor, side: int) -> Tensor:
    """[N] int64, pixels, from ``uniform`` [N]."""
    reach = int(side * TRANSLATION + 0.5)
    return (uniform * (2 * reach + 1)).long() - reach


def shift_matrices(uniform: Tensor, side: int) -> Tensor:
    """Shifts as matrices: ``uniform`` [N] -> [N, 1, side, side] float32, ones on one diagonal."""
    shift = random_shifts(uniform, side).view(-1, 1, 1, 1)
    index = torch.arange(side, device=uniform.device)
    return (index[:, None] + shift == index[None, :]).to(uniform.dtype)
