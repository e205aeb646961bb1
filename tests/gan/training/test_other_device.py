"""Training on a device that is not the CPU, shown without one: same numbers, nothing mixed, nothing waited for."""

import json
from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace

import pytest
import simulated_device
import torch
from simulated_device import DEVICE, SimulatedDevice, syncs
from slim_networks import slim

from gan.config import PRESETS, TrainConfig
from gan.runs.checkpoint import load_checkpoint
from gan.training.cuda_graphs import CALLS_BEFORE_CAPTURE, CUDAGraphedStep
from gan.training.dry_run import tensors_in
from gan.training.loop import resume, train
from gan.training.trainer import Execution, Trainer


@pytest.fixture(autouse=True)
def other_device(monkeypatch):
    monkeypatch.setattr(torch, "Generator", simulated_device.AnyGenerator)
    monkeypatch.setattr(torch, "tensor", simulated_device.tensor)
    syncs.clear()


@pytest.fixture
def capturable(monkeypatch):
    """The parts of torch.cuda that a capture needs, and optimizers as they are on CUDA.

    A list of the devices that were made the current one.
    """
    stream = SimpleNamespace(wait_stream=lambda _: None)
    current: list[torch.device] = []
    for name, value in {
        "Stream": lambda: stream,
        "current_stream": lambda: stream,
        "stream": nullcontext,
        "CUDAGraph": simulated_device.Graph,
        "graph": simulated_device.graph,
        "device": lambda device: current.append(device) or nullcontext(),
    }.items():
        monkeypatch.setattr(torch.cuda, name, value)
    monkeypatch.setattr(
        "gan.training.trainer.make_optimizer",
        lambda recipe, parameters, lr, _: torch.optim.Adam(parameters, lr, betas=recipe.betas, capturable=True),
    )
    return current


def make_trainer(preset: str, device: torch.device, grad_accum: int = 1) -> Trainer:
    recipe = replace(slim(PRESETS[preset]).at_size(40), r1_interval=4, batch=8)
    rng = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (40, 3, 40, 40), generator=rng, dtype=torch.uint8)
    return Trainer(recipe, images, 0, Execution(device, grad_accum=grad_accum))


@pytest.mark.parametrize("grad_accum", [1, 2])
@pytest.mark.parametrize("preset", PRESETS)
def test_steps_on_another_device_are_those_of_the_cpu_and_wait_for_nothing(preset, grad_accum):
    on_cpu = make_trainer(preset, torch.device("cpu"), grad_accum)
    for _ in range(5):
        on_cpu.train_step()
    with SimulatedDevice():
        elsewhere = make_trainer(preset, DEVICE, grad_accum)
        syncs.clear()
        for _ in range(5):
            elsewhere.train_step()
        assert syncs == ["aten::_to_copy"]  # the order of the epoch's pictures; on CUDA from pinned memory
        stats, expected = elsewhere.take_stats(), on_cpu.take_stats()
        for name in (
            "sign_real",
            "sign_fake",
        ):  # scores near 0 may have either sign, some of projected's 175 an image
            assert stats.pop(name) == pytest.approx(expected.pop(name), abs=0.01)
        assert stats == pytest.approx(expected, rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("preset", ["dcgan-2015", "dcgan", "r3gan"])
def test_captured_steps_are_the_same_steps(preset, capturable):
    with SimulatedDevice():
        eager, captured = make_trainer(preset, DEVICE), make_trainer(preset, DEVICE)
        captured._step = CUDAGraphedStep(captured._train_step)
        # Both kinds of step, each twice from its graph.
        steps = (CALLS_BEFORE_CAPTURE + 1) * captured.recipe.r1_interval + 1
        for one in (eager, captured):
            for _ in range(steps):
                one.train_step()
        for one, other in zip(tensors_in(eager.state()), tensors_in(captured.state()), strict=True):
            assert torch.equal(one, other)
    assert capturable == [DEVICE] * steps


def test_a_run_is_scored_elsewhere_and_goes_on_on_the_cpu_and_back(discs, tmp_path, slim_presets, monkeypatch):
    monkeypatch.setattr("gan.evaluation.features.LITE0_SIDE_PX", 32)  # discs of 16 pixels hold no more
    monkeypatch.setattr(
        "gan.training.loop.choose_device", {"cuda": DEVICE, "cpu": torch.device("cpu")}.__getitem__
    )
    given = {"output": tmp_path, "run": "moved", "device": "cuda", "precision": "fp32", "batch": 8}
    with SimulatedDevice():
        train(TrainConfig(discs, kimg=0.04, eval_every_kimg=0.04, **given))
        resume("moved", tmp_path, {"kimg": 0.08, "device": "cpu", "eval_every_kimg": 1})
        resume("moved", tmp_path, {"kimg": 0.12, "device": "cuda"})
    lines = (tmp_path / "moved" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["images"] for line in lines] == [40]
    assert load_checkpoint(tmp_path / "moved" / "checkpoint.pt")["steps"] == 15
