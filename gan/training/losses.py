"""What the two networks are trained to do: the logistic game, plain or relativistic, and gradient penalties."""

from collections.abc import Sequence

import torch
from torch import Tensor
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


def relativistic_loss(better: Tensor, worse: Tensor) -> Tensor:
    """How far each of ``better`` is from being scored above its counterpart in ``worse``; [N] float32 logits.

    Real pictures are the better ones for the discriminator, the worse ones for the generator.

    Source: Jolicoeur-Martineau 2019, arXiv:1807.00734, and Huang et al. 2024, arXiv:2501.05441, equation 2.
    """
    return F.softplus(worse - better).mean()


def gradient_penalty(scores: Sequence[Tensor], pictures: Sequence[Tensor]) -> Tensor:
    """Half the squared gradient norm of the discriminator at pictures, the mean over each kind, summed.

    Args:
        scores: of each kind of pictures [N] logits, made from ``pictures``.
        pictures: of each kind [N, 3, H, W] float32 that require gradients: the real ones for R1, generated ones
            too for R1 + R2.

    Returns:
        A float32 scalar, differentiable in the discriminator's weights.

    Source: Mescheder et al. 2018, arXiv:1801.04406, equations 9 and 10 (without γ).
    """
    total = torch.stack([kind.sum() for kind in scores]).sum()
    gradients = torch.autograd.grad(total, list(pictures), create_graph=True)
    return torch.stack([gradient.float().square().sum((1, 2, 3)).mean() / 2 for gradient in gradients]).sum()
