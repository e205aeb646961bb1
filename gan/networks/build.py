"""The network that an `Architecture` describes; ``z -> image`` and ``image -> score``."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from gan.config import Architecture
from gan.errors import SettingsError
from gan.networks.dcgan import StridedDiscriminator, TransposedGenerator, UpsampleGenerator
from gan.networks.projected import ProjectedDiscriminator
from gan.networks.residual import ResidualDiscriminator, ResidualGenerator
from gan.networks.student import StudentDiscriminator, StudentGenerator

GENERATORS: dict[str, Callable[[Architecture], nn.Module]] = {
    "students": StudentGenerator,
    "transposed": TransposedGenerator,
    "upsample": UpsampleGenerator,
    "residual": ResidualGenerator,
}
DISCRIMINATORS: dict[str, Callable[[Architecture], nn.Module]] = {
    "students": StudentDiscriminator,
    "strided": StridedDiscriminator,
    "residual": ResidualDiscriminator,
    "projected": ProjectedDiscriminator,
}


def build_generator(architecture: Architecture) -> nn.Module:
    """Build a generator with fresh weights from the global random state; SettingsError if it cannot be."""
    return _build(GENERATORS, architecture)


def build_discriminator(architecture: Architecture) -> nn.Module:
    """Build a discriminator with fresh weights from the global random state; SettingsError as above."""
    return _build(DISCRIMINATORS, architecture)


def _build(classes: Mapping[str, Callable[[Architecture], nn.Module]], architecture: Architecture) -> nn.Module:
    if architecture.family not in classes:
        raise SettingsError(f"no such network is of the family {architecture.family}")
    try:
        return classes[architecture.family](architecture)
    except ValueError as error:
        raise SettingsError(f"the family {architecture.family} has no such widths ({error})") from error


@contextmanager
def without_weights() -> Iterator[None]:
    """Networks built in the block have shapes, but neither memory nor values: they are on the meta device."""
    with torch.device("meta"), NoValues():
        yield


class NoValues(TorchFunctionMode):
    """Initialisation, which on the meta device changes nothing but has PyTorch load packages for seconds first.

    Left out: drawing numbers, and the power iterations of spectral norm.
    """

    UNCHANGED = (torch.Tensor.normal_, torch.Tensor.uniform_, nn.init.normal_, nn.init.uniform_, F.normalize)

    def __torch_function__(
        self, func: Any, _types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func in self.UNCHANGED:
            return args[0] if args else (kwargs or {})["tensor"]
        if func is torch.mv:
            return args[0][:, 0]
        return func(*args, **(kwargs or {}))


def count_parameters(network: nn.Module) -> int:
    """Number of trained values."""
    return sum(parameter.numel() for parameter in network.parameters())
