"""The network that an `Architecture` describes; ``z -> image`` and ``image -> score``."""

from collections.abc import Callable

from torch import nn

from gan.config import Architecture
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
    """Build a generator with fresh weights from the global random state; SettingsError if the size cannot be."""
    return GENERATORS[architecture.family](architecture)


def build_discriminator(architecture: Architecture) -> nn.Module:
    """Build a discriminator with fresh weights from the global random state; SettingsError as above."""
    return DISCRIMINATORS[architecture.family](architecture)


def count_parameters(network: nn.Module) -> int:
    """Number of trained values."""
    return sum(parameter.numel() for parameter in network.parameters())
