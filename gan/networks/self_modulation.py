"""Self-modulation (Chen et al. 2019, arXiv:1810.01365): a generator's latent has a say at every stage."""

from collections.abc import Sequence
from itertools import accumulate

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LEAKY_SLOPE = 0.2


class SelfModulation(nn.Module):
    """Scales and shifts of normalised maps, as functions of the latent; at first they change nothing.

    As in section 2 there, but one hidden layer serves all maps.

    ``z`` [N, latent_dim] float32 -> for each map a scale and a shift, [N, channels, 1, 1] each.
    """

    def __init__(self, latent_dim: int, hidden: int, channels: Sequence[int]) -> None:
        super().__init__()
        self.total = sum(channels)
        self.hidden = nn.Linear(latent_dim, hidden)
        self.output = nn.Linear(hidden, 2 * self.total)
        # Slices and no split, unflatten and no [..., None, None]: older runtimes know these.
        self.spans = [slice(end - count, end) for count, end in zip(channels, accumulate(channels), strict=True)]

    def init_as_identity(self) -> None:
        """Let every scale be 1 and every shift 0, whatever the latent."""
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def forward(self, z: Tensor) -> list[tuple[Tensor, Tensor]]:
        values = self.output(F.leaky_relu(self.hidden(z), LEAKY_SLOPE)).unflatten(1, (-1, 1, 1))
        scales, shifts = 1 + values[:, : self.total], values[:, self.total :]
        return [(scales[:, span], shifts[:, span]) for span in self.spans]


def modulate(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """``x`` [N, C, H, W] times the scale, plus the shift."""
    return torch.addcmul(shift.to(x.dtype), x, scale.to(x.dtype))
