"""All that is random in a step of training."""

from dataclasses import dataclass

import torch
from torch import Tensor

from gan.training.augment import AUGMENT_DRAWS

VIEWS = ("real", "fake", "judged", "compared")
"""Each time that the discriminator looks at pictures in a step, they are augmented anew: the real and the
generated ones that teach it, the generated ones that teach the generator, and the real ones beside those."""


@dataclass(frozen=True)
class Chance:
    """All that is random in a step, drawn for the whole batch before it is split: so the parts of a split batch,
    and several processes, play the same game as one process at once. (A student's dropout alone is not in it.)"""

    latents: Tensor
    """[n, latent_dim] float32 from N(0, 1)."""
    flips: Tensor
    """[n] float32 from U[0, 1)."""
    labels: Tensor
    """[n, 2] float32 from U[0, 1), for the label noise."""
    views: Tensor
    """[n, len(VIEWS), AUGMENT_DRAWS] float32 from U[0, 1)."""

    @classmethod
    def draw(cls, count: int, latent_dim: int, generator: torch.Generator) -> "Chance":
        """Draw for ``count`` pictures, on the generator's device."""
        latents = torch.randn(count, latent_dim, generator=generator, device=generator.device)
        sizes = (1, 2, len(VIEWS) * AUGMENT_DRAWS)
        uniform = torch.rand(count, sum(sizes), generator=generator, device=generator.device)
        flips, labels, views = uniform.split(sizes, dim=1)  # type: ignore[no-untyped-call]
        return cls(latents, flips[:, 0], labels, views.unflatten(1, (len(VIEWS), AUGMENT_DRAWS)))

    def __getitem__(self, part: slice) -> "Chance":
        """The rows of some pictures."""
        return Chance(*(numbers[part] for numbers in vars(self).values()))

    def clone(self) -> "Chance":
        """The same numbers in places of their own."""
        return Chance(*(numbers.clone() for numbers in vars(self).values()))

    def copy_(self, other: "Chance") -> None:
        """Take over another step's numbers."""
        for mine, theirs in zip(vars(self).values(), vars(other).values(), strict=True):
            mine.copy_(theirs)

    def view(self, name: str) -> Tensor:
        """[n, AUGMENT_DRAWS] for one of `VIEWS`."""
        return self.views[:, VIEWS.index(name)]
