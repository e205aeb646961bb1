"""A simulated accelerator, for machines without one.

Its tensors report another device; the CPU computes them. Mixing them with CPU tensors is an error, as on a GPU;
every synchronisation is noted; and work can be captured and replayed, as with a CUDA graph. What it cannot show:
kernels, streams, speed, and a CPU that runs ahead.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.backend_registration import _DummyBackendModule, _setup_privateuseone_for_python_backend

READS = {"aten::_local_scalar_dense", "aten::nonzero", "aten::equal", "aten::masked_select"}
MOVES = {"aten::_to_copy", "aten::to", "aten::copy_"}
UNDECLARED_WRITES = {"running_mean", "running_var"}
"""Arguments of batch norm that it changes although its schema does not say so."""


class Backend(_DummyBackendModule):
    """What PyTorch asks of a device's module."""

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.bfloat16]


_setup_privateuseone_for_python_backend("simulated", backend_module=Backend())

DEVICE = torch.device("simulated", 0)
syncs: list[str] = []
"""Operators for which the CPU had to wait for the device, or the device for the CPU's memory."""
captures: list["Graph"] = []
"""The one that is being made, if one is."""


class DeviceTensor(Tensor):
    """A tensor on the simulated device; ``host`` holds its values."""

    host: Tensor

    @staticmethod
    def __new__(cls, host: Tensor) -> "DeviceTensor":
        tensor: DeviceTensor = Tensor._make_wrapper_subclass(
            cls, host.size(), host.stride(), dtype=host.dtype, device=DEVICE
        )
        tensor.host = host
        return tensor

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return run(func, args, kwargs or {})

    def __repr__(self) -> str:
        return f"DeviceTensor({self.host})"

    def tolist(self) -> Any:
        syncs.append("tolist")
        return self.host.tolist()

    def numpy(self) -> Any:
        raise TypeError("can't convert a tensor of the simulated device to numpy")

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.host.detach().__reduce_ex__(protocol)


def leaves(tree: Any) -> Iterator[Any]:
    """What an operator's arguments or results hold; PyTorch's own functions for it take half a step's time."""
    if isinstance(tree, list | tuple):
        for each in tree:
            yield from leaves(each)
    elif isinstance(tree, dict):
        yield from leaves(list(tree.values()))
    else:
        yield tree


def map_leaves(function: Callable[[Any], Any], tree: Any) -> Any:
    """The same lists, tuples and dicts with other leaves."""
    if isinstance(tree, list | tuple):
        return type(tree)([map_leaves(function, each) for each in tree])
    if isinstance(tree, dict):
        return {key: map_leaves(function, each) for key, each in tree.items()}
    return function(tree)


class SimulatedDevice(TorchDispatchMode):
    """Inside this block tensors can be made on `DEVICE` and moved there."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return run(func, args, kwargs or {})


def run(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """One operator, computed on the CPU; its result is on the device where it belongs."""
    args, kwargs = device_by_name(func, args, kwargs)
    name, target = func._schema.name, kwargs.get("device")
    tensors = [leaf for leaf in leaves((args, kwargs)) if isinstance(leaf, Tensor)]
    on_device = [tensor for tensor in tensors if isinstance(tensor, DeviceTensor)]
    foreign = any(tensor.dim() for tensor in tensors if not isinstance(tensor, DeviceTensor))
    if name == "aten::copy_":
        result_on_device = isinstance(args[0], DeviceTensor)
    else:
        result_on_device = bool(on_device) if target is None else torch.device(target).type == DEVICE.type
    moves = name in MOVES and (result_on_device if foreign else bool(on_device) and not result_on_device)
    if on_device and foreign and not moves:
        raise RuntimeError(f"{name}: expected all tensors on one device, found {DEVICE} and cpu")
    if moves or (on_device and name in READS):
        syncs.append(name)
        if captures:
            raise RuntimeError(f"{name}: not permitted while a graph is captured")
    host_args, host_kwargs = map_leaves(
        lambda leaf: leaf.host if isinstance(leaf, DeviceTensor) else leaf, (args, kwargs)
    )
    if target is not None:
        host_kwargs["device"] = "cpu"
    if captures:
        captures[-1].keep_before_write(func, host_args, host_kwargs)
    result = func(*host_args, **host_kwargs)
    if not result_on_device:
        return result
    if captures:
        captures[-1].calls.append((func, host_args, host_kwargs, result))
    known = {id(tensor.host): tensor for tensor in on_device}  # what was changed in place stays the same tensor
    return map_leaves(lambda made: to_device(made, known), result)


def to_device(made: Any, known: dict[int, DeviceTensor]) -> Any:
    """A leaf of a result as the device has it: the tensor that it has already, or a new one."""
    if not isinstance(made, Tensor):
        return made
    return known[id(made)] if id(made) in known else DeviceTensor(made)


def device_by_name(func: Any, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The same arguments, from ``device`` on by name."""
    names = [argument.name for argument in func._schema.arguments]
    if "device" not in names or len(args) <= names.index("device"):
        return args, kwargs
    index = names.index("device")
    return args[:index], {**kwargs, **dict(zip(names[index:], args[index:], strict=False))}


class Generator(torch.Generator):
    """Chance of the simulated device: the CPU's by another name."""

    @property
    def device(self) -> torch.device:
        return DEVICE


class AnyGenerator(torch.Generator):
    """In place of `torch.Generator`."""

    def __new__(cls, device: Any = "cpu") -> torch.Generator:
        return Generator() if torch.device(device).type == DEVICE.type else generator_of_torch()


generator_of_torch, tensor_of_torch = torch.Generator, torch.tensor


def tensor(data: Any, device: Any = None, **options: Any) -> Tensor:
    """In place of `torch.tensor`, which fills the new tensor past all that Python sees."""
    made = tensor_of_torch(data, **options)
    return made if device is None else made.to(device)


class Graph:
    """In place of `torch.cuda.CUDAGraph`: the calls of a piece of work, and their results."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, Any, Any, Any]] = []
        self._before: list[tuple[Tensor, Tensor]] = []

    def keep_before_write(self, func: Any, args: Any, kwargs: dict[str, Any]) -> None:
        """Note what the tensors held that a call is about to write to."""
        by_name = {**dict(zip([each.name for each in func._schema.arguments], args, strict=False)), **kwargs}
        for argument in func._schema.arguments:
            declared = argument.alias_info is not None and argument.alias_info.is_write
            if declared or argument.name in UNDECLARED_WRITES:
                written = leaves(by_name.get(argument.name))
                self._before += [(each, each.clone()) for each in written if isinstance(each, Tensor)]

    def undo(self) -> None:
        """Capturing does not execute: restore what the tensors held."""
        for tensor, before in reversed(self._before):
            tensor.copy_(before)
        self._before.clear()

    def replay(self) -> None:
        """The same calls with the same tensors, whatever is in them now; no Python of the captured work runs."""
        for func, args, kwargs, result in self.calls:
            again = func(*args, **kwargs)
            for old, new in zip(leaves(result), leaves(again), strict=True):
                if isinstance(old, Tensor) and old.data_ptr() != new.data_ptr():  # no view, nor changed in place
                    old.copy_(new)


@contextmanager
def graph(captured: Graph) -> Iterator[None]:
    """In place of `torch.cuda.graph`."""
    captures.append(captured)
    try:
        yield
    finally:
        captures.pop().undo()
