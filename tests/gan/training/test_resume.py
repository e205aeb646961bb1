"""A run that was stopped or killed goes on; what cannot go on is named."""

import json
import os
import shutil
import signal
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from fork_server import PYTHONPATH, run_python, start_python, wait_for
from PIL import Image
from training_runs import config, metrics, vgc

from gan.errors import GanError, SettingsError
from gan.runs.checkpoint import load_checkpoint, load_generator, save_checkpoint, save_generator
from gan.runs.run_folder import RunFolder
from gan.training.loop import resume, train

pytestmark = pytest.mark.usefixtures("slim_presets")

CLOCK_FIELDS = {"seconds", "images_per_second"}


def test_a_stopped_and_resumed_run_equals_an_undisturbed_one(discs, tmp_path, monkeypatch):
    monkeypatch.setattr("gan.training.run_logger.IMAGES_BETWEEN_METRICS", 400)
    # Stopped after 21 steps of 24: in the middle of the 13th round of the 40 pictures.
    train(config(discs, tmp_path / "straight", batch=24, kimg=0.96))
    train(config(discs, tmp_path / "broken", batch=24, kimg=0.504))
    summary = resume("r", tmp_path / "broken", {"kimg": 0.96})
    assert summary.images == 960
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
    assert [line["images"] for line in plain[0]] == [408, 816]  # the first steps past each four hundred


def test_pictures_that_do_not_fit_into_memory_are_mapped_and_train_the_same(discs, tmp_path, monkeypatch):
    train(config(discs, tmp_path / "memory", batch=24, kimg=0.12))
    monkeypatch.setattr("dataset.reader._free_bytes", lambda: 0)
    messages = []
    train(config(discs, tmp_path / "mapped", batch=24, kimg=0.048), notify=messages.append)
    assert any("read from the disk as they are shown" in message for message in messages)
    resume("r", tmp_path / "mapped", {"kimg": 0.12})
    one, other = (load_checkpoint(tmp_path / name / "r/checkpoint.pt") for name in ("memory", "mapped"))
    for name in ("generator", "discriminator", "generator_ema"):
        assert all(torch.equal(one[name][key], other[name][key]) for key in one[name])
    assert one["fingerprint"] == other["fingerprint"]


