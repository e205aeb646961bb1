"""Killed, interrupted, or started twice: what is left, and what the same command makes of it."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from fork_server import run_python
from image_sets import contents, make, noise

from dataset.build import BuildSettings, build
from dataset.errors import DatasetError

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals of Unix")

PICTURES = 12

# Builds argv[1] into argv[2] at size argv[5], and is killed at the argv[4]-th call of the function argv[3].
KILLED_BUILD = """
import os, signal, sys
from pathlib import Path
import dataset.build, dataset.build_cache, dataset.build_report
import dataset.render_pool, dataset.set_lists, dataset.staging
from dataset.build import BuildSettings, build

raw, out, name, nth, size = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
calls = 0

def dying(function):
    def call(*arguments, **options):
        global calls
        calls += 1
        if calls == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **options)
    return call

modules = dataset.build, dataset.build_report, dataset.render_pool, dataset.set_lists, dataset.staging
for owner in [module for module in modules if hasattr(module, name)] or [dataset.build_cache.BuildCache]:
    setattr(owner, name, dying(getattr(owner, name)))
build(BuildSettings(Path(raw), Path(out), size, workers=1))
"""

# Each moment: a function of the build, and at which of its calls the process dies.
MOMENTS = [
    ("adopt", 1),
    ("_settle_names", 1),
    ("_answers", 1),
    ("_answered", 2),
    ("record", 1),
    ("record", 9),
    ("open_staging", 1),
    ("remove_images", 1),
    ("write_plan", 1),
    ("write_sample_grid", 1),
    ("dataset_card", 1),
    ("write_json", 1),
    ("replacing", 1),
    ("commit", 1),
    ("_remove_stale", 1),
    ("_move_images", 1),
    ("_move_images", 2),
    ("_move", 1),
    ("_move", 2),
    ("_move", 3),
    ("move", 3),
    ("remove_other_caches", 1),
    ("finish", 1),
]


def make_raw(folder: Path) -> Path:
    folder.mkdir()
    for seed in range(PICTURES):
        noise(seed).save(folder / f"{seed}.png")
    noise(3).save(folder / "twin-of-3.bmp")
    (folder / "broken.png").write_bytes(b"\x89PNG")
    return folder


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    return make_raw(tmp_path / "raw")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Raw pictures that no test changes, and their set."""
    folder = tmp_path_factory.mktemp("undisturbed")
    raw = make_raw(folder / "raw")
    build(BuildSettings(raw, folder / "set", 16, workers=1))
    return raw, folder / "set"


def killed(raw: Path, out: Path, name: str, nth: int, size: int = 16) -> None:
    command = ("-c", KILLED_BUILD, str(raw), str(out), name, str(nth), str(size))
    assert run_python(command, raw.parent).returncode == -signal.SIGKILL


@pytest.mark.parametrize(("name", "nth"), MOMENTS)
def test_a_first_build_that_is_killed_ends_as_if_it_had_not_been(
    undisturbed: tuple[Path, Path], tmp_path: Path, name: str, nth: int
) -> None:
    raw, expected = undisturbed
    killed(raw, tmp_path / "set", name, nth)
    build(BuildSettings(raw, tmp_path / "set", 16, workers=1))
    assert contents(tmp_path / "set") == contents(expected)
    assert not list((tmp_path / "set/.vgc").glob("building-*"))


@pytest.mark.parametrize(
    ("name", "nth"),
    [
        ("record", 3),
        ("commit", 1),
        ("move", 5),
        ("move", 2 * PICTURES),
        ("_move", 1),
        ("_move", 4),
        ("remove_other_caches", 1),
    ],
)
def test_a_killed_rebuild_ends_well_whichever_settings_come_next(
    raw: Path, tmp_path: Path, name: str, nth: int
) -> None:
    for size in (16, 20):
        out = tmp_path / f"set-{size}"
        build(BuildSettings(raw, out, 16, workers=1))
        (raw / "0.png").unlink(missing_ok=True)
        noise(100 + size).save(raw / f"new-{size}.png")
        killed(raw, out, name, nth, size=20)
        build(BuildSettings(raw, out, size, workers=1))
        build(BuildSettings(raw, tmp_path / f"undisturbed-{size}", size, workers=1))
        assert contents(out) == contents(tmp_path / f"undisturbed-{size}")
        assert not list((out / ".vgc").glob("building-*"))


