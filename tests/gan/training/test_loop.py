"""A training from its settings to its end: files, clock, refusals, full disks."""

import json
import resource
import signal
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path, PureWindowsPath

import pytest
import torch
from fork_server import wait_for
from PIL import Image
from training_runs import config, metrics, vgc

from gan.config import TrainConfig
from gan.errors import GanError, SettingsError
from gan.runs.checkpoint import load_checkpoint, save_checkpoint
from gan.runs.run_files import read_outcome
from gan.training.clock import Clock, format_remaining, images_and_total, is_due, is_finished
from gan.training.loop import resume, train

pytestmark = pytest.mark.usefixtures("slim_presets")


def test_a_run_leaves_the_documented_files(discs, tmp_path):
    summary = train(config(discs, tmp_path, kimg=1.1))
    run = tmp_path / "r"
    assert summary.run == run
    assert summary.images == 1104  # the first multiple of the batch, 8, that is not below 1,100
    assert not summary.stopped
    assert json.loads((run / "config.json").read_text())["preset"] == "dcgan"
    assert [line["images"] for line in metrics(run)] == [1000]
    assert {"loss_d", "loss_g", "sign_real", "images_per_second", "seconds"} <= metrics(run)[0].keys()
    assert {path.name for path in (run / "samples").iterdir()} == {
        "00000000.png", "00001104.png", "real.png", "real-augmented.png",
    }  # fmt: skip
    assert Image.open(run / "samples/00000000.png").size == (8 * 20 + 4, 8 * 20 + 4)
    assert list(run.glob("events.out.tfevents.*"))
    assert load_checkpoint(run / "checkpoint.pt")["steps"] == 138
    assert (run / "generator.safetensors").stat().st_size > 0
    outcome = read_outcome(run)
    assert (outcome.images, outcome.noise) == (1104, summary.noise)
    assert metrics(run)[0]["seconds"] < outcome.seconds == pytest.approx(summary.minutes * 60, abs=1)
    assert summary.too_short == summary.noise
    assert replace(summary, images=999).too_short


def test_a_training_leaves_out_what_is_to_be_held_out_and_keeps_to_it(discs, tmp_path):
    lines: list[str] = []
    train(config(discs, tmp_path, hold_out=0.2, kimg=0.008), notify=lines.append)
    assert "32 pictures of 16x16, without the 20 % held out, batch 8, fp32 on cpu" in lines[0]
    with pytest.raises(SettingsError, match=r"--resume cannot change --hold-out 0.3 \(the run has 0.2\)"):
        resume("r", tmp_path, {"hold_out": 0.3, "kimg": 1})
    assert resume("r", tmp_path, {"kimg": 0.016}).images == 16
    with pytest.raises(SettingsError, match=r"--hold-out 0.9: choose a share, 0 to 0\.5"):
        config(discs, tmp_path, hold_out=0.9)


def test_marks_lie_even_at_first_and_half_as_dense_from_each_hundredth_on():
    marks = [n for n in range(100, 800_001, 100) if is_due(n, 100, 1000)]
    assert marks[:3] == [1000, 2000, 3000]
    spans = pairwise([0, 100_000, 200_000, 400_000, 800_000])
    assert [sum(low < mark <= high for mark in marks) for low, high in spans] == [100, 50, 50, 50]


def test_a_slow_machine_has_a_sample_a_minute_at_first_and_a_tenth_of_its_time_apart_later():
    def is_due_after(seconds: float, earlier_seconds: float) -> bool:
        clock = Clock(earlier_seconds, images_before=0, save_seconds=1)
        clock.start()
        clock.sampled -= seconds
        return clock.sample_is_due()

    assert [is_due_after(seconds, 0) for seconds in (59, 61)] == [False, True]
    assert [is_due_after(seconds, 3600) for seconds in (359, 361)] == [False, True]


def test_samples_by_the_clock_change_nothing_that_is_trained(discs, tmp_path, monkeypatch):
    train(config(discs, tmp_path, kimg=0.1, run="plain"))
    monkeypatch.setattr(Clock, "sample_is_due", lambda _clock: True)
    train(config(discs, tmp_path, kimg=0.1, run="sampled"))
    assert len(list((tmp_path / "sampled/samples").glob("0*.png"))) == 14  # 0, 8, …, 104
    generators = [(tmp_path / name / "generator.safetensors").read_bytes() for name in ("plain", "sampled")]
    assert generators[0] == generators[1]


