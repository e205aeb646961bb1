"""The recipe's optimizers."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from gan.config import Recipe

DEVICE_OPTIONS = ("capturable", "foreach", "fused")
"""Options of PyTorch's optimizers that depend on the device and do not change the result."""


def make_optimizer(
    recipe: Recipe, parameters: Iterable[nn.Parameter], lr: float, device: torch.device
) -> torch.optim.Optimizer:
    """The recipe's optimizer; RMSprop with Keras's defaults, rho .9 and epsilon 1e-7."""
    if recipe.optimizer == "rmsprop":
        return torch.optim.RMSprop(parameters, lr, alpha=0.9, eps=1e-7, foreach=True)
    cuda = device.type == "cuda"
    return torch.optim.Adam(
        parameters, lr, betas=recipe.betas, fused=cuda or device.type == "cpu", capturable=cuda
    )


def load_optimizer(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Load an optimizer's state, but keep the options that its own device needs."""
    groups = [
        {**saved, **{name: own[name] for name in DEVICE_OPTIONS if name in own}}
        for saved, own in zip(state["param_groups"], optimizer.param_groups, strict=True)
    ]
    optimizer.load_state_dict({**state, "param_groups": groups})


def decayed_lr(lr: float, decay: float, steps: int) -> float:
    """Keras's time-based decay."""
    return lr * (1 / (1 + decay * steps))
