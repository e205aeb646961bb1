"""What tests of training use."""

import shutil
from pathlib import Path

import pytest
from slim_networks import slim
from training_runs import config

from gan.config import PRESETS
from gan.training.loop import train


@pytest.fixture(scope="session")
def trained_run(discs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 80 images, to be copied."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PRESETS, "dcgan", slim(PRESETS["dcgan"]))
        return train(config(discs, tmp_path_factory.mktemp("trained"))).run


@pytest.fixture
def run(trained_run: Path, tmp_path: Path) -> Path:
    """A copy of it, called r, to be changed."""
    return Path(shutil.copytree(trained_run, tmp_path / "r"))
