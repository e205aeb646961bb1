"""Drawing with PyTorch."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from gan.runs.checkpoint import load_generator, model_info
from gan.sampling.directions import find_directions
from gan.sampling.sample import draw


class TorchEngine:
    """Draws with PyTorch on the CPU; see `studio.engine.Engine`.

    Args:
        path: a generator file.
        threads: for all of PyTorch in this process; a second one costs single pictures more than it gives.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        torch.set_num_threads(threads)
        self.path: Path | None = path
        self.generator, header = load_generator(path, torch.device("cpu"))
        self.info = model_info(path, self.generator, header)

    def draw(self, latents: NDArray[np.float32]) -> NDArray[np.uint8]:
        """See `Engine`; the same bytes as ``vgc generate`` gives on a CPU."""
        return np.stack([np.asarray(image) for image in draw(self.generator, torch.from_numpy(latents))])

    def directions(self) -> NDArray[np.float32]:
        """See `Engine`."""
        return find_directions(self.generator, self.info.latent_dim)
