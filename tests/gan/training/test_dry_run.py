"""What is found out before and beside a training: operations, memory, speed, profile, what fits."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from slim_networks import slim
from torch.nn import functional as F

from gan.config import PRESETS, GanError, TrainConfig
from gan.networks.build import count_parameters
from gan.training.distributed import DistributedContext
from gan.training.dry_run import (
    FlopCounter,
    dry_run,
    gflop_per_image,
    peak_step_bytes,
    tensors_in,
    track_saved_tensors,
)
from gan.training.loop import resume, train
from gan.training.setup import make_trainer
from gan.training.trainer import Execution, Trainer

ROOT = Path(__file__).parents[3]


def test_operations_of_a_convolution_and_its_way_back_are_known_by_hand():
    images = torch.zeros(2, 3, 8, 8, requires_grad=True)
    weight = torch.zeros(5, 3, 4, 4, requires_grad=True)
    forward = 2 * (2 * 5 * 4 * 4) * (3 * 4 * 4)  # multiply and add, for each output of each picture, each input
    with FlopCounter() as counter:
        out = F.conv2d(images, weight, stride=2, padding=1)
    assert counter.flop == forward
    with FlopCounter() as counter:
        out.sum().backward()
    assert counter.flop == 2 * forward  # once for the pictures, once for the weights


def small_trainer(preset: str) -> Trainer:
    recipe = replace(slim(PRESETS[preset]).at_size(16), batch=2)
    return Trainer(recipe, torch.zeros(4, 3, 16, 16, dtype=torch.uint8), 0, Execution(torch.device("cpu")))


def test_operations_count_the_penalty_by_its_share_of_the_steps():
    lazy, none = small_trainer("dcgan"), small_trainer("dcgan-2015")
    steps = []
    for lazy.steps in (0, 1):
        with FlopCounter() as counter:
            lazy.train_step()
        steps.append(counter.flop)
    assert steps[0] > 1.1 * steps[1]
    assert gflop_per_image(lazy) == pytest.approx((steps[0] + 15 * steps[1]) / 16 / 2 / 1e9)
    assert gflop_per_image(none) > 0


def test_memory_saved_for_the_backward_pass_is_counted_once_and_released():
    x = torch.zeros(1000, requires_grad=True)
    with track_saved_tensors() as meter:
        y = x.exp()  # saves its result
        z = y * y  # saves it again
        assert meter.current == meter.peak == 4000
        z.sum().backward()
        del z
        assert meter.current == 0
    assert meter.peak == 4000


def test_memory_is_the_state_the_gradients_and_the_peak_of_a_step_with_the_penalty():
    trainer = small_trainer("dcgan")
    memory = peak_step_bytes(trainer)
    peaks = []
    for trainer.steps in (0, 1):
        with track_saved_tensors() as meter:
            trainer.train_step()
        peaks.append(meter.peak)
    networks = trainer.networks
    weights = count_parameters(networks.generator) + count_parameters(networks.discriminator)
    standing = trainer.training_set.images.nbytes + sum(tensor.nbytes for tensor in tensors_in(trainer.state()))
    assert memory == standing + 4 * weights + peaks[0]
    assert peaks[0] > peaks[1]


def test_the_trainer_is_as_the_settings_say():
    recipe = slim(PRESETS["dcgan"]).at_size(16)
    config = TrainConfig(batch=8, seed=3, grad_accum=2, precision="bf16", recipe=recipe)
    images = torch.zeros(4, 3, 16, 16, dtype=torch.uint8)
    trainer = make_trainer(config, images, torch.device("cpu"), DistributedContext())
    assert (trainer.sampler.seed, trainer.execution.precision) == (3, "bf16")
    assert trainer.recipe == replace(recipe, batch=8)
    assert trainer.micro_batch_rows == [slice(0, 4), slice(4, 8)]


@pytest.mark.usefixtures("slim_presets")
def test_a_dry_run_tells_what_the_training_then_does(discs, tmp_path, monkeypatch):
    monkeypatch.setattr("gan.training.dry_run.SECONDS_TRIED", 0.2)
    result = dry_run(TrainConfig(data=discs, device="cpu", precision="fp32", batch=8, kimg=2))
    assert (result.pictures, result.size_px, result.batch, result.images) == (40, 16, 8, 2000)
    assert result.minutes == pytest.approx(2000 / result.images_per_second / 60)
    assert result.memory_bytes > 40 * 3 * 16 * 16
    assert result.gflop_per_image > 0
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("slim_presets")
def test_a_profile_leaves_a_table_and_a_trace(discs, tmp_path):
    config = TrainConfig(discs, output=tmp_path, run="r", device="cpu", precision="fp32", batch=8, kimg=0.24)
    train(config, profile=True)
    assert "convolution" in (tmp_path / "r/profile.txt").read_text()
    events = json.loads((tmp_path / "r/profile-trace.json").read_text())["traceEvents"]
    assert any("convolution" in str(event.get("name")) for event in events)


@pytest.mark.usefixtures("slim_presets")
@pytest.mark.parametrize(("steps", "output"), [(8, "no profile: the first 8 steps"), (13, "profile of 5 steps")])
def test_a_run_too_short_for_a_whole_profile_says_so(discs, tmp_path, caplog, steps, output):
    given = {"run": "r", "device": "cpu", "precision": "fp32", "batch": 8, "kimg": steps * 8 / 1000}
    train(TrainConfig(discs, output=tmp_path, **given), profile=True)
    assert next(record.message for record in caplog.records if "profile" in record.message).startswith(output)
    assert (tmp_path / "r/profile.txt").exists() == (steps > 8)


@pytest.mark.usefixtures("slim_presets")
def test_a_resumed_run_may_split_its_batch(discs, tmp_path):
    train(TrainConfig(discs, output=tmp_path, run="r", device="cpu", precision="fp32", batch=8, kimg=0.04))
    assert resume("r", tmp_path, {"kimg": 0.08, "grad_accum": 2}).images == 80


@pytest.mark.usefixtures("slim_presets")
def test_deterministic_training_uses_no_other_algorithms(discs, tmp_path):
    given = {"device": "cpu", "precision": "fp32", "batch": 8, "kimg": 0.04, "deterministic": True}
    try:
        for run in "ab":
            train(TrainConfig(discs, output=tmp_path, run=run, **given))
            assert torch.are_deterministic_algorithms_enabled()
    finally:
        torch.use_deterministic_algorithms(False)
    assert (tmp_path / "a/generator.safetensors").read_bytes() == (
        tmp_path / "b/generator.safetensors"
    ).read_bytes()


# Trains with a batch for which there is no memory, though there is for a part of it.
STARVED = """
import re, resource, sys
from pathlib import Path
from slim_networks import slim
from gan.config import PRESETS, TrainConfig
from gan.training.loop import train

