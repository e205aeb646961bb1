"""Images as tensors: to and from what networks take, to and from Pillow's.

Tensors of four channels hold premultiplied colours and alpha: over black they are what their first three channels
show, a clear pixel is 0 in all of them (-1 for a network), and so nothing has to be filled in where a picture is
shifted. Pillow's RGBA images have straight colours.
"""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from kit.channels import RGBA
from kit.foreground import median_border_colour
from kit.pixel_range import denormalize, normalize
from kit.premultiplied import premultiply, unpremultiply

GROUNDS = {"black": 0, "white": 255, "grey": 128}
"""What transparent images are scored over: grey levels, 0 to 255."""


def to_uint8(values: Tensor) -> Tensor:
    """[N, C, H, W] float in about [-1, 1], any device -> the same uint8 on the CPU."""
    return denormalize(values).to("cpu", torch.uint8)


def to_images(values: Tensor) -> Iterator[Image.Image]:
    """[N, C, H, W] float in about [-1, 1], any device -> N RGB or RGBA images."""
    yield from map(to_image, to_uint8(values))


def to_image(pixels: Tensor) -> Image.Image:
    """[C, H, W] uint8 on the CPU -> an RGB or RGBA image."""
    rows = pixels.permute(1, 2, 0).numpy()
    return Image.fromarray(unpremultiply(rows) if len(pixels) == RGBA else rows)


def to_pixels(image: Image.Image) -> NDArray[np.uint8]:
    """An RGB or RGBA image -> [H, W, C] uint8, as tensors hold it."""
    pixels = np.array(image)
    return premultiply(pixels) if pixels.shape[-1] == RGBA else pixels


def to_tensor(image: Image.Image) -> Tensor:
    """An RGB or RGBA image -> [C, H, W] uint8."""
    return torch.from_numpy(to_pixels(image)).permute(2, 0, 1)


def over_ground(images: Tensor, ground: int) -> Tensor:
    """[N, C, H, W] uint8 over a grey level, 0 to 255 -> [N, 3, H, W] uint8; three channels stay as they are."""
    if images.shape[1] != RGBA:
        return images
    behind = (255 - images[:, 3:].int()) * ground
    return (images[:, :3] + (2 * behind + 255) // 510).clamp(max=255).to(torch.uint8)


def background_colour(images: Tensor) -> Tensor:
    """The colour that images have at their borders; see `kit.foreground.median_border_colour`.

    Args:
        images: [N, C, H, W] uint8 on the CPU.

    Returns:
        [C, 1, 1] float32 in [-1, 1]; for a set on black, and for one with alpha, exactly -1.
    """
    if images.shape[1] == RGBA:
        return torch.full((RGBA, 1, 1), -1.0)
    median = median_border_colour(images.permute(0, 2, 3, 1).numpy())
    return normalize(torch.from_numpy(median)).view(3, 1, 1)
