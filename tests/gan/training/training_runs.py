"""Short runs for the tests of training."""

import json
import os
import subprocess
from pathlib import Path

from fork_server import PYTHONPATH, ForkedProcess, start_python

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
    return start_python(("-m", "slim_networks", *arguments), cwd, {**os.environ, "PYTHONPATH": PYTHONPATH})


def metrics(run: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
