"""The random numbers of one training step."""

from dataclasses import dataclass

import torch
from torch import Tensor

from gan.training.augment import AUGMENT_DRAWS

AUGMENTED = 4
"""Times that a step augments images: real and fake for the discriminator, fake and real for the generator."""


@dataclass(frozen=True)
class StepNoise:
    """Random numbers of a step, drawn for the whole batch before it is split.

    So gradient accumulation and several processes match a single process (dropout excepted).
    """

    latents: Tensor
    """[n, latent_dim] float32 from N(0, 1)."""
    flips: Tensor
    """[n] float32 from U[0, 1)."""
    labels: Tensor
    """[n, 2] float32 from U[0, 1): label noise of real and of fake targets."""
    d_real: Tensor
    """[n, AUGMENT_DRAWS] float32 from U[0, 1): augmentation of real images in the discriminator's update."""
    d_fake: Tensor
    """The same, of generated images."""
    g_fake: Tensor
    """The same, of generated images in the generator's update."""
    g_real: Tensor
    """The same, of the real images that are scored again for it."""

    @classmethod
    def draw(cls, count: int, latent_dim: int, rng: torch.Generator) -> "StepNoise":
        """Draw for ``count`` images, on the device of ``rng``."""
        latents = torch.randn(count, latent_dim, generator=rng, device=rng.device)
        sizes = (1, 2, AUGMENTED * AUGMENT_DRAWS)
        uniform = torch.rand(count, sum(sizes), generator=rng, device=rng.device)
        flips, labels, augment = uniform.split(sizes, dim=1)  # type: ignore[no-untyped-call]
        return cls(latents, flips[:, 0], labels, *augment.unflatten(1, (AUGMENTED, AUGMENT_DRAWS)).unbind(1))

    def __getitem__(self, rows: slice) -> "StepNoise":
        """The numbers of some images."""
        return StepNoise(*(numbers[rows] for numbers in vars(self).values()))

    def clone(self) -> "StepNoise":
        """The same numbers in memory of their own."""
        return StepNoise(*(numbers.clone() for numbers in vars(self).values()))

    def copy_(self, other: "StepNoise") -> None:
        """Overwrite the numbers with another step's."""
        for mine, theirs in zip(vars(self).values(), vars(other).values(), strict=True):
            mine.copy_(theirs)
