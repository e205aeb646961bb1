"""Projection: the character of a generator that is most like a given picture."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from dataset.errors import DecodeError
from dataset.image_file import read_padded_square
from gan.errors import SettingsError
from gan.images import background_colour, to_tensor, to_uint8
from gan.sampling.sample import DRAW_BATCH, latents_from_seeds
from gan.sampling.share_codes import quantise
from kit.channels import RGB, RGBA
from kit.foreground import TOLERANCE, foreground_masks
from kit.pixel_range import normalize
from kit.progress import Progress, noop

CANDIDATES = 256
"""Characters among which the search begins; always those of the first seeds."""
STARTS = 2
"""Number of candidates nearest in place, and of those nearest regardless of position, that are optimised."""
STEPS = 120
RATE = 0.05
FRAME_PX = 32
"""Side to which figures are scaled before they are compared regardless of position."""
ASPECT_WEIGHT = 1.0
"""Weight of |log aspect ratio|: a factor of e costs as much as a mean colour difference of 1."""
COLOUR_WEIGHT = 1.5
"""Weight of colour beside lightness: with less, brown men of the right shape win over green monsters."""
TRIMMED = 0.03
"""Share of a figure that its box leaves out on each of four sides: thin arms and feelers do not count."""


def read_target(path: Path, size_px: int, channels: int = RGB) -> Image.Image:
    """Any picture, whole and square: RGB, what is transparent black, filled up with the colour of its own edge.

    For a generator of four channels a transparent picture is RGBA, filled up with clear pixels.

    Raises:
        SettingsError: the file cannot be read, or there is no picture in it, or nothing on that.
    """
    try:
        square = read_padded_square(path, size_px, with_alpha=channels == RGBA)
    except DecodeError as refusal:
        raise SettingsError(f"--like {path}: {refusal}") from refusal
    if not figure_of(square).any():
        raise SettingsError(f"--like {path}: nothing on it but background")
    return square


def with_background(image: Image.Image, background: Tensor) -> Tensor:
    """An image with another background: a drawing on paper as a generator of characters on black would have it.

    Args:
        image: RGB, or RGBA for a clear background.
        background: [C, 1, 1] float32 in [-1, 1].

    Returns:
        [C, H, W] float32 in [-1, 1].
    """
    device = background.device
    if len(background) == RGBA and image.mode == "RGBA":
        return normalize(to_tensor(image).to(device))
    figure = torch.from_numpy(figure_of(image)).to(device)
    opaque = image.convert("RGBA") if len(background) == RGBA else image
    return torch.where(figure, normalize(to_tensor(opaque).to(device)), background)


def figure_of(image: Image.Image) -> NDArray[np.bool_]:
    """[H, W], True on the figure: what alpha shows, or what the border's colour does not reach."""
    pixels = np.asarray(image)
    return pixels[..., 3] > 0 if image.mode == "RGBA" else foreground_masks(pixels[None], TOLERANCE)[0]


def project(
    generator: nn.Module, latent_dim: int, images: Sequence[Image.Image], progress: Progress = noop
) -> Tensor:
    """The latents whose characters are most like those in the images, as far as gradient descent finds them.

    The search stays on the sphere of radius √D, near which nearly all normal vectors lie: outside of it the
    likeness to an image that the generator cannot draw is bought with images that it never learned to draw.

    Args:
        generator: in eval mode, any device.
        latent_dim: D.
        images: as `read_target` gives them, of the generator's size, N of them; their backgrounds do not count.
        progress: called with the number of steps done.

    Returns:
        [N, D] float32 on the CPU, rounded to what a share code holds.

    Source: Zhu et al. 2016, arXiv:1609.03552, section 3.1 (projecting an image onto a generator's manifold);
    Menon et al. 2020, arXiv:2003.03808, "Latent Space Exploration" (on the sphere).
    """
    device = next(generator.parameters()).device
    latents = latents_from_seeds(range(CANDIDATES), latent_dim).to(device)
    with torch.no_grad():
        candidates = torch.cat([generator(some) for some in latents.split(DRAW_BATCH)])  # type: ignore[no-untyped-call]
    background = background_colour(to_uint8(candidates)).to(device)
    projections: list[Tensor] = []
    for image in images:
        target = with_background(image, background)
        start, targets = initial_latents(latents, candidates, target, background)
        for step in optimize_latents(generator, start, targets):
            progress(len(projections) * STEPS + step, len(images) * STEPS, "looking for the most alike")
        with torch.no_grad():
            ends = to_sphere(start)
            projections.append(ends[figure_distance(generator(ends), target, background).argmin()])
    return torch.from_numpy(quantise(torch.stack(projections).cpu().numpy()))


