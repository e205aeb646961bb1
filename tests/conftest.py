"""Pictures made up on the spot and networks of a few channels, for tests that train."""

import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gan.config import PRESETS, Recipe

# A suite in the background of a shell is deaf to Ctrl-C, and so would be the commands that tests stop by it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The tests' networks are so small that a second thread only waits for the first, all the more on a busy machine.
torch.set_num_threads(1)
os.environ["OMP_NUM_THREADS"] = "1"

# PyTorch looks at it once, at a process's first product on a GPU, which may be of a test that needs no exactness.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

SLIM_WIDTHS = {
    "students": ((4, 8), (4, 4, 4, 4)),
    "transposed": ((8, 8, 8, 8), (8, 8, 8, 8)),
    "upsample": ((8, 8, 8, 8, 8), (8, 8, 8, 8)),
    "residual": ((8, 8, 8, 8, 8), (8, 8, 8, 8, 8)),
}


def slim(recipe: Recipe) -> Recipe:
    """The same recipe with a few channels a layer: everything happens as in the real one, but at once."""
    generator, discriminator = SLIM_WIDTHS[recipe.generator.family]
    return replace(
        recipe,
        generator=replace(recipe.generator, widths=generator),
        discriminator=replace(recipe.discriminator, widths=discriminator),
    )


@pytest.fixture
def slim_presets(monkeypatch: pytest.MonkeyPatch) -> None:
    """All presets slim, in this process."""
    for name, recipe in PRESETS.items():
        monkeypatch.setitem(PRESETS, name, slim(recipe))


@pytest.fixture(scope="session")
def discs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 40 coloured discs on black, 16x16, RGB PNG."""
    folder = tmp_path_factory.mktemp("discs")
    rng = np.random.default_rng(1)
    rows, columns = np.mgrid[:16, :16]
    for number in range(40):
        radius, colour = rng.uniform(3, 7), rng.integers(60, 256, 3)
        inside = (rows - 8) ** 2 + (columns - 8) ** 2 < radius**2
        Image.fromarray((inside[..., None] * colour).astype(np.uint8)).save(folder / f"{number:03d}.png")
    return folder
