"""The best of several candidates for each picture: the one that lies where real pictures lie densest."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from gan.evaluation.features import cached_features, feature_network
from gan.evaluation.metrics import typicality
from gan.sampling.sample import latents_of
from gan.sampling.truncation import truncated
from gan.training.scoring import drawn
from kit.progress import Progress, noop


def best_seeds(
    generator: nn.Module,
    latent_dim: int,
    candidates: Sequence[Sequence[int]],
    truncation: float,
    reals: Tensor,
    device: torch.device,
    progress: Progress = noop,
) -> list[int]:
    """The seed of the most typical picture in each group of candidates.

    The discriminator's own score was tried and is worse than chance: it falls for what it has not seen lately
    (docs/recipes.md has the figures).

    Args:
        generator: in eval mode, on ``device``.
        latent_dim: of it.
        candidates: groups of equally many seeds.
        truncation: as in drawing.
        reals: [N, 3, H, W] uint8, the pictures that it learned from; six at least.
        device: where features are worked out.
        progress: told the pictures looked at.

    Raises:
        GanError: the extra ``evaluate`` is not installed.
    """
    network = feature_network(None, device)
    seeds = [seed for group in candidates for seed in group]
    pictures = drawn(generator, truncated(latents_of(seeds, latent_dim), generator, truncation))
    features = network(pictures, len(seeds), "candidate", progress)
    merits = typicality(features, cached_features(network, reals, progress=progress))
    best = merits.view(len(candidates), -1).argmax(1).tolist()
    return [group[place] for group, place in zip(candidates, best, strict=True)]
