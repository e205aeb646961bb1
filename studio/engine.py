"""What draws in the studio: latents to pixels, whatever computes them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from gan.checkpoint import load_generator
from gan.codes import model_hash
from gan.directions import find_directions
from gan.sample import draw

LICENCE_UNKNOWN = (
    "Who owns the pictures that a generator learned from may have a say in what it draws: for your own study, "
    "unless you have their leave."
)
LICENCE_BUILT_IN = "Learned from CC0 1.0 pictures only: what it draws may be used freely, in games for sale too."


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
    licence: str
    """What may be done with its drawings, in a sentence or two."""


class Engine(Protocol):
    """Draws; to be called from one thread."""

    @property
    def info(self) -> ModelInfo:
        """What it draws with."""

    def draw(self, latents: NDArray[np.float32]) -> NDArray[np.uint8]:
        """[N, latent_dim] float32 -> [N, size_px, size_px, 3] uint8 RGB, none depending on the others."""

    def directions(self) -> NDArray[np.float32]:
        """[K, latent_dim], one step each; see `gan.directions`. Takes seconds, in a thread of its own."""


class TorchEngine:
    """Draws with PyTorch on the CPU."""

    def __init__(self, path: Path) -> None:
        torch.set_num_threads(1)  # a second thread costs single pictures more than it gives
        self._generator, header = load_generator(path, torch.device("cpu"))
        self.info = ModelInfo(
            model=path.stem if path.stem != "generator" else path.parent.name,
            hash=model_hash(self._generator),
            latent_dim=header.architecture.latent_dim,
            size_px=header.architecture.size_px,
            trained_on=header.trained_on,
            licence=LICENCE_BUILT_IN if "CC0" in header.trained_on else LICENCE_UNKNOWN,
        )

    def draw(self, latents: NDArray[np.float32]) -> NDArray[np.uint8]:
        """See `Engine`; the same bytes as `vgc generate` gives on a CPU."""
        return np.stack([np.asarray(picture) for picture in draw(self._generator, torch.from_numpy(latents))])

    def directions(self) -> NDArray[np.float32]:
        """See `Engine`."""
        return find_directions(self._generator, self.info.latent_dim)


def load_engine(path: Path) -> Engine:
    """The fastest engine there is for a generator file.

    Raises:
        GanError: missing or damaged.
    """
    return TorchEngine(path)
