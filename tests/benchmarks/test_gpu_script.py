"""``benchmarks/gpu.sh``, tried out where there is no GPU."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import fork_server
import pytest
import torch
import typer

import cli

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")


def gpu(*arguments: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    python, inherited = Path(sys.executable), ()
    if fork_server.AVAILABLE:
        python = tmp_path / "python"
        inherited = (fork_server.write_python(python),)
    return subprocess.run(
        ["bash", str(ROOT / "benchmarks/gpu.sh"), *arguments, "--out", str(tmp_path / "results")],
        env={**os.environ, "PYTHON": str(python), "GPU_WORK": os.path.relpath(tmp_path / "work", ROOT)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        pass_fds=inherited,
    )


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_without_a_gpu_it_says_so_and_how_to_try_it_anyway(tmp_path):
    run = gpu("all", tmp_path=tmp_path)
    assert run.returncode == 1
    assert "no CUDA GPU that PyTorch can use; try it on the CPU with --device cpu --tiny" in run.stderr


def test_its_pieces_run_on_a_cpu_resume_and_leave_small_files(tmp_path, discs):
    small = ("--device", "cpu", "--tiny", "--data", str(discs))
    for part in ("train", "train", "grid", "quality"):
        run = gpu(part, *small, "--rows", "dcgan", tmp_path=tmp_path)
        assert run.returncode == 0, run.stdout + run.stderr
    results = tmp_path / "results"
    assert {path.name for path in results.iterdir()} == {
        "config.json", "metrics.jsonl", "generator.safetensors", "grid.png", "rows.jsonl",
        "dcgan-0.1kimg-seed0.png",
    }  # fmt: skip
    assert all(path.stat().st_size < 16 * 2**20 for path in results.iterdir())
    assert '"kimg": 0.2' in (results / "config.json").read_text()


def project_of(folder: Path, part: str, python: str) -> list[str]:
    """A project of the script alone, and an environment with this for a Python; the words to run a part."""
    (folder / "benchmarks").mkdir()
    script = shutil.copy(ROOT / "benchmarks/gpu.sh", folder / "benchmarks")
    own = folder / ".venv/bin/python"
    own.parent.mkdir(parents=True)
    own.write_text(f"#!{sys.executable} -S\nimport sys\n{python}\n")
    own.chmod(0o755)
    without = [f"--unset={name}" for name in ("PYTHON", "GPU_WORK")]
    return ["env", *without, "bash", script, part, "--device", "cpu", "--data", str(folder)]


def test_the_environment_of_the_project_is_found_from_the_folder_that_it_works_in(tmp_path):
    message = project_of(tmp_path, "smoke", "print('its own:', *sys.argv[1:])")
    run = subprocess.run(message, capture_output=True, text=True, timeout=600, check=False)
    assert run.returncode == 0, run.stderr
    assert (tmp_path / "gpu-results/info.txt").read_text() == "its own: -m cli info\n"
    (line,) = re.findall("its own: -m cli train (.*)", run.stdout)
    typer.main.get_command(cli.app).commands["train"].make_context("train", line.split())


def test_rows_that_were_stopped_before_the_first_had_begun_are_no_failure(tmp_path):
    message = project_of(tmp_path, "quality", "sys.exit(130)")
    run = subprocess.run(message, capture_output=True, text=True, timeout=600, check=False)
    assert (run.returncode, run.stdout, run.stderr) == (0, "no row is through yet: call quality again\n", "")


def test_a_piece_that_fails_keeps_no_other_from_running_and_is_named(tmp_path):
    said = "print(*sys.argv[1:3]); sys.exit('pytest' in sys.argv)"
    run = subprocess.run(project_of(tmp_path, "all", said), capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "-m pytest\n-m benchmarks.training" in run.stdout
    # Nothing was really trained, so there is nothing to copy either.
    assert run.stderr.endswith("gpu.sh: failed: tests train grid\n")
