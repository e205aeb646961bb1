"""The best of several candidates for each image, as a function rates them."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn

from gan.sampling.sample import draw_batches, latents_from_seeds
from gan.sampling.truncation import truncate
from kit.progress import Progress


class RateImages(Protocol):
    """Rates images by real ones, such as `gan.evaluation.typicality.rate_typicality`."""

    def __call__(
        self, images: Iterable[Tensor], count: int, real_folder: Path, device: torch.device, progress: Progress
    ) -> Tensor:
        """``count`` images in batches [n, C, H, W] uint8 -> [count], higher is better."""


def best_seeds(
    generator: nn.Module,
    latent_dim: int,
    candidates: Sequence[Sequence[int]],
    truncation: float,
    rate: Callable[[Iterable[Tensor], int], Tensor],
) -> list[int]:
    """The seed of the highest-rated image in each group of candidates.

    The discriminator's own score was tried and is worse than chance: it falls for what it has not seen lately
    (docs/recipes.md has the figures).

    Args:
        generator: in eval mode.
        latent_dim: of it.
        candidates: groups of equally many seeds.
        truncation: as in drawing.
        rate: batches [n, C, H, W] uint8 and how many images -> a value an image, higher is better.
    """
    seeds = [seed for group in candidates for seed in group]
    latents = truncate(latents_from_seeds(seeds, latent_dim), generator, truncation)
    ratings = rate(draw_batches(generator, latents), len(seeds))
    best = ratings.view(len(candidates), -1).argmax(1).tolist()
    return [group[index] for group, index in zip(candidates, best, strict=True)]
