"""The base is trained in pieces, and published as two files in 16 bits."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open

from gan import pretrained
from gan.config import PRESET_FROM_BASE, PRESETS
from gan.runs.checkpoint import load_checkpoint, load_generator
from gan.training.transfer import find_source, load_discriminator
from release.base_set import SOURCES, TRAINED_ON
from release.publish_base import DISCRIMINATOR_FILE, GENERATOR_FILE, publish_base
from release.train_base import RUN, train_piece


@pytest.fixture(scope="module")
def base_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base of 16 pictures of noise, trained in two pieces."""
    folder = tmp_path_factory.mktemp("base")
    images = folder / "rgb_images"
    images.mkdir()
    for number in range(16):
        noise = np.random.default_rng(number).integers(0, 256, (16, 16, 3), np.uint8)
        Image.fromarray(noise).save(images / f"{number}.png")
    train_piece(images, folder / "runs", kimg=0.016)
    return train_piece(images, folder / "runs", kimg=0.048)


def test_a_second_piece_goes_on_where_the_first_one_stopped(base_run: Path) -> None:
    assert base_run.name == RUN
    assert load_checkpoint(base_run / "checkpoint.pt")["steps"] == 3


def test_a_lost_run_goes_on_from_the_published_pair(base_run: Path, tmp_path: Path) -> None:
    run = train_piece(base_run.parent.parent / "rgb_images", tmp_path, kimg=0.016, init_from="base")
    assert load_generator(run / "generator.safetensors", torch.device("cpu"))[1].lineage


def test_the_shipped_base_is_a_pair_of_free_pictures_that_a_training_starts_from(tmp_path: Path) -> None:
    shipped = Path(pretrained.__path__[0])
    pair = [shipped / name for name in (GENERATOR_FILE, DISCRIMINATOR_FILE)]
    assert sum(path.stat().st_size for path in pair) <= 12_000_000
    source = find_source("base", tmp_path)
    assert source.discriminator is not None
    assert source.header.preset == PRESET_FROM_BASE
    assert source.header.architecture == PRESETS[PRESET_FROM_BASE].generator
    assert source.header.trained_on == TRAINED_ON
    output = json.loads((shipped / "base-sources.json").read_text(encoding="utf-8"))
    assert {source["name"] for source in output} == {source.name for source in SOURCES}
    assert sum(source["pictures"] for source in output) == 13_022


def test_the_published_pair_is_the_average_and_the_discriminator_in_16_bits(
    base_run: Path, tmp_path: Path
) -> None:
    publish_base(base_run, tmp_path, "pictures of noise")
    generator, header = load_generator(tmp_path / "base.safetensors", torch.device("cpu"))
    assert header.trained_on == "pictures of noise"
    assert header.images == 48
    discriminator = load_discriminator(tmp_path / DISCRIMINATOR_FILE).state_dict()
    trained = load_checkpoint(base_run / "checkpoint.pt")["discriminator"]
    assert all(torch.allclose(discriminator[name], tensor, atol=1e-3) for name, tensor in trained.items())
    averaged, _ = load_generator(base_run / "generator.safetensors", torch.device("cpu"))
    for name, tensor in averaged.state_dict().items():
        assert torch.allclose(generator.state_dict()[name], tensor, atol=1e-3, rtol=1e-3)
    with safe_open(tmp_path / "base-discriminator.safetensors", "pt") as file:
        assert all(file.get_tensor(name).dtype == torch.float16 for name in file.keys())  # noqa: SIM118
