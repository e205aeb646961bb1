"""``benchmarks.blind``: boards that do not give the key away, and a share known by hand."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from benchmarks.blind import BlindError, accuracy, make_sheet

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Ten real images, all red, and ten generated ones, all blue."""
    for name, colour in (("real", "red"), ("generated", "blue")):
        (tmp_path / name).mkdir()
        for number in range(10):
            Image.new("RGB", (8, 8), colour).save(tmp_path / name / f"{number:04d}.png")
    return tmp_path / "real", tmp_path / "generated"


def test_every_number_on_the_boards_shows_what_the_key_says(folders, tmp_path):
    grids = make_sheet(*folders, 10, 0, tmp_path / "boards", tmp_path / "key.json")
    key = json.loads((tmp_path / "key.json").read_text())
    grid = Image.open(grids[0])
    for number in range(1, 21):
        row, column = divmod(number - 1, 5)
        corner = grid.getpixel((4 + column * (24 + 4), 4 + row * (24 + 16 + 4)))
        assert corner == ((0, 0, 255) if number in key["generated"] else (255, 0, 0))
    assert len(key["generated"]) == 10
    assert key["generated"] != list(range(1, 11))
    assert not list((tmp_path / "boards").glob("*.json"))


def test_the_share_told_apart_counts_both_kinds_of_mistake():
    # Of ten images 1 to 5 are generated; 4 and 5 were missed and 6 was suspected: three mistakes.
    share, error = accuracy({1, 2, 3, 4, 5}, {1, 2, 3, 6}, 10)
    assert share == pytest.approx(0.7)
    assert error == pytest.approx((0.7 * 0.3 / 10) ** 0.5)
    with pytest.raises(BlindError, match=r"marks \[11\]: the boards show 1 to 10"):
        accuracy({1}, {11}, 10)


def test_boards_and_marks_from_the_command_line(folders, tmp_path):
    def blind(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "benchmarks.blind", *arguments]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)

    out, key = str(tmp_path / "boards"), str(tmp_path / "key.json")
    made = blind("sheet", *map(str, folders), "--count", "4", "--out", out, "--key", key)
    assert made.stdout.split() == [str(tmp_path / "boards/board-1.png")]
    generated = ",".join(map(str, json.loads(Path(key).read_text())["generated"]))
    assert blind("score", key, generated).stdout == "told apart: 100% ± 0% of 8 images\n"
    few = blind("sheet", *map(str, folders), "--out", out, "--key", key)
    assert (few.returncode, few.stderr) == (2, f"{folders[0]}: 10 PNGs, 50 are wanted; choose a smaller --count\n")