def test_a_run_ends_by_pictures_or_by_minutes_whichever_come_first():
    both = TrainConfig(kimg=2, minutes=1)
    assert [is_finished(both, *now) for now in ((1999, 59.9), (2000, 0), (0, 60))] == [False, True, True]
    assert not is_finished(TrainConfig(), 10**9, 10**9)


def test_the_end_is_foretold_by_the_speed_of_the_last_steps():
    clock = Clock(earlier_seconds=60, images_before=0, save_seconds=1, started=time.monotonic())
    clock.recent.extend([(0, 1000), (10, 1500)])
    assert clock.speed == 50
    assert images_and_total(3000, TrainConfig(minutes=3), clock) == (
        3000,
        pytest.approx(3000 + 120 * 50, abs=100),
    )
    assert images_and_total(3000, TrainConfig(minutes=3, kimg=4), clock) == (3000, 4000)
    assert [format_remaining(0, seconds, 1.0) for seconds in (5, 125, 3723)] == ["0:05", "2:05", "1:02:03"]


def test_time_in_which_the_machine_slept_is_no_training_and_that_of_a_slow_step_is(monkeypatch):
    clock = Clock(earlier_seconds=0, images_before=0, save_seconds=1)
    seen = []
    for at, cpu_seconds in ((0, 0), (1, 1), (3601, 1.5), (3701, 90)):
        monkeypatch.setattr(time, "monotonic", lambda at=at: float(at))  # as Windows has it: sleep counts
        monkeypatch.setattr(time, "process_time", lambda cpu_seconds=cpu_seconds: float(cpu_seconds))
        clock.update(0) if at else clock.start()
        seen.append(clock.seconds)
    assert seen == [0, 1, 1, 101]


def test_ctrl_c_saves_and_says_how_to_go_on(discs, tmp_path):
    process = vgc("train", "--data", str(discs), "--device", "cpu", "--batch", "8", "--run", "r", cwd=tmp_path)
    run = tmp_path / "train_output/r"
    wait_for((run / "samples/00000000.png").exists, process)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=600)
    assert process.returncode == 130
    assert errors.splitlines()[1].startswith(f"{Path('train_output/r')}: 40 pictures of 16x16, batch 8, ")
    assert errors.splitlines()[-1] == "vgc: stopped and saved; go on with: vgc train --resume r"
    assert load_checkpoint(run / "checkpoint.pt")["steps"] > 0


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_a_missing_gpu_is_one_line_that_names_the_cpu(discs, tmp_path):
    process = vgc("train", "--data", str(discs), "--device", "cuda", cwd=tmp_path)
    _, errors = process.communicate(timeout=600)
    assert process.returncode == 1
    assert errors == "vgc: --device cuda: this machine has none that PyTorch can use; try --device cpu\n"
    assert not (tmp_path / "train_output").exists()


def test_an_existing_run_is_never_overwritten(run, discs, tmp_path):
    before = (run / "checkpoint.pt").read_bytes()
    with pytest.raises(SettingsError, match=r"--resume \S*/r\b"):
        train(config(discs, tmp_path))
    assert (run / "checkpoint.pt").read_bytes() == before


def test_a_run_tells_at_once_where_it_is(discs, tmp_path):
    output: list[str] = []
    train(config(discs, tmp_path), notify=output.append)
    resume("r", tmp_path, {"kimg": 0.1}, notify=output.append)
    run = tmp_path / "r"
    lines = [f"{run}: 40 pictures of 16x16, batch 8, fp32 on cpu", f"to watch: {run / 'report.html'}"]
    assert output == lines * 2


def test_two_trainings_in_one_run_are_refused(discs, tmp_path):
    process = vgc("train", "--data", str(discs), "--device", "cpu", "--batch", "8", "--run", "r", cwd=tmp_path)
    wait_for((tmp_path / "train_output/r/samples/00000000.png").exists, process)
    with pytest.raises(GanError, match="another vgc train works in this run"):
        resume("r", tmp_path / "train_output", {})
    process.kill()
    process.communicate()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"preset": "dcgna"}, "--preset dcgna: choose one of student, dcgan-2015, dcgan"),
        ({"kimg": 0.0}, "--kimg 0: choose a number above 0"),
        ({"minutes": -1.0}, "--minutes -1"),
        ({"minutes": float("nan")}, "--minutes nan"),
        ({"batch": 1}, "--batch 1: choose 2 to 8192"),
        ({"run": "../x"}, "--run ../x: a name without folders"),
        ({"precision": "fp8"}, "--precision fp8: choose auto, fp32 or bf16"),
        ({"seed": -1}, "--seed -1"),
    ],
)
def test_settings_that_make_no_sense_are_refused_before_work_starts(settings, message):
    with pytest.raises(SettingsError) as error:
        TrainConfig(**settings)
    assert message in str(error.value)
    assert error.value.exit_code == 2


