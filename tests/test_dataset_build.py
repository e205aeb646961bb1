"""A folder of pictures to a set: what is in it, and what a rerun does."""

import csv
import json
import logging
import os
import shutil
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from odd_pictures import BLUE, GREEN, RED, encoded, no_pictures, pictures, plain
from PIL import Image

from dataset.build import BuildReport, BuildSettings, build
from dataset.errors import DatasetError, DatasetSettingsError

SIZE = 16


def noise(seed: int, size: tuple[int, int] = (20, 20)) -> Image.Image:
    rng = np.random.default_rng(seed)
    return Image.fromarray(rng.integers(0, 256, (size[1], size[0], 3), np.uint8))


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Five pictures of noise, a.png to e.png."""
    folder = tmp_path / "raw"
    folder.mkdir()
    for seed, name in enumerate("abcde"):
        noise(seed).save(folder / f"{name}.png")
    return folder


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "set"


def make(raw: Path, out: Path, **settings: Any) -> BuildReport:
    return build(BuildSettings(raw, out, **{"size_px": SIZE, "workers": 1, **settings}))


def contents(out: Path) -> dict[str, bytes]:
    """Every public file of a set and its bytes."""
    paths = (path for path in out.rglob("*") if path.is_file())
    found = {path.relative_to(out).as_posix(): path.read_bytes() for path in paths}
    return {name: content for name, content in found.items() if not name.startswith(".vgc/")}


def times(out: Path) -> dict[str, int]:
    return {name: (out / name).stat().st_mtime_ns for name in contents(out)}


def metadata(out: Path) -> list[dict[str, Any]]:
    lines = (out / "rgb_images/metadata.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def names(out: Path) -> list[str]:
    return [record["file_name"] for record in metadata(out)]


def test_a_set_has_every_file_that_is_promised(raw: Path, out: Path) -> None:
    report = make(raw, out)
    stems = [f"{name}.png" for name in "abcde"]
    assert sorted(contents(out)) == sorted(
        ["README.md", "data_sample.png", "report.json", "rgb_images/metadata.jsonl"]
        + ["csv_files/train_converted.csv", "csv_files/train_labels.csv"]
        + [f"{folder}/{stem}" for folder in ("rgb_images", "grayscale_images") for stem in stems]
    )
    assert (report.found, report.pictures, report.rendered) == (5, 5, 5)


def test_the_table_is_the_grey_pictures_and_the_labels_name_them(raw: Path, out: Path) -> None:
    make(raw, out)
    header, *rows = (out / "csv_files/train_converted.csv").read_text().splitlines()
    labels = list(csv.reader((out / "csv_files/train_labels.csv").open(newline="")))
    assert header == ",".join(f"pixel{place}" for place in range(SIZE * SIZE))
    assert labels == [["image#"], ["a.png"], ["b.png"], ["c.png"], ["d.png"], ["e.png"]]
    for (name,), row in zip(labels[1:], rows, strict=True):
        grey = Image.open(out / "grayscale_images" / name)
        assert grey.mode == "L"
        assert [int(value) for value in row.split(",")] == list(grey.get_flattened_data())


def test_grey_is_the_luma_of_the_rgb_picture(raw: Path, out: Path) -> None:
    make(raw, out)
    rgb = np.asarray(Image.open(out / "rgb_images/a.png")).astype(float)
    grey = np.asarray(Image.open(out / "grayscale_images/a.png"))
    # ITU-R 601, as JPEG and Pillow have it; within one step of rounding.
    assert np.abs(rgb @ [0.299, 0.587, 0.114] - grey).max() <= 1


def test_metadata_tells_where_a_picture_came_from(raw: Path, out: Path) -> None:
    make(raw, out)
    record = metadata(out)[0]
    pixels = Image.open(out / "rgb_images/a.png").tobytes()
    assert record["raw_file"] == "a.png"
    assert record["raw_sha256"] == sha256((raw / "a.png").read_bytes()).hexdigest()
    assert record["pixel_sha256"] == sha256(pixels).hexdigest()
    assert (record["raw_format"], record["raw_width"], record["raw_height"]) == ("PNG", 20, 20)
    assert record["name"] is None


def test_a_scrape_hands_on_names_games_and_addresses(raw: Path, out: Path) -> None:
    scrape = raw.parent / "scrape"
    shutil.copytree(raw, scrape / "images")
    (scrape / "images/half.png.7.partial").write_bytes(b"")
    noise(9).save(scrape / "beside.png")  # a scrape's pictures are in images/, nothing else is
    saved = {"url": "http://site/a.jpg", "status": "saved", "page": "http://site/a/", "file": "images/a.png"}
    lines = [
        {**saved, "name": "Old name"},
        {**saved, "name": "Zöe | Knight", "game": "Quest", "letter": "Z"},
        {"url": "http://site/x.jpg", "status": "failed", "name": "X", "reason": "404"},
        {"url": "http://[", "file": "images/b.png", "name": "half a pair: \ud83d", "game": ["a", "list"]},
        {"url": None, "file": ["no", "name"]},
    ]
    (scrape / "manifest.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"url": "http:')
    make(scrape, out)
    assert names(out) == [f"{name}.png" for name in "abcde"]
    record = metadata(out)[0]
    told = {key: record[key] for key in ("name", "game", "letter", "url", "page", "raw_file")}
    assert told == {
        "name": "Zöe | Knight",
        "game": "Quest",
        "letter": "Z",
        "url": "http://site/a.jpg",
        "page": "http://site/a/",
        "raw_file": "images/a.png",
    }
    card = (out / "README.md").read_text(encoding="utf-8")
    assert "| site | 1 |" in card
    assert "| Quest | 1 |" in card
    with (scrape / "manifest.jsonl").open("a") as manifest:
        manifest.write("\n" + json.dumps({**saved, "name": "New name"}) + "\n")
    make(scrape, out)
    assert metadata(out)[0]["name"] == "New name"


def test_exact_duplicates_are_left_out_and_named(raw: Path, out: Path) -> None:
    noise(0).save(raw / "copy-of-a.bmp")  # other bytes, the same pixels
    report = make(raw, out)
    (duplicate,) = report.duplicates
    assert (duplicate["raw_file"], duplicate["duplicate_of"]) == ("copy-of-a.bmp", "a.png")
    assert names(out) == [f"{name}.png" for name in "abcde"]
    assert not (out / "rgb_images/copy-of-a.png").exists()


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


def test_pictures_that_look_alike_stay_and_are_reported(raw: Path, out: Path) -> None:
    brighter = Image.eval(noise(0), lambda value: min(value + 3, 255))
    brighter.save(raw / "brighter.png")
    report = make(raw, out)
    (pair,) = report.near_duplicates
    assert (pair["first"], pair["second"]) == ("a.png", "brighter.png")
    assert "brighter.png" in names(out)


def test_every_odd_file_is_in_the_set_or_recorded_with_its_reason(tmp_path: Path, out: Path) -> None:
    raw = tmp_path / "odd"
    raw.mkdir()
    for name, (content, _) in {**pictures(), **no_pictures()}.items():
        (raw / name).write_bytes(content)
    report = make(raw, out)
    reasons = {record["raw_file"]: record["reason"] for record in report.rejected}
    assert set(reasons) == set(no_pictures())
    for name, (_, reason) in no_pictures().items():
        assert reason in reasons[name]
    assert report.pictures + len(report.duplicates) == len(pictures())
    for record in metadata(out):
        picture = Image.open(out / "rgb_images" / record["file_name"])
        assert (picture.mode, picture.size) == ("RGB", (SIZE, SIZE))


@pytest.mark.skipif(os.name == "nt", reason="links and pipes of Unix")
def test_links_and_pipes_are_never_followed_out_of_the_folder(raw: Path, out: Path, tmp_path: Path) -> None:
    noise(7).save(tmp_path / "outside.png")
    (tmp_path / "elsewhere").mkdir()
    links = {
        "out.png": tmp_path / "outside.png",
        "passwords.png": Path("/etc/passwd"),
        "nothing.png": raw / "gone.png",
        "round.png": raw / "round.png",
        "folder.png": raw,
    }
    for name, target in links.items():
        (raw / name).symlink_to(target)
    os.mkfifo(raw / "pipe.png")
    report = make(raw, out)
    assert {record["raw_file"]: record["reason"] for record in report.rejected} == {
        "folder.png": "a link to a folder",
        "nothing.png": "a link to nothing",
        "out.png": "a link out of the folder",
        "passwords.png": "a link out of the folder",
        "pipe.png": "not a file but a pipe, socket or device",
        "round.png": "a link to nothing",
    }


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read_is_recorded(raw: Path, out: Path) -> None:
    (raw / "c.png").chmod(0)
    (record,) = make(raw, out).rejected
    assert record["reason"] == "cannot be read: Permission denied"


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root reads everything")
def test_a_folder_that_may_not_be_read_is_recorded(raw: Path, out: Path) -> None:
    (raw / "lost+found").mkdir(mode=0)
    report = make(raw, out)
    assert report.pictures == 5
    assert [(each["raw_file"], each["reason"]) for each in report.rejected] == [
        ("lost+found", "cannot be read: Permission denied")
    ]


@pytest.mark.skipif(os.name == "nt", reason="needs a path that only its parts can make")
def test_a_path_that_is_too_long_for_the_system_is_recorded(
    raw: Path, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(raw)
    for _ in range(20):
        Path("x" * 250).mkdir()
        os.chdir("x" * 250)
    os.chdir(tmp_path)
    report = make(raw, out)
    assert report.pictures == 5
    assert [each["reason"] for each in report.rejected] == ["cannot be read: File name too long"]


def test_a_file_that_vanishes_under_the_build_is_recorded(raw: Path, out: Path) -> None:
    def remove(done: int, _total: int | None, _text: str) -> None:
        if done == 1:
            (raw / "d.png").unlink()

    (record,) = build(BuildSettings(raw, out, SIZE, workers=1), remove).rejected
    assert record["reason"] == "cannot be read: No such file or directory"


def test_a_huge_file_is_not_read_into_memory(raw: Path, out: Path) -> None:
    with (raw / "huge.png").open("wb") as file:
        file.truncate(65 * 2**20)
    (record,) = make(raw, out).rejected
    assert record["reason"] == "more than 64 MiB"


@pytest.mark.skipif(os.name == "nt", reason="names that Windows refuses")
def test_wild_names_become_names_that_every_system_can_hold(tmp_path: Path, out: Path) -> None:
    raw = tmp_path / "wild"
    (raw / "deep/er").mkdir(parents=True)
    wild = ["Zoë.png", "two\nlines.png", 'quo"te,comma.png', "x" * 250 + ".png", "-rf.png", "名前.png", "con?.png"]
    wild += ["con.png", "AUX.tar.png"]
    for seed, name in enumerate([*wild, "deep/er/same.png", "deep/same.png", "Same.jpg"]):
        noise(seed).save(raw / name, "PNG")
    (raw / os.fsdecode(b"bytes-\xff.png")).write_bytes(encoded(noise(50), "PNG"))
    (raw / ".hidden.png").write_bytes(encoded(noise(51), "PNG"))
    (raw / "unfinished.png.123.partial").write_bytes(encoded(noise(52), "PNG"))
    noise(53).save(raw / "ame\u0301lie . .png")
    report = make(raw, out)
    assert report.found == report.pictures == 14
    found = names(out)
    assert {"Zoë.png", "two_lines.png", "quo_te,comma.png", "x" * 150 + ".png", "-rf.png", "名前.png"} <= set(
        found
    )
    assert {"_con.png", "_AUX.tar.png"} <= set(found)
    assert sum(name.casefold().startswith("same-") for name in found) == 3
    assert "am\xe9lie.png" in found
    assert len({name.casefold() for name in found}) == 14
    assert sorted(path.name for path in (out / "rgb_images").glob("*.png")) == sorted(found)


def test_a_set_inside_the_raw_folder_is_not_taken_for_raw_pictures(raw: Path) -> None:
    make(raw, raw / "set")
    report = make(raw, raw / "set")
    assert (report.found, report.rendered) == (5, 0)


# What a rerun does


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
        lambda out: plain(RED, size=(SIZE, SIZE)).save(out / "rgb_images/b.png"),
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


def test_the_order_of_the_folder_and_the_number_of_workers_do_not_matter(tmp_path: Path) -> None:
    forth, back = tmp_path / "forth", tmp_path / "back"
    forth.mkdir()
    back.mkdir()
    for seed in range(80):
        noise(seed).save(forth / f"{seed}.png")
    for seed in reversed(range(80)):
        shutil.copyfile(forth / f"{seed}.png", back / f"{seed}.png")
    make(forth, tmp_path / "one", workers=1)
    make(back, tmp_path / "three", workers=3)
    assert len(contents(tmp_path / "one")) == 166
    assert contents(tmp_path / "one") == contents(tmp_path / "three")


def test_a_list_that_somebody_rewrote_harms_nothing_outside_the_set(raw: Path, out: Path) -> None:
    make(raw, out)
    before = contents(out)
    (raw.parent / "precious.png").write_bytes(b"mine")
    with (out / "rgb_images/metadata.jsonl").open("a") as lines:
        lines.write('{"file_name": "../../precious.png"}\n{"raw_file": "a.png"}\n[]\n')
    make(raw, out)
    assert (raw.parent / "precious.png").read_bytes() == b"mine"
    assert contents(out) == before


# What is refused


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"size_px": 15}, "--size 15: choose 16 to 512"),
        ({"size_px": 513}, "--size 513: choose 16 to 512"),
        ({"fit": "fill"}, "--fit fill: choose pad, crop or stretch"),
        ({"background": "pink"}, "--background pink: choose black, white, #rrggbb or edge"),
        ({"workers": 0}, "--workers 0: choose 1 or more"),
        ({"raw": Path("set/rgb_images"), "out": Path("set")}, "--out set holds the raw pictures"),
        ({"raw": Path("set"), "out": Path("set")}, "--out set holds the raw pictures"),
        ({"raw": Path("raw"), "out": Path("raw/images")}, "--out raw/images holds the raw pictures in raw/images"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(DatasetSettingsError, match=words) as caught:
        BuildSettings(**settings)
    assert caught.value.exit_code == 2


def test_a_missing_folder_names_the_command_that_makes_it(tmp_path: Path, out: Path) -> None:
    with pytest.raises(DatasetError, match="no such folder; run vgc scrape"):
        make(tmp_path / "nowhere", out)
    assert not out.exists()


def test_a_file_in_place_of_a_folder_is_named_with_its_option(tmp_path: Path, raw: Path) -> None:
    file = tmp_path / "notes.txt"
    file.touch()
    with pytest.raises(DatasetSettingsError, match=r"--out .*notes\.txt: is a file, not a folder"):
        make(raw, file)
    with pytest.raises(DatasetError, match=r"notes\.txt: is a file, .*--raw"):
        make(file, tmp_path / "out")


def test_a_folder_without_any_file_is_an_error(tmp_path: Path, out: Path) -> None:
    (tmp_path / "bare").mkdir()
    with pytest.raises(DatasetError, match="nothing in it"):
        make(tmp_path / "bare", out)


def test_a_folder_without_any_usable_picture_is_an_error_and_the_old_set_stays(raw: Path, out: Path) -> None:
    make(raw, out)
    before = contents(out)
    for number, path in enumerate(sorted(raw.iterdir())):
        path.write_bytes(b"<html>" if number else b"")
    with pytest.raises(DatasetError, match="none of 5 files is a usable picture; 4 times: a web page"):
        make(raw, out)
    assert contents(out) == before


def test_pictures_of_somebody_else_are_never_overwritten(raw: Path, out: Path) -> None:
    (out / "rgb_images").mkdir(parents=True)
    (out / "rgb_images/mine.png").write_bytes(b"mine")
    with pytest.raises(DatasetError, match=r"mine\.png was not made by vgc preprocess"):
        make(raw, out)


@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        "report.json",
        "report.html",
        "rgb_images/metadata.jsonl",
        "csv_files/train_labels.csv",
        "grayscale_images/a.png",
    ],
)
def test_files_of_somebody_else_are_never_overwritten(name: str, raw: Path, out: Path) -> None:
    (out / name).parent.mkdir(parents=True)
    (out / name).write_text("[]")
    with pytest.raises(DatasetError, match="was not made by vgc preprocess"):
        make(raw, out)
    assert (out / name).read_text() == "[]"


def test_a_set_whose_list_is_gone_is_left_alone_and_the_remedy_works(raw: Path, out: Path, tmp_path: Path) -> None:
    make(raw, out)
    before = contents(out)
    (out / "rgb_images/metadata.jsonl").unlink()
    with pytest.raises(DatasetError, match=r"metadata\.jsonl: gone or empty.* move .*rgb_images away"):
        make(raw, out)
    (out / "rgb_images").rename(tmp_path / "away")
    make(raw, out)
    assert contents(out) == before


def test_a_set_made_inside_the_raw_folder_is_no_raw_picture(raw: Path, out: Path) -> None:
    make(raw, raw / "small")
    assert make(raw, out).found == 5


def test_a_strange_picture_beside_the_set_is_told_of_and_left(
    raw: Path, out: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make(raw, out)
    plain(BLUE).save(out / "rgb_images/mine.png")
    with caplog.at_level(logging.WARNING):
        make(raw, out)
    assert "mine.png is not of this set" in caplog.text
    plain(GREEN).save(raw / "mine.png")
    with pytest.raises(DatasetError, match=r"mine\.png was not made by"):
        make(raw, out)
    assert Image.open(out / "rgb_images/mine.png").getpixel((0, 0)) == BLUE
