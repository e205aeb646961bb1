"""The losses of both networks, non-saturating or relativistic; the gradient penalty; the loss of structure."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

STRUCTURE_WINDOW_PX = 5
"""Side of the windows in which structure is compared, pixels of images at half their size."""
STRUCTURE_FLOOR = 0.01
"""Of values in [-1, 1], the variance far below which a window is even, without structure."""


def discriminator_loss(real_scores: Tensor, fake_scores: Tensor, label_noise: Tensor | None = None) -> Tensor:
    """Binary cross-entropy of telling real (target 1) from fake (target 0), the mean of both halves summed.

    Args:
        real_scores: [N] float32 logits of real images.
        fake_scores: [N] float32 logits of generated images.
        label_noise: [N, 2] float32, x ≥ 0, or none: real targets become 1 - x₀, fake targets -x₁ (the student
            project's noise, whose classes had each other's numbers).

    Source: Goodfellow et al. 2014, equation 1.
    """
    if label_noise is None:
        return F.softplus(-real_scores).mean() + F.softplus(fake_scores).mean()
    return F.binary_cross_entropy_with_logits(
        real_scores, 1 - label_noise[:, 0]
    ) + F.binary_cross_entropy_with_logits(fake_scores, -label_noise[:, 1])


def generator_loss(fake_scores: Tensor) -> Tensor:
    """The non-saturating loss: fakes should be scored as real. ``fake_scores`` [N] float32 logits.

    Source: Goodfellow et al. 2014, section 3.
    """
    return F.softplus(-fake_scores).mean()


def relativistic_loss(better: Tensor, worse: Tensor) -> Tensor:
    """Softplus of ``worse - better``, the scores of paired images; [N] or [N, L] float32 logits, mean over all.

    To the discriminator real images are the better ones, to the generator its own.

    Source: Jolicoeur-Martineau 2019, arXiv:1807.00734, and Huang et al. 2024, arXiv:2501.05441, equation 2.
    """
    return F.softplus(worse - better).mean()


def gradient_penalty(scores: Sequence[Tensor], images: Sequence[Tensor]) -> Tensor:
    """Half the squared gradient norm of the discriminator: the mean over each batch, summed over the batches.

    Args:
        scores: for each batch [N] or [N, L] logits, computed from ``images``; of several, their mean counts.
        images: for each batch [N, 3, H, W] float32 with ``requires_grad`` set: real images for R1, and generated
            ones for R1 + R2.

    Returns:
        A float32 scalar, differentiable in the discriminator's weights.

    Source: Mescheder et al. 2018, arXiv:1801.04406, equations 9 and 10 (without γ).
    """
    total = torch.stack([batch.view(len(batch), -1).mean(1).sum() for batch in scores]).sum()
    gradients = torch.autograd.grad(total, list(images), create_graph=True)
    return torch.stack([gradient.float().square().sum((1, 2, 3)).mean() / 2 for gradient in gradients]).sum()


def structure_loss(images: Tensor, reference: Tensor) -> Tensor:
    """1 - the structure term of SSIM, of two batches' lightness at half their size: mean over all windows, 0 to 2.

    It counts where is light and where is dark; neither by how much nor in which colours.

    Args:
        images: [N, C, H, W] float32 in [-1, 1].
        reference: of the same shape, [N] by [N] what ``images`` are to look like.

    Source: Wang et al. 2004, Image quality assessment: from error visibility to structural similarity, equation
    10; that images keep what the source generator draws: Ojha et al. 2021, arXiv:2104.06820, by other means.
    """
    x, y = (F.avg_pool2d(batch.mean(1, keepdim=True), 2) for batch in (images, reference))
    mean_x, mean_y = window_mean(x), window_mean(y)
    variance_x = (window_mean(x * x) - mean_x.square()).clamp(min=0)
    variance_y = (window_mean(y * y) - mean_y.square()).clamp(min=0)
    covariance = window_mean(x * y) - mean_x * mean_y
    deviations = (variance_x * variance_y + 1e-8).sqrt()  # the root of 0 has no gradient
    return 1 - ((covariance + STRUCTURE_FLOOR) / (deviations + STRUCTURE_FLOOR)).mean()


def window_mean(maps: Tensor) -> Tensor:
    """The mean of the window around each pixel, as much of it as lies inside. [N, 1, H, W] -> the same."""
    side = STRUCTURE_WINDOW_PX
    return F.avg_pool2d(maps, side, stride=1, padding=side // 2, count_include_pad=False)
