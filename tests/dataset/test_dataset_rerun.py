"""What a rerun of a build does: only what changed, and what was harmed is mended."""

import json
import os
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from image_sets import SIZE_PX, contents, make, metadata, names, noise
from odd_images import RED, encoded, plain

from dataset import render
from dataset.raw import CLOCK_STEP_NS


def times(out: Path) -> dict[str, int]:
    return {name: (out / name).stat().st_mtime_ns for name in contents(out)}


def test_the_duplicate_takes_the_place_of_its_original_when_that_goes(raw: Path, out: Path) -> None:
    noise(0).save(raw / "copy-of-a.bmp")
    make(raw, out)
    (raw / "a.png").unlink()
    make(raw, out)
    assert names(out) == ["b.png", "c.png", "copy-of-a.png", "d.png", "e.png"]
    assert not (out / "grayscale_images/a.png").exists()


def test_a_newcomer_before_its_twin_takes_the_place(raw: Path, out: Path, tmp_path: Path) -> None:
    make(raw, out)
    noise(2).save(raw / "0.png")  # c's pixels, but first in order
    make(raw, out)
    assert names(out) == ["0.png", "a.png", "b.png", "d.png", "e.png"]
    make(raw, tmp_path / "undisturbed")
    assert contents(out) == contents(tmp_path / "undisturbed")


def test_a_rerun_writes_nothing(raw: Path, out: Path) -> None:
    make(raw, out)
    before, written = contents(out), times(out)
    report = make(raw, out)
    assert report.rendered == 0
    assert contents(out) == before
    assert times(out) == written


def test_a_new_date_alone_changes_no_byte_and_renders_nothing(raw: Path, out: Path) -> None:
    make(raw, out)
    before = contents(out)
    os.utime(raw / "b.png", ns=(1, 1))
    assert make(raw, out).rendered == 0
    assert contents(out) == before


def test_one_new_picture_costs_one_picture(raw: Path, out: Path, tmp_path: Path) -> None:
    noise(0).save(raw / "copy-of-a.bmp")
    (raw / "page.png").write_bytes(b"<html>")
    make(raw, out)
    written = times(out)
    noise(60).save(raw / "bb.png")
    assert make(raw, out).rendered == 1
    untouched = [f"{folder}/{name}.png" for folder in ("rgb_images", "grayscale_images") for name in "abcde"]
    assert {name: times(out)[name] for name in untouched} == {name: written[name] for name in untouched}
    make(raw, tmp_path / "undisturbed")
    assert contents(out) == contents(tmp_path / "undisturbed")


