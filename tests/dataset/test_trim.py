"""Margins that go: each picture's own, or those that all have."""

from pathlib import Path

import numpy as np
import pytest
from image_sets import contents, make
from PIL import Image

from dataset.errors import DatasetSettingsError
from dataset.trim import Box, cut_out, figure_box


def canvas(box: tuple[int, int, int, int], mode: str = "RGBA", size: tuple[int, int] = (64, 64)) -> Image.Image:
    """A red figure with a green corner."""
    image = Image.new(mode, size)
    image.paste((200, 30, 30), box)
    image.paste((30, 200, 30), (box[0], box[1], box[0] + 2, box[1] + 2))
    return image


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """A tall figure on the ground, and a small one that jumps."""
    folder = tmp_path / "raw"
    folder.mkdir()
    canvas((22, 20, 42, 60)).save(folder / "tall.png")
    canvas((27, 30, 37, 50)).save(folder / "jump.png")
    return folder


def box_in_set(out: Path, name: str) -> Box:
    with Image.open(out / "rgb_images" / name) as image:
        rows, columns = np.nonzero(np.asarray(image).max(axis=2) > 100)
    return Box(int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1)


def test_each_figure_fills_the_square_but_for_the_margin(raw: Path, out: Path) -> None:
    make(raw, out, size_px=40, trim="each", margin_px=4)
    assert box_in_set(out, "tall.png") == (12, 4, 28, 36)
    assert box_in_set(out, "jump.png") == (12, 4, 28, 36)
    assert figure_box(*2 * [Image.open(out / "rgba_images/tall.png")]) == (12, 4, 28, 36)


def test_together_they_keep_their_sizes_and_the_ground(raw: Path, out: Path) -> None:
    make(raw, out, size_px=40, trim="together")
    assert box_in_set(out, "tall.png") == (10, 0, 30, 40)
    assert box_in_set(out, "jump.png") == (15, 10, 25, 30)
    assert '"window": [' in (out / "report.json").read_text()


def test_a_wider_figure_has_all_made_anew_and_a_rerun_nothing(raw: Path, out: Path) -> None:
    make(raw, out, size_px=40, trim="together")
    before = contents(out)
    assert make(raw, out, size_px=40, trim="together").rendered == 0
    assert contents(out) == before
    canvas((25, 25, 36, 55)).save(raw / "fits.png")
    assert make(raw, out, size_px=40, trim="together").rendered == 1
    canvas((2, 20, 62, 60)).save(raw / "wide.png")
    assert make(raw, out, size_px=40, trim="together").rendered == 4
    (raw / "wide.png").unlink()
    (raw / "fits.png").unlink()
    make(raw, out, size_px=40, trim="together")
    assert contents(out) == before


def test_pictures_of_other_sizes_stand_on_the_same_ground(raw: Path, out: Path) -> None:
    canvas((5, 6, 15, 16), size=(20, 20)).save(raw / "small.png")
    make(raw, out, size_px=40, trim="together")
    assert box_in_set(out, "small.png").bottom == box_in_set(out, "tall.png").bottom


def test_the_background_stays_that_of_the_whole_picture(tmp_path: Path, out: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    image = Image.new("RGB", (64, 64), (0, 0, 250))
    image.paste((200, 30, 30), (20, 10, 40, 60))
    image.save(raw / "a.png")
    make(raw, out, trim="each", background="edge", margin_px=2)
    with Image.open(out / "rgb_images/a.png") as square:
        assert square.getpixel((0, 8)) == (0, 0, 250)


def test_what_lies_outside_an_image_is_filled() -> None:
    cut = cut_out(Image.new("RGB", (4, 4), (9, 9, 9)), Box(-1, 2, 2, 6), (7, 7, 7))
    assert cut.size == (3, 4)
    assert (cut.getpixel((0, 0)), cut.getpixel((1, 0)), cut.getpixel((1, 3))) == ((7,) * 3, (9,) * 3, (7,) * 3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"trim": "all"}, "--trim all: choose none, each or together"),
        ({"trim": "each", "margin_px": 9}, "--margin 9: choose 0 to 4 pixels"),
        ({"margin_px": 2}, "--margin 2: is left of margins that are cut; add --trim each"),
    ],
)
def test_trims_that_cannot_be_are_refused(raw: Path, out: Path, settings: dict[str, object], message: str) -> None:
    with pytest.raises(DatasetSettingsError, match=message):
        make(raw, out, **settings)
