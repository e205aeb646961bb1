"""The whole road, as a newcomer walks it, on the built-in site."""

import json
import os
import subprocess
from pathlib import Path

from fork_server import PYTHONPATH, run_python
from PIL import Image

from gan.runs.model_files import list_runs
from scraper.demosite.server import serve


def vgc(*arguments: str, cwd: Path, module: str = "cli", **environment: str) -> subprocess.CompletedProcess[str]:
    return run_python(("-m", module, *arguments), cwd, {**os.environ, "PYTHONPATH": PYTHONPATH, **environment})


def test_the_demo_ends_with_a_grid_of_the_model_trained_in_this_very_run(tmp_path):
    arguments = ("demo", "--minutes", "0.01", "--letters", "q,x", "--device", "cpu", "--out", "d", "--json")
    run = vgc(*arguments, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    result = json.loads(run.stdout)
    assert result["images"] > 0
    for name in ("grid", "before_after"):
        with Image.open(tmp_path / result[name]) as image:
            assert image.width >= 8 * 80
    trained = tmp_path / "d/train_output"
    assert [path.name for path in list_runs(trained)] == [Path(result["run"]).name]
    # The grid is the last sample of that run: the same model, the same seeds.
    sample = trained / Path(result["run"]).name / "samples" / f"{result['images']:08d}.png"
    with Image.open(sample) as expected, Image.open(tmp_path / result["grid"]) as grid:
        assert grid.tobytes() == expected.tobytes()

    again = vgc(*arguments, "--compare", cwd=tmp_path, module="slim_networks")
    assert again.returncode == 0, again.stderr
    lineages = [json.loads((run / "config.json").read_text())["lineage"] for run in list_runs(trained)]
    assert len(lineages) == 3
    assert sum(lineage == [] for lineage in lineages) == 1


def test_the_four_commands_without_options_find_each_others_output(tmp_path):
    with serve() as address:
        short = {
            "VGC_SCRAPE_BASE_URL": address, "VGC_SCRAPE_DELAY": "0", "VGC_SCRAPE_LETTERS": "q",
            "VGC_TRAIN_KIMG": "0.1", "VGC_TRAIN_DEVICE": "cpu",
        }  # fmt: skip
        for arguments in (("scrape",), ("preprocess",), ("train",), ("generate", "-n", "3")):
            run = vgc(*arguments, cwd=tmp_path, **short)
            assert run.returncode == 0, f"{arguments}: {run.stderr}"
    scraped = list((tmp_path / "Data/raw/images").iterdir())
    assert len(scraped) == len(list((tmp_path / "Data/train_data/rgb_images").glob("*.png"))) > 3
    (newest,) = list_runs(tmp_path / "train_output")
    assert f"{newest.name}/generator.safetensors" in run.stderr
    assert sorted(path.name for path in (tmp_path / "generated").iterdir()) == [
        "0000.png", "0001.png", "0002.png", "grid.png",
    ]  # fmt: skip