def initial_latents(
    latents: Tensor, candidates: Tensor, target: Tensor, background: Tensor
) -> tuple[Tensor, Tensor]:
    """The candidates nearest to the target, and what each is to become: the target, moved onto its own figure.

    Args:
        latents: [N, D].
        candidates: [N, C, H, W] drawn from them.
        target: [C, H, W].
        background: [C, 1, 1].

    Returns:
        [2 STARTS, D] that require a gradient, and [2 STARTS, C, H, W].
    """
    in_place = multiscale_distance(candidates, target).argsort()[:STARTS]
    anywhere = figure_distance(candidates, target, background).argsort()[:STARTS]
    moved = [align_figure(target, candidates[index], background) for index in anywhere]
    start = latents[torch.cat([in_place, anywhere])].requires_grad_()
    return start, torch.stack([target] * STARTS + moved)


def optimize_latents(generator: nn.Module, latents: Tensor, targets: Tensor) -> Iterator[int]:
    """Optimise ``latents`` [M, D] in place so that their images match the targets; yields the steps done."""
    optimizer = torch.optim.Adam([latents], RATE)
    for step in range(1, STEPS + 1):
        optimizer.zero_grad()
        multiscale_distance(generator(to_sphere(latents)), targets).sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        yield step


def to_sphere(latents: Tensor) -> Tensor:
    """[N, D] -> the same directions at length √D."""
    return F.normalize(latents, dim=1) * math.sqrt(latents.shape[1])


def multiscale_distance(images: Tensor, target: Tensor) -> Tensor:
    """Distance of images [N, C, H, W] from others, [N, C, H, W] or [C, H, W]: [N].

    The mean absolute difference in opponent colours (lightness, red against green, blue against yellow) and in
    alpha, if there is any, summed over sizes that are each half of the one before, down to a pixel. Coarse ones
    lead, the fine ones follow.
    """
    red, green, blue, *alpha = (images - target).unbind(-3)
    lightness = (red + green + blue) / 3
    difference = torch.stack(
        [lightness, COLOUR_WEIGHT * (red - green), COLOUR_WEIGHT * (blue - (red + green) / 2), *alpha], 1
    )
    total = difference.abs().mean((1, 2, 3))
    while difference.shape[-1] > 1:
        difference = F.avg_pool2d(difference, 2)
        total = total + difference.abs().mean((1, 2, 3))
    return total


def figure_distance(images: Tensor, target: Tensor, background: Tensor) -> Tensor:
    """Distance of the figures in images [N, C, H, W] from that in one [C, H, W], regardless of position: [N].

    Args:
        images, target: float32 in [-1, 1].
        background: [C, 1, 1], the colour behind all of them.
    """
    framed, aspects = zip(*(crop_to_figure(image, background) for image in [*images, target]), strict=True)
    stretched = torch.tensor(aspects[:-1], device=background.device).log() - math.log(aspects[-1])
    return multiscale_distance(torch.stack(framed[:-1]), framed[-1]) + ASPECT_WEIGHT * stretched.abs()


def crop_to_figure(image: Tensor, background: Tensor) -> tuple[Tensor, float]:
    """A figure cut out, as difference to the background [C, FRAME_PX, FRAME_PX], and its width over its height."""
    top, bottom, left, right = figure_box(image, background)
    cut = (image - background)[:, top:bottom, left:right]
    return F.adaptive_avg_pool2d(cut, FRAME_PX), (right - left) / (bottom - top)


def align_figure(target: Tensor, other: Tensor, background: Tensor) -> Tensor:
    """``target`` [C, H, W] with its figure moved and scaled onto that of ``other``."""
    top, bottom, left, right = figure_box(target, background)
    there = figure_box(other, background)
    figure = target[:, top:bottom, left:right]
    moved = background.expand_as(target).clone()
    side = (there[1] - there[0], there[3] - there[2])
    moved[:, there[0] : there[1], there[2] : there[3]] = F.interpolate(
        figure[None], side, mode="bilinear", antialias=True
    )[0]
    return moved


def figure_box(image: Tensor, background: Tensor) -> tuple[int, int, int, int]:
    """Top, bottom, left, right (ends exclusive) of what is not ``background``; the whole image if nothing is."""
    differs = ((image - background).abs().amax(0) * 127.5 > TOLERANCE).cpu()
    if not differs.any():
        return 0, differs.shape[0], 0, differs.shape[1]
    ends = []
    for counts in (differs.sum(1), differs.sum(0)):
        share = counts.cumsum(0) / counts.sum()
        ends += [int((share <= TRIMMED).sum()), int((share < 1 - TRIMMED).sum()) + 1]
    top, bottom, left, right = ends
    return top, bottom, left, right