def test_a_run_that_was_begun_on_windows_names_its_folders_as_every_system_reads_them(monkeypatch) -> None:
    monkeypatch.setattr("gan.config.Path", PureWindowsPath)
    saved = TrainConfig(data=PureWindowsPath(r"Data\train_data\rgb_images")).to_json()
    assert saved["data"] == "Data/train_data/rgb_images"


def test_settings_of_another_version_are_refused_by_name():
    saved = TrainConfig().to_json()
    assert TrainConfig.from_json(saved) == TrainConfig()
    with pytest.raises(SettingsError, match=r"another version of vgc .*unknown settings colour.*start a new run"):
        TrainConfig.from_json({**saved, "colour": 1})
    with pytest.raises(SettingsError, match=r"another version of vgc .*start a new run"):
        TrainConfig.from_json({**saved, "recipe": {**saved["recipe"], "colour": 1}})


def test_a_diverged_training_is_told_and_keeps_its_checkpoint(run, tmp_path, monkeypatch):
    monkeypatch.setattr("gan.training.run_logger.IMAGES_BETWEEN_METRICS", 100)
    state = load_checkpoint(run / "checkpoint.pt")
    state["discriminator"]["score.weight"].fill_(float("nan"))
    save_checkpoint(run / "checkpoint.pt", state)
    before = (run / "checkpoint.pt").read_bytes()
    with pytest.raises(GanError, match="the training diverged"):
        resume("r", tmp_path, {"kimg": 2})
    assert (run / "checkpoint.pt").read_bytes() == before
    assert '<p class="state stopped">' in (run / "report.html").read_text()


@pytest.mark.parametrize("save_minutes", [1e-6, 5.0])
def test_a_training_that_diverged_between_two_lines_never_replaces_a_good_checkpoint(run, tmp_path, save_minutes):
    kept = [run / "checkpoint.pt", run / "generator.safetensors"]
    state = load_checkpoint(run / "checkpoint.pt")
    state["optimizer_d"]["param_groups"][0]["lr"] = 1e30
    save_checkpoint(run / "checkpoint.pt", state)
    before = [path.read_bytes() for path in kept]
    # Ten steps more: far from the first line of metrics, at a thousand pictures.
    with pytest.raises(GanError, match=r"diverged \(a weight is not a number\); the last checkpoint"):
        resume("r", tmp_path, {"kimg": 0.16, "save_minutes": save_minutes})
    assert [path.read_bytes() for path in kept] == before
    assert '<p class="state stopped">' in (run / "report.html").read_text()


def test_the_last_step_may_pass_the_end_but_the_time_left_never_falls_below_none():
    assert format_remaining(1152, 1100, 30.0) == "0:00"
    assert format_remaining(400, 1000, 10.0) == "1:00"
    assert format_remaining(0, 36_610, 10.0) == "1:01:01"


def test_what_may_not_be_read_is_told_by_name_and_not_as_a_full_disk(run, tmp_path):
    lines = run / "metrics.jsonl"
    lines.unlink()
    lines.mkdir()
    with pytest.raises(GanError, match=r"metrics.jsonl: cannot be read or written \(Is a directory\)") as error:
        resume("r", tmp_path, {"kimg": 0.16})
    assert "make room" not in str(error.value)


def test_a_disk_that_is_full_is_told_and_what_was_saved_is_kept(run, tmp_path):
    saved = run / "checkpoint.pt"
    before = saved.read_bytes()
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, usual[1]))
    try:
        with pytest.raises(
            GanError, match=r"r: cannot be written \(.*make room, then go on with --resume \S*/r\b"
        ):
            resume("r", tmp_path, {"kimg": 0.16})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    assert saved.read_bytes() == before
    assert not list(run.glob("*.partial"))
    assert resume("r", tmp_path, {"kimg": 0.16}).images == 160


def test_a_run_whose_settings_could_not_be_written_may_be_started_again(discs, tmp_path):
    (tmp_path / "r").mkdir()
    assert train(config(discs, tmp_path)).images == 80