def test_a_killed_build_goes_on_where_it_was(raw: Path, tmp_path: Path) -> None:
    killed(raw, tmp_path / "set", "write_plan", 1)
    assert build(BuildSettings(raw, tmp_path / "set", 16, workers=1)).rendered < PICTURES


def test_what_a_killed_build_was_writing_is_no_part_of_the_set(raw: Path, tmp_path: Path) -> None:
    killed(raw, tmp_path / "set", "write_plan", 1)
    (staging,) = (tmp_path / "set/.vgc").glob("building-*")
    for leftover in ("README.md.7.partial", "csv_files/train_labels.csv.7.partial"):
        (staging / leftover).write_bytes(b"half")
    build(BuildSettings(raw, tmp_path / "set", 16, workers=1))
    assert not list((tmp_path / "set").rglob("*.partial"))


def test_a_picture_that_a_power_cut_left_empty_is_rendered_again(raw: Path, tmp_path: Path) -> None:
    killed(raw, tmp_path / "set", "write_plan", 1)
    (lost,) = (tmp_path / "set/.vgc").glob("building-*/rgb_images/5.png")
    lost.write_bytes(b"")
    build(BuildSettings(raw, tmp_path / "set", 16, workers=1))
    build(BuildSettings(raw, tmp_path / "undisturbed", 16, workers=1))
    assert contents(tmp_path / "set") == contents(tmp_path / "undisturbed")


def test_the_old_set_stands_whole_until_the_new_one_is_complete(raw: Path, tmp_path: Path) -> None:
    out = tmp_path / "set"
    build(BuildSettings(raw, out, 16, workers=1))
    before = contents(out)
    killed(raw, out, "write_json", 1, size=20)
    assert contents(out) == before


def test_raw_pictures_that_change_after_a_kill_are_seen(raw: Path, tmp_path: Path) -> None:
    killed(raw, tmp_path / "set", "write_plan", 1)
    noise(99).save(raw / "5.png")
    (raw / "6.png").unlink()
    build(BuildSettings(raw, tmp_path / "set", 16, workers=1))
    build(BuildSettings(raw, tmp_path / "undisturbed", 16, workers=1))
    assert contents(tmp_path / "set") == contents(tmp_path / "undisturbed")


@pytest.mark.parametrize("name", ["5z.png", "zz.png"])
@pytest.mark.parametrize(
    ("function", "nth"),
    [("write_plan", 1), ("commit", 1), ("_replace_end", 1), ("_replace_end", 2), ("_replace_end", 3), ("move", 4)],
)
def test_lists_whose_ends_are_replaced_are_whole_after_a_kill(
    raw: Path, tmp_path: Path, name: str, function: str, nth: int
) -> None:
    out = tmp_path / "set"
    build(BuildSettings(raw, out, 16, workers=1))
    noise(99).save(raw / name)
    (raw / "7.png").unlink()
    killed(raw, out, function, nth)
    build(BuildSettings(raw, out, 16, workers=1))
    build(BuildSettings(raw, tmp_path / "undisturbed", 16, workers=1))
    assert contents(out) == contents(tmp_path / "undisturbed")
    assert build(BuildSettings(raw, out, 16, workers=1)).rendered == 0


@pytest.mark.parametrize("harm", [lambda file: file.unlink(), lambda file: file.write_bytes(b"no database" * 999)])
def test_a_killed_build_goes_on_without_its_database(raw: Path, tmp_path: Path, harm: Any) -> None:
    killed(raw, tmp_path / "set", "write_plan", 1)
    for file in (tmp_path / "set/.vgc").glob("*.sqlite*"):
        harm(file)
    build(BuildSettings(raw, tmp_path / "set", 16, workers=1))
    build(BuildSettings(raw, tmp_path / "undisturbed", 16, workers=1))
    assert contents(tmp_path / "set") == contents(tmp_path / "undisturbed")


SLOW_BUILD = """
import sys, time
from pathlib import Path
from dataset.build import BuildSettings, build

def slowly(done, total, text):
    print(done, flush=True)
    time.sleep(0.05)

if __name__ == "__main__":
    build(BuildSettings(Path(sys.argv[1]), Path(sys.argv[2]), 16, workers=int(sys.argv[3])), slowly)
"""


