"""Checkpoints and generator files of a run: tensors and JSON, never code."""

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from gan import old_names
from gan.config import Architecture, GanError
from gan.device import is_out_of_memory
from gan.networks.build import build_generator
from gan.runs.model_info import ModelInfo, model_name
from kit.atomic import replacing, write_bytes

CHECKPOINT_FORMAT = 4
"""Format 3 had other names; see `gan.old_names`."""
GENERATOR_FORMAT = 2
"""Format 1 had other names; see `gan.old_names`."""
HEADER_KEY = "vgc"


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

    @property
    def sources(self) -> str:
        """``trained_on``, and that of its ancestors."""
        return "; started from ".join((self.trained_on, *reversed(self.lineage)))

    def describe(self, path: Path) -> str:
        """The model in ``path`` for people, in one line."""
        return f"{path} ({self.preset}, {self.images:,} images, trained on {self.sources})"


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
    with path.open("rb") as file:
        try:
            state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
            written_as = state.get("format")
        except Exception as error:  # damaged bytes mean anything to an unpickler, and so raise anything
            if is_out_of_memory(error):
                raise GanError(f"{path}: no memory left to read it; end other programs, then go on") from error
            raise GanError(f"{path}: damaged or not a checkpoint of vgc; start a new run") from error
    if written_as not in (3, CHECKPOINT_FORMAT):
        raise GanError(
            f"{path}: checkpoint format {written_as}, this version reads {CHECKPOINT_FORMAT}; "
            "go on with the version that wrote it, or start a new run (its generator.safetensors still draws)"
        )
    return old_names.rename_keys(state, old_names.CHECKPOINT)


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
    tensors, header = read_generator_file(path)
    generator = build_generator(header.architecture)
    try:
        generator.load_state_dict(tensors)
    except RuntimeError as error:
        raise GanError(f"{path}: its weights do not fit its header; the file is damaged") from error
    # Channels last as in training: in another layout the same weights may round to another byte.
    generator = generator.to(device).to(memory_format=torch.channels_last)
    return generator.eval().requires_grad_(False), header


def open_generator(path: Path, device: torch.device) -> "LoadedGenerator":
    """`load_generator`, and all that is known of the model; GanError as there."""
    return LoadedGenerator(path, *load_generator(path, device))


def read_generator_file(path: Path) -> tuple[dict[str, Tensor], GeneratorHeader]:
    """The tensors and the header of a generator file; GanError as in `load_generator`."""
    if not path.is_file():
        raise GanError(f"{path}: no such model file")
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except SafetensorError as error:
        raise GanError(
            f"{path}: damaged, or no generator file; name a run or another file with --model"
        ) from error
    if HEADER_KEY not in metadata:
        raise GanError(f"{path}: not a generator of vgc (its header has no '{HEADER_KEY}' entry)")
    values = json.loads(metadata[HEADER_KEY])
    file_format = values.pop("format")
    if file_format not in (1, GENERATOR_FORMAT):
        raise GanError(
            f"{path}: generator format {file_format}, this version reads {GENERATOR_FORMAT}; update vgc"
        )
    values["architecture"] = Architecture.from_json(values["architecture"])
    values["lineage"] = tuple(values.get("lineage", ()))
    values["preset"] = old_names.preset_name(values["preset"])
    return tensors, GeneratorHeader(**values)


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
