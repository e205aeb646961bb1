"""Files that are whole or not there, and what is left where a process was killed."""

import os
from pathlib import Path

import pytest

from kit.atomic import replacing, sweep, write_text


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="tells a descriptor's file by /proc")
def test_bytes_are_on_the_disk_before_their_name_and_the_name_before_the_block_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, done, fsync = tmp_path / "file", [], os.fsync

    def record(descriptor: int) -> None:
        done.append((Path(f"/proc/self/fd/{descriptor}").readlink().name, target.exists()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    write_text(target, "all of it")
    assert done == [(f"file.{os.getpid()}.partial", False), (tmp_path.name, True)]


def test_what_cannot_be_finished_leaves_the_old_bytes_alone(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    with pytest.raises(ZeroDivisionError), replacing(tmp_path / "file") as partial:
        partial.write_text("half of")
        raise ZeroDivisionError
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "old"


def test_a_sweep_takes_leftovers_of_the_files_it_is_told_and_nothing_else(tmp_path: Path) -> None:
    kept = ["0.png", "0.png.partial", "0.png.x7.partial", "film.gif.8.partial"]
    for name in ["0.png.7.partial", "1.png.123456.partial", *kept]:
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "a folder.7.partial").mkdir()
    sweep(tmp_path, r"\d+\.png")
    assert sorted(path.name for path in tmp_path.iterdir()) == [*kept[:3], "a folder.7.partial", kept[3]]
    sweep(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [*kept[:3], "a folder.7.partial"]
    sweep(tmp_path / "nowhere")
