"""``benchmarks.quality``: a row from end to end, and its own measures against answers known by hand."""

import json
import shutil
import sys
import time

import pytest
import torch

from benchmarks._ablations import ROWS
from benchmarks.quality import image_folders, main, nearness, traces
from dataset.image_folder import image_channels
from dataset.reader import image_groups
from dataset.staging import METADATA


@pytest.fixture
def quality(monkeypatch, capsys):
    """Run it in this process, for test_gpu_script.py starts it; returns what it printed and the exit code."""

    def run(*arguments: str) -> tuple[str, int]:
        monkeypatch.setattr(sys, "argv", ["quality", *arguments, "--device", "cpu"])
        try:
            main()
        except SystemExit as stop:
            return capsys.readouterr().err, stop.code
        return capsys.readouterr().out, 0

    return run


def test_a_row_is_trained_scored_and_written_down_once(tmp_path, discs, quality, monkeypatch):
    # Both take long: to measure bf16 where the processor has none, and finer features than 16 pixels have.
    monkeypatch.setattr("gan.device.bf16_speedup", lambda: 1.0)
    monkeypatch.setattr("gan.evaluation.features.LITE0_SIDE_PX", 32)
    data = tmp_path / "data"
    data.mkdir()
    for disc in sorted(discs.iterdir())[:20]:
        shutil.copy(disc, data)
    scorer = tmp_path / "scorer.py"
    scorer.write_text(
        "import json, os, sys\n"
        "real, fake, flag = sys.argv[1:]\n"
        "print(json.dumps({'fd': len(os.listdir(real)) + len(os.listdir(fake)) / 100, 'flag': flag}))\n"
    )
    arguments = (
        "plain",
        "--kimg",
        "0.08",
        "--data",
        str(data),
        "--hold-out",
        "--scorer",
        f"{sys.executable} {scorer}",
    )
    work = ("--work", str(tmp_path / "work"))
    first, code = quality(*arguments, *work)
    assert code == 0, first
    (row,) = map(json.loads, (tmp_path / "work/rows.jsonl").read_text().splitlines())
    assert (row["row"], row["seed"], row["images"]) == ("plain", 0, 80)
    assert row["scorer"] == {"fd": 20.20, "flag": "--json"}
    assert set(row["memorisation"]) == {"pixels", "features"}
    assert len(list((tmp_path / "work/one-tenth").rglob("*.png"))) == 2
    assert len(list((tmp_path / "work/nine-tenths").rglob("*.png"))) == 18
    assert "| plain | non-saturating loss, R1 |" in first
    again, code = quality(*arguments, *work)
    assert code == 0
    assert "training" not in again
    assert (tmp_path / "work/rows.jsonl").read_text().count("\n") == 1
    refusal, code = quality("plain", *work)
    assert code == 2
    assert f"holds rows of other pictures ({data.resolve()})" in refusal


def test_after_the_minutes_it_is_interrupted_as_by_ctrl_c(tmp_path, discs, quality, monkeypatch):
    monkeypatch.setattr("benchmarks.quality.train_row", lambda _: time.sleep(60))
    with pytest.raises(KeyboardInterrupt):
        quality("dcgan", "--data", str(discs), "--work", str(tmp_path), "--minutes", "0.01")


def test_an_unknown_row_is_named_and_the_rows_are_told(quality):
    refusal, code = quality("plane")
    assert code == 2
    assert "no such row: plane; --list tells them" in refusal
    output, _ = quality("--list")
    assert [line.split()[0] for line in output.splitlines()] == list(ROWS)


def test_nearness_is_below_one_for_copies_of_training_pictures_mirrored_or_not():
    rng = torch.Generator().manual_seed(0)
    training, held_out = (torch.rand(count, 3, 4, 4, generator=rng) for count in (30, 30))
    copies = torch.cat([training[:15], training[15:].flip(3)]) + 0.01

    def rows(images: torch.Tensor) -> torch.Tensor:
        return images.flatten(1)

    assert nearness(rows, copies, training, held_out) < 0.1
    assert nearness(rows, held_out + 0.01, training, held_out) > 10


def test_traces_tell_what_an_augmentation_leaves():
    images = torch.zeros(2, 3, 10, 10, dtype=torch.uint8)
    images[0, :, 4, 2] = torch.tensor([200, 100, 100], dtype=torch.uint8)
    images[1, :, 4, 6] = torch.tensor([100, 100, 100], dtype=torch.uint8)
    result = traces(images)
    assert result["black_border"] == 1
    assert result["saturation"] == pytest.approx((0.5 + 0) / 2)
    assert result["brightness"] == pytest.approx(150)
    assert result["place"] == pytest.approx(0.4 / 2**0.5)  # the middles are at 2 and 6
    images[:, :, 0] = 255
    assert traces(images)["black_border"] == pytest.approx(1 - (10 + 1 + 1) / 40)


def test_all_frames_of_a_character_are_held_out_or_none(tmp_path):
    images = tmp_path / "set/rgba_images"
    images.mkdir(parents=True)
    names = [f"{character:02d}-{frame}.png" for character in range(12) for frame in range(3)]
    for name in names:
        (images / name).touch()
    lines = (json.dumps({"file_name": name, "group": name[:2]}) for name in names)
    metadata = tmp_path / "set" / METADATA
    metadata.parent.mkdir()
    metadata.write_text("\n".join(lines))
    folders = image_folders(images, tmp_path / "work", hold_out=True)
    assert {path.name[:2] for path in folders.held_out.iterdir()} == {"00", "10"}
    assert len(list(folders.held_out.iterdir())) == 6
    assert len(list(folders.training.iterdir())) == 30
    assert image_channels(folders.training) == 4
    assert image_groups(folders.training).unique().numel() == 10
