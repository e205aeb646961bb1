"""What people decide on raw pictures: a build obeys it, says so, and notices when it changes."""

import json
import shutil
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from image_sets import contents, make, metadata, names, noise
from PIL import Image
from typer.testing import CliRunner

from cli import app
from dataset.build import saved_settings
from dataset.curation import CURATION, Decision, append_decisions, read_curation


def decide(raw: Path, name: str, **decision: object) -> None:
    digest = sha256((raw / name).read_bytes()).hexdigest()
    append_decisions(raw, [Decision(digest, **decision)])  # type: ignore[arg-type]


def pixels(out: Path, name: str) -> np.ndarray:
    with Image.open(out / "rgb_images" / name) as image:
        return np.asarray(image)


def test_a_picture_left_out_stays_out_and_comes_back_when_it_is_taken_back(raw: Path, out: Path) -> None:
    make(raw, out)
    before = contents(out)
    decide(raw, "b.png", leave_out=True)
    built = make(raw, out)
    assert names(out) == ["a.png", "c.png", "d.png", "e.png"]
    assert [(each["raw_file"], each["reason"]) for each in built.rejected] == [("b.png", "left out by hand")]
    assert built.by_hand == {"left_out": 1}
    assert make(raw, out).rendered == 0
    decide(raw, "b.png")
    assert make(raw, out).rendered == 1
    assert contents(out) == before


def test_only_the_pictures_decided_on_are_rendered_anew(raw: Path, out: Path) -> None:
    make(raw, out)
    decide(raw, "a.png", turn_degrees=180)
    decide(raw, "e.png", crop=(0, 0, 10, 10))
    decide(raw, "c.png", leave_out=True)
    decide(raw, "c.png")
    assert make(raw, out).rendered == 2


def test_turned_is_clockwise_and_cropped_is_in_raw_pixels_before_that(raw: Path, out: Path) -> None:
    image = noise(1).resize((32, 24))
    image.save(raw / "b.png")
    decide(raw, "b.png", crop=(4, 2, 20, 18), turn_degrees=90)
    built = make(raw, out)
    meant = np.rot90(np.asarray(image)[2:18, 4:20], -1)
    assert np.array_equal(pixels(out, "b.png"), meant)
    record = next(each for each in metadata(out) if each["file_name"] == "b.png")
    assert record["note"] == "cropped by hand; turned by hand"
    assert (record["raw_width"], record["raw_height"]) == (32, 24)
    assert built.by_hand == {"cropped": 1, "turned": 1}


def test_transparency_is_edited_with_the_picture(raw: Path, out: Path) -> None:
    image = noise(9).resize((16, 16)).convert("RGBA")
    image.putalpha(Image.fromarray(np.tri(16, dtype=np.uint8) * 255))
    image.save(raw / "b.png")
    decide(raw, "b.png", turn_degrees=270)
    make(raw, out)
    with Image.open(out / "rgba_images/b.png") as rgba:
        assert np.array_equal(np.asarray(rgba)[..., 3], np.rot90(np.tri(16, dtype=np.uint8) * 255))


def test_a_crop_that_leaves_nothing_rejects_the_picture(raw: Path, out: Path) -> None:
    decide(raw, "a.png", crop=(0, 0, 3, 20))
    decide(raw, "b.png", crop=(400, 400, 500, 500))
    built = make(raw, out)
    assert names(out) == ["c.png", "d.png", "e.png"]
    assert {each["reason"] for each in built.rejected} == {
        "3x20: a side under 8 pixels",
        "0x0: a side under 8 pixels",
    }


def test_groups_by_hand_are_written_without_asking_and_join_nobody_else(raw: Path, out: Path) -> None:
    make(raw, out)
    decide(raw, "a.png", group="knight")
    decide(raw, "c.png", group="knight")
    built = make(raw, out)
    assert [record["group"] for record in metadata(out)] == ["knight", "b", "knight", "d", "e"]
    assert built.groups == 4
    assert make(raw, out).rendered == 0
    for name in ("a.png", "c.png"):
        decide(raw, name)
    make(raw, out)
    assert all("group" not in record for record in metadata(out))


