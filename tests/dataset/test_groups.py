"""Which pictures show one character, what they are labelled, and which files are taken."""

from pathlib import Path
from typing import Any

import pytest
from image_sets import contents, make, metadata, names, noise

from dataset.errors import DatasetError, DatasetSettingsError
from dataset.groups import group_names, name_key
from dataset.reader import image_groups
from dataset.report.page import write_report_page


@pytest.mark.parametrize(
    ("path", "key", "is_certain"),
    [
        ("units/orc-attack-1.png", "units/orc", True),
        ("units/orc-archer-bow-attack2.png", "units/orc archer", True),
        ("units/orcWalkLeft03.png", "units/orc", True),
        ("orc_12.png", "orc", False),
        ("orc/walk/01.png", "orc", True),
        ("orc/01.png", "orc", False),
        ("spear goblin.png", "spear goblin", False),
        ("shield.png", "shield", False),
        ("001.png", "", False),
    ],
)
def test_a_name_tells_who_it_shows(path: str, key: str, is_certain: bool) -> None:
    assert name_key(path) == (key, is_certain)


def record(path: str, bits: int, **more: Any) -> dict[str, Any]:
    return {"file_name": path.rpartition("/")[2], "raw_file": path, "perceptual_hash": f"{bits:016x}", **more}


NONE, FEW, OTHER = 0x00FF00FF00FF00FF, 0x00FF00FF00FF00F0, 0xFF00FF00FF00FF00
"""Hashes: FEW differs from NONE in 4 bits, OTHER in all."""


def test_frames_belong_together_by_their_names() -> None:
    pictures = [record("orc-walk-1.png", NONE), record("orc-die.png", OTHER), record("elf-walk-1.png", NONE)]
    assert group_names(pictures) == ["orc-walk-1", "orc-walk-1", "elf-walk-1"]


def test_frames_of_one_aseprite_document_belong_together_however_different() -> None:
    frames = [
        record("sheet.png", bits, cell=f"{16 * index},0,16,16 {name}")
        for index, (bits, name) in enumerate(
            [(NONE, "grunt 0.aseprite"), (OTHER, "grunt 1.aseprite"), (OTHER, "elf 0.ase"), (NONE, "other 1.png")]
        )
    ]
    pictures = [each | {"file_name": f"{index}.png"} for index, each in enumerate(frames)]
    assert group_names(pictures) == ["0", "0", "2", "3"]


def test_numbers_alone_need_likeness() -> None:
    pictures = [record("b1.png", NONE), record("b2.png", FEW), record("b10.png", OTHER)]
    assert group_names(pictures) == ["b1", "b1", "b10"]


def test_a_name_that_goes_on_belongs_to_the_shorter_one_if_any_two_are_alike() -> None:
    pictures = [
        record("orc-walk.png", NONE),
        record("orc-chief-walk.png", FEW),
        record("orc-shaman-die.png", OTHER),
    ]
    assert group_names(pictures) == ["orc-walk", "orc-walk", "orc-shaman-die"]


def test_copies_of_single_pictures_belong_together_and_frames_of_a_file_always() -> None:
    pictures = [
        record("ann.png", NONE),
        record("bob.png", FEW),
        record("walk.gif", NONE, frame=1),
        record("walk.gif", OTHER, frame=2),
    ]
    assert group_names(pictures) == ["ann", "ann", "walk.gif", "walk.gif"]


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    folder = tmp_path / "raw"
    for seed, name in enumerate(["heroes/ann-walk-1", "heroes/ann-walk-2", "foes/deep/orc", "loose"]):
        file = folder / f"{name}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        noise(seed).save(file)
    return folder


def test_the_metadata_tells_labels_always_and_groups_where_they_are_asked_for(classes: Path, out: Path) -> None:
    assert make(classes, out).groups == 0
    assert [each.get("label") for each in metadata(out)] == ["heroes", "heroes", None, "foes"]
    assert "group" not in metadata(out)[0]
    assert "| heroes | 2 |" in (out / "README.md").read_text()
    plain = contents(out)

    assert make(classes, out, group="on").groups == 3
    assert [each["group"] for each in metadata(out)] == ["ann-walk-1", "ann-walk-1", "loose", "orc"]
    for folder in (out, out / "rgb_images"):
        groups = image_groups(folder)
        assert groups is not None
        assert groups.tolist() == [0, 0, 1, 2]
    assert "| Characters, as `group` in the metadata tells them apart | 3 |" in (out / "README.md").read_text()
    write_report_page(classes, out)
    assert "Characters with most pictures" in (out / "report.html").read_text()
    (out / "report.html").unlink()

    make(classes, out)
    assert contents(out) == plain
    assert image_groups(out) is None


def test_groups_follow_new_pictures_and_a_rerun_changes_nothing(classes: Path, out: Path) -> None:
    make(classes, out, group="on")
    before = contents(out)
    assert make(classes, out, group="on").rendered == 0
    assert contents(out) == before
    noise(9).save(classes / "heroes/ann-idle.png")
    report = make(classes, out, group="on")
    assert (report.rendered, report.groups) == (1, 3)
    assert [each["group"] for each in metadata(out)] == ["ann-idle"] * 3 + ["loose", "orc"]


def test_frames_of_animations_are_grouped_by_themselves(tmp_path: Path, out: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    noise(1).save(raw / "a.gif", save_all=True, append_images=[noise(2)])
    noise(3).save(raw / "b.png")
    assert make(raw, out, frames="all").groups == 2


def test_patterns_choose_the_files_by_path_or_name(classes: Path, out: Path) -> None:
    assert make(classes, out, include=("heroes/*", "orc.*"), exclude=("*-2.png",)).found == 2
    assert names(out) == ["ann-walk-1.png", "orc.png"]
    assert '"exclude": [' in (out / "report.json").read_text()
    assert make(classes, out).rendered == 2
    with pytest.raises(DatasetError, match="--include and --exclude leave"):
        make(classes, out, include=("*.gif",))
    with pytest.raises(DatasetSettingsError, match="--group some: choose auto, on or off"):
        make(classes, out, group="some")
