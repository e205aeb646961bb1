"""What draws in the studio: latents to pixels, whatever computes them."""

import logging
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gan.runs.model_info import ModelInfo

log = logging.getLogger(__name__)

MOST_PICTURES = 64
"""Drawn at a request."""


class Engine(Protocol):
    """Draws; to be called from one thread."""

    @property
    def info(self) -> ModelInfo:
        """What it draws with."""

    def draw(self, latents: NDArray[np.float32]) -> NDArray[np.uint8]:
        """[N, latent_dim] float32 -> [N, size_px, size_px, 3] uint8 RGB, none depending on the others."""

    def directions(self) -> NDArray[np.float32]:
        """[K, latent_dim], one step each; see `gan.sampling.directions`. May take seconds."""


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
