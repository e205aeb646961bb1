"""Trainings started from the workshop's API: a queue of real processes; runs renamed, noted on, deleted."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from slim_studio import SLIM_COMMAND
from studio_server import FlatEngine, serving, wait_until

from dataset.build import BuildSettings, build
from gan.runs.run_files import LOCK_FILE
from kit.lock import lock_or_raise
from kit.typed_json import MAX_OBJECT_BYTES
from studio.workshop import vgc_command
from studio.workshop.folders import Root
from studio.workshop.run_state import MAX_NOTE_CHARS, describe_run, thinned
from studio.workshop.training_queue import Queue, TrainingJob, TrainingQueue
from studio.workshop.vgc_process import failure_of, is_alive

API = "/api/workshop"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, discs: Path) -> Path:
    root = tmp_path_factory.mktemp("root")
    build(BuildSettings(discs, root / "my discs", size_px=16, workers=1, tables="none"))
    return root


@pytest.fixture(scope="module")
def url(root: Path) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vgc_command, "COMMAND", SLIM_COMMAND)
        with serving(FlatEngine(), root=root) as address:
            yield address


def post(url: str, path: str, status: int = 200, **body: object) -> dict[str, Any]:
    answer = requests.post(f"{url}{API}/{path}", json=body, timeout=600)
    assert answer.status_code == status, answer.text
    return answer.json()


def run_of(url: str, run: str) -> dict[str, Any]:
    return requests.get(f"{url}{API}/run", {"run": run}, timeout=30).json()


def test_trainings_queue_pause_go_on_stop_and_then_draw(url: str, root: Path) -> None:
    first, second = "train_output/first", "train_output/second"
    wish = {"folder": "my discs", "minutes": 60}
    planned = post(url, "training/plan", **wish, run="first")
    assert planned == {
        "run": first,
        "command": "vgc train --data 'my discs/rgb_images' --minutes 60 --run first",
    }
    assert post(url, "training", 202, **wish, run="first")["state"] == "training"
    assert post(url, "training", 202, folder="my discs", minutes=0.02, run="second")["state"] == "waiting"
    assert "exists already" in post(url, "training", 409, **wish, run="first")["detail"]
    wait_until(lambda: run_of(url, first)["images"] > 1000, 600)
    state = run_of(url, first)
    assert 0 < state["share"] < 0.1
    assert {"loss_d", "loss_g"} <= {curve["name"] for curve in state["curves"]}
    assert "stop it first" in post(url, "run/delete", 409, run=first, name="first")["detail"]
    post(url, "run/pause", run=first)
    assert "saving already" in post(url, "run/stop", 409, run=first)["detail"]
    wait_until(lambda: run_of(url, first)["state"] == "paused", 600)
    assert run_of(url, second)["state"] == "waiting"  # it is the pause of the machine, not of one run
    saved = run_of(url, first)["samples"][-1]
    post(url, "run/go-on", 202, run=first)
    wait_until(lambda: run_of(url, first)["curves"][0]["points"][-1][0] > saved, 600)
    post(url, "run/stop", run=first)
    wait_until(lambda: run_of(url, second)["state"] == "ended", 600)
    state = run_of(url, first)
    assert (state["state"], state["queued"], state["can_draw"], state["failure"]) == ("stopped", False, True, "")
    post(url, "model", run=first)
    info = requests.get(f"{url}/api/info", timeout=30).json()
    assert (info["model"], info["size_px"]) == ("first", 16)
    body = {"latents": [[0.0] * info["latent_dim"]], "model": FlatEngine.info.hash}
    assert requests.post(f"{url}/api/draw", json=body, timeout=30).status_code == 409
    body["model"] = info["hash"]
    assert len(requests.post(f"{url}/api/draw", json=body, timeout=30).content) == 16 * 16 * 3
    assert "for how many more minutes" in post(url, "run/go-on", 409, run=second)["detail"]

    post(url, "run/note", run=second, note="blurry")
    assert post(url, "run/rename", run=second, name="third")["note"] == "blurry"
    post(url, "run/delete", 422, run="train_output/third", name="second")
    post(url, "run/delete", run="train_output/third", name="third")
    assert [path.name for path in sorted((root / "train_output").iterdir())] == [
        ".queue.lock", "first", "queue.json",
    ]  # fmt: skip


def test_what_a_training_fails_of_is_said_and_the_next_one_begins(url: str) -> None:
    wish = {"folder": "my discs", "minutes": 0.01}
    post(url, "training", 202, **wish, run="fails", preset="student")  # pictures of 16 pixels are too small for it
    wait_until(lambda: run_of(url, "train_output/fails")["state"] == "failed", 600)
    assert (
        run_of(url, "train_output/fails")["failure"] == "--preset student: pictures of 40 pixels or more, not 16"
    )
    assert "never began" in post(url, "run/go-on", 409, run="train_output/fails")["detail"]
    post(url, "run/delete", run="train_output/fails", name="fails")


@pytest.mark.parametrize(
    ("change", "status", "message"),
    [
        ({"folder": "nowhere"}, 404, "nowhere: not there"),
        ({"init_from": "../.."}, 404, "not below"),
        ({"preset": "best"}, 422, "--preset best: choose one of"),
        ({"run": "../x"}, 422, "the run's name"),
        ({"run": "-x"}, 422, "the run's name"),
        ({"minutes": 0}, 422, "minutes: Input should be greater than 0"),
    ],
)
def test_what_cannot_be_trained_is_refused(url: str, change: dict[str, object], status: int, message: str) -> None:
    wish = {"folder": "my discs", "minutes": 1, **change}
    for path in ("training/plan", "training/cost", "training"):
        assert message in post(url, path, status, **wish)["detail"]


def test_only_an_idle_run_below_the_root_is_deleted(url: str, root: Path) -> None:
    (root / "train_output/mine").mkdir(parents=True)
    (root / "train_output/mine/essay.txt").write_text("no run")
    for run in ("train_output/mine", "train_output", "", ".", "my discs", str(root.parent)):
        post(url, "run/delete", 404, run=run, name="mine")
    run = root / "train_output/elsewhere"
    run.mkdir()
    (run / "config.json").write_text('{"minutes": 1, "data": "\\ud800"}')
    with lock_or_raise(run / LOCK_FILE, AssertionError()):  # as a vgc train of a terminal
        assert run_of(url, "train_output/elsewhere")["state"] == "training"
        post(url, "run/delete", 409, run="train_output/elsewhere", name="elsewhere")
        post(url, "run/rename", 409, run="train_output/elsewhere", name="mine")
    assert run_of(url, "train_output/elsewhere")["state"] == "interrupted"
    assert "exists already" in post(url, "run/rename", 409, run="train_output/elsewhere", name="mine")["detail"]
    post(url, "run/delete", run="train_output/elsewhere", name="elsewhere")
    assert not run.exists()


STRANGE_RUN = {
    "config.json": {"minutes": 10**400, "kimg": "1", "lineage": 7, "preset": ["dcgan"], "data": "\ud800"},
    "outcome.json": {"images": 8_000, "noise": True, "seconds": "120"},
    "scores.json": {"scores": {"kd": 10**400, "fid": "1", "kid": 0.5}},
}


@pytest.mark.parametrize("filler", [0, MAX_OBJECT_BYTES])
def test_of_a_strangers_run_a_page_shows_what_can_be_believed(tmp_path: Path, filler: int) -> None:
    (tmp_path / "samples").mkdir()
    for name in ("samples/00008000.png", "generator.safetensors"):
        (tmp_path / name).touch()
    (tmp_path / "note.txt").write_bytes(b"\xff" * MAX_OBJECT_BYTES)
    for name, content in STRANGE_RUN.items():
        (tmp_path / name).write_text(json.dumps(content) + " " * filler)
    job = TrainingJob("strange", ("train",), started=1.0)
    shown = describe_run(tmp_path, "strange", Queue(False, (job,)))
    assert (shown.share, shown.lineage, shown.verdicts, len(shown.note)) == (None, [], {}, MAX_NOTE_CHARS)
    assert shown.minutes < 1
    assert shown.scores == ({} if filler else {"kid": 0.5})
    assert describe_run(tmp_path, "strange", Queue()).verdicts == {}
    (tmp_path / "outcome.json").write_text(json.dumps({"images": 8_000, "noise": True}) + " " * filler)
    assert describe_run(tmp_path, "strange", Queue()).verdicts == ({} if filler else {"too_short": 8_000})


def test_a_run_was_trained_to_its_end_not_to_its_last_line_of_metrics(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"images": 1000, "seconds": 66}\n')
    assert describe_run(tmp_path, "r", Queue()).minutes == 1.1
    (tmp_path / "outcome.json").write_text('{"images": 1808, "noise": false}')  # of an earlier version
    assert describe_run(tmp_path, "r", Queue()).minutes == 1.1
    (tmp_path / "outcome.json").write_text('{"images": 1808, "noise": false, "seconds": 120.4}')
    assert describe_run(tmp_path, "r", Queue()).minutes == pytest.approx(2.0, abs=0.01)


def test_a_damaged_queue_is_said(tmp_path: Path) -> None:
    (tmp_path / "train_output").mkdir()
    (tmp_path / "train_output/queue.json").write_text('{"jobs": [{"run": 1}]}')
    with serving(FlatEngine(), root=tmp_path) as url:
        answer = requests.get(f"{url}{API}/trainings", timeout=30)
    assert answer.status_code == 400
    assert "move it away" in answer.json()["detail"]


def test_a_paused_run_that_leaves_the_queue_holds_nothing_any_more(tmp_path: Path) -> None:
    queue = Queue(True, (TrainingJob("a", ("train",)), TrainingJob("b", ("train",))))
    assert queue.without("a") == Queue(False, queue.jobs[1:])
    assert queue.without("b") == Queue(True, queue.jobs[:1])
    (tmp_path / "train_output").mkdir()
    content = {"held": True, "jobs": [{"run": "a", "arguments": ["train"]}]}
    (tmp_path / "train_output/queue.json").write_text(json.dumps(content))
    assert TrainingQueue(Root(tmp_path)).read() == Queue(True, queue.jobs[:1])


@pytest.fixture
def sleeping(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainings that only sleep, as many seconds as they are to train minutes, and end at Ctrl-C."""
    sleep = (
        "import signal, sys, time; signal.signal(signal.SIGINT, signal.SIG_DFL); time.sleep(float(sys.argv[-3]))"
    )
    monkeypatch.setattr(vgc_command, "COMMAND", (sys.executable, "-S", "-c", sleep))


