"""Self-modulation (Chen et al. 2019, arXiv:1810.01365): a generator's latent has a say at every stage."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LEAKY_SLOPE = 0.2


class SelfModulation(nn.Module):
    """Scales and shifts of normalised maps, as functions of the latent; at first they change nothing.

    As in section 2 there, but one hidden layer serves all maps.

    ``z`` [N, latent_dim] float32 -> for each map in turn a scale and a shift, [N, channels, 1, 1] each.
    """

    def __init__(self, latent_dim: int, hidden: int, channels: Sequence[int]) -> None:
        super().__init__()
        self.hidden = nn.Linear(latent_dim, hidden)
        self.scales = nn.ModuleList(nn.Linear(hidden, count) for count in channels)
        self.shifts = nn.ModuleList(nn.Linear(hidden, count) for count in channels)

    def init_as_identity(self) -> None:
        """Let every scale be 1 and every shift 0, whatever the latent."""
        for parameter in (*self.scales.parameters(), *self.shifts.parameters()):
            nn.init.zeros_(parameter)

    def forward(self, z: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        hidden = F.leaky_relu(self.hidden(z), LEAKY_SLOPE)
        for scale, shift in zip(self.scales, self.shifts, strict=True):
            yield 1 + as_map(scale(hidden)), as_map(shift(hidden))


def as_map(values: Tensor) -> Tensor:
    """[N, channels] -> [N, channels, 1, 1]; not by [..., None, None], which OpenCV does not read from ONNX."""
    return torch.unflatten(values, 1, (-1, 1, 1))


def modulate(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """``x`` [N, C, H, W] times the scale, plus the shift."""
    return torch.addcmul(shift.to(x.dtype), x, scale.to(x.dtype))
