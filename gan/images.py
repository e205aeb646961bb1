"""Images as tensors: to and from what networks take, to and from Pillow's."""

from collections.abc import Iterator

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from kit.foreground import median_border_colour
from kit.pixel_range import denormalize, normalize


def to_uint8(values: Tensor) -> Tensor:
    """[N, 3, H, W] float in about [-1, 1], any device -> the same uint8 on the CPU."""
    return denormalize(values).to("cpu", torch.uint8)


def to_images(values: Tensor) -> Iterator[Image.Image]:
    """[N, 3, H, W] float in about [-1, 1], any device -> N RGB images."""
    yield from map(to_image, to_uint8(values))


def to_image(pixels: Tensor) -> Image.Image:
    """[3, H, W] uint8 on the CPU -> an RGB image."""
    return Image.fromarray(pixels.permute(1, 2, 0).numpy())


def to_tensor(image: Image.Image) -> Tensor:
    """An RGB image -> [3, H, W] uint8."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)


def background_colour(images: Tensor) -> Tensor:
    """The colour that images have at their borders; see `kit.foreground.median_border_colour`.

    Args:
        images: [N, 3, H, W] uint8 on the CPU.

    Returns:
        [3, 1, 1] float32 in [-1, 1]; for a set on black, exactly -1.
    """
    median = median_border_colour(images.permute(0, 2, 3, 1).numpy())
    return normalize(torch.from_numpy(median)).view(3, 1, 1)
