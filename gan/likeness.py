"""The character of a generator that is most like a given picture."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from dataset.cutout import TOLERANCE, figure_masks
from dataset.decode import Refused, decode, to_square
from gan.augment import background_colour
from gan.codes import quantised
from gan.config import SettingsError
from gan.sample import DRAWN_AT_ONCE, as_bytes, as_pixels, latents_of
from scraper.progress import Progress, silent

CANDIDATES = 256
"""Characters among which the search begins; always those of the first seeds."""
STARTS = 4
"""How many of them are followed: from one alone the search ends as a neighbour's picture now and then."""
STEPS = 120
RATE = 0.05
SCALES = 4
"""Sizes at which pictures are compared, each half of the one before: coarse ones lead, fine ones follow."""


def read_square(path: Path, size_px: int) -> Image.Image:
    """Any picture, whole and square: RGB, what is transparent black, filled up with the colour of its own edge.

    Raises:
        SettingsError: the file cannot be read, or there is no picture in it.
    """
    try:
        picture, _ = decode(path.read_bytes())
    except Refused as refusal:
        raise SettingsError(f"--like {path}: {refusal}") from refusal
    except OSError as error:
        raise SettingsError(f"--like {path}: {error.strerror or error}") from error
    return to_square(picture, size_px, "pad", background=None)


def on_ground(picture: Image.Image, ground: Tensor) -> Tensor:
    """A picture with another background: a drawing on paper as a generator of characters on black would have it.

    Args:
        picture: RGB.
        ground: [3, 1, 1] float32 in [-1, 1].

    Returns:
        [3, H, W] float32 in [-1, 1].
    """
    figure = torch.from_numpy(figure_masks(np.asarray(picture)[None], TOLERANCE)[0])
    return torch.where(figure.to(ground.device), as_pixels(picture).to(ground.device) / 127.5 - 1, ground)


def most_alike(
    generator: nn.Module, latent_dim: int, pictures: Sequence[Image.Image], progress: Progress = silent
) -> Tensor:
    """The latents whose characters are most like those in the pictures, as far as gradient descent finds them.

    The search stays on the sphere of radius √D, near which nearly all normal vectors lie: outside of it the
    likeness to a picture that the generator cannot draw is bought with pictures that it never learned to draw.

    Args:
        generator: in eval mode, any device.
        latent_dim: D.
        pictures: RGB, of the generator's size, N of them; their backgrounds do not count.
        progress: told the steps done.

    Returns:
        [N, D] float32 on the CPU, rounded to what a share code holds.

    Source: Zhu et al. 2016, arXiv:1609.03552, section 3.1 (projecting a picture onto a generator's manifold);
    Menon et al. 2020, arXiv:2003.03808, "Latent Space Exploration" (on the sphere).
    """
    device = next(generator.parameters()).device
    latents = latents_of(range(CANDIDATES), latent_dim).to(device)
    with torch.no_grad():
        candidates = torch.cat([generator(some) for some in latents.split(DRAWN_AT_ONCE)])  # type: ignore[no-untyped-call]
    ground = background_colour(as_bytes(candidates)).to(device)
    found: list[Tensor] = []
    for picture in pictures:
        wanted = on_ground(picture, ground)
        free = latents[unlikeness(candidates, wanted).argsort()[:STARTS]].requires_grad_()
        optimizer = torch.optim.Adam([free], RATE)
        for step in range(STEPS):
            optimizer.zero_grad()
            unlikeness(generator(on_sphere(free)), wanted).sum().backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            progress(len(found) * STEPS + step + 1, len(pictures) * STEPS, "looking for the most alike")
        with torch.no_grad():
            ends = on_sphere(free)
            found.append(ends[unlikeness(generator(ends), wanted).argmin()])
    return torch.from_numpy(quantised(torch.stack(found).cpu().numpy()))


def on_sphere(latents: Tensor) -> Tensor:
    """[N, D] -> the same directions at length √D."""
    return F.normalize(latents, dim=1) * math.sqrt(latents.shape[1])


def unlikeness(pictures: Tensor, wanted: Tensor) -> Tensor:
    """How far pictures [N, 3, H, W] are from one [3, H, W]: the mean difference, summed over `SCALES`, [N]."""
    difference = pictures - wanted
    total = difference.abs().mean((1, 2, 3))
    for _ in range(SCALES - 1):
        difference = F.avg_pool2d(difference, 2)
        total = total + difference.abs().mean((1, 2, 3))
    return total
