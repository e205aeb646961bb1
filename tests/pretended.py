"""An accelerator that is only pretended, for machines without one.

Its tensors say that they are on another device; the CPU works out their numbers. To mix them with the CPU's own is
an error, as on a GPU; whatever makes the CPU wait for them is noted; and work can be recorded and started again as
a whole, as with a CUDA graph. What it cannot show: kernels, streams, speed, and a CPU that runs ahead.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter, tree_leaves, tree_map
from torch.utils.backend_registration import _DummyBackendModule, _setup_privateuseone_for_python_backend

READS = {"aten::_local_scalar_dense", "aten::nonzero", "aten::equal", "aten::masked_select"}
MOVES = {"aten::_to_copy", "aten::to", "aten::copy_"}
WRITTEN_UNTOLD = {"running_mean", "running_var"}
"""Arguments of batch norm that it changes although its schema does not say so."""


class Backend(_DummyBackendModule):
    """What PyTorch asks a kind of device."""

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.bfloat16]


_setup_privateuseone_for_python_backend("pretended", backend_module=Backend())

DEVICE = torch.device("pretended", 0)
waits: list[str] = []
"""Operators for which the CPU had to wait for the device, or the device for the CPU's memory."""
recordings: list["Graph"] = []
"""The one that is being made, if one is."""


class There(Tensor):
    """A tensor on the pretended device; ``here`` holds its numbers."""

    here: Tensor

    @staticmethod
    def __new__(cls, here: Tensor) -> "There":
        there: There = Tensor._make_wrapper_subclass(
            cls, here.size(), here.stride(), dtype=here.dtype, device=DEVICE
        )
        there.here = here
        return there

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return run(func, args, kwargs or {})

    def __repr__(self) -> str:
        return f"There({self.here})"

    def tolist(self) -> Any:
        waits.append("tolist")
        return self.here.tolist()

    def numpy(self) -> Any:
        raise TypeError("can't convert a tensor of the pretended device to numpy")

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.here.detach().__reduce_ex__(protocol)


class Pretended(TorchDispatchMode):
    """Inside this block tensors can be made on `DEVICE` and moved there."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return run(func, args, kwargs or {})


def run(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """One operator, worked out on the CPU; its outcome lies on the device where it belongs."""
    args, kwargs = device_by_name(func, args, kwargs)
    name, target = func._schema.name, kwargs.get("device")
    tensors = [part for part in tree_iter((args, kwargs)) if isinstance(part, Tensor)]
    there = [tensor for tensor in tensors if isinstance(tensor, There)]
    foreign = any(tensor.dim() for tensor in tensors if not isinstance(tensor, There))
    if name == "aten::copy_":
        ends_there = isinstance(args[0], There)
    else:
        ends_there = bool(there) if target is None else torch.device(target).type == DEVICE.type
    moves = name in MOVES and (ends_there if foreign else bool(there) and not ends_there)
    if there and foreign and not moves:
        raise RuntimeError(f"{name}: expected all tensors on one device, found {DEVICE} and cpu")
    if moves or (there and name in READS):
        waits.append(name)
        if recordings:
            raise RuntimeError(f"{name}: not permitted while a graph is recorded")
    here_args, here_kwargs = tree_map(lambda part: part.here if isinstance(part, There) else part, (args, kwargs))
    if target is not None:
        here_kwargs["device"] = "cpu"
    if recordings:
        recordings[-1].keep_what_changes(func, here_args, here_kwargs)
    outcome = func(*here_args, **here_kwargs)
    if not ends_there:
        return outcome
    if recordings:
        recordings[-1].calls.append((func, here_args, here_kwargs, outcome))
    known = {id(tensor.here): tensor for tensor in there}  # what was changed in place stays the same tensor
    return tree_map(lambda made: placed(made, known), outcome)


def placed(made: Any, known: dict[int, There]) -> Any:
    """A part of an outcome as the device has it: the tensor that is known there, or a new one."""
    if not isinstance(made, Tensor):
        return made
    return known[id(made)] if id(made) in known else There(made)


def device_by_name(func: Any, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The same arguments, from ``device`` on by name."""
    names = [argument.name for argument in func._schema.arguments]
    if "device" not in names or len(args) <= names.index("device"):
        return args, kwargs
    place = names.index("device")
    return args[:place], {**kwargs, **dict(zip(names[place:], args[place:], strict=False))}


class Generator(torch.Generator):
    """Chance of the pretended device: the CPU's by another name."""

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
    """In place of `torch.cuda.CUDAGraph`: the calls of a stretch of work, and where their outcomes lie."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, Any, Any, Any]] = []
        self._before: list[tuple[Tensor, Tensor]] = []

    def keep_what_changes(self, func: Any, args: Any, kwargs: dict[str, Any]) -> None:
        """Note what the tensors held that a call is about to write to."""
        by_name = {**dict(zip([each.name for each in func._schema.arguments], args, strict=False)), **kwargs}
        for argument in func._schema.arguments:
            told = argument.alias_info is not None and argument.alias_info.is_write
            if told or argument.name in WRITTEN_UNTOLD:
                written = tree_leaves(by_name.get(argument.name))
                self._before += [(each, each.clone()) for each in written if isinstance(each, Tensor)]

    def undo(self) -> None:
        """To record is not to do: give all tensors back what they held."""
        for tensor, before in reversed(self._before):
            tensor.copy_(before)
        self._before.clear()

    def replay(self) -> None:
        """The same calls with the same tensors, whatever is in them now; no Python of the recorded work runs."""
        for func, args, kwargs, outcome in self.calls:
            again = func(*args, **kwargs)
            for old, new in zip(tree_leaves(outcome), tree_leaves(again), strict=True):
                if isinstance(old, Tensor) and old.data_ptr() != new.data_ptr():  # no view, nor changed in place
                    old.copy_(new)


@contextmanager
def graph(recorded: Graph) -> Iterator[None]:
    """In place of `torch.cuda.graph`."""
    recordings.append(recorded)
    try:
        yield
    finally:
        recordings.pop().undo()
