"""What a network is made of: a row a layer, with shapes and parameter counts."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from gan.config import Architecture, Recipe
from gan.networks.build import build_discriminator, build_generator, count_parameters


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
    with torch.device("meta"):
        return summarize_layers(build_generator(architecture), torch.empty(1, architecture.latent_dim))


def discriminator_layers(architecture: Architecture) -> list[Layer]:
    """The layers of a discriminator in the order in which they run."""
    with torch.device("meta"):
        side = architecture.size_px
        return summarize_layers(build_discriminator(architecture), torch.empty(1, 3, side, side))


def summarize_layers(network: nn.Module, example: Tensor) -> list[Layer]:
    """Run ``example`` through a network on the meta device (no memory, no arithmetic) and note every layer."""
    rows: list[Layer] = []

    def note(name: str, module: nn.Module, output: Tensor) -> None:
        rows.append(Layer(name, type(module).__name__, tuple(output.shape[1:]), count_parameters(module)))

    for name, module in network.named_modules():
        if not list(module.children()):
            module.register_forward_hook(lambda m, _inputs, output, name=name: note(name, m, output))
    network.eval()(example)
    return rows


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
