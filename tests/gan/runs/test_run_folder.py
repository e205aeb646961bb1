"""Runs that begin at the same moment, in real processes: each has a folder of its own, or an error of its own."""

import json
import os
import time
from pathlib import Path

import pytest
from fork_server import PYTHONPATH, start_python, wait_for

from gan.config import TrainConfig
from gan.errors import GanError, SettingsError
from gan.runs.model_files import find_data, run_argument
from gan.runs.run_folder import RunFolder
from kit.quoting import quoted

BEGIN = """
import sys, time
from pathlib import Path
from gan.config import TrainConfig
from gan.runs.run_folder import RunFolder

def wait_for(*names):
    end = time.monotonic() + 120
    while not all(Path(name).exists() for name in names) and time.monotonic() < end:
        time.sleep(0.001)

def say(what):
    print(what)
    Path(f"said-{seed}").touch()
    wait_for("said-0", "said-1")

output, run, seed = sys.argv[1:]
Path(f"ready-{seed}").touch()
wait_for("go")
try:
    with RunFolder.create(TrainConfig(output=Path(output), run=run or None, seed=int(seed))) as folder:
        say(folder.path.name)
except Exception as error:
    say(error)
"""


def begin_together(folder: Path, output: Path, run: str) -> list[str]:
    """What processes of the seeds 0 and 1 say when they begin a run in the same second: a name, or an error."""
    environment = {**os.environ, "PYTHONPATH": PYTHONPATH}
    processes = [
        start_python(("-c", BEGIN, str(output), run, str(seed)), folder, environment) for seed in range(2)
    ]
    for seed, process in enumerate(processes):
        wait_for((folder / f"ready-{seed}").exists, process)
    time.sleep(1 - time.time() % 1)
    (folder / "go").touch()
    return [process.communicate(timeout=600)[0].rstrip("\n") for process in processes]


def test_runs_of_the_same_second_have_folders_of_their_own(tmp_path):
    names = begin_together(tmp_path, tmp_path / "runs", "")
    assert len(set(names)) == 2
    for seed, name in enumerate(names):
        assert json.loads((tmp_path / "runs" / name / "config.json").read_text())["seed"] == seed


def test_of_runs_of_one_name_one_begins_and_the_others_are_told_to_take_another_name(tmp_path):
    answers = begin_together(tmp_path, tmp_path / "runs", "mine")
    (winner,) = (seed for seed, answer in enumerate(answers) if answer == "mine")
    busy = f"{tmp_path / 'runs/mine'}: another vgc train works in this run; choose another --run"
    assert [answer for answer in answers if answer != "mine"] == [busy]
    assert json.loads((tmp_path / "runs/mine/config.json").read_text())["seed"] == winner


def test_a_folder_that_a_run_could_not_fill_is_taken_and_a_full_one_is_not(tmp_path):
    config = TrainConfig(output=tmp_path / "my runs", run="r")
    (config.output / "r").mkdir(parents=True)
    with RunFolder.create(config) as folder:
        assert folder.read_config() == config
    remedy = f"go on with --resume {quoted(config.output / 'r')}, or choose another --run"
    with pytest.raises(SettingsError) as refusal:
        RunFolder.create(config)
    assert str(refusal.value) == f"{config.output / 'r'}: that run exists already; {remedy}"


def test_a_run_is_called_by_its_name_where_that_finds_it():
    assert run_argument(Path("train_output/my run")) == quoted("my run")
    assert run_argument(Path("/elsewhere/runs/r")) == quoted(Path("/elsewhere/runs/r"))


def test_a_relative_data_folder_is_found_beside_the_run_from_any_folder(tmp_path, monkeypatch):
    run, data = tmp_path / "project/train_output/r", Path("Data/train_data/rgb_images")
    (tmp_path / "project" / data).mkdir(parents=True)
    (tmp_path / "other" / data).mkdir(parents=True)  # another project's
    run.mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "project")
    assert find_data(data, Path("train_output/r")) == data
    monkeypatch.chdir(tmp_path / "other")
    assert find_data(data, run) == tmp_path / "project" / data
    (tmp_path / "project" / data).rmdir()
    assert find_data(data, run) == data  # a run that was moved, and pictures that were not
    monkeypatch.chdir(tmp_path)
    with pytest.raises(GanError, match="are not there any more; name their folder with --data"):
        find_data(data, run)


def test_what_a_killed_training_was_writing_is_swept_when_the_run_begins_or_goes_on(tmp_path):
    (tmp_path / "r").mkdir()
    (tmp_path / "r/config.json.7.partial").write_bytes(b"{")
    with RunFolder.create(TrainConfig(output=tmp_path, run="r")):
        pass
    for name in ("checkpoint.pt.7.partial", "samples/00001000.png.7.partial"):
        (tmp_path / "r" / name).write_bytes(b"half")
    with RunFolder.find("r", tmp_path):
        assert not list(tmp_path.rglob("*.partial"))