def start_slow_build(tmp_path: Path, raw: Path, workers: int) -> "subprocess.Popen[str]":
    script = tmp_path / "slow.py"
    script.write_text(SLOW_BUILD)
    command = [sys.executable, str(script), str(raw), str(tmp_path / "set"), str(workers)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout
    assert process.stdout.readline() == "1\n"
    return process


def test_two_builds_of_one_set_at_once_are_refused(raw: Path, tmp_path: Path) -> None:
    with start_slow_build(tmp_path, raw, workers=1) as first:
        with pytest.raises(DatasetError, match="another vgc preprocess is at work"):
            build(BuildSettings(raw, tmp_path / "set", 16, workers=1))
        first.kill()
    # The lock goes with the process that held it.
    build(BuildSettings(raw, tmp_path / "set", 16, workers=1))


def test_processes_end_with_a_killed_parent(raw: Path, tmp_path: Path) -> None:
    for seed in range(100, 200):
        noise(seed).save(raw / f"{seed}.png")
    with start_slow_build(tmp_path, raw, workers=2) as parent:
        parent.kill()
    deadline = time.monotonic() + 120
    while _session_lives(parent.pid):
        assert time.monotonic() < deadline, "a process outlived its parent"
        time.sleep(0.05)
    build(BuildSettings(raw, tmp_path / "set", 16, workers=2))
    build(BuildSettings(raw, tmp_path / "undisturbed", 16, workers=1))
    assert contents(tmp_path / "set") == contents(tmp_path / "undisturbed")


def _session_lives(leader: int) -> bool:
    try:
        os.killpg(leader, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_stops_soon_and_the_same_command_goes_on(raw: Path, tmp_path: Path, workers: int) -> None:
    for seed in range(100, 200):
        noise(seed).save(raw / f"{seed}.png")
    with start_slow_build(tmp_path, raw, workers) as process:
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(timeout=120) != 0
    report = build(BuildSettings(raw, tmp_path / "set", 16, workers=1))
    assert 0 < report.rendered < report.found
    assert report.pictures == PICTURES + 100


@pytest.mark.parametrize("workers", [1, 2])
def test_a_disk_that_cannot_be_written_is_an_error_and_the_old_set_stays(
    raw: Path, tmp_path: Path, workers: int
) -> None:
    out = tmp_path / "set"
    for seed in range(100, 100 + 60 * (workers - 1)):
        noise(seed).save(raw / f"{seed}.png")  # enough to be worth two processes
    build(BuildSettings(raw, out, 16, workers=1))
    before = contents(out)
    code = (
        "import resource, sys; from pathlib import Path; from dataset.build import BuildSettings, build\n"
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))\n"
        "build(BuildSettings(Path(sys.argv[1]), Path(sys.argv[2]), 64, workers=int(sys.argv[3])))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(raw), str(out), str(workers)],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert re.search(r"DatasetError: cannot write .+ \(File too large\): make room there, .+ --out", run.stderr)
    assert "TypeError" not in run.stderr
    assert contents(out) == before
    build(BuildSettings(raw, out, 64, workers=1))
    build(BuildSettings(raw, tmp_path / "undisturbed", 64, workers=1))
    assert contents(out) == contents(tmp_path / "undisturbed")


@pytest.mark.parametrize("harm", ["cut", "empty", "another picture"])
def test_a_report_of_a_time_to_come_hides_no_harm(raw: Path, out: Path, harm: str) -> None:
    make(raw, out)
    whole = contents(out)
    shutil.rmtree(out / ".vgc")  # what tells sizes and times
    one, other = sorted(name for name in whole if name.startswith("rgb_images/") and name.endswith(".png"))[:2]
    (out / one).write_bytes({"cut": whole[one][:100], "empty": b"", "another picture": whole[other]}[harm])
    tomorrow = time.time() + 86_400
    os.utime(out / "report.json", (tomorrow, tomorrow))
    make(raw, out)
    assert contents(out) == whole


def test_a_build_that_never_ended_is_swept_even_where_nothing_is_to_be_done(raw: Path, out: Path) -> None:
    make(raw, out)
    for leftover in ("report.html.7.partial", ".vgc/building-0123456789ab/rgb_images/x.png"):
        (out / leftover).parent.mkdir(parents=True, exist_ok=True)
        (out / leftover).write_bytes(b"half")
    make(raw, out)
    assert not list(out.rglob("*.partial"))
    assert not list(out.rglob("building-*"))
