"""The character of a generator that is most like a given picture."""

import math
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dataset.decode import NAMED_COLOURS, Refused, decode, to_square
from gan.codes import quantised
from gan.config import SettingsError
from gan.sample import DRAWN_AT_ONCE, as_pixels, latents_of
from scraper.progress import Progress, silent

CANDIDATES = 256
"""Characters among which the search begins; always those of the first seeds."""
STARTS = 4
"""How many of them are followed: from one alone the search ends as a neighbour's picture now and then."""
STEPS = 120
RATE = 0.05
SCALES = 4
"""Sizes at which pictures are compared, each half of the one before: coarse ones lead, fine ones follow."""


def wanted_picture(path: Path, size_px: int) -> Tensor:
    """A picture of any size and format as the generator would draw it: on black, as `vgc preprocess` makes it.

    Returns:
        [3, size_px, size_px] float32 in [-1, 1].

    Raises:
        SettingsError: the file cannot be read, or there is no picture in it.
    """
    try:
        picture, _ = decode(path.read_bytes())
    except Refused as refusal:
        raise SettingsError(f"--like {path}: {refusal}") from refusal
    except OSError as error:
        raise SettingsError(f"--like {path}: {error.strerror or error}") from error
    square = to_square(picture, size_px, "pad", NAMED_COLOURS["black"])
    return as_pixels(square).float() / 127.5 - 1


def most_alike(generator: nn.Module, latent_dim: int, wanted: Tensor, progress: Progress = silent) -> Tensor:
    """The latents whose pictures are most like the wanted ones, as far as gradient descent finds them.

    The search stays on the sphere of radius √D, near which nearly all normal vectors lie: outside of it the
    likeness to a picture that the generator cannot draw is bought with pictures that it never learned to draw.

    Args:
        generator: in eval mode, any device.
        latent_dim: D.
        wanted: [N, 3, H, W] float32 in [-1, 1], of the generator's size.
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
    found: list[Tensor] = []
    for picture in wanted.to(device):
        free = latents[unlikeness(candidates, picture).argsort()[:STARTS]].requires_grad_()
        optimizer = torch.optim.Adam([free], RATE)
        for step in range(STEPS):
            optimizer.zero_grad()
            unlikeness(generator(on_sphere(free)), picture).sum().backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            progress(len(found) * STEPS + step + 1, len(wanted) * STEPS, "looking for the most alike")
        with torch.no_grad():
            ends = on_sphere(free)
            found.append(ends[unlikeness(generator(ends), picture).argmin()])
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
