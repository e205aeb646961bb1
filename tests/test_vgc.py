"""The Python API, as the README and the notebook use it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from fork_server import run_python
from PIL import Image, ImageChops

import vgc
from kit.progress import noop

ROOT = Path(__file__).parents[1]


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A folder to work in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return tmp_path


def test_importing_it_loads_neither_torch_nor_a_stage():
    probe = "import sys, vgc\nprint(sorted({'torch', 'PIL', 'requests', 'numpy'} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"


@pytest.mark.parametrize("name", vgc.__all__)
def test_every_name_is_there_and_documented(name):
    assert getattr(vgc, name).__doc__
    with pytest.raises(AttributeError):
        vgc.something_else  # noqa: B018


def test_a_generator_draws_the_characters_that_the_command_draws(home):
    vgc.generate(vgc.GenerateSettings(seeds="3,8", grid=False, device="cpu"), noop)
    drawn = vgc.load_generator(device="cpu").draw([3, 8])
    for name, image in zip(("0000.png", "0001.png"), drawn, strict=True):
        with Image.open(home / "generated" / name) as written:
            assert ImageChops.difference(written, image).getbbox() is None


def test_a_model_that_is_not_there_is_the_documented_error(home):
    with pytest.raises(vgc.GanError, match="no such run or file"):
        vgc.load_generator("nowhere")


def test_the_readmes_example_walks_the_whole_road(home, monkeypatch):
    text = (ROOT / "README.md").read_text("utf-8")
    example = next(block for block in re.findall(r"^```python\n(.*?)^```", text, re.S | re.M) if "vgc" in block)
    assert len(example.splitlines()) <= 12
    short = example.replace('letters="a-c"', 'letters="q"').replace("minutes=2", 'minutes=0.01, device="cpu"')
    assert short != example
    (home / "example.py").write_text(f"if __name__ == '__main__':\n    {short.replace(chr(10), chr(10) + '    ')}")
    run = run_python(["example.py"], home)
    assert run.returncode == 0, run.stderr
    assert "train" in run.stderr  # its progress
    with Image.open(home / "hero.png") as hero:
        assert hero.size == (80, 80)


def test_the_notebook_runs_from_top_to_bottom(home):
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    notebook = nbformat.read(ROOT / "docs/notebook.ipynb", as_version=4)
    assert all(not cell.get("outputs") for cell in notebook.cells)
    settings = next(cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", []))
    settings.source = "LETTERS, MINUTES = 'q', 0.01"
    notebook = nbclient.NotebookClient(notebook, timeout=600, resources={"metadata": {"path": home}}).execute()
    last = notebook.cells[-1].outputs[-1]
    assert "image/png" in last["data"]
    output = json.dumps([cell.get("outputs") for cell in notebook.cells])
    assert "images shown in" in output
    assert (home / "generated/grid.png").is_file()