PRESETS["dcgan"] = slim(PRESETS["dcgan"])
given = dict(data=Path(sys.argv[1]), output=Path(sys.argv[2]), device="cpu", precision="fp32")
train(TrainConfig(**given, run="warm", batch=8, kimg=0.04))
taken = int(re.search(r"VmSize:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024
resource.setrlimit(resource.RLIMIT_AS, (taken + 400 * 2**20,) * 2)
train(TrainConfig(**given, run="r", batch=8192, kimg=100))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits memory as Linux does")
def test_running_out_of_memory_names_the_split_that_fits(discs, tmp_path):
    # glibc keeps large blocks that were freed, torn, once it has seen some, and libraries that do not check what
    # they are given crash then. With a fixed threshold it gives them back: what fits is the same each time.
    run = subprocess.run(
        [sys.executable, "-c", STARVED, str(discs), str(tmp_path)],
        env={
            "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}",
            "OMP_NUM_THREADS": "1",
            "PATH": "",
            "MALLOC_MMAP_THRESHOLD_": "65536",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert "out of memory with 8192 pictures at once: add --grad-accum" in run.stderr
    assert (tmp_path / "r/checkpoint.pt").exists()


@pytest.mark.usefixtures("slim_presets")
def test_pictures_of_one_colour_are_named(tmp_path, caplog):
    from PIL import Image

    data = tmp_path / "data"
    data.mkdir()
    for number in range(3):
        Image.new("RGB", (16, 16), (number, 0, 0)).save(data / f"{number}.png")
    given = {"output": tmp_path, "device": "cpu", "precision": "fp32", "batch": 2, "kimg": 0.01}
    with pytest.raises(GanError, match=r"0\.png: one colour all over, and so is every picture there"):
        train(TrainConfig(data, **given))
    Image.radial_gradient("L").resize((16, 16)).convert("RGB").save(data / "1.png")
    train(TrainConfig(data, **given))
    assert "0.png: one colour all over (2 such pictures)" in caplog.text
    assert "few pictures (3)" in caplog.text
