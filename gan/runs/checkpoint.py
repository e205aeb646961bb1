"""Checkpoints and generator files of a run: tensors and JSON, never code."""

import hashlib
import json
import os
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor, nn

from gan import old_names
from gan.config import Architecture
from gan.device import is_out_of_memory
from gan.errors import GanError, SettingsError
from gan.networks.build import build_generator, without_weights
from gan.runs.model_info import ModelInfo, model_name
from gan.runs.network_file import HEADER_KEY, bad_header, read_header, read_weights
from kit.atomic import replacing, write_bytes
from kit.typed_json import is_finite, read_fields

CHECKPOINT_FORMAT = 4
"""Format 3 had other names; see `gan.old_names`."""
GENERATOR_FORMAT = 2
"""Format 1 had other names; see `gan.old_names`."""
MAX_COUNT = 2**53
"""Of steps and pictures."""


@dataclass(frozen=True)
class GeneratorHeader:
    """The header of a generator file."""

    architecture: Architecture
    preset: str
    images: int
    """Real pictures shown when it was saved."""
    trained_on: str
    """A few words on the pictures, for the people who get its drawings."""
    lineage: tuple[str, ...] = ()
    """What its training started from, the oldest first; see `gan.training.transfer`."""

    def __post_init__(self) -> None:
        if not 0 <= self.images < MAX_COUNT:
            raise SettingsError(f"images {self.images}: no number of pictures")
        if not self.architecture.latent_dim:
            raise SettingsError("latent_dim 0: no generator")

    @property
    def sources(self) -> str:
        """``trained_on``, and that of its ancestors."""
        return "; started from ".join((self.trained_on, *reversed(self.lineage)))

    def describe(self, path: Path) -> str:
        """The model in ``path`` for people, in one line: of its ancestors only what it started from itself."""
        began = f"; started from {self.lineage[-1]}" if self.lineage else ""
        return f"{path} ({self.preset}, {self.images:,} images, trained on {self.trained_on}{began})"


@dataclass(frozen=True)
class LoadedGenerator:
    """A generator ready to draw, and where it came from."""

    path: Path
    network: nn.Module
    header: GeneratorHeader

    @cached_property
    def info(self) -> ModelInfo:
        """In words, with its hash."""
        return model_info(self.path, self.network, self.header)

    @property
    def device(self) -> torch.device:
        """Where it draws."""
        return next(self.network.parameters()).device


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write ``state`` (tensors, numbers, strings, dicts and lists of them) atomically; OSError if it cannot be."""
    with replacing(path) as partial:
        try:
            torch.save({"format": CHECKPOINT_FORMAT, **state}, partial)
        except RuntimeError as error:  # what PyTorch makes of a full disk
            raise OSError("is the disk full?") from error


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read what `save_checkpoint` wrote, onto the CPU, never running code from the file.

    Raises:
        GanError: missing, damaged, of another format, or larger than the memory.
    """
    if not path.is_file():
        raise GanError(f"{path}: no checkpoint there to go on from; start a new run")
    with path.open("rb") as file, warnings.catch_warnings(action="ignore"):  # of PyTorch, of damaged bytes
        try:
            require_no_more_than_its_bytes(file)
            state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
            written_as = dict(state)["format"]
            require_plain_state(state)
        except Exception as error:  # damaged bytes mean anything to an unpickler, and so raise anything
            if is_out_of_memory(error):
                raise GanError(f"{path}: no memory left to read it; end other programs, then go on") from error
            raise GanError(f"{path}: damaged or not a checkpoint of vgc; start a new run") from error
    if written_as not in (3, CHECKPOINT_FORMAT):
        raise GanError(
            f"{path}: checkpoint format {written_as!s:.20}, this version reads {CHECKPOINT_FORMAT}; "
            "go on with the version that wrote it, or start a new run (its generator.safetensors still draws)"
        )
    return old_names.rename_keys(state, old_names.CHECKPOINT)


def require_no_more_than_its_bytes(file: IO[bytes]) -> None:
    """ValueError if the zip file of a checkpoint unpacks to more than it is; PyTorch only stores."""
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
    packed = any(member.compress_type != zipfile.ZIP_STORED for member in members)
    if packed or sum(member.file_size for member in members) > file.seek(0, os.SEEK_END):
        raise ValueError("it unpacks to more than its size")
    file.seek(0)