def test_the_grid_of_samples_is_drawn_again_only_when_it_shows_others(
    raw: Path, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dataset.build_report.SAMPLE_IMAGES", 3)
    shown = []
    for seed in range(60, 72):
        noise(seed).save(raw / f"{seed}.png")
        make(raw, out)
        make(raw, tmp_path / f"undisturbed-{seed}")
        assert contents(out) == contents(tmp_path / f"undisturbed-{seed}")
        shown.append((times(out)["data_sample.png"], (out / "data_sample.png").read_bytes()))
    assert 1 < len({image for _, image in shown}) == len({written for written, _ in shown}) < len(shown)


def test_a_changed_picture_is_rendered_again_even_with_its_old_date_and_size(raw: Path, out: Path) -> None:
    make(raw, out)
    state = (raw / "b.png").stat()
    noise(61).save(raw / "b.png")
    content = (raw / "b.png").read_bytes()
    (raw / "b.png").write_bytes(content[: state.st_size].ljust(state.st_size, b"\0"))
    os.utime(raw / "b.png", ns=(state.st_atime_ns, state.st_mtime_ns))
    report = make(raw, out)
    assert report.rendered == 1


def test_a_picture_removed_from_raw_leaves_the_set(raw: Path, out: Path, tmp_path: Path) -> None:
    make(raw, out)
    (raw / "c.png").unlink()
    assert make(raw, out).rendered == 0
    assert names(out) == ["a.png", "b.png", "d.png", "e.png"]
    assert not (out / "rgb_images/c.png").exists()
    make(raw, tmp_path / "undisturbed")
    assert contents(out) == contents(tmp_path / "undisturbed")


@pytest.mark.parametrize("changed", [{"size_px": 20}, {"fit": "stretch"}, {"background": "#112233"}])
def test_changed_settings_build_anew(raw: Path, out: Path, tmp_path: Path, changed: dict[str, Any]) -> None:
    make(raw, out)
    assert make(raw, out, **changed).rendered == 5
    make(raw, tmp_path / "undisturbed", **changed)
    assert contents(out) == contents(tmp_path / "undisturbed")


def test_another_pillow_builds_anew(raw: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(raw, out)
    monkeypatch.setattr("PIL.__version__", "99.0")
    assert make(raw, out).rendered == 5


def other_digits(table: Path) -> None:
    """As somebody's editor would: the same number of values, other values."""
    table.write_text(table.read_text().replace(",1", ",2"))


def older_file(file: Path) -> None:
    """As ``mv`` does: another file takes the place and brings its old date along."""
    other = file.with_name("other")
    shutil.copyfile(file.parent / ("a.png" if file.suffix == ".png" else file.name), other)
    if file.suffix == ".csv":
        other_digits(other)
    os.utime(other, ns=(1, 1))
    other.replace(file)


def only_its_recipe(report: Path) -> None:
    report.write_text(json.dumps({"recipe": json.loads(report.read_text())["recipe"]}))


@pytest.mark.parametrize(
    "harm",
    [
        lambda out: (out / "rgb_images/b.png").unlink(),
        lambda out: (out / "grayscale_images/b.png").unlink(),
        lambda out: (out / "rgb_images/b.png").write_bytes(b""),
        lambda out: plain(RED, size=(SIZE_PX, SIZE_PX)).save(out / "rgb_images/b.png"),
        lambda out: older_file(out / "rgb_images/b.png"),
        lambda out: older_file(out / "grayscale_images/b.png"),
        lambda out: older_file(out / "csv_files/train_converted.csv"),
        lambda out: (out / "csv_files/train_converted.csv").write_text("pixel0\n1\n"),
        lambda out: (out / "csv_files/train_labels.csv").unlink(),
        lambda out: other_digits(out / "csv_files/train_converted.csv"),
        lambda out: os.truncate(out / "csv_files/train_converted.csv", 3000),
        lambda out: (out / "report.json").write_text("[]"),
        lambda out: (out / "report.json").write_text("null"),
        lambda out: only_its_recipe(out / "report.json"),
        lambda out: (out / "rgb_images/metadata.jsonl").write_text("{"),
        lambda out: (out / "data_sample.png").unlink(),
        lambda out: (out / "README.md").write_text(""),
        lambda out: shutil.rmtree(out / ".vgc"),
    ],
)
def test_what_was_harmed_is_mended(raw: Path, out: Path, harm: Any) -> None:
    make(raw, out)
    before = contents(out)
    harm(out)
    if (out / "rgb_images/metadata.jsonl").read_text() == "{":
        # The pictures are not known to be ours any more.
        shutil.rmtree(out / "rgb_images")
    make(raw, out)
    assert contents(out) == before


def test_a_set_whose_pictures_and_report_were_deleted_is_made_again(raw: Path, out: Path) -> None:
    make(raw, out)
    before = contents(out)
    shutil.rmtree(out / "rgb_images")
    (out / "report.json").unlink()
    make(raw, out)
    assert contents(out) == before


def test_a_list_that_somebody_rewrote_harms_nothing_outside_the_set(raw: Path, out: Path) -> None:
    make(raw, out)
    before = contents(out)
    (raw.parent / "precious.png").write_bytes(b"mine")
    with (out / "rgb_images/metadata.jsonl").open("a") as lines:
        lines.write('{"file_name": "../../precious.png"}\n{"raw_file": "a.png"}\n[]\n')
    make(raw, out)
    assert (raw.parent / "precious.png").read_bytes() == b"mine"
    assert contents(out) == before


def test_a_set_of_version_0_1_0_keeps_its_images_and_takes_what_it_refused(raw: Path, out: Path) -> None:
    whole = encoded(noise(8).convert("RGB"), "JPEG")
    (raw / "z.jpg").write_bytes(whole[:-2])
    make(raw, out)
    as_of_0_1_0(out, refused="z.png")
    a = times(out)["rgb_images/a.png"]
    report = make(raw, out)
    assert (report.rendered, report.pictures, report.rejected) == (1, 6, [])
    assert times(out)["rgb_images/a.png"] == a
    assert json.loads((out / "report.json").read_text("utf-8"))["recipe"]["format"] == 5
    assert make(raw, out).rendered == 0


def as_of_0_1_0(out: Path, refused: str) -> None:
    """Make a set what the old version would have left, which refused one of the files."""
    records = metadata(out)
    report = json.loads((out / "report.json").read_text("utf-8"))
    report["recipe"]["format"] = 5
    (record,) = (record for record in records if record["file_name"] == refused)
    kept = {key: record[key] for key in ("raw_file", "file_name", "raw_sha256")}
    report["rejected"] = [{**kept, "reason": "damaged: image file is truncated"}]
    lines = (json.dumps(record) + "\n" for record in records if record["file_name"] != refused)
    (out / "rgb_images/metadata.jsonl").write_text("".join(lines), "utf-8")
    for folder in ("rgb_images", "grayscale_images"):
        (out / folder / refused).unlink()
    shutil.rmtree(out / ".vgc")
    # Last: what is younger than the report counts as changed by hand.
    (out / "report.json").write_text(json.dumps(report), "utf-8")


def test_tables_go_when_they_are_not_wanted_and_come_back_the_same(raw: Path, out: Path) -> None:
    make(raw, out)
    before = contents(out)
    make(raw, out, tables="none")
    assert not (out / "csv_files").exists()
    assert "csv_files" not in (out / "README.md").read_text("utf-8")
    noise(70).save(raw / "f.png")
    assert make(raw, out, tables="none").rendered == 1
    (raw / "f.png").unlink()
    assert make(raw, out).rendered == 0
    assert contents(out) == before


def age(raw: Path) -> None:
    """As if the files had been there for a while."""
    for path in raw.rglob("*.*"):
        os.utime(path, ns=(10**18, 10**18))
    time.sleep(CLOCK_STEP_NS / 10**9)


def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The raw files that are opened from now on but not rendered, as they are."""
    opened: list[str] = []
    content = render.read_content
    monkeypatch.setattr(render, "read_content", lambda source: opened.append(source.name) or content(source))
    return opened


def test_a_rerun_reads_no_image_and_with_one_new_image_no_other(
    raw: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    age(raw)
    make(raw, out)
    opened = reads(monkeypatch)
    make(raw, out)
    assert opened == []
    noise(60).save(raw / "bb.png")
    assert make(raw, out).rendered == 1
    assert opened == []


def test_what_changed_a_moment_before_the_scan_is_read_once_more(
    raw: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    age(raw)
    noise(0).save(raw / "a.png")  # it could change once more within the same step of the clock
    make(raw, out)
    opened = reads(monkeypatch)
    time.sleep(CLOCK_STEP_NS / 10**9)
    make(raw, out)
    assert opened == ["a.png"]
    make(raw, out)
    assert opened == ["a.png"]


def test_a_last_image_leaves_the_lists_before_it_untouched(raw: Path, out: Path, tmp_path: Path) -> None:
    make(raw, out)
    table = out / "csv_files/train_converted.csv"
    inode = table.stat().st_ino
    noise(60).save(raw / "z.png")
    make(raw, out)
    assert table.stat().st_ino == inode  # its end alone was written
    make(raw, tmp_path / "undisturbed")
    assert contents(out) == contents(tmp_path / "undisturbed")


def database(out: Path) -> Path:
    (file,) = (out / ".vgc").glob("*.sqlite")
    return file


def other_program(file: Path) -> None:
    file.unlink()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE files (name)")


@pytest.mark.parametrize(
    "harm",
    [
        lambda file: file.write_bytes(b"no database" * 999),
        lambda file: os.truncate(file, file.stat().st_size // 2),
        lambda file: file.write_bytes(file.read_bytes()[:8192].ljust(file.stat().st_size, b"\xff")),
        other_program,
    ],
)
def test_a_damaged_or_foreign_database_is_made_anew_with_a_word(
    raw: Path, out: Path, caplog: pytest.LogCaptureFixture, harm: Any
) -> None:
    (raw / "page.png").write_bytes(b"<html>")
    noise(0).save(raw / "copy-of-a.bmp")
    make(raw, out)
    before = contents(out)
    harm(database(out))
    assert make(raw, out).rendered == 0  # the set's own files tell the rest
    assert "what it held is found out anew" in caplog.text
    assert contents(out) == before
    noise(60).save(raw / "f.png")
    assert make(raw, out).rendered == 1


def test_facts_that_a_manifest_gains_or_changes_reach_the_metadata(raw: Path, out: Path, tmp_path: Path) -> None:
    (raw / "images").mkdir()
    for name in "abc":
        (raw / f"{name}.png").rename(raw / f"images/{name}.png")
    lines = [
        json.dumps({"file": f"images/{name}.png", "name": name, "page": f"http://{name}.test/"}) for name in "ab"
    ]
    for text in (lines[0], "\n".join(lines), "\n".join([lines[1].replace("b.test", "d.test"), lines[0][:-9]])):
        (raw / "manifest.jsonl").write_text(f"{text}\n")
        make(raw, out)
        shutil.rmtree(tmp_path / "undisturbed", ignore_errors=True)
        make(raw, tmp_path / "undisturbed")
        assert contents(out) == contents(tmp_path / "undisturbed")
    assert [record["page"] for record in metadata(out)] == [None, "http://d.test/", None]
    assert "| d.test | 1 |" in (out / "README.md").read_text("utf-8")


def test_files_whose_clean_names_become_one_are_told_apart_and_told_apart_no_more(
    raw: Path, out: Path, tmp_path: Path
) -> None:
    make(raw, out)
    noise(70).save(raw / "A.bmp")
    make(raw, out)
    assert {name[:2] for name in names(out)} == {"A-", "a-", "b.", "c.", "d.", "e."}
    make(raw, tmp_path / "undisturbed")
    assert contents(out) == contents(tmp_path / "undisturbed")
    (raw / "A.bmp").unlink()
    make(raw, out)
    assert names(out) == ["a.png", "b.png", "c.png", "d.png", "e.png"]


@pytest.mark.parametrize("value", [None, 7, 10**30, 1.5, "x", "\ud800", [], ["a.png"], {}, {"a": [1]}, True])
def test_a_report_with_values_of_every_kind_is_passed_over(value: Any, raw: Path, out: Path) -> None:
    make(raw, out)
    whole = contents(out)
    report = json.loads((out / "report.json").read_text("utf-8"))
    known = {"raw_file": "a.png", "file_name": "a.png"}
    strange = [
        value,
        *({**known, name: value} for name in ("raw_file", "reason", "raw_width", "frame", "raw_sha256")),
    ]
    lists = {"rejected": strange, "duplicates": value, "near_duplicates": value, "counts": value}
    (out / "report.json").write_text(json.dumps({**report, **lists}), "utf-8")
    with (out / "rgb_images/metadata.jsonl").open("a", encoding="utf-8") as lines:
        lines.writelines(f"{json.dumps(each)}\n" for each in strange)
    shutil.rmtree(out / ".vgc")
    make(raw, out)
    assert contents(out) == whole


STRANGERS_NAMES = ["../../mine.png", "../mine.png", "{}/mine.png", "..\\mine.png", "C:mine.png", "x\0.png", "x"]


@pytest.mark.parametrize("table", ["files", "stale"])
@pytest.mark.parametrize("name", STRANGERS_NAMES)
def test_a_database_with_a_name_that_no_build_has_written_is_made_anew(
    name: str, table: str, raw: Path, out: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make(raw, out)
    whole = contents(out)
    with closing(sqlite3.connect(database(out))) as connection, connection:
        change = {"files": "UPDATE files SET file_name = ? WHERE id = 1", "stale": "INSERT INTO stale VALUES (?)"}
        connection.execute(change[table], [name])
    make(raw, out)
    assert "of another program or version" in caplog.text
    assert contents(out) == whole


def test_a_strangers_set_harms_no_file_outside(raw: Path, out: Path) -> None:
    make(raw, out)
    whole = contents(out)
    (mine := out.parent / "mine.png").write_bytes(b"mine")
    strange = [name.format(out.parent) for name in STRANGERS_NAMES]
    (file,) = (out / ".vgc").glob("*.sqlite")
    staging = out / f".vgc/building-{file.stem}"

    def unfinished_build() -> None:
        staging.mkdir()
        shutil.copy(out / "report.json", staging)
        (staging / "stale.txt").write_text("\n".join(strange))
        (staging / "ends.json").write_text(json.dumps({"README.md": 10**18, "data_sample.png": "x", "/": None}))

    def database() -> None:
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute("UPDATE files SET file_name = ? WHERE id = 1", strange[:1])
            connection.executemany("INSERT INTO stale VALUES (?)", [(name,) for name in strange])

    def code() -> None:
        with closing(sqlite3.connect(file)) as connection, connection:
            insert = "INSERT OR IGNORE INTO stale VALUES ('../../mine.png')"
            connection.execute(f"CREATE TRIGGER evil AFTER INSERT ON notes BEGIN {insert}; END")

    def lists() -> None:
        with (out / "rgb_images/metadata.jsonl").open("a", encoding="utf-8") as lines:
            lines.writelines(f"{json.dumps({'raw_file': 'a.png', 'file_name': name})}\n" for name in strange)
        shutil.rmtree(out / ".vgc")

    for harm in (unfinished_build, database, code, lists):
        harm()
        make(raw, out)
        assert contents(out) == whole, harm
        assert mine.read_bytes() == b"mine", harm
        assert not staging.exists()


@pytest.mark.skipif(os.name == "nt", reason="links need a right on Windows")
@pytest.mark.parametrize("is_whole", [False, True])
def test_a_strangers_unfinished_build_leads_into_no_other_folder(is_whole: bool, raw: Path, out: Path) -> None:
    make(raw, out)
    whole = contents(out)
    (other := out.parent / "other").mkdir()
    (other / "mine.png").write_bytes(b"mine")
    (file,) = (out / ".vgc").glob("*.sqlite")
    (staging := out / f".vgc/building-{file.stem}").mkdir()
    (staging / "rgb_images").symlink_to(other)
    (out / ".vgc/building-x").symlink_to(other)
    if is_whole:
        shutil.copy(out / "report.json", staging)
    (raw / "more.png").write_bytes((raw / "a.png").read_bytes())
    make(raw, out)
    (raw / "more.png").unlink()
    make(raw, out)
    assert contents(out) == whole
    assert {path.name: path.read_bytes() for path in other.iterdir()} == {"mine.png": b"mine"}
    assert not list((out / ".vgc").glob("building-*"))
