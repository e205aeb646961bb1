"""What is found out before and beside a training: operations, memory, speed, profile, what fits."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from slim_networks import slim
from torch import nn
from torch.nn import functional as F

from gan.config import PRESETS, TrainConfig
from gan.errors import GanError
from gan.training.distributed import DistributedContext
from gan.training.dry_run import (
    FlopCounter,
    dry_run,
    gflop_per_image,
    peak_step_bytes,
    track_saved_tensors,
)
from gan.training.loop import resume, train
from gan.training.setup import make_trainer
from gan.training.trainer import Execution

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


class KnownTrainer:
    """In place of a trainer: what its steps compute and save is known by hand.

    One of two images multiplies ten numbers with ten, 20 operations, and saves a thousand; one with the penalty
    multiplies and saves nine times as many.
    """

    def __init__(self) -> None:
        self.recipe = replace(PRESETS["dcgan"], batch=2, r1_interval=4)
        self.execution = Execution(torch.device("cpu"))
        self.networks = SimpleNamespace(generator=nn.Linear(3, 5), discriminator=nn.Linear(5, 1))
        self.training_set = SimpleNamespace(images=torch.zeros(7, dtype=torch.uint8), is_mapped=False)
        self.steps = 0

    def train_step(self) -> None:
        times = 9 if self.steps % self.recipe.r1_interval == 0 else 1
        self.steps += 1
        torch.mm(torch.ones(1, 10), torch.ones(10, times))
        torch.zeros(1000 * times, requires_grad=True).exp().sum().backward()

    def state(self) -> dict[str, object]:
        return {"weights": [torch.zeros(11)], "steps": self.steps}


def test_operations_count_the_penalty_by_its_share_of_the_steps():
    # Of four steps one is with the penalty: (9 + 3) * 20 operations for eight images.
    assert gflop_per_image(KnownTrainer()) == pytest.approx(12 * 20 / 8 / 1e9)


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


def test_memory_is_the_images_the_state_the_gradients_and_the_peak_of_a_step_with_the_penalty():
    # 7 bytes of images, 11 numbers of state, gradients of 20 and 6 weights, 9000 numbers saved.
    assert peak_step_bytes(KnownTrainer()) == 7 + 4 * 11 + 4 * (20 + 6) + 4 * 9000


def test_a_real_step_with_the_penalty_computes_and_saves_more_than_one_without():
    trainer = make_trainer(*slim_training(), torch.device("cpu"), DistributedContext())
    flop, saved = [], []
    for trainer.steps in (0, 1):
        with FlopCounter() as counter, track_saved_tensors() as meter:
            trainer.train_step()
        flop.append(counter.flop)
        saved.append(meter.peak)
    assert flop[0] > 1.1 * flop[1]
    assert saved[0] > saved[1]


def slim_training(**settings: object) -> tuple[TrainConfig, torch.Tensor]:
    recipe = slim(PRESETS["dcgan"]).at_size(16)
    images = torch.randint(0, 256, (8, 3, 16, 16), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    return TrainConfig(batch=8, recipe=recipe, **settings), images


def test_seed_precision_and_micro_batches_of_the_settings_reach_the_steps():
    def weights_after_a_step(**settings: object) -> torch.Tensor:
        trainer = make_trainer(*slim_training(**settings), torch.device("cpu"), DistributedContext())
        drawn: list[int] = []
        trainer.networks.generator.register_forward_pre_hook(lambda _, inputs: drawn.append(len(inputs[0])))
        trainer.train_step()
        assert set(drawn) == {8 // settings.get("grad_accum", 1)}
        return torch.cat([weight.detach().flatten() for weight in trainer.networks.generator.parameters()])

    plain = weights_after_a_step(precision="fp32")
    assert torch.equal(weights_after_a_step(precision="fp32"), plain)
    for other in ({"precision": "bf16"}, {"seed": 3}, {"grad_accum": 2}):
        assert not torch.equal(weights_after_a_step(**{"precision": "fp32", **other}), plain)


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
def test_a_profile_leaves_a_table_and_a_trace(discs, tmp_path, monkeypatch):
    monkeypatch.setattr("gan.training.profiling.STEPS_RECORDED", 2)
    config = TrainConfig(discs, output=tmp_path, run="r", device="cpu", precision="fp32", batch=8, kimg=0.096)
    train(config, profile=True)
    assert "convolution" in (tmp_path / "r/profile.txt").read_text()
    events = json.loads((tmp_path / "r/profile-trace.json").read_text())["traceEvents"]
    assert any("convolution" in str(event.get("name")) for event in events)


@pytest.mark.usefixtures("slim_presets")
@pytest.mark.parametrize(("steps", "output"), [(8, "no profile: the first 8 steps"), (9, "profile of 1 steps")])
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
from gan.training import setup
from gan.training.loop import train

setup.keep_freed_memory = lambda: None  # what fits is then the same each time
PRESETS["dcgan"] = slim(PRESETS["dcgan"])
given = dict(data=Path(sys.argv[1]), output=Path(sys.argv[2]), device="cpu", precision="fp32")
train(TrainConfig(**given, run="warm", batch=8, kimg=0.04))
taken = int(re.search(r"VmSize:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024
resource.setrlimit(resource.RLIMIT_AS, (taken + 100 * 2**20,) * 2)
train(TrainConfig(**given, run="r", batch=2048, kimg=100))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits memory as Linux does")
def test_running_out_of_memory_names_the_split_that_fits(discs, tmp_path):
    # glibc keeps large blocks that were freed, torn, once it has seen some, and libraries that do not check what
    # they are given crash then. With a fixed threshold it gives them back.
    run = subprocess.run(
        [sys.executable, "-c", STARVED, str(discs), str(tmp_path)],
        env={
            "PYTHONPATH": f"{ROOT}:{ROOT / 'tests/gan'}",
            "OMP_NUM_THREADS": "1",
            "PATH": "",
            "MALLOC_MMAP_THRESHOLD_": "65536",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    message = "out of memory with 2048 pictures at once: add --grad-accum"
    assert message in run.stderr, f"exit {run.returncode}: {run.stderr}"
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
    assert "0.png: one colour all over (2 such pictures); take away what is no character" in caplog.text
    assert "few pictures (3)" in caplog.text
    data.rename(tmp_path / "rgb_images")
    (tmp_path / "rgb_images/metadata.jsonl").touch()
    train(TrainConfig(tmp_path / "rgb_images", **given))
    assert "delete such files in the raw folder, for what is deleted from the set comes back" in caplog.text
