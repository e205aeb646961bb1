"""Pictures nearer to the typical one, at the price of variety."""

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gan.errors import SettingsError
from gan.images import to_pixels
from gan.sampling.sample import draw, latents_from_seeds
from gan.sampling.share_codes import quantise

CANDIDATES = 256
"""Pictures among which the typical one is looked for; always those of the first seeds."""
COMPARED_PX = 10
"""Side to which they are shrunk before they are compared."""


def check_truncation(truncation: float) -> None:
    """SettingsError unless ``truncation`` is one of `truncate`."""
    if not 0 <= truncation <= 1:
        raise SettingsError(f"--truncation {truncation:g}: choose 0 to 1")


def truncate(latents: Tensor, generator: nn.Module, truncation: float) -> Tensor:
    """Latents moved towards that of the typical picture, as long as before.

    To shorten latents, as the truncation of other generators does, leads out of the shell in which nearly all
    normal vectors of a hundred numbers lie, to where nothing was ever trained: some generators draw black pictures
    there (docs/recipes.md). So they are mixed: t·z + √(1 - t²)·c, which keeps the length where z and c are
    independent.

    Args:
        latents: [N, D] float32 from N(0, 1).
        generator: in eval mode, any device.
        truncation: t, 0 (the typical picture alone) to 1 (nothing moves).

    Returns:
        [N, D] float32, rounded to what a share code holds.
    """
    if truncation == 1:
        return latents
    centre = typical_latent(generator, latents.shape[1])
    mixed = truncation * latents + math.sqrt(1 - truncation**2) * centre
    return torch.from_numpy(quantise(mixed.numpy()))


def typical_latent(generator: nn.Module, latent_dim: int) -> Tensor:
    """The latent whose picture is on average nearest to others of the same generator: [D] float32, length √D."""
    latents = latents_from_seeds(range(CANDIDATES), latent_dim)
    images = np.stack([to_pixels(image) for image in draw(generator, latents)])
    small = F.adaptive_avg_pool2d(torch.from_numpy(images).permute(0, 3, 1, 2).float(), COMPARED_PX).flatten(1)
    typical: Tensor = F.normalize(latents[torch.cdist(small, small).mean(1).argmin()], dim=0)
    return typical * math.sqrt(latent_dim)
