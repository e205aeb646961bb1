"""What a network is made of: a row a layer, with shapes and parameter counts."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from gan.config import Architecture, Recipe
from gan.networks.build import build_discriminator, build_generator, count_parameters, without_weights
from gan.networks.pretrained_features import PretrainedFeatures


@dataclass(frozen=True)
class Layer:
    """One layer of a network."""

    name: str
    """Its path in the network: ``layers.3``."""
    kind: str
    """Its class."""
    shape: tuple[int, ...]
    """What it gives, for one image: (channels, height, width) or (features,)."""
    parameters: int
    """Trained values."""


def generator_layers(architecture: Architecture) -> list[Layer]:
    """The layers of a generator in the order in which they run."""
    with without_weights():
        return summarize_layers(build_generator(architecture), torch.empty(1, architecture.latent_dim))


def discriminator_layers(architecture: Architecture) -> list[Layer]:
    """The layers of a discriminator in the order in which they run."""
    with without_weights():
        side = architecture.size_px
        images = torch.empty(1, architecture.channels, side, side)
        return summarize_layers(build_discriminator(architecture), images)


def summarize_layers(network: nn.Module, example: Tensor) -> list[Layer]:
    """Run ``example`` through a network on the meta device (no memory, no arithmetic) and note every layer."""
    rows: list[Layer] = []

    def note(name: str, module: nn.Module, output: Tensor | list[Tensor]) -> None:
        kind = type(module).__name__.removeprefix("Parametrized")  # by a spectral norm
        shape = (output[-1] if isinstance(output, list) else output).shape[1:]
        rows.append(Layer(name, kind, tuple(shape), count_parameters(module)))

    for name, module in layers_of(network):
        module.register_forward_hook(lambda m, _inputs, output, name=name: note(name, m, output))
    network.eval()(example)
    return rows


def layers_of(module: nn.Module, name: str = "") -> Iterator[tuple[str, nn.Module]]:
    """The modules that are not made of others; pretrained features count as one."""
    children = [(child, part) for child, part in module.named_children() if child != "parametrizations"]
    if not children or isinstance(module, PretrainedFeatures):
        yield name, module
    else:
        for child, part in children:
            yield from layers_of(part, f"{name}.{child}" if name else child)


def describe_recipe(recipe: Recipe) -> dict[str, Any]:
    """Layer tables and counts of a pair of networks, as plain values."""
    tables = {
        "generator": generator_layers(recipe.generator),
        "discriminator": discriminator_layers(recipe.discriminator),
    }
    return {
        name: {"parameters": sum(row.parameters for row in rows), "layers": [vars(row) for row in rows]}
        for name, rows in tables.items()
    }
