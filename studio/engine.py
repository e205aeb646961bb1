"""The interface of an engine that draws in the studio: latents to pixels. `studio.engine_loader` picks one."""

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gan.runs.model_info import ModelInfo

MAX_IMAGES = 64
"""Drawn at a request."""


class Engine(Protocol):
    """Draws; to be called from one thread."""

    @property
    def info(self) -> ModelInfo:
        """What it draws with."""

    path: Path | None
    """The generator's file; None where there is none."""

    def draw(self, latents: NDArray[np.float32]) -> NDArray[np.uint8]:
        """[N, latent_dim] float32 -> [N, size_px, size_px, channels] uint8, none depending on the others.

        RGB, or RGBA with straight colours.
        """

    def directions(self) -> NDArray[np.float32]:
        """[K, latent_dim], one step each; see `gan.sampling.directions`. May take seconds."""
