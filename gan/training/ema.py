"""The exponential moving average of the generator, which draws better than any single step's."""

import torch
from torch import Tensor, nn

WARM_UP_SHARE = 0.05
"""The half-life is at most this share of the images shown, so that the start is soon forgotten."""
TRAINED_WARM_UP_SHARE = 0.2
"""The same where the start was trained: it is worth more, but a short run is to be seen too."""


@torch.no_grad()
def update(
    averaged: nn.Module,
    current: nn.Module,
    batch: int,
    images_shown: int,
    half_life_kimg: float,
    warm_up_share: float = WARM_UP_SHARE,
) -> None:
    """Move ``averaged`` towards ``current`` by one step; weights and batch-norm statistics alike.

    Args:
        averaged: changed in place.
        current: a module of the same architecture.
        batch: images of this step.
        images_shown: images of all steps, this one included.
        half_life_kimg: thousands of images after which a step's weight has halved; 0 copies.
        warm_up_share: the half-life is at most this share of ``images_shown``.

    Source: Karras et al. 2020, arXiv:2006.06676 (its code's EMA in images, with a warm-up).
    """
    half_life = min(half_life_kimg * 1000, warm_up_share * images_shown)
    decay = 0.5 ** (batch / half_life) if half_life > 0 else 0.0
    pairs = list(zip(parameters_and_buffers(averaged), parameters_and_buffers(current), strict=True))
    floating = [pair for pair in pairs if pair[0].is_floating_point()]
    torch._foreach_lerp_([pair[0] for pair in floating], [pair[1] for pair in floating], 1 - decay)
    for mine, theirs in pairs:
        if not mine.is_floating_point():  # batch norm's counters
            mine.copy_(theirs)


def parameters_and_buffers(network: nn.Module) -> list[Tensor]:
    """All weights and buffers, in a fixed order."""
    return [*network.parameters(), *network.buffers()]