def test_leaving_out_the_first_of_a_pair_keeps_the_second(raw: Path, out: Path) -> None:
    noise(0).save(raw / "copy-of-a.bmp")
    decide(raw, "a.png", leave_out=True)
    make(raw, out)
    assert names(out) == ["b.png", "c.png", "copy-of-a.png", "d.png", "e.png"]


def test_one_cell_of_a_sheet_can_be_left_out(raw: Path, out: Path) -> None:
    sheet = Image.new("RGB", (40, 20))
    sheet.paste(noise(7), (0, 0))
    sheet.paste(noise(8), (20, 0))
    sheet.save(raw / "sheet.png")
    make(raw, out, sheet="20x20")
    first = next(each for each in metadata(out) if each["file_name"] == "sheet-c0001.png")
    decide(raw, "sheet.png", frame=first["frame"], cell=first["cell"], leave_out=True)
    make(raw, out, sheet="20x20")
    assert "sheet-c0001.png" not in names(out)
    assert "sheet-c0002.png" in names(out)


def test_figures_trimmed_together_are_measured_as_they_were_cropped(raw: Path, out: Path) -> None:
    for name in "abcde":
        decide(raw, f"{name}.png", crop=(0, 0, 12, 12))
    make(raw, out, trim="together")
    assert json.loads((out / "report.json").read_text())["window"] == [-6, -12, 6, 0]


def test_torn_and_foreign_lines_are_passed_over_with_a_count_and_what_follows_counts(raw: Path) -> None:
    foreign = [
        '{"sha256": "0", "colour": 1}',
        "[]",
        '{"sha256": 1}',
        '{"sha256": "0", "turn_degrees": 45}',
        '{"sha256": "0", "crop": [4, 0, 2, 9]}',
        '{"sha256": "0", "group": ""}',
        '{"sha256": "0", "leave_out"',
    ]
    (raw / CURATION).write_text("\n".join(foreign))
    append_decisions(raw, [Decision("f", leave_out=True), Decision("f", turn_degrees=90)])
    curation = read_curation(raw)
    assert curation.passed_over == len(foreign)
    assert list(curation.decisions.values()) == [Decision("f", turn_degrees=90)]


def test_without_its_database_a_set_still_follows_what_was_decided_since(raw: Path, out: Path) -> None:
    decide(raw, "a.png", leave_out=True)
    decide(raw, "b.png", turn_degrees=90)
    make(raw, out)
    shutil.rmtree(out / ".vgc")
    (raw / CURATION).unlink()
    make(raw, out)
    assert names(out) == ["a.png", "b.png", "c.png", "d.png", "e.png"]
    assert "note" not in metadata(out)[1]


def test_a_set_remembers_how_it_was_made(raw: Path, out: Path, tmp_path: Path) -> None:
    make(raw, out, fit="crop")
    settings = saved_settings(out)
    assert settings is not None
    assert (settings.raw, settings.fit, settings.size_px) == (raw, "crop", 16)
    out.rename(tmp_path / "moved")
    moved = saved_settings(tmp_path / "moved")
    assert moved is not None
    assert moved.out == tmp_path / "moved"
    (tmp_path / "moved/.vgc/settings.json").write_text("{}")
    assert saved_settings(tmp_path / "moved") is None


def test_the_command_says_what_was_decided(raw: Path, out: Path, caplog: pytest.LogCaptureFixture) -> None:
    decide(raw, "a.png", leave_out=True)
    decide(raw, "b.png", turn_degrees=90)
    with (raw / CURATION).open("a") as file:
        file.write("no decision\n")
    arguments = ["preprocess", "--raw", str(raw), "--out", str(out), "--size", "16", "--workers", "1", "--report"]
    run = CliRunner().invoke(app, arguments)
    assert run.exit_code == 0, run.output
    assert "by hand: 1 left out, 1 turned; see" in run.output
    assert "a.png: left out by hand" not in run.stdout
    assert "curation.jsonl: 1 line without a decision" in caplog.text
    assert "| Left out by hand | 1 |" in (out / "README.md").read_text()
    assert "left out by hand" in (out / "report.html").read_text()