def require_plain_state(state: dict[str, Any]) -> None:
    """ValueError for numbers that no training has, and for tensors of other kinds, or larger than their memory."""
    if type(state["format"]) is not int:
        raise ValueError("no format")
    for name in {"steps", "stats_steps"} & state.keys():
        if type(state[name]) is not int or not 0 <= state[name] < MAX_COUNT:
            raise ValueError(f"{name} {state[name]!r:.40}")
    if not is_finite(state.get("seconds", 0.0)) or state.get("seconds", 0.0) < 0:
        raise ValueError(f"seconds {state['seconds']!r:.40}")
    for tensor in tensors_in(state):
        plain = type(tensor) is Tensor and tensor.layout is torch.strided and tensor.device.type == "cpu"
        if not plain or tensor.nbytes > tensor.untyped_storage().nbytes():
            raise ValueError("a tensor that no checkpoint has")


def tensors_in(state: object) -> Iterator[Tensor]:
    """The tensors in dicts, lists and tuples, however they hold each other."""
    waiting, seen = [state], set[int]()
    while waiting:
        value = waiting.pop()
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, dict | list | tuple) and id(value) not in seen:
            seen.add(id(value))
            waiting.extend(value.values() if isinstance(value, dict) else value)


def save_generator(
    path: Path, generator: nn.Module, header: GeneratorHeader, dtype: torch.dtype = torch.float32
) -> None:
    """Write a generator's weights with its header as safetensors, atomically."""
    tensors = {
        name: t.to("cpu", dtype if t.is_floating_point() else None).contiguous()
        for name, t in generator.state_dict().items()
    }
    text = json.dumps({"format": GENERATOR_FORMAT, **asdict(header)}, sort_keys=True)
    write_bytes(path, save(tensors, metadata={HEADER_KEY: text}))


def load_generator(path: Path, device: torch.device) -> tuple[nn.Module, GeneratorHeader]:
    """Read a generator file: the network in float32 on ``device``, ready to draw, and its header.

    Raises:
        GanError: missing, damaged, not a generator of vgc, or of a newer format.
    """
    header = read_generator_header(path)
    with without_weights():
        generator = build_generator(header.architecture)
    generator = read_weights(path, generator)
    # Channels last as in training: in another layout the same weights may round to another byte.
    generator = generator.to(device).to(memory_format=torch.channels_last)
    return generator.eval().requires_grad_(False), header


def open_generator(path: Path, device: torch.device) -> "LoadedGenerator":
    """`load_generator`, and all that is known of the model; GanError as there."""
    return LoadedGenerator(path, *load_generator(path, device))


def read_generator_header(path: Path) -> GeneratorHeader:
    """The header of a generator file, its weights unread; GanError as in `load_generator`."""
    values = read_header(path)
    file_format = values.pop("format", None)
    if file_format not in (1, GENERATOR_FORMAT):
        raise GanError(
            f"{path}: generator format {file_format!s:.20}, this version reads {GENERATOR_FORMAT}; update vgc"
        )
    try:
        header = read_fields(GeneratorHeader, values)
        with without_weights():
            build_generator(header.architecture)  # one that cannot be is found here
    except (ValueError, SettingsError) as error:
        raise bad_header(path, error) from error
    return replace(header, preset=old_names.preset_name(header.preset))


def model_hash(generator: nn.Module) -> str:
    """SHA-256 of a generator's tensors: names, shapes and little-endian values, 64 hexadecimal digits.

    Floats count in 32 bits, as they are once loaded, so the hash depends neither on the file's header nor on the
    device.
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(generator.state_dict().items()):
        values = np.ascontiguousarray(tensor.cpu().numpy())
        digest.update(f"{name} {values.shape} {values.dtype}\n".encode())
        digest.update(values.astype(values.dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()


def model_info(path: Path, generator: nn.Module, header: GeneratorHeader) -> ModelInfo:
    """What `load_generator` read from ``path``, in words."""
    return ModelInfo(
        model=model_name(path),
        hash=model_hash(generator),
        latent_dim=header.architecture.latent_dim,
        size_px=header.architecture.size_px,
        trained_on=header.sources,
        channels=header.architecture.channels,
    )
