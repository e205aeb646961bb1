"""What only a GPU can show; skipped where there is none."""

from dataclasses import replace

import pytest
import torch
from slim_networks import slim

from gan.config import PRESETS, TrainConfig
from gan.device import use_algorithms
from gan.training.loop import resume, train
from gan.training.trainer import Execution, Trainer

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")


def trainer(cuda_graphs: bool = False) -> Trainer:
    recipe = replace(slim(PRESETS["dcgan"]).at_size(16), batch=16)
    images = torch.randint(0, 256, (40, 3, 16, 16), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    return Trainer(recipe, images, 0, Execution(torch.device("cuda"), cuda_graphs=cuda_graphs))


@pytest.fixture
def exact():
    use_algorithms(deterministic=True)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.mark.usefixtures("exact")
def test_recorded_steps_are_the_same_steps():
    eager, recorded = trainer(), trainer(cuda_graphs=True)
    for _ in range(80):  # every 16th has the penalty, and is recorded after its third time
        eager.train_step()
        recorded.train_step()
    assert recorded.take_stats() == pytest.approx(eager.take_stats(), rel=1e-3)
    for one, other in zip(eager.generator_ema.parameters(), recorded.generator_ema.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-2, atol=1e-4)


@pytest.mark.parametrize("cuda_graphs", [False, True])
def test_a_step_never_waits_for_the_gpu(cuda_graphs):
    waiting = trainer(cuda_graphs)
    for _ in range(80):
        waiting.train_step()
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(40):
            waiting.train_step()
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.usefixtures("slim_presets", "exact")
def test_a_deterministic_run_goes_on_bit_for_bit(discs, tmp_path):
    given = {"output": tmp_path, "device": "cuda", "batch": 8, "deterministic": True}
    train(TrainConfig(discs, run="whole", kimg=0.16, **given))
    train(TrainConfig(discs, run="halves", kimg=0.08, **given))
    resume("halves", tmp_path, {"kimg": 0.16})
    one, other = (tmp_path / run / "generator.safetensors" for run in ("whole", "halves"))
    assert one.read_bytes() == other.read_bytes()