def sleeping_job(name: str, seconds: float) -> TrainingJob:
    return TrainingJob(f"train_output/{name}", ("train", "--minutes", str(seconds), "--run", name))


def test_the_queue_goes_on_by_itself_also_when_something_comes_after_it_was_empty(
    tmp_path: Path, sleeping: None
) -> None:
    queue = TrainingQueue(Root(tmp_path))
    for name in ("a", "b"):
        queue.add(sleeping_job(name, 0.1))
    wait_until(lambda: queue.read() == Queue())
    for name in ("c", "d"):
        queue.add(sleeping_job(name, 0.1))
    wait_until(lambda: queue.read() == Queue())
    assert all((tmp_path / f"train_output/{name}/train.log").is_file() for name in "abcd")
    queue.close()


def test_the_next_studio_finds_a_training_by_its_command_and_stops_it(tmp_path: Path, sleeping: None) -> None:
    job = sleeping_job("a", 600)
    first = TrainingQueue(Root(tmp_path))
    first.add(job)
    first.close()  # as good as killed: nothing of it is asked any more
    second = TrainingQueue(Root(tmp_path))
    process = second.process_of(job)
    assert process
    second.resume()
    second.stop(job.run, holds=True)
    wait_until(lambda: not second.read().jobs[0].started)
    assert second.read() == Queue(True, (job,))
    assert not is_alive(process)
    second.remove(job.run)
    second.close()


def test_the_last_word_of_a_failed_command_is_its_failure() -> None:
    assert failure_of("vgc: few pictures\ntrain 8/90 5 img/s") == ""
    assert failure_of("train 8/90 5 img/s\nvgc: out of memory: add --grad-accum 2\n") == (
        "out of memory: add --grad-accum 2"
    )
    assert failure_of("vgc: stopped and saved; go on with: vgc train --resume r") == ""
    assert failure_of("Traceback (most recent call last):\nKeyError: 'x'\n") == "KeyError: 'x'"


def test_where_an_exit_code_is_told_it_says_whether_a_command_has_failed() -> None:
    assert failure_of("vgc: two pictures are transparent", 0) == ""
    assert failure_of("some are worth another try", 3) == ""
    assert failure_of("vgc: no such folder", 2) == "no such folder"
    assert failure_of("", -9) == "(exit code -9)"
    assert failure_of("vgc: interrupted", 130) == ""


def test_a_long_curve_is_thinned_to_two_hundred_points_with_the_last() -> None:
    points = [(float(x), 0.0) for x in range(1000)]
    assert len(thinned(points)) == 200
    assert (thinned(points)[0], thinned(points)[-1]) == ((0.0, 0.0), (999.0, 0.0))
