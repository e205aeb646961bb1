"""Networks in safetensors files with a JSON header, checked before memory is asked for."""

from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor, nn

from gan.device import is_out_of_memory
from gan.errors import GanError
from kit.typed_json import parse_object

HEADER_KEY = "vgc"
MAX_HEADER_CHARS = 100_000


def read_header(path: Path) -> dict[str, Any]:
    """The JSON object under `HEADER_KEY`.

    Raises:
        GanError: there is no such file, it is damaged, or not a network of vgc.
    """
    if not path.is_file():
        raise GanError(f"{path}: no such model file")
    try:
        with safe_open(path, "pt") as file:
            text = (file.metadata() or {}).get(HEADER_KEY)
    except Exception as error:  # safetensors has its own, Python's and the system's
        raise GanError(
            f"{path}: damaged, or no generator file; name a run or another file with --model"
        ) from error
    if text is None:
        raise GanError(f"{path}: not a generator of vgc (its header has no '{HEADER_KEY}' entry)")
    try:
        if len(text) > MAX_HEADER_CHARS:
            raise ValueError(f"more than {MAX_HEADER_CHARS:,} characters")
        return parse_object(text)
    except ValueError as error:
        raise bad_header(path, error) from error


def bad_header(path: Path, error: Exception) -> GanError:
    """What to raise where a header is not what `vgc` writes."""
    return GanError(f"{path}: its header is damaged ({error}); name a run or another file with --model")


def read_weights(path: Path, network: nn.Module) -> nn.Module:
    """Give a network the weights of a file, as float32 on the CPU.

    Args:
        path: read by `read_header` before.
        network: built under `gan.networks.build.without_weights`, so that nothing is allocated for a file that
            promises more than it has.

    Raises:
        GanError: they are of another network, not numbers, or larger than the memory.
    """
    own = network.state_dict()
    try:
        with safe_open(path, "pt") as file:
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
            fits = shapes == {name: tuple(tensor.shape) for name, tensor in own.items()}
            weights = {name: file.get_tensor(name).to(own[name].dtype) for name in own} if fits else {}
    except Exception as error:  # as above
        if is_out_of_memory(error):
            raise GanError(f"{path}: no memory left to read it; end other programs, then try again") from error
        raise GanError(f"{path}: its weights cannot be read; the file is damaged") from error
    return with_weights(network, weights, path)


def with_weights(network: nn.Module, weights: object, path: Path) -> nn.Module:
    """The network with these tensors in place of its own.

    Args:
        network: as in `read_weights`.
        weights: its tensors by name, as its ``state_dict`` has them.
        path: where they come from, for messages.

    Raises:
        GanError: they are of another network, or not numbers.
    """
    own = network.state_dict()
    if not isinstance(weights, dict) or own.keys() != weights.keys():
        raise GanError(f"{path}: its weights do not fit its header; the file is damaged")
    for name, tensor in weights.items():
        if not isinstance(tensor, Tensor) or (tensor.shape, tensor.dtype) != (own[name].shape, own[name].dtype):
            raise GanError(f"{path}: its weights do not fit its header; the file is damaged")
        if not torch.isfinite(tensor).all():
            raise GanError(f"{path}: {name} holds weights that are not numbers; name another model")
        if name.endswith("running_var") and (tensor < 0).any():
            raise GanError(f"{path}: {name} holds variances below 0; name another model")
    network.load_state_dict(weights, assign=True)
    return network
