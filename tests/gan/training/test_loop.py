"""Runs as a user starts, stops, kills and resumes them: real processes, real files."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path, PureWindowsPath

import pytest
import torch
from PIL import Image

from gan.config import GanError, SettingsError, TrainConfig
from gan.runs.checkpoint import load_checkpoint, load_generator, save_checkpoint, save_generator
from gan.runs.run_folder import RunFolder
from gan.training.clock import Clock, format_remaining, images_and_total, is_due, is_finished
from gan.training.loop import resume, train

pytestmark = pytest.mark.usefixtures("slim_presets")

CLOCK_FIELDS = {"seconds", "images_per_second"}


def config(discs: Path, output: Path, **settings) -> TrainConfig:
    given = {
        "data": discs,
        "output": output,
        "run": "r",
        "device": "cpu",
        "precision": "fp32",
        "batch": 8,
        "kimg": 0.08,
    }
    return TrainConfig(**{**given, **settings})


def vgc(*arguments: str, cwd: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    return subprocess.Popen(
        [sys.executable, "-m", "cli", *arguments],
        cwd=cwd, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def metrics(run: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def wait_for(condition, process: subprocess.Popen[str], seconds: float = 240) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


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


def test_marks_lie_even_at_first_and_half_as_dense_from_each_hundredth_on():
    marks = [n for n in range(100, 800_001, 100) if is_due(n, 100, 1000)]
    assert marks[:3] == [1000, 2000, 3000]
    spans = pairwise([0, 100_000, 200_000, 400_000, 800_000])
    assert [sum(low < mark <= high for mark in marks) for low, high in spans] == [100, 50, 50, 50]


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


def test_a_stopped_and_resumed_run_equals_an_undisturbed_one(discs, tmp_path):
    train(config(discs, tmp_path / "straight", kimg=2.4))
    train(config(discs, tmp_path / "broken", kimg=1.2))
    summary = resume("r", tmp_path / "broken", {"kimg": 2.4})
    assert summary.images == 2400
    straight, broken = tmp_path / "straight/r", tmp_path / "broken/r"
    assert (straight / "generator.safetensors").read_bytes()[-100_000:] == (
        broken / "generator.safetensors"
    ).read_bytes()[-100_000:]
    one, other = load_checkpoint(straight / "checkpoint.pt"), load_checkpoint(broken / "checkpoint.pt")
    for name in ("generator", "discriminator", "generator_ema"):
        assert all(torch.equal(one[name][key], other[name][key]) for key in one[name])
    plain = [
        [{k: v for k, v in line.items() if k not in CLOCK_FIELDS} for line in metrics(run)]
        for run in (straight, broken)
    ]
    assert plain[0] == plain[1]
    assert [line["images"] for line in plain[0]] == [1000, 2000]


def test_a_killed_run_goes_on_from_its_checkpoint_without_double_lines(discs, tmp_path):
    arguments = ("train", "--data", str(discs), "--device", "cpu", "--batch", "64", "--run", "r")
    process = vgc(*arguments, "--kimg", "100", "--save-minutes", "0.002", cwd=tmp_path)
    run = tmp_path / "train_output/r"
    wait_for(lambda: (run / "metrics.jsonl").exists() and len(metrics_lines(run)) >= 2, process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    at = load_checkpoint(run / "checkpoint.pt")["steps"] * 64
    with (run / "metrics.jsonl").open("a") as file:
        file.write(
            json.dumps({"images": at + 1000}) + "\n" + '{"images": 9'
        )  # later than the checkpoint, and torn
    more = vgc("train", "--resume", "r", "--kimg", str((at + 1100) / 1000), cwd=tmp_path)
    _, errors = more.communicate(timeout=240)
    assert more.returncode == 0, errors
    shown = [line["images"] for line in metrics(run) if "loss_d" in line]
    assert shown == sorted(set(shown))
    # The first step at or past each thousand, from the first to the last.
    assert shown == [64 * -(-mark // 64) for mark in range(1000, at + 1101, 1000)]


def test_a_run_killed_before_its_first_checkpoint_is_resumed_from_its_start(discs, tmp_path):
    process = vgc("train", "--data", str(discs), "--device", "cpu", "--batch", "8", "--run", "r", cwd=tmp_path)
    run = tmp_path / "train_output/r"
    wait_for((run / "config.json").exists, process)
    process.kill()
    process.communicate()
    for name in ("checkpoint.pt", "generator.safetensors"):  # had it been quick enough
        (run / name).unlink(missing_ok=True)
    shutil.rmtree(run / "samples", ignore_errors=True)
    assert resume("r", tmp_path / "train_output", {"kimg": 0.08}).images == 80
    assert load_checkpoint(run / "checkpoint.pt")["steps"] == 10
    (run / "checkpoint.pt").unlink()  # a run that has begun is not begun again
    with pytest.raises(GanError, match="no checkpoint there"):
        resume("r", tmp_path / "train_output", {"kimg": 0.16})


def test_a_run_of_which_only_the_trained_generator_is_left_is_not_begun_again(discs, tmp_path):
    generator = train(config(discs, tmp_path)).run / "generator.safetensors"
    trained = generator.read_bytes()
    (tmp_path / "r/checkpoint.pt").unlink()
    shutil.rmtree(tmp_path / "r/samples")
    with pytest.raises(GanError, match="no checkpoint there"):
        resume("r", tmp_path, {"kimg": 0.16})
    assert generator.read_bytes() == trained
    network, header = load_generator(generator, torch.device("cpu"))
    save_generator(generator, network, replace(header, images=0))  # as a kill in the midst of the first save
    assert resume("r", tmp_path, {}).images == 80


@pytest.mark.parametrize("steps", [0, 10])
def test_what_a_killed_run_left_after_its_checkpoint_is_nowhere_to_be_seen(discs, tmp_path, steps):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train(config(discs, tmp_path))
    run = tmp_path / "r"
    save_checkpoint(run / "checkpoint.pt", {**load_checkpoint(run / "checkpoint.pt"), "steps": steps})
    with RunFolder(run) as killed:
        killed.rewind(steps * 8)
        killed.log(88, {"loss_d": 9.0})
        killed.save_sample(96, Image.new("RGB", (164, 164)))
    time.sleep(1.1)  # event files are read by the second of their beginning
    resume("r", tmp_path, {"kimg": 0.088})
    assert {path.name for path in (run / "samples").glob("0*")} - {"00000080.png"} == {
        "00000000.png",
        "00000088.png",
    }
    assert "drawn after 88 pictures" in (run / "report.html").read_text()
    assert metrics(run) == []
    events = EventAccumulator(str(run))
    events.Reload()
    assert [event.step for event in events.Images("samples")][-1] == 88
    assert 96 not in [event.step for event in events.Images("samples")]
    assert "loss_d" not in events.Tags()["scalars"] or not events.Scalars("loss_d")


def metrics_lines(run: Path) -> list[str]:
    return (run / "metrics.jsonl").read_text().splitlines()


def test_ctrl_c_saves_and_says_how_to_go_on(discs, tmp_path):
    process = vgc("train", "--data", str(discs), "--device", "cpu", "--batch", "8", "--run", "r", cwd=tmp_path)
    run = tmp_path / "train_output/r"
    wait_for((run / "samples/00000000.png").exists, process)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=240)
    assert process.returncode == 130
    assert errors.splitlines()[1].startswith(f"{Path('train_output/r')}: 40 pictures of 16x16, batch 8, ")
    assert errors.splitlines()[-1] == "vgc: stopped and saved; go on with: vgc train --resume r"
    assert load_checkpoint(run / "checkpoint.pt")["steps"] > 0


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_a_missing_gpu_is_one_line_that_names_the_cpu(discs, tmp_path):
    process = vgc("train", "--data", str(discs), "--device", "cuda", cwd=tmp_path)
    _, errors = process.communicate(timeout=240)
    assert process.returncode == 1
    assert errors == "vgc: --device cuda: this machine has none that PyTorch can use; try --device cpu\n"
    assert not (tmp_path / "train_output").exists()


def test_an_existing_run_is_never_overwritten(discs, tmp_path):
    train(config(discs, tmp_path))
    before = (tmp_path / "r/checkpoint.pt").read_bytes()
    with pytest.raises(SettingsError, match="--resume r"):
        train(config(discs, tmp_path))
    assert (tmp_path / "r/checkpoint.pt").read_bytes() == before


def test_resuming_refuses_other_settings_by_name(discs, tmp_path):
    train(config(discs, tmp_path))
    with pytest.raises(SettingsError, match=r"--batch 16 \(the run has 8\)"):
        resume("r", tmp_path, {"batch": 16, "kimg": 0.1})
    resume("r", tmp_path, {"batch": 8, "kimg": 0.1})


def test_resuming_knows_the_batch_that_the_preset_chose(discs, tmp_path):
    train(config(discs, tmp_path, batch=None))
    with pytest.raises(SettingsError, match=r"--batch 32 \(the run has 16\)"):
        resume("r", tmp_path, {"batch": 32, "kimg": 0.1})
    resume("r", tmp_path, {"batch": 16, "kimg": 0.1})


def test_a_run_tells_at_once_where_it_is(discs, tmp_path):
    output: list[str] = []
    train(config(discs, tmp_path), notify=output.append)
    resume("r", tmp_path, {"kimg": 0.1}, notify=output.append)
    run = tmp_path / "r"
    assert output == [f"{run}: 40 pictures of 16x16, batch 8, fp32 on cpu\nto watch: {run / 'report.html'}"] * 2


def test_resuming_a_run_at_its_end_says_how_to_go_further(discs, tmp_path):
    train(config(discs, tmp_path))
    with pytest.raises(SettingsError, match=r"r has reached its end \(80 images.*larger --kimg or --minutes"):
        resume("r", tmp_path, {})


def test_resuming_refuses_changed_pictures(discs, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    for path in discs.iterdir():
        (data / path.name).write_bytes(path.read_bytes())
    train(config(data, tmp_path))
    Image.new("RGB", (16, 16)).save(data / "zzz.png")
    with pytest.raises(GanError, match="pictures have changed"):
        resume("r", tmp_path, {})


def test_pictures_that_have_moved_are_known_by_their_pixels(discs, tmp_path):
    train(config(discs, tmp_path))
    moved = tmp_path / "moved"
    shutil.copytree(discs, moved)
    assert resume("r", tmp_path, {"data": moved, "kimg": 0.1}).images == 104


def test_an_unknown_run_is_refused_with_those_there_are(discs, tmp_path):
    train(config(discs, tmp_path))
    with pytest.raises(GanError, match=r"--resume other: no such run in .* \(there: r\)"):
        resume("other", tmp_path, {})


def test_a_damaged_checkpoint_is_refused_and_named(discs, tmp_path):
    train(config(discs, tmp_path))
    (tmp_path / "r/checkpoint.pt").write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(GanError, match=r"checkpoint\.pt: damaged"):
        resume("r", tmp_path, {})


def test_a_damaged_checkpoint_is_never_a_traceback(tmp_path):
    path = tmp_path / "c.pt"
    torch.save([1, 2], path)
    other = path.read_bytes()
    save_checkpoint(path, {"fingerprint": "0123", "steps": 1})
    content = path.read_bytes()
    # The pickle lies inside uncompressed: here a string that is no UTF-8, and an object that was never stored.
    spoilt = [content.replace(b"fingerprint", b"\xffingerprint"), content.replace(b"\x80\x02}", b"\x80\x02h\xee")]
    for damaged in (b"", content[:-1], content[:-30], b"hello world\n", other, *spoilt):
        assert damaged != content
        path.write_bytes(damaged)
        with pytest.raises(GanError, match=r"c\.pt: damaged or not a checkpoint"):
            load_checkpoint(path)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits its own address space")
def test_a_good_checkpoint_that_the_memory_does_not_hold_is_not_called_damaged(tmp_path):
    path = tmp_path / "c.pt"
    save_checkpoint(path, {"weights": torch.zeros(2**26)})
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 2**27, before[1]))
    try:
        with pytest.raises(GanError, match=r"c\.pt: no memory left to read it"):
            load_checkpoint(path)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
    assert load_checkpoint(path)["weights"].shape == (2**26,)


def test_a_checkpoint_of_another_preset_is_refused_and_named(discs, tmp_path):
    train(config(discs, tmp_path))
    train(config(discs, tmp_path, run="textbook", preset="dcgan-2015"))
    shutil.copy(tmp_path / "textbook/checkpoint.pt", tmp_path / "r")
    with pytest.raises(GanError, match=r"checkpoint\.pt: of other networks than r's; put back its own"):
        resume("r", tmp_path, {"kimg": 0.16})


def test_a_gpu_without_room_for_a_checkpoint_is_told_as_that(discs, tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 MiB")

    train(config(discs, tmp_path))
    monkeypatch.setattr("gan.training.trainer.Trainer.load_state", full)
    with pytest.raises(GanError, match=r"checkpoint\.pt: no memory left on cpu to load it"):
        resume("r", tmp_path, {"kimg": 0.16})


@pytest.mark.parametrize("other", [2, 99])
def test_a_checkpoint_of_another_format_says_what_to_do(other, tmp_path):
    save_checkpoint(tmp_path / "c.pt", {"format": other})
    with pytest.raises(GanError, match=f"checkpoint format {other}, this version reads 4; go on with the version"):
        load_checkpoint(tmp_path / "c.pt")


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


def test_a_diverged_training_is_told_and_keeps_its_checkpoint(discs, tmp_path):
    train(config(discs, tmp_path))
    state = load_checkpoint(tmp_path / "r/checkpoint.pt")
    state["discriminator"]["score.weight"].fill_(float("nan"))
    save_checkpoint(tmp_path / "r/checkpoint.pt", state)
    before = (tmp_path / "r/checkpoint.pt").read_bytes()
    with pytest.raises(GanError, match="the training diverged"):
        resume("r", tmp_path, {"kimg": 2})
    assert (tmp_path / "r/checkpoint.pt").read_bytes() == before
    assert '<p class="state stopped">' in (tmp_path / "r/report.html").read_text()


@pytest.mark.parametrize("save_minutes", [1e-6, 5.0])
def test_a_training_that_diverged_between_two_lines_never_replaces_a_good_checkpoint(
    discs, tmp_path, save_minutes
):
    train(config(discs, tmp_path))
    run = tmp_path / "r"
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


def test_what_may_not_be_read_is_told_by_name_and_not_as_a_full_disk(discs, tmp_path):
    lines = train(config(discs, tmp_path)).run / "metrics.jsonl"
    lines.unlink()
    lines.mkdir()
    with pytest.raises(GanError, match=r"metrics.jsonl: cannot be read or written \(Is a directory\)") as error:
        resume("r", tmp_path, {"kimg": 0.16})
    assert "make room" not in str(error.value)


def test_a_disk_that_is_full_is_told_and_what_was_saved_is_kept(discs, tmp_path):
    train(config(discs, tmp_path))
    saved = tmp_path / "r/checkpoint.pt"
    before = saved.read_bytes()
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, usual[1]))
    try:
        with pytest.raises(GanError, match=r"r: cannot be written \(.*make room, then go on with --resume r"):
            resume("r", tmp_path, {"kimg": 0.16})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    assert saved.read_bytes() == before
    assert not list((tmp_path / "r").glob("*.partial"))
    assert resume("r", tmp_path, {"kimg": 0.16}).images == 160


def test_a_run_whose_settings_could_not_be_written_may_be_started_again(discs, tmp_path):
    (tmp_path / "r").mkdir()
    assert train(config(discs, tmp_path)).images == 80
