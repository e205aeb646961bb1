"""The real images, kept on the device for the whole training, or on the disk if they are too many."""

import hashlib

import torch
from torch import Tensor

from dataset.reader import is_mapped
from gan.images import background_colour
from kit.pixel_range import normalize


class TrainingSet:
    """All real images, uint8: on the device, or mapped from the disk where they do not fit into memory."""

    def __init__(self, images: Tensor, device: torch.device, groups: Tensor | None = None) -> None:
        """``images``: [N, C, H, W] uint8; ``groups``: see `gan.training.indices.IndexSampler`."""
        digest = hashlib.sha256(images.flatten().numpy().data)
        if groups is not None:
            digest.update(groups.numpy().data)
        self.fingerprint = digest.hexdigest()
        """SHA-256 of the pixels and their groups, by which a resumed run knows its images wherever they lie."""
        self.groups = 0 if groups is None else int(groups.max()) + 1
        """How many there are."""
        self.background = background_colour(images).to(device)
        """[C, 1, 1] float32 in [-1, 1]."""
        self.is_mapped = is_mapped(images)
        self.images = images if self.is_mapped else images.to(device)
        self._device = device

    def __len__(self) -> int:
        return len(self.images)

    def normalised(self, indices: Tensor) -> Tensor:
        """[len(indices), C, H, W] float32 in [-1, 1], channels last."""
        chosen = self.images[indices.to(self.images.device)].to(self._device)
        return normalize(chosen.to(torch.float32, memory_format=torch.channels_last))
