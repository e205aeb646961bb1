"""The recipe's optimizers."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from gan.config import Recipe
from kit.typed_json import is_finite

DEVICE_OPTIONS = ("capturable", "foreach", "fused")
"""Options of PyTorch's optimizers that depend on the device and do not change the result."""


STATE_NAMES = {torch.optim.Adam: {"step", "exp_avg", "exp_avg_sq"}, torch.optim.RMSprop: {"step", "square_avg"}}
"""What an optimizer remembers of each parameter that it has stepped."""


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
    """Load an optimizer's state, but keep the options that its own device needs.

    Raises:
        ValueError, TypeError, KeyError, RuntimeError: it is of another optimizer or other networks, or damaged.
    """
    for saved, own in zip(state["param_groups"], optimizer.param_groups, strict=True):
        for name in own.keys() & saved.keys() - {"params"}:
            if not is_alike(saved[name], own[name]):
                raise ValueError(f"{name}: {saved[name]!r:.40}")
    groups = [
        {**saved, **{name: own[name] for name in DEVICE_OPTIONS if name in own}}
        for saved, own in zip(state["param_groups"], optimizer.param_groups, strict=True)
    ]
    optimizer.load_state_dict({**state, "param_groups": groups})
    for parameter, values in optimizer.state.items():
        if values.keys() != STATE_NAMES[type(optimizer)]:
            raise ValueError(f"the optimizer's state has the names {', '.join(values):.80}")
        for name, tensor in values.items():
            if tensor.shape != (torch.Size() if name == "step" else parameter.shape):
                raise ValueError(f"{name}: of another shape")


def is_alike(saved: object, own: object) -> bool:
    """Whether an option's saved value is of the kind of the optimizer's own."""
    if isinstance(own, tuple):
        return isinstance(saved, tuple | list) and len(saved) == len(own) and all(map(is_finite, saved))
    return is_finite(saved) if is_finite(own) else saved is None or isinstance(saved, bool)


def decayed_lr(lr: float, decay: float, steps: int) -> float:
    """Keras's time-based decay."""
    return lr * (1 / (1 + decay * steps))
