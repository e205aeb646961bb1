"""Seeds to latents, latents to images."""

from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from gan.images import to_images, to_pixels
from gan.sampling.share_codes import quantise
from gan.threads import map_on_threads

DRAW_BATCH = 8
"""Images a forward pass. Always the same number, the last pass filled up: other shapes may round otherwise, and
the same seed would not give the same bytes alone as among others. Twice as many hardly speed a wall up on a CPU,
but make a single image half as fast."""
BATCH_OF_IMAGES = 128


def latents_from_seeds(seeds: Sequence[int], latent_dim: int) -> Tensor:
    """One latent a seed, the same on every device: [len(seeds), latent_dim] float32 from N(0, 1).

    They are rounded to what a share code holds, so that code and seed give the same bytes.
    """
    gaussian = [torch.randn(latent_dim, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
    return torch.from_numpy(quantise(torch.stack(gaussian).numpy()))


def draw(generator: nn.Module, latents: Tensor) -> Iterator[Image.Image]:
    """Draw one image a latent, a few at a time; on a CPU to the same bytes on any number of threads.

    Args:
        generator: in eval mode, any device.
        latents: [N, latent_dim] float32.

    Yields:
        N RGB images, or RGBA ones of a generator with four channels.
    """
    device = next(generator.parameters()).device

    @torch.inference_mode()
    def draw_chunk(chunk: Tensor) -> list[Image.Image]:
        filled = torch.zeros(DRAW_BATCH, latents.shape[1])
        filled[: len(chunk)] = chunk
        return list(to_images(generator(filled.to(device))[: len(chunk)]))

    for images in map_on_threads(draw_chunk, latents.split(DRAW_BATCH), device):  # type: ignore[no-untyped-call]
        yield from images


def draw_batches(generator: nn.Module, latents: Tensor) -> Iterator[Tensor]:
    """What `draw` gives, as [n, C, H, W] uint8, `BATCH_OF_IMAGES` at a time."""
    images = draw(generator, latents)
    while batch := list(islice(images, BATCH_OF_IMAGES)):
        yield torch.from_numpy(np.stack([to_pixels(image) for image in batch])).permute(0, 3, 1, 2)
