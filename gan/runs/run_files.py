"""What lies in a run's folder, read without loading PyTorch."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kit.jsonl import read_jsonl
from kit.typed_json import is_finite, read_fields, read_object

LOCK_FILE = ".lock"
CHECKPOINT_FILE = "checkpoint.pt"
METRICS_FILE = "metrics.jsonl"
REPORT_FILE = "report.html"
OUTCOME_FILE = "outcome.json"
"""An `Outcome`."""
LOG_FILE = "train.log"
"""What a training said that was started from the studio's page."""
TRAINING, ENDED, STOPPED = "training", "ended", "stopped"
REPORT_STATE = re.compile(rf'class="state ({TRAINING}|{ENDED}|{STOPPED})"')

MAX_HEAD_CHARS = 65_536
"""Of the report, in which its state stands; the pictures come later."""


@dataclass(frozen=True)
class Outcome:
    """How the last training in a run ended."""

    images: int
    """Shown."""
    noise: bool
    """Whether its last samples were noise."""
    seconds: float = 0.0
    """Trained, by all trainings in the run; 0: not known, of a run of an earlier version."""


def read_metrics(run: Path) -> list[dict[str, float]]:
    """The whole lines of a run's metrics in the order in which they were written: ``images`` and other numbers."""
    try:
        lines = [
            {name: value for name, value in line.items() if is_finite(value)}
            for line in read_jsonl(run / METRICS_FILE)
        ]
    except OSError:
        return []
    return [line for line in lines if line.get("images", -1) >= 0]


def ended_in_noise(run: Path, images: int) -> bool:
    """Whether the last samples of a run were noise, if that is known of so many images shown."""
    outcome = read_outcome(run)
    return outcome is not None and outcome.images == images and outcome.noise


def trained_seconds(run: Path, metrics: Sequence[Mapping[str, float]]) -> float:
    """How long a run was trained: to its last line of metrics, or to the end of a training, if that is later."""
    outcome = read_outcome(run)
    return max([line.get("seconds", 0.0) for line in metrics] + [outcome.seconds if outcome else 0.0])


def read_outcome(run: Path) -> Outcome | None:
    """How the last training in a run ended; None where that is not known, or the file is damaged."""
    try:
        return read_fields(Outcome, read_result(run / OUTCOME_FILE))
    except ValueError:
        return None


def read_result(file: Path) -> dict[str, Any]:
    """What a command left in a run, its values unchecked; nothing where there is none, or a damaged one."""
    try:
        return read_object(file) if file.is_file() else {}
    except ValueError:
        return {}


def sample_files(run: Path) -> list[Path]:
    """The boards of generated pictures, named by the pictures shown, the earliest first."""
    numbered = (path for path in (run / "samples").glob("*.png") if path.stem.isdecimal())
    return sorted(numbered, key=lambda path: int(path.stem))


def report_state(run: Path) -> str | None:
    """What a run's page says of it: `TRAINING` (after a kill too), `ENDED`, `STOPPED`; None without a page."""
    page = run / REPORT_FILE
    if not page.is_file():
        return None
    with page.open(encoding="utf-8") as text:
        found = REPORT_STATE.search(text.read(MAX_HEAD_CHARS))
    return found and found[1]
