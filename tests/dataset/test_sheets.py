"""Sheets: cut by a grid, by a JSON file beside them, by their gaps; and what is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_sets import make, metadata, names
from PIL import Image

from dataset.errors import DatasetSettingsError, DecodeError
from dataset.sheets import (
    MAX_CELLS,
    Cell,
    SheetSettings,
    cells_by_gaps,
    find_grid,
    grid_cells,
    json_cells,
    parse_cell,
    parse_sheet,
)
from kit.islands import island_boxes

FIGURE_PX = 20


def figure(seed: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(1, 256, (FIGURE_PX, FIGURE_PX, 3), np.uint8))


def sheet(places: list[tuple[int, int]], size: tuple[int, int], mode: str = "RGBA") -> Image.Image:
    image = Image.new(mode, size)
    for seed, place in enumerate(places):
        image.paste(figure(seed), place)
    return image


WALK = [(5, 6), (37, 6), (69, 6), (5, 38), (37, 38)]
"""In cells of 32x32; the sixth is empty."""


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    folder = tmp_path / "raw"
    folder.mkdir()
    sheet(WALK, (96, 64)).save(folder / "walk.png")
    return folder


def pixels(out: Path, name: str, folder: str = "rgb_images") -> np.ndarray:
    with Image.open(out / folder / name) as image:
        return np.asarray(image)


def test_a_grid_gives_a_picture_a_cell_and_a_reason_for_an_empty_one(raw: Path, out: Path) -> None:
    report = make(raw, out, size_px=32, sheet="32x32")
    assert names(out) == [f"walk-c000{number}.png" for number in range(1, 6)]
    (empty,) = report.rejected
    assert (empty["reason"], empty["frame"], empty["cell"]) == ("an empty cell", 6, "64,32,32,32")
    assert report.found == 1
    assert (pixels(out, "walk-c0004.png")[6:26, 5:25] == np.asarray(figure(3))).all()
    assert pixels(out, "walk-c0004.png", "rgba_images")[0, 0, 3] == 0
    assert make(raw, out, size_px=32, sheet="32x32").rendered == 0


def test_a_lost_cache_is_made_again_from_the_set(raw: Path, out: Path) -> None:
    make(raw, out, size_px=32, sheet="32x32")
    before = metadata(out)
    for file in (out / ".vgc").glob("*.sqlite*"):
        file.unlink()
    assert make(raw, out, size_px=32, sheet="32x32").rendered == 0
    assert metadata(out) == before


def test_without_the_option_a_sheet_is_one_picture_that_is_named_as_a_sheet(raw: Path, out: Path) -> None:
    report = make(raw, out, size_px=32)
    assert report.pictures == 1
    assert report.notes[0]["note"] == "looks like a sheet of 3x2 figures; --sheet 32x32 cuts it"


def test_margins_and_spacing_lie_around_and_between_the_cells() -> None:
    cells = grid_cells((2 + 3 * 16 + 2 * 4 + 2, 2 + 16 + 2), SheetSettings("grid", 16, 16, 2, 4))
    assert [cell[:4] for cell in cells] == [(2, 2, 16, 16), (22, 2, 16, 16), (42, 2, 16, 16)]


def test_a_picture_with_room_for_one_cell_stays_whole(raw: Path, out: Path) -> None:
    assert make(raw, out, sheet="64x64").pictures == 1


@pytest.mark.parametrize("text", ["", "32", "0x32", "7x8", "32x32+", "32x32+-1", "99999x32", "x", "\u0663x9"])
def test_sheets_that_cannot_be_are_refused(raw: Path, out: Path, text: str) -> None:
    with pytest.raises(DatasetSettingsError, match="--sheet"):
        make(raw, out, sheet=text)


def test_a_cell_reads_back_as_it_was_written() -> None:
    assert parse_sheet("16x24+1+2") == SheetSettings("grid", 16, 24, 1, 2)
    for cell in (Cell(1, 2, 3, 4), Cell(1, 2, 3, 4, 0, 5, 8, 9, 1, "a/b c"), Cell(0, 0, 9, 9, name="x")):
        assert parse_cell(str(cell)) == cell


# By a JSON file


def frame(x: int, y: int, w: int, h: int, **more: Any) -> dict[str, Any]:
    return {"frame": {"x": x, "y": y, "w": w, "h": h}, **more}


@pytest.mark.parametrize("kind", ["hash", "array", "textures"])
def test_a_json_file_tells_of_rotated_and_trimmed_frames(raw: Path, out: Path, kind: str) -> None:
    image = sheet([], (64, 64))
    image.paste(figure(0), (4, 4))
    tall = figure(1).crop((0, 0, 12, 20))
    image.paste(tall.transpose(Image.Transpose.ROTATE_270), (30, 8))  # clockwise, as TexturePacker does
    image.save(raw / "walk.png")
    trimmed = {
        "trimmed": True,
        "spriteSourceSize": {"x": 6, "y": 8, "w": 20, "h": 20},
        "sourceSize": {"w": 32, "h": 32},
    }
    frames = {"knight/1.png": frame(4, 4, 20, 20, **trimmed), "knight/2.png": frame(30, 8, 12, 20, rotated=True)}
    array = [{"filename": name, **entry} for name, entry in frames.items()]
    document = {
        "hash": {"frames": frames},
        "array": {"frames": array},
        "textures": {"textures": [{"image": "other.png", "frames": []}, {"image": "walk.png", "frames": array}]},
    }
    (raw / "walk.json").write_text(json.dumps(document[kind]))
    report = make(raw, out, size_px=32, sheet="json", resample="nearest")
    assert (report.found, report.rejected) == (1, [])
    assert metadata(out)[0]["cell"].endswith(" knight/1.png")
    assert (pixels(out, "walk-c0001.png")[8:28, 6:26] == np.asarray(figure(0))).all()
    assert (pixels(out, "walk-c0002.png")[6:26, 10:22] == np.asarray(tall)).all()


def test_a_frame_that_moved_is_made_anew_and_one_outside_is_left_out(raw: Path, out: Path) -> None:
    (raw / "walk.json").write_text(json.dumps({"frames": [frame(5, 6, 20, 20), frame(37, 6, 20, 20)]}))
    make(raw, out, sheet="json")
    (raw / "walk.json").write_text(json.dumps({"frames": [frame(5, 6, 20, 20), frame(90, 6, 20, 20)]}))
    report = make(raw, out, sheet="json")
    assert (report.rendered, names(out)) == (1, ["walk-c0001.png"])
    assert report.rejected[0]["reason"] == "a frame at 90,6 20x20, outside its sheet of 96x64"


@pytest.mark.parametrize(
    "text",
    [
        '{"frames": [{"frame": {"x": -1, "y": 0, "w": 9, "h": 9}}]}',
        '{"frames": [{"frame": {"x": 0, "y": 0, "w": 1e999, "h": 9}}]}',
        '{"frames": [{"frame": {"x": 0, "y": 0, "w": 0, "h": 9}}]}',
        '{"frames": {"a": {"frame": {"x": "0", "y": 0, "w": 9, "h": 9}}}}',
        '{"frames": {"a": 7}}',
        '{"frames": [null]}',
        '{"frames": [{"frame": {"x": 0, "y": 0, "w": 9, "h": 9}, "trimmed": true, '
        '"spriteSourceSize": {"x": 0, "y": 0}, "sourceSize": {"w": 8, "h": 9}}]}',
        '{"frames": [{"frame": {"x": 0, "y": 0, "w": 9, "h": 9}, "trimmed": true, '
        '"spriteSourceSize": {"x": 0, "y": 0}, "sourceSize": {"w": 16384, "h": 16384}}]}',
        json.dumps({"frames": [frame(x, 0, 4096, 4096) for x in range(99)]}),
        '{"frames": []}',
        '{"frames": ',
        "[" * 100_000,
        json.dumps({"frames": [frame(0, 0, 9, 9)] * (MAX_CELLS + 1)}),
    ],
)
def test_json_files_that_lie_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(DecodeError):
        json_cells(tmp_path / "a.json")


def test_a_lying_json_file_is_the_reason_why_its_sheet_is_left_out(raw: Path, out: Path) -> None:
    figure(9).save(raw / "other.png")
    (raw / "walk.json").write_text('{"frames": [{"frame": {"x": -1, "y": 0, "w": 9, "h": 9}}]}')
    report = make(raw, out, sheet="json")
    reasons = {record["raw_file"]: record["reason"] for record in report.rejected}
    assert reasons["walk.png"] == "walk.json: frame '1': its x is -1; export the sheet again"
    assert names(out) == ["other.png"]


def test_a_sheet_of_too_many_cells_is_left_out_with_that_reason(raw: Path, out: Path) -> None:
    Image.new("1", (8 * 400, 8 * 300)).save(raw / "huge.png")
    report = make(raw, out, sheet="8x8")
    reasons = {record["raw_file"]: record["reason"] for record in report.rejected if "cell" not in record}
    assert reasons["huge.png"] == "a sheet of 120,000 cells: more than 16,384; cut it into several files"


# By what is in the picture


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_an_atlas_is_split_by_its_gaps_and_small_parts_go_with_the_nearest_figure(mode: str) -> None:
    image = sheet([(3, 4), (41, 9), (20, 40)], (70, 64), mode)
    image.paste((9, 200, 9), (66, 12, 69, 15))  # what the second figure has thrown
    cells = cells_by_gaps(image.convert("RGB"), image if mode == "RGBA" else None)
    assert [cell[:4] for cell in cells] == [(3, 4, 20, 20), (41, 9, 28, 20), (20, 40, 20, 20)]


def test_auto_prefers_the_grid_of_a_regular_sheet_to_its_gaps(raw: Path, out: Path) -> None:
    make(raw, out, sheet="auto")
    assert metadata(out)[0]["cell"] == "0,0,32,32"


def test_a_single_figure_is_no_sheet(tmp_path: Path) -> None:
    image = sheet([(10, 10)], (64, 64))
    assert find_grid(image.convert("RGB"), image) is None
    assert cells_by_gaps(image.convert("RGB"), image) == []


def test_islands_touch_by_their_corners_and_over_gaps() -> None:
    field = np.zeros((8, 12), bool)
    field[1:3, 1:3] = field[3, 3] = field[1, 6] = field[6, 11] = True
    assert island_boxes(field, 0).tolist() == [[1, 1, 4, 4], [6, 1, 7, 2], [11, 6, 12, 7]]
    assert island_boxes(field, 3).tolist() == [[1, 1, 7, 4], [11, 6, 12, 7]]
    assert island_boxes(np.zeros((3, 3), bool), 1).tolist() == []
