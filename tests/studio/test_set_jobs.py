"""Commands that make a set: they outlive the studio, and the next one takes them up."""

import sys
from pathlib import Path

import pytest
from studio_server import wait_until

from dataset.build import BuildSettings
from studio.workshop import vgc_command
from studio.workshop.folders import BusyError, Root
from studio.workshop.new_set import preprocess_words
from studio.workshop.set_jobs import JobRunner, SetJob
from studio.workshop.vgc_process import ask_to_end

SLEEP = """
import signal, sys, time
signal.signal(signal.SIGINT, lambda *_: sys.exit("vgc: interrupted"))
print(f"{sys.argv[1]} 1/2 a.png", flush=True)
time.sleep(float(sys.argv[-1]))
print(f"{sys.argv[1]} is done")
"""


@pytest.fixture(autouse=True)
def _sleeping(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands that only sleep, so many seconds, and end at Ctrl-C."""
    monkeypatch.setattr(vgc_command, "COMMAND", (sys.executable, "-S", "-c", SLEEP))


def job(*seconds: str) -> SetJob:
    commands = [[name, each] for name, each in zip(("scrape", "preprocess"), seconds, strict=True)]
    return SetJob("make", "heroes", "Data/heroes", lambda _: commands)


def begin(root: Path, job: SetJob) -> None:
    """In a studio that is as good as killed: nothing of it is asked any more."""
    runner = JobRunner(Root(root))
    runner.start(job)
    wait_until(lambda: runner.state.done)
    runner._stopped = True  # it begins nothing more


def test_the_next_studio_follows_the_command_at_work_and_does_what_comes_after_it(tmp_path: Path) -> None:
    begin(tmp_path, job("2", "0"))
    runner = JobRunner(Root(tmp_path))
    runner.resume()
    with pytest.raises(BusyError, match="heroes is being made"):
        runner.start(job("0", "0"))
    wait_until(lambda: runner.state.done)
    state = runner.state
    assert (state.running, state.step, state.done, state.total, state.doing) == (True, "scrape", 1, 2, "a.png")
    wait_until(lambda: not state.running)
    assert (state.ok, state.message, state.folder) == (True, "", "Data/heroes")
    assert state.lines == ["$ vgc scrape 2", "scrape is done", "$ vgc preprocess 0", "preprocess is done"]
    again = JobRunner(Root(tmp_path))
    again.resume()
    assert not again.state.running


def test_the_next_studio_stops_it(tmp_path: Path) -> None:
    begin(tmp_path, job("600", "600"))
    runner = JobRunner(Root(tmp_path))
    runner.resume()
    wait_until(lambda: runner.state.done)
    runner.stop()
    wait_until(lambda: not runner.state.running)
    assert (runner.state.message, runner.state.lines[-1]) == ("stopped", "vgc: interrupted")


def test_a_command_that_somebody_else_ends_ends_the_job(tmp_path: Path) -> None:
    runner = JobRunner(Root(tmp_path))
    runner.start(job("600", "600"))
    wait_until(lambda: runner.state.done)
    assert runner._process
    ask_to_end(runner._process)
    wait_until(lambda: not runner.state.running)
    assert (runner.state.message, runner.state.step) == ("stopped", "scrape")


def test_the_command_that_makes_a_set_again_has_all_that_it_was_made_with(tmp_path: Path) -> None:
    settings = BuildSettings(
        tmp_path / "my pictures", tmp_path / "set", size_px=64, margin_px=2, trim="each", matte=True,
        pixel_art="auto", include=("a*", "b*"),
    )  # fmt: skip
    assert vgc_command.as_text(preprocess_words(Root(tmp_path), settings)) == (
        "vgc preprocess --raw 'my pictures' --out set --size 64 --trim each --include 'a*' --include 'b*' "
        "--margin 2 --matte --pixel-art auto"
    )
