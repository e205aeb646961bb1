"""The command line as a user meets it."""

import json
import logging
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import cli
from gan.sampling.generate import GenerateSettings
from gan.sampling.share_codes import encode
from gan.training.dry_run import DryRun
from kit.quoting import quoted
from screen import Screen

ROOT = Path(__file__).parents[1]


def vgc_process(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cli", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def vgc(capfd, monkeypatch, tmp_path):
    """The command as `vgc_process`, in ``tmp_path``, but in this process, which has loaded torch already."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("GOMP_SPINCOUNT", "0")  # else the command would set these for all tests after
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    handlers, level = logging.root.handlers[:], logging.root.level

    def vgc(*arguments: str) -> subprocess.CompletedProcess[str]:
        logging.root.handlers.clear()  # as a process begins
        monkeypatch.setattr(sys, "argv", ["vgc", *arguments])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return subprocess.CompletedProcess(arguments, ended.value.code, *capfd.readouterr())

    yield vgc
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


def test_sprites_are_drawn_by_a_command_of_their_own(vgc, tmp_path):
    run = vgc("sprites", "--seeds", "3,8", "--out", "game", "--json")
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["count"] == 2
    assert [path.name for path in (tmp_path / "game").iterdir()] == ["sprites.zip"]
    both = vgc("generate", "--seeds", "3,8", "--sprites", "--out", "both")
    assert both.returncode == 0, both.stderr
    assert (tmp_path / "both/sprites.zip").read_bytes() == (tmp_path / "game/sprites.zip").read_bytes()


def test_a_dry_run_of_an_old_run_is_refused():
    refused = CliRunner().invoke(cli.app, ["train", "--resume", "old", "--dry-run"])
    assert (refused.exit_code, refused.stderr.count("leave out --run and --dry-run")) == (2, 1)


def test_a_dry_run_of_several_processes_is_refused(monkeypatch):
    refused = CliRunner().invoke(cli.app, ["train", "--devices", "2", "--dry-run"])
    assert (refused.exit_code, refused.stderr.count("leave out --devices")) == (2, 1)
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert CliRunner().invoke(cli.app, ["train", "--dry-run"]).exit_code == 2


def test_what_a_dry_run_found_is_one_json_object(capsys):
    cli.show_dry_run(Screen(json=True), DryRun("cpu", "fp32", 40, 16, 8, 1, 2, 0.5, 3, 4.0, 5, 6.0))
    assert json.loads(capsys.readouterr().out)["batch"] == 8


def test_one_picture_is_told_in_the_singular(vgc, tmp_path):
    (tmp_path / "raw").mkdir()
    Image.linear_gradient("L").save(tmp_path / "raw/a.png")
    run = vgc("preprocess", "--raw", "raw", "--out", "set")
    assert run.stdout.startswith(
        f"1 picture in {Path('set/rgb_images')}\n1 file in raw, 1 of them new or changed\n"
    )


@pytest.mark.parametrize(
    ("run", "hint"),
    [
        (Path("train_output/a b"), "next: vgc generate -n 64\n"),
        (Path("/else/a b"), "next: vgc generate -n 64 --model '/else/a b'\n"),
    ],
)
def test_the_next_command_names_a_run_that_lies_elsewhere(run, hint, monkeypatch):
    from gan.training import loop

    summary = loop.TrainSummary(run, 16, 0.1, 2.0, False, False)
    monkeypatch.setattr(loop, "resume", lambda *_: summary)
    assert CliRunner().invoke(cli.app, ["train", "--resume", "x"]).stderr.endswith(hint)


def test_of_a_sheet_the_cells_are_counted(vgc, tmp_path):
    (tmp_path / "raw").mkdir()
    Image.effect_noise((96, 64), 90).save(tmp_path / "raw/a.png")
    run = vgc("preprocess", "--raw", "raw", "--out", "set", "--sheet", "32x32")
    assert "\n1 file in raw, 6 frames and cells new or changed\n" in run.stdout


def test_pictures_that_no_network_draws_are_not_said_to_be_trained_on_next(vgc, tmp_path):
    (tmp_path / "raw").mkdir()
    Image.linear_gradient("L").save(tmp_path / "raw/a.png")
    refused = vgc("preprocess", "--raw", "raw", "--out", "set", "--size", "72")
    assert "for vgc train choose 64 or 80" in refused.stderr
    assert "next:" not in refused.stderr
    fitting = vgc("preprocess", "--raw", "raw", "--out", "set", "--size", "64")
    assert f"next: vgc train --data {quoted(Path('set/rgb_images'))}" in fitting.stderr


def test_transparent_pictures_are_to_be_trained_on_from_the_base(vgc, tmp_path):
    (tmp_path / "raw").mkdir()
    image = Image.new("RGBA", (16, 16))
    image.paste((200, 40, 40, 255), (4, 4, 12, 12))
    image.save(tmp_path / "raw/a.png")
    run = vgc("preprocess", "--raw", "raw", "--out", "set", "--size", "16")
    assert run.stderr.endswith(f"next: vgc train --data {quoted(Path('set/rgba_images'))} --from base\n")


@pytest.mark.parametrize("code_page", ["ascii", "cp1252", "utf-8"])
def test_a_name_outside_the_pipes_code_page_ends_no_command(code_page, tmp_path):
    (tmp_path / "raw").mkdir()
    Image.linear_gradient("L").save(tmp_path / "raw/a.png")
    (tmp_path / "raw/名前.png").write_text("no picture")
    arguments = ["preprocess", "--raw", "raw", "--out", "set"]
    plain = vgc_process(*arguments, cwd=tmp_path, PYTHONIOENCODING=code_page)
    assert plain.returncode == 0, plain.stderr
    assert "a text, not a picture" in plain.stdout
    output = vgc_process(*arguments, "--json", cwd=tmp_path, PYTHONIOENCODING=code_page)
    assert output.returncode == 0, output.stderr
    assert [each["raw_file"] for each in json.loads(output.stdout)["rejected"]] == ["名前.png"]


def test_an_unknown_option_is_a_usage_error(vgc):
    run = vgc("generate", "--sede", "1")
    assert run.returncode == 2
    assert "--seed" in run.stderr


@pytest.mark.parametrize("arguments", [("info", "{}"), ("info", "--{}"), ("--{}",), ("{}",)])
def test_no_argument_steers_the_terminal_in_a_usage_error(arguments, vgc):
    result = vgc(*(each.format("a\x1b]0;b\x07\x9b\u202ec\u2066") for each in arguments))
    assert result.returncode == 2
    assert r"\u202e" in result.stderr
    assert all(char.isprintable() or char == "\n" for char in result.stderr)


def test_settings_out_of_range_are_one_line_and_a_usage_error(vgc):
    run = vgc("generate", "-n", "0")
    assert (run.returncode, run.stderr) == (2, "vgc: -n 0: choose 1 to 100,000 pictures\n")


def test_json_is_one_object_on_stdout_and_nothing_else(vgc, tmp_path):
    run = vgc("generate", "-n", "2", "--json", "--out", "here")
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["count"] == 2
    assert {path.name for path in (tmp_path / "here").iterdir()} == {"0000.png", "0001.png", "grid.png"}


def test_the_environment_stands_in_for_an_option_and_the_option_wins(vgc, tmp_path, monkeypatch):
    monkeypatch.setenv("VGC_GENERATE_COUNT", "1")
    monkeypatch.setenv("VGC_GENERATE_OUT", "one")
    vgc("generate")
    assert len(list((tmp_path / "one").glob("0*.png"))) == 1
    vgc("generate", "-n", "2", "--out", "two")
    assert len(list((tmp_path / "two").glob("0*.png"))) == 2


@pytest.mark.parametrize("arguments", [("--raw", ""), ("--raw=",)])
def test_an_empty_word_is_refused_and_not_taken_for_the_folder_one_is_in(arguments, vgc):
    run = vgc("preprocess", *arguments)
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr == "vgc: an empty word among the arguments; is a variable not set?\n"


def test_generate_at_once_says_that_the_built_in_generator_drew(tmp_path):
    run = vgc_process("generate", "-n", "1", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert "builtin-characters.safetensors" in run.stderr
    assert run.stdout == "1 character in generated, on generated/grid.png\n"


def test_generate_says_what_it_replaces_and_what_it_leaves_behind(vgc, tmp_path):
    assert "before" not in vgc("generate", "-n", "1").stderr
    (tmp_path / "generated/sprites.zip").touch()
    run = vgc("generate", "-n", "2")
    assert "in place of the 1 drawn there before; --out names another folder" in run.stderr
    assert "generated/sprites.zip holds earlier characters; vgc sprites makes it again" in run.stderr


def test_quiet_says_nothing(vgc):
    run = vgc("generate", "-n", "1", "-q")
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_training_without_pictures_names_the_command_that_makes_them(vgc):
    run = vgc("train")
    assert run.returncode == 1
    assert run.stderr.startswith("vgc: Data/train_data/rgb_images: no such folder; make it with vgc preprocess")


def test_info_shows_versions_presets_and_layers(vgc):
    values = json.loads(vgc("info", "--json").stdout)
    assert values["presets"]["student"]["generator"]["parameters"] == 28_822_723
    shown = vgc("info").stdout
    assert "student: generator, 28,822,723 parameters" in shown
    assert re.search(r"dense +Linear +256000 +20,736,000", shown)
    assert re.search(r"^torch +\d", shown, re.M)


def test_info_draws_both_networks(vgc, tmp_path):
    run = vgc("info", "--draw", "--preset", "student", "--out", "drawn")
    assert run.returncode == 0, run.stderr
    for name in ("Generator_Arch.png", "Discriminator_Arch.png"):
        with Image.open(tmp_path / "drawn" / name) as image:
            assert image.width > 600
            assert len(image.getcolors(1 << 24)) > 8


@pytest.mark.skipif(os.name == "nt", reason="pipes of Unix")
def test_a_reader_that_has_gone_is_no_error_message(tmp_path):
    Image.linear_gradient("L").save(tmp_path / "a.png")
    read, write = os.pipe()
    os.close(read)
    run = subprocess.run(
        [sys.executable, "-m", "cli", "preprocess", "--raw", tmp_path, "--out", tmp_path / "set", "--json", "-q"],
        cwd=ROOT,
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(write)
    assert run.returncode == 1
    assert run.stderr == ""


def test_sprites_take_palette_grid_and_rims_of_the_set_that_the_model_learned_from(tmp_path: Path) -> None:
    run, data = tmp_path / "run", tmp_path / "set/rgb_images"
    run.mkdir()
    data.mkdir(parents=True)
    (run / "generator.safetensors").touch()
    settings = GenerateSettings(model=str(run))
    (run / "config.json").write_text(json.dumps({"data": str(data)}))
    assert cli.sprite_settings(cli.SpriteOptions(), settings).palette is None
    (tmp_path / "set/report.json").write_text('{"palette": ["0a0014", "c82828"]}')
    assert cli.sprite_settings(cli.SpriteOptions(), settings).palette == ((10, 0, 20), (200, 40, 40))
    assert cli.sprite_settings(cli.SpriteOptions(colours=8), settings).palette is None
    (tmp_path / "set/report.json").write_text('{"grid": {"block_px": 2, "left_px": 1, "top_px": 0}}')
    assert cli.sprite_settings(cli.SpriteOptions(), settings).grid == (2, 1, 0)
    assert not cli.sprite_settings(cli.SpriteOptions(), settings).soft_rims
    for pixel_art, soft in (("on", False), ("off", True)):
        (tmp_path / "set/report.json").write_text(json.dumps({"recipe": {"pixel_art": pixel_art}}))
        assert cli.sprite_settings(cli.SpriteOptions(), settings).soft_rims == soft


def test_sprites_of_a_code_take_nothing_from_the_set_of_a_run_that_does_not_draw_them(vgc, tmp_path: Path) -> None:
    run, data = tmp_path / "train_output/run", tmp_path / "set/rgb_images"
    run.mkdir(parents=True)
    data.mkdir(parents=True)
    (run / "generator.safetensors").touch()
    (run / "config.json").write_text(json.dumps({"data": str(data)}))
    (tmp_path / "set/report.json").write_text('{"palette": ["ff00ff", "00ff00"]}')
    code = encode("6d1a70c4", np.zeros(100, np.float32))
    for command, *options in (("generate", "--sprites", "--no-grid"), ("sprites",)):
        vgc(command, *options, "--code", code, "--out", command, "--device", "cpu")
        with zipfile.ZipFile(tmp_path / command / "sprites.zip") as archive:
            assert archive.read("palette.hex") != b"ff00ff\n00ff00\n"
