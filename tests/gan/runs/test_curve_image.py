"""A run's curves as PNG and SVG, and its own networks as diagrams."""

import json
import shutil
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import cli
from gan.errors import GanError, SettingsError
from gan.info import draw_curves, draw_model
from gan.runs.curve_image import save_curves
from gan.runs.model_files import built_in_model
from kit.png import is_vgc_png

RUN = Path(__file__).parents[2] / "compat/files/runs/dcgan"
SVG = "{http://www.w3.org/2000/svg}"
ORANGE = (180, 83, 9)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run that lost its speed and won a straight line of losses."""
    folder = tmp_path / "mine <&>"
    folder.mkdir()
    lines = [{"images": 1000 * n, "loss_d": float(n), "loss_g": 2.0, "new": 1.0} for n in range(5)]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def test_the_svg_stands_alone_and_its_curves_lie_where_the_values_say(run, tmp_path):
    save_curves(run, tmp_path / "new/curves.svg")
    root = ElementTree.parse(tmp_path / "new/curves.svg").getroot()
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert texts[0] == "mine <&>"
    assert {"Losses", "discriminator 4.00", "generator 2.00", "new", "new 1.00", "4k shown"} <= set(texts)
    lines = [line.get("points") for line in root.iter(f"{SVG}polyline") if line.get("stroke") == "#b45309"]
    points = [tuple(map(float, point.split(","))) for point in lines[0].split()]
    # 0 to 4 over the plot's 150 units, from the lower left corner to the upper right one.
    assert points == [(64, 238), (162, 200.5), (260, 163), (358, 125.5), (456, 88)]


def test_the_png_shows_the_same_on_white(run, tmp_path):
    save_curves(run, tmp_path / "curves.PNG")
    pixels = np.asarray(Image.open(tmp_path / "curves.PNG"))
    assert pixels.shape == (2 * (44 + 230), 2 * 2 * 480, 3)
    assert tuple(pixels[-1, 0]) == (255, 255, 255)
    assert np.abs(pixels[251, 2 * 358].astype(int) - ORANGE).max() < 100


def test_curves_that_cannot_be_drawn_are_refused_with_the_reason(run, tmp_path):
    with pytest.raises(SettingsError, match=r"curves\.pdf: name a \.png or \.svg file"):
        save_curves(run, tmp_path / "curves.pdf")
    (run / "metrics.jsonl").write_text("")
    with pytest.raises(GanError, match="no figures yet"):
        save_curves(run, tmp_path / "curves.png")
    with pytest.raises(SettingsError, match="no generator of a run"):
        draw_curves(str(built_in_model()), tmp_path / "curves.png")


def test_a_runs_own_networks_and_curves_are_drawn(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(RUN, tmp_path / "train_output/old")
    done = CliRunner().invoke(
        cli.app, ["info", "--draw", "--curves", "out/curves.svg", "--model", "old", "--json"]
    )
    assert done.exit_code == 0, done.output
    folder = Path("Data")
    drawn = [folder / "Generator_Arch.png", folder / "Discriminator_Arch.png", Path("out/curves.svg")]
    assert json.loads(done.stdout)["drawn"] == [path.as_posix() for path in drawn]
    assert all(path.is_file() for path in drawn)
    assert is_vgc_png(folder / "Generator_Arch.png")


def test_of_a_generator_file_alone_the_generator_is_drawn(tmp_path):
    assert draw_model(str(built_in_model()), tmp_path) == [tmp_path / "Generator_Arch.png"]


def test_a_model_of_which_nothing_is_to_be_drawn_is_a_usage_error():
    done = CliRunner().invoke(cli.app, ["info", "--model", "x"])
    message = "vgc: --model: say what to draw of it, with --draw or --curves FILE\n"
    assert (done.exit_code, done.stderr) == (2, message)
