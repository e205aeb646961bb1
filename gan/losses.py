"""What the two networks are trained to do: the logistic game, its label noise, the R1 penalty."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def discriminator_loss(real_scores: Tensor, fake_scores: Tensor, target_moves: Tensor | None = None) -> Tensor:
    """Binary cross-entropy of telling real (target 1) from fake (target 0), the mean of both halves summed.

    Args:
        real_scores: [N] float32 logits of real pictures.
        fake_scores: [N] float32 logits of generated pictures.
        target_moves: [N, 2] float32 of 0 or more, or none: every target moves by so much against its class's
            number, reals below 1 (first column), fakes below 0, as the student project's label noise had it with
            the classes' numbers swapped.

    Source: Goodfellow et al. 2014, equation 1.
    """
    if target_moves is None:
        return F.softplus(-real_scores).mean() + F.softplus(fake_scores).mean()
    return F.binary_cross_entropy_with_logits(
        real_scores, 1 - target_moves[:, 0]
    ) + F.binary_cross_entropy_with_logits(fake_scores, -target_moves[:, 1])


def generator_loss(fake_scores: Tensor) -> Tensor:
    """The non-saturating loss: fakes should be scored as real. ``fake_scores`` [N] float32 logits.

    Source: Goodfellow et al. 2014, section 3.
    """
    return F.softplus(-fake_scores).mean()


def r1_penalty(discriminator: nn.Module, pictures: Tensor) -> Tensor:
    """Half the squared gradient norm of the discriminator at ``pictures``, the mean over them.

    Args:
        discriminator: [N, 3, H, W] -> [N] logits.
        pictures: [N, 3, H, W] float32 in about [-1, 1], as the discriminator sees them.

    Returns:
        A float32 scalar, differentiable in the discriminator's weights.

    Source: Mescheder et al. 2018, arXiv:1801.04406, equation 9 (without γ).
    """
    pictures = pictures.detach().requires_grad_(True)
    (gradient,) = torch.autograd.grad(discriminator(pictures).sum(), pictures, create_graph=True)
    return gradient.square().sum((1, 2, 3)).mean() / 2
