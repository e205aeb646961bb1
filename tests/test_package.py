"""What an installation holds."""

import importlib.metadata
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from zipfile import ZipFile

import pytest
from lowest import lowest_versions
from quick import SLOW, TESTS

ROOT = Path(__file__).parents[1]
NOT_INSTALLED = {"benchmarks", "docs", "release", "tests"}
"""Folders of Python that are for those who work on vgc."""

BUILD = """
import sys
from setuptools import build_meta
_, folder = sys.argv  # which building changes
build_meta.build_sdist(folder)
build_meta.build_wheel(folder)
"""


def tracked() -> list[Path]:
    """Every file in git, relative to the root; skips where this is no checkout."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("no git, or not its checkout")
    return [Path(line) for line in listed.stdout.splitlines() if (ROOT / line).is_file()]


def test_wheel_and_sdist_hold_every_file_of_the_rooms(tmp_path):
    pytest.importorskip("setuptools", minversion="77")
    files = tracked()
    for path in files:
        (tmp_path / "tree" / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / "tree" / path)
    subprocess.run(
        [sys.executable, "-c", BUILD, tmp_path], cwd=tmp_path / "tree", capture_output=True, text=True, check=True
    )
    rooms = {path.parts[0] for path in files if path.suffix == ".py" and len(path.parts) > 1} - NOT_INSTALLED
    expected = {path.as_posix() for path in files if path.parts[0] in rooms or str(path) == f"{path.stem}.py"}
    (wheel,), (sdist,) = tmp_path.glob("*.whl"), tmp_path.glob("*.tar.gz")
    with ZipFile(wheel) as archive:
        assert {name for name in archive.namelist() if ".dist-info/" not in name} == expected
    with tarfile.open(sdist) as archive:
        assert expected - {name.split("/", 1)[-1] for name in archive.getnames()} == set()


def test_what_quick_leaves_out_is_there():
    assert [each for each in SLOW if not (TESTS / each).exists()] == []


def test_what_is_installed_at_the_lowest_versions_does_not_bring_torch():
    for line in lowest_versions():
        needed = importlib.metadata.requires(line.partition("==")[0]) or []
        assert [each for each in needed if each.startswith("torch") and "extra ==" not in each] == [], line
