"""A folder of square pictures, for training."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from image_sets import make
from PIL import Image
from torch.utils.data import DataLoader
from torchvision.transforms.v2.functional import pil_to_tensor

import dataset.reader
from dataset.errors import DatasetError
from dataset.image_folder import SIDES_PX
from dataset.reader import CharacterImages, is_mapped, load_images
from gan.config import doublings

COLOURS = {"b.png": (1, 2, 3), "a.png": (4, 5, 6), "C.png": (7, 8, 9)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, colour in COLOURS.items():
        Image.new("RGB", (16, 16), colour).save(tmp_path / name)
    (tmp_path / "metadata.jsonl").write_text("{}\n")
    (tmp_path / "more").mkdir()
    return tmp_path


def test_a_folder_becomes_one_tensor_in_the_order_of_names(folder: Path) -> None:
    images = load_images(folder)
    assert images.dtype == torch.uint8
    assert images.shape == (3, 3, 16, 16)
    assert images.is_contiguous()
    assert images[:, :, 7, 7].tolist() == [[7, 8, 9], [4, 5, 6], [1, 2, 3]]


def test_pixels_keep_their_places(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (20, 20, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.png")
    assert np.array_equal(load_images(tmp_path)[0].permute(1, 2, 0).numpy(), noise)


def test_torchvision_sees_a_dataset(folder: Path) -> None:
    images = CharacterImages(folder)
    assert len(images) == 3
    assert images[1].getpixel((0, 0)) == (4, 5, 6)
    assert "Number of datapoints: 3" in repr(images)
    batches = list(DataLoader(CharacterImages(folder, pil_to_tensor), batch_size=2))
    assert [batch.shape[0] for batch in batches] == [2, 1]
    assert torch.equal(torch.cat(batches), load_images(folder))


def test_a_torchvision_of_another_build_is_named_with_its_remedy(tmp_path: Path) -> None:
    (tmp_path / "torchvision").mkdir()
    broken = "raise RuntimeError('operator torchvision::nms does not exist')"
    (tmp_path / "torchvision/__init__.py").write_text(broken)
    run = subprocess.run(
        [sys.executable, "-c", "from dataset.reader import CharacterImages"],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1
    assert "are not built for each other: pip install --force-reinstall torch torchvision" in run.stderr


def refusal(folder: Path) -> str:
    with pytest.raises(DatasetError) as caught:
        load_images(folder)
    return str(caught.value)


def test_a_missing_folder_names_the_command_that_makes_it(tmp_path: Path) -> None:
    assert "no such folder; make it with vgc preprocess" in refusal(tmp_path / "nowhere")


def test_a_file_is_no_folder(folder: Path) -> None:
    assert refusal(folder / "C.png") == f"{folder / 'C.png'}: is a file, not a folder of pictures; name another"


def test_an_empty_folder_names_the_command_that_fills_it(tmp_path: Path) -> None:
    assert "no pictures in it; fill it with vgc preprocess" in refusal(tmp_path)


def test_the_folder_of_a_whole_set_means_the_images_in_it(raw: Path, out: Path) -> None:
    make(raw, out)  # data_sample.png lies directly in it
    assert torch.equal(load_images(out), load_images(out / "rgb_images"))


def test_a_damaged_image_of_a_set_is_not_preprocessed_once_more(raw: Path, out: Path) -> None:
    make(raw, out)
    (out / "rgb_images/a.png").write_bytes(b"\x89PNG")
    message = refusal(out)
    assert "run the vgc preprocess that made the set again" in message
    assert "--raw" not in message


def test_images_in_folders_for_classes_are_read_in_the_order_of_their_paths(tmp_path: Path) -> None:
    for value, name in enumerate(["foes/old/b", "heroes/a", "foes/c", ".hidden/d"]):
        file = tmp_path / "my classes" / f"{name}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (16, 16), (value, 0, 0)).save(file)
    assert load_images(tmp_path / "my classes")[:, 0, 0, 0].tolist() == [2, 0, 1]


def test_mixed_sizes_in_folders_for_classes_name_the_command_that_mends_all_of_them(tmp_path: Path) -> None:
    for side, name in ((16, "foes"), (32, "heroes")):
        (tmp_path / name).mkdir()
        Image.new("RGB", (side, side)).save(tmp_path / name / "a.png")
    assert f"vgc preprocess --raw {tmp_path} " in refusal(tmp_path)


def test_hidden_files_are_no_images(folder: Path) -> None:
    (folder / "._C.png").write_bytes(b"\0\5\x16\7 of macOS")
    assert len(load_images(folder)) == 3


def test_mixed_sizes_name_the_file_and_the_command_that_mends_it(folder: Path) -> None:
    Image.new("RGB", (20, 20)).save(folder / "odd.png")
    message = refusal(folder)
    assert "odd.png: 20x20, but C.png is 16x16" in message
    assert f"vgc preprocess --raw {folder} --out {folder}-16 --size 16" in message


def test_pictures_that_are_not_square_name_the_file_and_the_command(folder: Path) -> None:
    Image.new("RGB", (100, 60)).save(folder / "A.png")
    message = refusal(folder)
    assert "A.png: 100x60 is not square" in message
    assert "vgc preprocess --raw" in message
    assert "--size 96" in message


def test_the_size_that_is_advised_can_be_trained_on() -> None:
    for side in SIDES_PX:
        assert doublings(side)


def test_a_damaged_picture_names_the_file(folder: Path) -> None:
    (folder / "a.png").write_bytes(b"\x89PNG")
    message = refusal(folder)
    assert "a.png: damaged in its first bytes; take it away, or make them alike" in message
    assert "vgc preprocess --raw" in message


def test_more_than_the_memory_is_mapped_from_one_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = load_images(folder)
    monkeypatch.setattr(dataset.reader, "_free_bytes", lambda: 2000)
    images = load_images(folder)
    assert is_mapped(images)
    assert not is_mapped(expected)
    assert torch.equal(images, expected)
    (file,) = folder.glob(".vgc-pixels-*[0-9a-f]")
    written_ns = file.stat().st_mtime_ns
    load_images(folder)
    assert file.stat().st_mtime_ns == written_ns
    Image.new("RGB", (16, 16), "red").save(folder / "a.png")
    assert load_images(folder)[1, :, 0, 0].tolist() == [255, 0, 0]
    assert not file.exists()  # the one of the former pictures


def test_more_than_the_memory_and_the_disk_is_said_before_it_is_tried(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset.reader, "_free_bytes", lambda: 2000)
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=2000))
    assert "0.0 GiB of disk, of which 0.0 GiB are free" in refusal(folder)


def test_the_free_memory_is_known_on_this_machine() -> None:
    free = dataset.reader._free_bytes()
    assert free is None or 2**20 < free < 2**50


def test_clear_parts_are_black_not_what_is_hidden_under_them(tmp_path: Path) -> None:
    image = Image.new("RGBA", (16, 16), (255, 0, 0, 0))
    image.putpixel((0, 0), (0, 255, 0, 255))
    image.save(tmp_path / "a.png")
    assert load_images(tmp_path)[0, :, 5, 5].tolist() == [0, 0, 0]
