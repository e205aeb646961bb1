"""The base is trained in pieces, and published as two files in 16 bits."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open

from gan.networks.build import build_discriminator
from gan.runs.checkpoint import load_checkpoint, load_generator
from release.publish_base import publish_base, read_discriminator
from release.train_base import RUN, train_piece


@pytest.fixture(scope="module")
def base_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base of 16 pictures of noise, trained in two pieces."""
    folder = tmp_path_factory.mktemp("base")
    pictures = folder / "rgb_images"
    pictures.mkdir()
    for number in range(16):
        noise = np.random.default_rng(number).integers(0, 256, (16, 16, 3), np.uint8)
        Image.fromarray(noise).save(pictures / f"{number}.png")
    train_piece(pictures, folder / "runs", kimg=0.016)
    return train_piece(pictures, folder / "runs", kimg=0.048)


def test_a_second_piece_goes_on_where_the_first_one_stopped(base_run: Path) -> None:
    assert base_run.name == RUN
    assert load_checkpoint(base_run / "checkpoint.pt")["steps"] == 3


def test_the_published_pair_is_the_average_and_the_discriminator_in_16_bits(
    base_run: Path, tmp_path: Path
) -> None:
    publish_base(base_run, tmp_path, "pictures of noise")
    generator, header = load_generator(tmp_path / "base.safetensors", torch.device("cpu"))
    assert header.trained_on == "pictures of noise"
    assert header.images == 48
    discriminator, architecture = read_discriminator(tmp_path / "base-discriminator.safetensors")
    averaged, _ = load_generator(base_run / "generator.safetensors", torch.device("cpu"))
    for name, tensor in averaged.state_dict().items():
        assert torch.allclose(generator.state_dict()[name], tensor, atol=1e-3, rtol=1e-3)
    build_discriminator(architecture).load_state_dict(discriminator)
    with safe_open(tmp_path / "base-discriminator.safetensors", "pt") as file:
        assert all(file.get_tensor(name).dtype == torch.float16 for name in file.keys())  # noqa: SIM118
