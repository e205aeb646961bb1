"""What an installation holds."""

import configparser
import subprocess
from fnmatch import fnmatch
from pathlib import Path

import pytest
from quick import SLOW, TESTS

ROOT = Path(__file__).parents[1]
NOT_INSTALLED = {"benchmarks", "docs", "release", "tests"}
"""Folders of Python that are for those who work on vgc."""

SETUP = configparser.ConfigParser()
SETUP.read(ROOT / "setup.cfg", "utf-8")
PACKAGES = set(SETUP["options"]["packages"].split())


def tracked() -> list[Path]:
    """Every file in git, relative to the root; skips where this is no checkout."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("no git, or not its checkout")
    return [Path(line) for line in listed.stdout.splitlines() if (ROOT / line).is_file()]


def test_every_folder_and_module_of_python_is_installed():
    python = [path for path in tracked() if path.suffix == ".py" and path.parts[0] not in NOT_INSTALLED]
    assert {".".join(path.parent.parts) for path in python if len(path.parts) > 1} == PACKAGES
    assert {path.stem for path in python if len(path.parts) == 1} == set(SETUP["options"]["py_modules"].split())


def test_every_file_beside_the_python_is_installed():
    data = SETUP["options.package_data"]
    forgotten = []
    for path in tracked():
        package = next((".".join(up.parts) for up in path.parents if ".".join(up.parts) in PACKAGES), None)
        if package is None or path.suffix == ".py":
            continue
        inside = path.relative_to(Path(*package.split("."))).as_posix()
        if not any(fnmatch(inside, pattern.strip()) for pattern in data.get(package, "").split(",")):
            forgotten.append(str(path))
    assert forgotten == []


def test_what_quick_leaves_out_is_there():
    assert [each for each in SLOW if not (TESTS / each).exists()] == []
