"""What tests of the training set use."""

from pathlib import Path

import pytest
from image_sets import noise


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Five pictures of noise, a.png to e.png."""
    folder = tmp_path / "raw"
    folder.mkdir()
    for seed, name in enumerate("abcde"):
        noise(seed).save(folder / f"{name}.png")
    return folder


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A folder that a set is made in, not there yet."""
    return tmp_path / "set"
