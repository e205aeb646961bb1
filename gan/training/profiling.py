"""Where the time of a training goes: a trace and a table of a few steps."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile, schedule

from gan.runs.run_folder import RunFolder
from kit.atomic import replacing, write_text

STEPS_BEFORE, STEPS_TO_WARM_UP, STEPS_RECORDED = 5, 3, 16
ROWS = 40
TRACE_FILE = "profile-trace.json"
TABLE_FILE = "profile.txt"

log = logging.getLogger(__name__)


class NoProfiler:
    """Stands in where nothing is recorded."""

    def step(self) -> None:
        """Do nothing."""


@contextmanager
def open_profiler(folder: RunFolder | None, wanted: bool) -> Iterator[Any]:
    """A profiler whose ``step()`` is called after every step of training.

    After a few steps it records `STEPS_RECORDED` of them and writes two files into the run's folder:
    ``profile-trace.json`` (open it in a browser's chrome://tracing or in Perfetto) and ``profile.txt``, the
    operators that took most of the time. A run that ends before leaves those of the steps it had, if any.
    """
    if not wanted or not folder:
        yield NoProfiler()
        return
    gpu = torch.cuda.is_available()
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if gpu else [])]
    first = STEPS_BEFORE + STEPS_TO_WARM_UP
    order = f"self_{'cuda' if gpu else 'cpu'}_time_total"

    def write(done: profile) -> None:
        recorded = min(done.step_num - first, STEPS_RECORDED)
        if not recorded:
            return
        with replacing(folder.path / TRACE_FILE) as partial:
            done.export_chrome_trace(str(partial))
        write_text(folder.path / TABLE_FILE, done.key_averages().table(sort_by=order, row_limit=ROWS))
        log.warning("profile of %d steps: %s, %s", recorded, folder.path / TABLE_FILE, TRACE_FILE)

    steps = schedule(wait=STEPS_BEFORE, warmup=STEPS_TO_WARM_UP, active=STEPS_RECORDED, repeat=1)
    with profile(activities=activities, schedule=steps, on_trace_ready=write) as profiler:
        yield profiler
    if profiler.step_num <= first:
        log.warning("no profile: the first %d steps are left out, and there were no more", first)
