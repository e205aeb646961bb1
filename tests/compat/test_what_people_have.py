"""Runs, generators, share codes, sets, sites and options of version 0.1.0: they load and mean the same.

The files are described in ``files/README.md``. Where floats were computed on the machine that made them, the tests
allow for another machine's rounding.
"""

import base64
import json
import re
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import PIL
import pytest
import typer
from numpy.typing import NDArray
from PIL import Image
from safetensors.numpy import load_file
from typer.testing import CliRunner

import cli
from scraper.demosite.server import serve

FILES = Path(__file__).parent / "files"
RUNS = sorted(path.name for path in (FILES / "runs").iterdir())
OPTIONS: dict[str, list[dict[str, Any]]] = json.loads((FILES / "options.json").read_text("utf-8"))["commands"]
BUILT_IN = "built-in"
ROUNDING = 2
"""Of 255: by so much a pixel may differ on another processor."""
SHARE_OF_WAY = 0.002
"""By so much of the way that a tensor went, it may differ there. Other instructions or more threads make it
0.00002; an optimizer's state, random numbers or a penalty that are not taken up again make it 0.004 and more."""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which somebody worked with version 0.1.0; the commands work there."""
    for name, index in (
        ("raw", "Data/raw"),
        ("set", "Data/train_data"),
        ("set-40", "Data/set-40"),
        ("runs", "train_output"),
    ):
        shutil.copytree(FILES / name, tmp_path / index)
    # Of a set, the report is written last.
    shutil.copy(FILES / "set/report.json", tmp_path / "Data/train_data")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def vgc(*arguments: object) -> str:
    """What a command prints; it must succeed."""
    ended = CliRunner().invoke(cli.app, [str(word) for word in arguments])
    assert ended.exit_code == 0, f"{ended.output}\n{ended.exception!r}"
    return ended.stdout


def model_of(run: str) -> list[str]:
    """The options that have a run draw, or the built-in generator of that time."""
    return ["--model", "builtin-characters-1" if run == BUILT_IN else run]


def pixels(path: Path) -> NDArray[np.int16]:
    with Image.open(path) as image:
        return np.asarray(image).astype(np.int16)


def code_in(path: Path) -> str:
    with Image.open(path) as image:
        return image.info["code"]


def expect_alike(one: NDArray[np.int16], other: NDArray[np.int16]) -> None:
    assert one.shape == other.shape
    assert np.abs(one - other).max() <= ROUNDING


def files_in(folder: Path) -> dict[str, Path]:
    return {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}


def contents(folder: Path) -> dict[str, bytes]:
    return {name: path.read_bytes() for name, path in files_in(folder).items()}


def modified(folder: Path) -> dict[str, int]:
    return {name: path.stat().st_mtime_ns for name, path in files_in(folder).items()}


@pytest.mark.parametrize("run", [*RUNS, BUILT_IN])
def test_the_same_seeds_give_the_same_characters_and_codes(run: str, home: Path) -> None:
    vgc("generate", *model_of(run), "--seeds", "5-6", "--device", "cpu")
    for name in ("0000.png", "0001.png"):
        old, new = FILES / "drawn" / run / name, home / "generated" / name
        assert code_in(new) == code_in(old)
        expect_alike(pixels(new), pixels(old))


@pytest.mark.parametrize("run", [*RUNS, BUILT_IN])
def test_a_share_code_gives_its_character_as_text_and_in_a_picture(run: str, home: Path) -> None:
    first, second = (FILES / "drawn" / run / name for name in ("0000.png", "0001.png"))
    named = [] if run == BUILT_IN else model_of(run)  # the code tells, though there are newer runs
    vgc("generate", *named, "--code", code_in(first), "--code", second, "--device", "cpu")
    for old, name in ((first, "0000.png"), (second, "0001.png")):
        expect_alike(pixels(home / "generated" / name), pixels(old))


@pytest.mark.parametrize("run", RUNS)
def test_a_run_goes_on_as_the_old_version_would_have_gone_on(run: str, home: Path) -> None:
    folder = home / "train_output" / run
    began = load_file(folder / "generator.safetensors")
    lines = (folder / "metrics.jsonl").read_text("utf-8").splitlines()
    vgc("train", "--resume", run, "--kimg", "2.08")
    expected = load_file(FILES / f"continued/{run}.safetensors")
    result = load_file(folder / "generator.safetensors")
    assert expected.keys() == result.keys()
    for name in expected:
        if "running" not in name:  # statistics of batch norm, not learned
            way = np.abs(expected[name] - began[name]).sum()
            assert np.abs(expected[name] - result[name]).sum() <= SHARE_OF_WAY * way, name
    *before, last = (folder / "metrics.jsonl").read_text("utf-8").splitlines()
    assert before == lines
    then = json.loads((FILES / "continued/metrics.json").read_text("utf-8"))[run]
    now = json.loads(last)
    assert now["images"] == then["images"]
    for name in ("loss_d", "loss_g", "r1", "sign_real", "sign_fake", "augment"):
        assert now[name] == pytest.approx(then[name], abs=0.005), name


def test_a_run_is_not_mistaken_for_one_with_other_settings(home: Path) -> None:
    """What the user gave then may be given again; what would be another run is refused."""
    same = ("--preset", "seed", "--batch", 8, "--seed", 0, "--split", 1)
    vgc("train", "--resume", "seed", *same, "--kimg", "1.976")
    refused = CliRunner().invoke(cli.app, ["train", "--resume", "dcgan", "--preset", "seed", "--kimg", "2.08"])
    assert (refused.exit_code, refused.stderr.count("--preset")) == (2, 1)


def test_the_preset_of_the_student_project_keeps_its_old_name(home: Path) -> None:
    missing = CliRunner().invoke(cli.app, ["train", "--preset", "seed", "--data", "nowhere", "--device", "cpu"])
    assert (missing.exit_code, missing.stderr.count("nowhere: no such folder")) == (1, 1)
    vgc("info", "--draw", "--preset", "seed", "--out", "drawn")
    assert (home / "drawn/Generator_Arch.png").is_file()


def test_an_exported_model_draws_the_same(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    arguments = ["studio", "--model", str(FILES / "dcgan.onnx"), "--port", "0", "--no-browser"]
    with subprocess.Popen(
        [sys.executable, "-m", "cli", *arguments], cwd=Path(cli.__file__).parent, stdout=subprocess.PIPE, text=True
    ) as studio:
        try:
            url = re.match(r"http://[\d.:]+/", studio.stdout.readline())[0]
            for old in sorted((FILES / "drawn/dcgan").iterdir()):
                letters = code_in(old).split("-", 2)[2]
                held = base64.urlsafe_b64decode(letters + "=" * (-len(letters) % 4))[:-4]
                body = json.dumps({"latents": [np.frombuffer(held, "<f2").tolist()]}).encode()
                asked = urllib.request.Request(f"{url}api/draw", body, {"Content-Type": "application/json"})
                with urllib.request.urlopen(asked) as answer:
                    drawn = np.frombuffer(answer.read(), np.uint8).reshape(16, 16, 3).astype(np.int16)
                expect_alike(drawn, pixels(old))
        finally:
            studio.terminate()


def test_a_set_is_not_built_anew(home: Path) -> None:
    made = home / "Data/train_data"
    report = made / "report.json"
    # Another Pillow would be a reason to build it anew.
    made_with = json.loads(report.read_text("utf-8"))["recipe"]["pillow"]
    report.write_text(report.read_text("utf-8").replace(f'"{made_with}"', f'"{PIL.__version__}"'), "utf-8")
    shutil.rmtree(made / ".vgc")  # its stamp knows the times of the files, which are those of this copy
    before, times = contents(made), modified(made)
    shown = pixels(made / "data_sample.png")
    ended = json.loads(vgc("preprocess", "--size", 16, "--workers", 1, "--json"))
    assert (ended["pictures"], ended["rendered"]) == (6, 0)
    shutil.rmtree(made / ".vgc")
    after = contents(made)
    assert np.array_equal(pixels(made / "data_sample.png"), shown)
    changeable = {"README.md": b"", "data_sample.png": b""}  # its words, and how its pixels are packed
    assert after | changeable == before | changeable
    # Nor is a file replaced by itself, but for those that mark the end of a build.
    changed = {name for name, time_ns in modified(made).items() if times[name] != time_ns}
    assert changed <= {*changeable, "report.json", "rgb_images/metadata.jsonl"}


def test_pictures_fetched_long_ago_are_not_fetched_again(home: Path) -> None:
    images = contents(home / "Data/raw/images")
    lines = (home / "Data/raw/manifest.jsonl").read_text("utf-8")
    with serve() as url:
        arguments = (
            "scrape",
            "--base-url",
            url,
            "--letters",
            "q",
            "--limit",
            6,
            "--delay",
            0,
            "--details",
            "--json",
        )
        ended = json.loads(vgc(*arguments))
    assert (ended["saved"], ended["unchanged"], ended["failed"]) == (0, 6, 0)
    assert ended["requests"] == 3  # robots.txt, the hub and the letter's page
    assert contents(home / "Data/raw/images") == images
    assert (home / "Data/raw/manifest.jsonl").read_text("utf-8").startswith(lines)


def test_a_site_described_in_toml_gives_the_same_characters(home: Path) -> None:
    with serve() as url:
        site = ("--site", FILES / "site.toml", "--base-url", url)
        vgc("scrape", *site, "--letters", "q", "--limit", 6, "--delay", 0, "--details", "--out", "again")
    assert contents(home / "again/images") == contents(home / "Data/raw/images")
    assert characters_of(home / "again") == characters_of(home / "Data/raw")


def characters_of(raw: Path) -> list[dict[str, Any]]:
    """What a manifest says of each character, but for addresses and times, which are those of a run."""
    facts = ("name", "game", "letter", "file", "sha256", "bytes", "description", "fields")
    lines = [json.loads(line) for line in (raw / "manifest.jsonl").read_text("utf-8").splitlines()]
    output = [{fact: line.get(fact) for fact in facts} for line in lines if line["name"] and line["file"]]
    return sorted(output, key=lambda each: each["file"])


def parsed(command: str, *arguments: str) -> dict[str, Any]:
    """The values that a command would be called with, by name."""
    app = typer.main.get_command(cli.app)
    outer = app.make_context("vgc", [command])
    return app.commands[command].make_context(command, list(arguments), parent=outer).params


@pytest.mark.parametrize("command", OPTIONS)
def test_every_option_is_still_understood(command: str) -> None:
    plain = parsed(command)
    for option in OPTIONS[command]:
        values = [] if option["flag"] else [option["value"]]
        given = [parsed(command, name, *values) for name in option["names"]]
        # Of --grid and --no-grid, one says what is so anyway.
        assert any(each != plain for each in given), option["names"]
        if not option["flag"]:
            assert all(each == given[0] for each in given), option["names"]
        if option["repeatable"]:
            name = option["names"][0]
            assert parsed(command, name, *values, name, *values) != given[0], name


@pytest.mark.parametrize("command", OPTIONS)
def test_every_environment_variable_is_still_read(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = parsed(command)
    for option in OPTIONS[command]:
        value = str(int(not option["default"])) if option["flag"] else option["value"]
        for name in option["environment"]:
            with monkeypatch.context() as environment:
                environment.setenv(name, value)
                assert parsed(command) != plain, name


@pytest.mark.parametrize("command", OPTIONS)
def test_every_option_that_is_left_out_still_means_the_same(command: str) -> None:
    defaults = {
        name: None if parameter.default is None else str(parameter.default)
        for parameter in typer.main.get_command(cli.app).commands[command].params
        for name in (*parameter.opts, *parameter.secondary_opts)
    }
    then = {
        name: None if option["default"] is None else str(option["default"])
        for option in OPTIONS[command]
        for name in option["names"]
    }
    assert {name: defaults.get(name) for name in then} == then
