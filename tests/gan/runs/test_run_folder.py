"""Runs that begin at the same moment, in real processes: each has a folder of its own, or an error of its own."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gan.config import TrainConfig
from gan.errors import GanError, SettingsError
from gan.runs.model_files import find_data, run_argument
from gan.runs.run_folder import RunFolder
from kit.quoting import quoted

BEGIN = """
import sys
from pathlib import Path
from gan.config import TrainConfig
from gan.runs.run_folder import RunFolder

print("ready", flush=True)
for line in sys.stdin:
    output, run = eval(line)
    try:
        with RunFolder.create(TrainConfig(output=Path(output), run=run, seed=int(sys.argv[1]))) as folder:
            print(folder.path.name, flush=True)
            sys.stdin.readline()
    except Exception as error:
        print(error, flush=True)
        sys.stdin.readline()
"""


@pytest.fixture(scope="module")
def two_processes() -> Iterator[list[subprocess.Popen[str]]]:
    """They begin runs, with the seeds 0 and 1."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    pipe = subprocess.PIPE
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", BEGIN, str(seed)],
            env=environment,
            text=True,
            bufsize=1,
            stdin=pipe,
            stdout=pipe,
        )
        for seed in range(2)
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    yield processes
    for process in processes:
        process.communicate()


def begin_together(processes: list[subprocess.Popen[str]], output: Path, run: str | None) -> list[str]:
    """What they say when they begin a run in the same second: a folder, or an error."""
    time.sleep(1 - time.time() % 1)
    for process in processes:
        process.stdin.write(f"{(str(output), run)!r}\n")
    answers = [process.stdout.readline().rstrip("\n") for process in processes]
    for process in processes:
        process.stdin.write("end\n")
    return answers


def test_runs_of_the_same_second_have_folders_of_their_own(two_processes, tmp_path):
    names = begin_together(two_processes, tmp_path / "runs", None)
    assert len(set(names)) == 2
    for seed, name in enumerate(names):
        assert json.loads((tmp_path / "runs" / name / "config.json").read_text())["seed"] == seed


def test_of_runs_of_one_name_one_begins_and_the_others_are_told_to_take_another_name(two_processes, tmp_path):
    answers = begin_together(two_processes, tmp_path / "runs", "mine")
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