def test_a_killed_run_goes_on_from_its_checkpoint_without_double_lines(discs, tmp_path):
    arguments = ("train", "--data", str(discs), "--device", "cpu", "--batch", "64", "--run", "r")
    process = vgc(*arguments, "--save-minutes", "0.002", cwd=tmp_path)
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
    _, errors = more.communicate(timeout=600)
    assert more.returncode == 0, errors
    shown = [line["images"] for line in metrics(run) if "loss_d" in line]
    assert shown == sorted(set(shown))
    # The first step at or past each thousand, from the first to the last.
    end = 64 * -(-(at + 1100) // 64)
    assert shown == [64 * -(-mark // 64) for mark in range(1000, end + 1, 1000)]


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


def test_a_run_of_which_only_the_trained_generator_is_left_is_not_begun_again(run, tmp_path):
    generator = run / "generator.safetensors"
    trained = generator.read_bytes()
    (run / "checkpoint.pt").unlink()
    shutil.rmtree(run / "samples")
    with pytest.raises(GanError, match="no checkpoint there"):
        resume("r", tmp_path, {"kimg": 0.16})
    assert generator.read_bytes() == trained
    network, header = load_generator(generator, torch.device("cpu"))
    save_generator(generator, network, replace(header, images=0))  # as a kill in the midst of the first save
    assert resume("r", tmp_path, {}).images == 80


@pytest.mark.parametrize("steps", [0, 10])
def test_what_a_killed_run_left_after_its_checkpoint_is_nowhere_to_be_seen(run, tmp_path, steps):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

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


@pytest.mark.usefixtures("run")
def test_resuming_refuses_other_settings_by_name(tmp_path):
    with pytest.raises(SettingsError, match=r"--batch 16 \(the run has 8\)"):
        resume("r", tmp_path, {"batch": 16, "kimg": 0.1})
    resume("r", tmp_path, {"batch": 8, "kimg": 0.1})


def test_resuming_knows_the_batch_that_the_preset_chose(discs, tmp_path):
    train(config(discs, tmp_path, batch=None))
    with pytest.raises(SettingsError, match=r"--batch 32 \(the run has 16\)"):
        resume("r", tmp_path, {"batch": 32, "kimg": 0.1})
    resume("r", tmp_path, {"batch": 16, "kimg": 0.1})


@pytest.mark.usefixtures("run")
def test_resuming_a_run_at_its_end_says_how_to_go_further(tmp_path):
    with pytest.raises(SettingsError, match=r"r has reached its end \(80 images.*larger --kimg or --minutes"):
        resume("r", tmp_path, {})


def test_resuming_refuses_changed_pictures(discs, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    for path in discs.iterdir():
        (data / path.name).write_bytes(path.read_bytes())
    train(config(data, tmp_path))
    Image.new("RGB", (16, 16)).save(data / "zzz.png")
    with pytest.raises(GanError, match="pictures, or their groups, have changed"):
        resume("r", tmp_path, {})


@pytest.mark.usefixtures("run")
def test_pictures_that_have_moved_are_known_by_their_pixels(discs, tmp_path):
    moved = tmp_path / "moved"
    shutil.copytree(discs, moved)
    assert resume("r", tmp_path, {"data": moved, "kimg": 0.1}).images == 104


@pytest.mark.usefixtures("run")
def test_an_unknown_run_is_refused_with_those_there_are(tmp_path):
    with pytest.raises(GanError, match=r"--resume other: no such run in .* \(there: r\)"):
        resume("other", tmp_path, {})


def test_a_damaged_checkpoint_is_refused_and_named(run, tmp_path):
    (run / "checkpoint.pt").write_bytes(b"PK\x03\x04 cut off")
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


LOAD_WITH_LITTLE_MEMORY = """
import resource, sys
from pathlib import Path
from gan.errors import GanError
from gan.runs.checkpoint import load_checkpoint

pages = int(Path("/proc/self/statm").read_text().split()[0])
unlimited = resource.getrlimit(resource.RLIMIT_AS)
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 2**27, unlimited[1]))
try:
    load_checkpoint(Path(sys.argv[1]))
except GanError as error:
    print(error)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits its own address space")
def test_a_good_checkpoint_that_the_memory_does_not_hold_is_not_called_damaged(tmp_path):
    path = tmp_path / "c.pt"
    save_checkpoint(path, {"weights": torch.zeros(2**26)})
    # In a process of its own: this one may have kept as much of what other tests freed.
    loaded = run_python(("-c", LOAD_WITH_LITTLE_MEMORY, str(path)), tmp_path)
    assert "c.pt: no memory left to read it" in loaded.stdout
    assert load_checkpoint(path)["weights"].shape == (2**26,)


def test_a_checkpoint_of_another_preset_is_refused_and_named(run, discs, tmp_path):
    train(config(discs, tmp_path, run="textbook", preset="dcgan-2015", kimg=0.008))
    shutil.copy(tmp_path / "textbook/checkpoint.pt", run)
    with pytest.raises(GanError, match=r"checkpoint\.pt: of other networks than r's; put back its own"):
        resume("r", tmp_path, {"kimg": 0.16})


@pytest.mark.usefixtures("run")
def test_a_gpu_without_room_for_a_checkpoint_is_told_as_that(tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 MiB")

    monkeypatch.setattr("gan.training.trainer.Trainer.load_state", full)
    with pytest.raises(GanError, match=r"checkpoint\.pt: no memory left on cpu to load it"):
        resume("r", tmp_path, {"kimg": 0.16})


@pytest.mark.parametrize("other", [2, 99])
def test_a_checkpoint_of_another_format_says_what_to_do(other, tmp_path):
    save_checkpoint(tmp_path / "c.pt", {"format": other})
    with pytest.raises(GanError, match=f"checkpoint format {other}, this version reads 4; go on with the version"):
        load_checkpoint(tmp_path / "c.pt")


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal there")
def test_a_closed_terminal_saves(discs, tmp_path):
    import pty  # not on Windows

    master, terminal = pty.openpty()
    arguments = ["train", "--data", str(discs), "--device", "cpu", "--batch", "8", "--run", "r"]
    # In a session of its own, whose terminal it becomes by being opened.
    command = f"""
import os, runpy, signal, sys
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # ignored under nohup
os.setsid()
terminal = os.open({os.ttyname(terminal)!r}, os.O_RDWR)
for standard in range(3):
    os.dup2(terminal, standard)
sys.stdout, sys.stderr = open(1, "w"), open(2, "w")
sys.argv[1:] = {arguments!r}
runpy.run_module("slim_networks", run_name="__main__")
"""
    environment = {**os.environ, "PYTHONPATH": PYTHONPATH, "TERM": "xterm"}
    process = start_python(("-c", command), tmp_path, environment)
    run = tmp_path / "train_output/r"
    os.set_blocking(master, False)

    def is_training() -> bool:
        with suppress(BlockingIOError):
            os.read(master, 10_000)
        return (run / "samples/00000000.png").exists()

    wait_for(is_training, process)
    os.close(terminal)
    time.sleep(0.5)
    os.close(master)
    process.send_signal(signal.SIGHUP)  # a second one, as from a shell that closes
    assert process.wait(600) == 130
    assert load_checkpoint(run / "checkpoint.pt")["steps"] > 0


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal there")
def test_a_run_under_nohup_outlives_its_terminal(discs, tmp_path):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # which the process inherits
    process = vgc("train", "--data", str(discs), "--device", "cpu", "--batch", "8", "--run", "r", cwd=tmp_path)
    signal.signal(signal.SIGHUP, before)
    run = tmp_path / "train_output/r"
    wait_for((run / "samples/00000000.png").exists, process)
    process.send_signal(signal.SIGHUP)
    wait_for(lambda: metrics(run), process)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=600)
    assert process.returncode == 130


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal there")
def test_time_in_which_the_process_was_stopped_is_no_training(discs, tmp_path):
    process = vgc("train", "--data", str(discs), "--device", "cpu", "--batch", "8", "--run", "r", cwd=tmp_path)
    run = tmp_path / "train_output/r"
    wait_for((run / "samples/00000000.png").exists, process)
    start = time.monotonic()
    process.send_signal(signal.SIGSTOP)
    time.sleep(5)
    process.send_signal(signal.SIGCONT)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=600)
    elapsed = time.monotonic() - start
    assert 0 <= load_checkpoint(run / "checkpoint.pt")["seconds"] < elapsed - 4.9


def test_a_run_goes_on_from_another_folder_and_keeps_its_settings(discs, tmp_path, monkeypatch):
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    shutil.copytree(discs, project / "data")
    elsewhere.mkdir()
    monkeypatch.chdir(project)
    train(config(Path("data"), Path("train_output")))
    monkeypatch.chdir(elsewhere)
    assert resume(str(project / "train_output/r"), Path("train_output"), {"kimg": 0.1}).images == 104
    assert RunFolder(project / "train_output/r").read_config().data == Path("data")
