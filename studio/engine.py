"""What draws in the studio: latents to pixels, whatever computes them."""

import logging
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gan.pretrained import TRAINED_ON

log = logging.getLogger(__name__)

MOST_PICTURES = 64
"""Drawn at a request."""

LICENCE_BUILT_IN = "Learned from CC0 1.0 pictures only: what it draws may be used freely, in games for sale too."
LICENCE_UNKNOWN = (
    "Who owns the pictures that a generator learned from may have a say in what it draws: for your own study, "
    "unless you have their leave."
)


@dataclass(frozen=True)
class ModelInfo:
    """What there is to know of a generator."""

    model: str
    """Its name, for people."""
    hash: str
    """64 hexadecimal digits; share codes carry the first 8."""
    latent_dim: int
    size_px: int
    """Side of its pictures, pixels."""
    trained_on: str

    @property
    def licence(self) -> str:
        """What may be done with its drawings, in a sentence or two."""
        return LICENCE_BUILT_IN if self.trained_on == TRAINED_ON else LICENCE_UNKNOWN


class Engine(Protocol):
    """Draws; to be called from one thread."""

    @property
    def info(self) -> ModelInfo:
        """What it draws with."""

    def draw(self, latents: NDArray[np.float32]) -> NDArray[np.uint8]:
        """[N, latent_dim] float32 -> [N, size_px, size_px, 3] uint8 RGB, none depending on the others."""

    def directions(self) -> NDArray[np.float32]:
        """[K, latent_dim], one step each; see `gan.directions`. May take seconds, in a thread of its own."""


def traits_of(engine: Engine) -> list[dict[str, Any]]:
    """An engine's directions as the page's sliders show them: ``name``, and ``vector`` of latent_dim floats."""
    vectors = engine.directions().tolist()
    return [{"name": f"Trait {number}", "vector": vector} for number, vector in enumerate(vectors, start=1)]


def load_engine(path: Path) -> Engine:
    """The fastest engine there is for a model.

    Where ONNX Runtime is installed, that is a ``.onnx`` file of ``vgc export``, named itself or found beside the
    generator that it was made from; else PyTorch, which is imported only then.

    Raises:
        GanError: the model is missing or damaged.
        StudioError: a ``.onnx`` file is named, but nothing is installed that runs it.
    """
    # Each backend is loaded by whoever draws with it: PyTorch alone takes seconds.
    if path.suffix == ".onnx":
        from studio.engine_onnx import OnnxEngine  # noqa: PLC0415

        return OnnxEngine(path)
    if find_spec("onnxruntime"):
        from studio.engine_onnx import exported_beside  # noqa: PLC0415

        if engine := exported_beside(path):
            return engine
    from studio.engine_torch import TorchEngine  # noqa: PLC0415

    log.warning("PyTorch draws; faster after: vgc export --model %s --onnx %s", path, path.with_suffix(".onnx"))
    return TorchEngine(path)


def name_of(path: Path) -> str:
    """What people call a model: its run, or its file."""
    return path.parent.name if path.stem == "generator" else path.stem
