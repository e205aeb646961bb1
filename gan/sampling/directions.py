"""Directions in a generator's latent space along which its pictures change most."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

DIRECTIONS = 10
PAIRS_PER_DIMENSION = 5
PAIRS_AT_ONCE = 16
COMPARED_PX = 20
"""Side to which pictures are averaged before they are compared: what counts is shape and colour, not grain."""
SHORTEST_STEP = 1.2
"""Standard deviations of the latent that one step of the strongest direction goes."""
EQUALISING = 0.3
"""How far the steps of weaker directions are lengthened: 0 leaves them alike, 1 makes the changes alike."""


@torch.inference_mode()
def find_directions(generator: nn.Module, latent_dim: int, count: int = DIRECTIONS) -> NDArray[np.float32]:
    """The directions with the largest average effect on the picture, the strongest first.

    The linear map nearest to the generator (least squares over pairs of opposite latents, so that only what a step
    turns around counts) is taken apart by singular values. This is SeFa (Shen & Zhou 2021, arXiv:2007.06600,
    section 3) with the whole generator in place of its first layer: of a small unconditional generator the first
    layer alone favours directions that change next to nothing visible.

    Args:
        generator: in eval mode; [N, latent_dim] float32 -> [N, 3, side, side].
        latent_dim: length of a latent.
        count: how many.

    Returns:
        [min(count, latent_dim), latent_dim] float32, at right angles to each other. Each vector is one step; three
        steps either way show a clear change. Its largest value by size is positive. The same on every run.
    """
    latents = whitened_latents(PAIRS_PER_DIMENSION * latent_dim, latent_dim)
    effects = torch.cat([image_effect(generator, part) for part in latents.split(PAIRS_AT_ONCE)])  # type: ignore[no-untyped-call]
    linear = latents.double().T @ effects.double() / len(latents)
    vectors, strengths, _ = torch.linalg.svd(linear, full_matrices=False)
    vectors, strengths = vectors.T[:count], strengths[:count]
    lengths = SHORTEST_STEP * (strengths[0] / strengths.clamp(min=strengths[0] * 1e-2)) ** EQUALISING
    signs = vectors.gather(1, vectors.abs().argmax(1, keepdim=True)).sign()
    steps: NDArray[np.float32] = (vectors * signs * lengths[:, None]).float().numpy()
    return steps


def whitened_latents(count: int, latent_dim: int) -> Tensor:
    """Gaussian latents with exactly unit covariance, so that chance tilts no direction: [count, latent_dim]."""
    gaussian = torch.randn(count, latent_dim, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    white: Tensor = torch.linalg.qr(gaussian).Q * count**0.5
    return white.float()


def image_effect(generator: nn.Module, latents: Tensor) -> Tensor:
    """Half the difference between the pictures of latents and of their opposites: [N, values] on the CPU."""
    device = next(generator.parameters()).device
    images = generator(torch.cat([latents, -latents]).to(device))
    coarse: Tensor = F.adaptive_avg_pool2d(images, COMPARED_PX).flatten(1).cpu()
    halves: Tensor = (coarse[: len(latents)] - coarse[len(latents) :]) / 2
    return halves
