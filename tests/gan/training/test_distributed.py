"""Several processes that train one pair of networks, on the CPU through Gloo."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from fork_server import PYTHONPATH, ForkedProcess
from slim_networks import slim
from torch.distributed.elastic.rendezvous import RendezvousConnectionError

from gan.config import PRESETS, TrainConfig
from gan.errors import GanError
from gan.runs.run_files import METRICS_FILE
from gan.training.distributed import process_group
from gan.training.launch import launch
from gan.training.loop import train
from gan.training.trainer import Execution, Trainer

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks processes up in /proc")


def three_steps() -> dict[str, Any]:
    """Train for three steps, alone or with others, without batch statistics."""
    cpu = torch.device("cpu")
    recipe = replace(slim(PRESETS["student"]).at_size(40), batch=8)
    rng = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (12, 3, 40, 40), generator=rng, dtype=torch.uint8)
    with process_group(cpu) as distributed:
        trainer = Trainer(recipe, images, 3, Execution(cpu, distributed=distributed))
        trainer.networks.discriminator.dropout.p = 0.0
        stats = []
        for _ in range(3):
            trainer.train_step()
            stats.append(trainer.take_stats())
        weights = sum(
            float(weight.detach().double().abs().sum()) for weight in trainer.networks.discriminator.parameters()
        )
        rows = len(range(*trainer.micro_batch_rows[0].indices(8)))
        return {"stats": stats, "weights": weights, "rows": rows}


def start(*arguments: str, cwd: Path, **environment: str) -> ForkedProcess:
    """A forked process; what it starts in its turn, such as a launcher its workers, loads PyTorch itself."""
    return ForkedProcess(arguments, cwd, {**os.environ, "PYTHONPATH": PYTHONPATH, **environment})


def finished(process: ForkedProcess) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=600)
    return process.wait(), out, err


def test_two_processes_train_as_one_does():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    folder = Path(__file__).parent
    program = (
        f"import json, sys; sys.path.insert(0, {str(folder)!r})\n"
        "import test_distributed as test; print(json.dumps(test.three_steps()))"
    )
    here = {"cwd": folder, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2"}
    pair = [start("-c", program, RANK=str(rank), **here) for rank in range(2)]
    one = three_steps()
    two = [json.loads(finished(process)[1]) for process in pair]
    assert (one["rows"], two[0]["rows"], two[1]["rows"]) == (8, 4, 4)
    assert two[0] == two[1]
    for whole, shared in zip(one["stats"], two[0]["stats"], strict=True):
        assert shared == pytest.approx(whole, rel=1e-4, abs=1e-6)
    assert two[0]["weights"] == pytest.approx(one["weights"], rel=1e-5)


@pytest.mark.parametrize("name", ["RANK", "WORLD_SIZE"])
def test_numbers_of_torchrun_that_are_none_are_named(name, monkeypatch):
    here = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1", "WORLD_SIZE": "2", "RANK": "0", name: "x"}
    for each, value in here.items():
        monkeypatch.setenv(each, value)
    with pytest.raises(GanError, match=r"torchrun.*'x'.*unset RANK"), process_group(torch.device("cpu")):
        pass


def training(discs: Path, cwd: Path, *arguments: str) -> ForkedProcess:
    return start(
        "-m", "cli", "train", "--data", str(discs), "--device", "cpu", "--devices", "2", *arguments, cwd=cwd
    )


def wait_for_another_line(metrics: Path, process: ForkedProcess) -> None:
    def lines() -> str:
        return metrics.read_text() if metrics.exists() else ""

    before, deadline = lines(), time.monotonic() + 600
    while len(lines()) <= len(before):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)


def workers_of(process: ForkedProcess) -> list[int]:
    output = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=True).stdout
    return [int(pid) for pid in output.split()]


def test_the_death_of_one_ends_all_with_a_word_and_resume_goes_on(discs, tmp_path):
    # A run of small networks: they go on with these.
    recipe = slim(PRESETS["dcgan"])
    train(
        TrainConfig(
            discs,
            output=tmp_path / "train_output",
            run="pair",
            device="cpu",
            precision="fp32",
            kimg=0.016,
            recipe=recipe,
        )
    )
    metrics = tmp_path / "train_output/pair" / METRICS_FILE
    process = training(discs, tmp_path, "--resume", "pair", "--minutes", "30", "--save-minutes", "0.001")
    wait_for_another_line(metrics, process)
    workers = workers_of(process)
    os.kill(workers[-1], signal.SIGKILL)
    code, _, err = finished(process)
    assert code == 1
    assert "was ended by SIGKILL, so all have ended; go on with: vgc train --devices 2 --resume pair" in err
    assert "Traceback" not in err
    assert_gone(workers)

    resumed = training(discs, tmp_path, "--resume", "pair")
    wait_for_another_line(metrics, resumed)
    workers = workers_of(resumed)
    os.kill(resumed.pid, signal.SIGINT)
    code, _, err = finished(resumed)
    assert code == 130
    assert err.count("stopped and saved; go on with: vgc train --resume pair") == 1
    assert "Traceback" not in err
    assert_gone(workers)


def test_torchrun_starts_them_too_and_they_end_and_save_when_it_was_killed(discs, tmp_path):
    arguments = ("train", "--data", str(discs), "--device", "cpu", "--run", "pair", "--minutes", "30")
    torchrun = ("-m", "torch.distributed.run", "--nproc-per-node", "2")
    process = start(*torchrun, "-m", "slim_networks", "--", *arguments, cwd=tmp_path)
    wait_for_another_line(tmp_path / "train_output/pair" / METRICS_FILE, process)
    workers = workers_of(process)
    process.kill()
    assert_gone(workers)
    _, _, err = finished(process)
    assert "stopped and saved; go on with: vgc train --resume pair" in err


def assert_gone(processes: list[int]) -> None:
    deadline = time.monotonic() + 120
    for pid in processes:
        while Path(f"/proc/{pid}").exists():
            assert time.monotonic() < deadline, "a process outlived the training"
            time.sleep(0.05)


def test_processes_that_cannot_meet_are_a_clear_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def launched(*_: object) -> None:
        raise RendezvousConnectionError("The connection to the C10d store has failed.")

    monkeypatch.setattr("gan.training.launch.elastic_launch", lambda *_: launched)
    monkeypatch.setattr("logging.disable", lambda _: None)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    with pytest.raises(GanError, match=r"--devices 2: .*leave --devices out"):
        launch(2, tmp_path)
