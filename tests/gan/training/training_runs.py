"""Short runs for the tests of training."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import fork_server
from fork_server import ForkedProcess

from gan.config import TrainConfig


def config(discs: Path, output: Path, **settings) -> TrainConfig:
    defaults = {
        "data": discs,
        "output": output,
        "run": "r",
        "device": "cpu",
        "precision": "fp32",
        "batch": 8,
        "kimg": 0.08,
    }
    return TrainConfig(**{**defaults, **settings})


def vgc(*arguments: str, cwd: Path) -> "subprocess.Popen[str] | ForkedProcess":
    """Start the command, with slim networks."""
    command = ("-m", "slim_networks", *arguments)
    if fork_server.AVAILABLE:
        return ForkedProcess(command, cwd)
    return subprocess.Popen(
        [sys.executable, *command],
        cwd=cwd, env={**os.environ, "PYTHONPATH": fork_server.PYTHONPATH}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def metrics(run: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def wait_for(condition, process: "subprocess.Popen[str] | ForkedProcess", seconds: float = 600) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
