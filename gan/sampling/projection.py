"""The character of a generator that is most like a given picture."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from dataset.decode import DecodeError, decode, to_square
from gan.config import SettingsError
from gan.sampling.sample import DRAWN_AT_ONCE, as_bytes, as_pixels, latents_of
from gan.sampling.share_codes import quantised
from gan.training.augment import background_colour
from kit.foreground import TOLERANCE, figure_masks
from kit.progress import Progress, noop

CANDIDATES = 256
"""Characters among which the search begins; always those of the first seeds."""
STARTS = 2
"""How many are followed that are like the picture as it is; and as many that are so wherever they stand."""
STEPS = 120
RATE = 0.05
FRAME_PX = 32
"""Side to which figures are brought before they are compared wherever they stand."""
ASPECT_WEIGHT = 1.0
"""What a figure that is e times as wide for its height costs, beside a difference of 1 at one size."""
COLOUR_WEIGHT = 1.5
"""Colour beside lightness: with less, brown men of the right shape are found for green monsters."""
THIN = 0.03
"""Share of a figure that its box leaves out at each of four ends: thin arms and feelers do not count."""


def read_square(path: Path, size_px: int) -> Image.Image:
    """Any picture, whole and square: RGB, what is transparent black, filled up with the colour of its own edge.

    Raises:
        SettingsError: the file cannot be read, or there is no picture in it, or nothing on that.
    """
    try:
        picture, _ = decode(path.read_bytes())
    except DecodeError as refusal:
        raise SettingsError(f"--like {path}: {refusal}") from refusal
    except OSError as error:
        raise SettingsError(f"--like {path}: {error.strerror or error}") from error
    square = to_square(picture, size_px, "pad", background=None)
    if not figure_masks(np.asarray(square)[None], TOLERANCE).any():
        raise SettingsError(f"--like {path}: nothing on it but background")
    return square


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
    generator: nn.Module, latent_dim: int, pictures: Sequence[Image.Image], progress: Progress = noop
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
        in_place = unlikeness(candidates, wanted).argsort()[:STARTS]
        anywhere = figure_unlikeness(candidates, wanted, ground).argsort()[:STARTS]
        moved = [standing_as(wanted, candidates[place], ground) for place in anywhere]
        wanted_here = torch.stack([wanted] * STARTS + moved)
        free = latents[torch.cat([in_place, anywhere])].requires_grad_()
        optimizer = torch.optim.Adam([free], RATE)
        for step in range(STEPS):
            optimizer.zero_grad()
            unlikeness(generator(on_sphere(free)), wanted_here).sum().backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            progress(len(found) * STEPS + step + 1, len(pictures) * STEPS, "looking for the most alike")
        with torch.no_grad():
            ends = on_sphere(free)
            found.append(ends[figure_unlikeness(generator(ends), wanted, ground).argmin()])
    return torch.from_numpy(quantised(torch.stack(found).cpu().numpy()))


def on_sphere(latents: Tensor) -> Tensor:
    """[N, D] -> the same directions at length √D."""
    return F.normalize(latents, dim=1) * math.sqrt(latents.shape[1])


def unlikeness(pictures: Tensor, wanted: Tensor) -> Tensor:
    """How far pictures [N, 3, H, W] are from others, [N, 3, H, W] or [3, H, W]: [N].

    The mean absolute difference in opponent colours (lightness, red against green, blue against yellow), summed
    over sizes that are each half of the one before, down to a pixel: the coarse ones lead, the fine ones follow.
    """
    red, green, blue = (pictures - wanted).unbind(1)
    lightness = (red + green + blue) / 3
    difference = torch.stack(
        [lightness, COLOUR_WEIGHT * (red - green), COLOUR_WEIGHT * (blue - (red + green) / 2)], 1
    )
    total = difference.abs().mean((1, 2, 3))
    while difference.shape[-1] > 1:
        difference = F.avg_pool2d(difference, 2)
        total = total + difference.abs().mean((1, 2, 3))
    return total


def figure_unlikeness(pictures: Tensor, wanted: Tensor, ground: Tensor) -> Tensor:
    """How far the figures of pictures [N, 3, H, W] are from that of one [3, H, W], wherever they stand: [N].

    Args:
        pictures, wanted: float32 in [-1, 1].
        ground: [3, 1, 1], the colour behind all of them.
    """
    framed, aspects = zip(*(framed_figure(picture, ground) for picture in [*pictures, wanted]), strict=True)
    stretched = torch.tensor(aspects[:-1], device=ground.device).log() - math.log(aspects[-1])
    return unlikeness(torch.stack(framed[:-1]), framed[-1]) + ASPECT_WEIGHT * stretched.abs()


def framed_figure(picture: Tensor, ground: Tensor) -> tuple[Tensor, float]:
    """A figure cut out, its difference to the ground [3, FRAME_PX, FRAME_PX], and its width over its height."""
    top, bottom, left, right = figure_box(picture, ground)
    cut = (picture - ground)[:, top:bottom, left:right]
    return F.adaptive_avg_pool2d(cut, FRAME_PX), (right - left) / (bottom - top)


def standing_as(wanted: Tensor, other: Tensor, ground: Tensor) -> Tensor:
    """``wanted`` [3, H, W], its figure moved and scaled to where that of ``other`` stands."""
    top, bottom, left, right = figure_box(wanted, ground)
    there = figure_box(other, ground)
    figure = wanted[:, top:bottom, left:right]
    moved = ground.expand_as(wanted).clone()
    side = (there[1] - there[0], there[3] - there[2])
    moved[:, there[0] : there[1], there[2] : there[3]] = F.interpolate(
        figure[None], side, mode="bilinear", antialias=True
    )[0]
    return moved


def figure_box(picture: Tensor, ground: Tensor) -> tuple[int, int, int, int]:
    """Top, bottom, left, right (ends exclusive) of what is not ``ground``; the whole picture where nothing is."""
    differs = ((picture - ground).abs().amax(0) * 127.5 > TOLERANCE).cpu()
    if not differs.any():
        return 0, differs.shape[0], 0, differs.shape[1]
    ends = []
    for counts in (differs.sum(1), differs.sum(0)):
        share = counts.cumsum(0) / counts.sum()
        ends += [int((share <= THIN).sum()), int((share < 1 - THIN).sum()) + 1]
    top, bottom, left, right = ends
    return top, bottom, left, right
