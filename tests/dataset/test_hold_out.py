"""Pictures that a training never sees."""

import json
from pathlib import Path

import pytest
from PIL import Image

from dataset.errors import DatasetError
from dataset.hold_out import split_files
from dataset.reader import image_groups, load_images


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """Three pictures each of twelve characters, in a set with groups."""
    folder = tmp_path / "rgb_images"
    folder.mkdir()
    lines = []
    for number in range(36):
        name = f"{number:02d}.png"
        Image.new("RGB", (16, 16), (number, 0, 0)).save(folder / name)
        lines.append(json.dumps({"file_name": name, "group": f"unit-{number // 3}"}))
    (folder / "metadata.jsonl").write_text("\n".join(lines))
    return folder


def test_whole_characters_are_held_out_and_the_same_ones_each_time(units: Path) -> None:
    training, held_out = split_files(units, 0.25)
    assert (len(training), len(held_out)) == (27, 9)
    assert sorted(training + held_out) == sorted(units.glob("*.png"))
    characters = [{int(file.stem) // 3 for file in files} for files in (training, held_out)]
    assert not characters[0] & characters[1]
    assert split_files(units, 0.25) == (training, held_out)
    assert {int(file.stem) // 3 for file in split_files(units, 0.5)[1]} > characters[1]


def test_the_pictures_and_the_groups_of_the_rest_are_read_in_its_order(units: Path) -> None:
    training, _ = split_files(units, 0.25)
    images = load_images(units, files=training)
    assert images[:, 0, 0, 0].tolist() == [int(file.stem) for file in training]
    groups = image_groups(units, training)
    assert groups is not None
    assert groups.tolist() == [index // 3 for index in range(27)]


def test_without_groups_each_picture_is_a_character(units: Path) -> None:
    (units / "metadata.jsonl").unlink()
    assert [len(files) for files in split_files(units, 0.1)] == [32, 4]
    assert len(split_files(units, 1e-9)[1]) == 1


def test_one_character_alone_cannot_be_divided(units: Path) -> None:
    for file in sorted(units.glob("*.png"))[3:]:
        file.unlink()
    with pytest.raises(DatasetError, match="one character alone, of whom none can be held out"):
        split_files(units, 0.1)
