"""A folder of pictures to a set: what is in it, and what is refused."""

import csv
import json
import logging
import os
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_sets import SIZE_PX, contents, make, metadata, names, noise
from odd_images import BLUE, GREEN, encoded, invalid_images, plain, valid_images
from PIL import Image

from dataset.build import BuildReport, BuildSettings
from dataset.errors import DatasetError, DatasetSettingsError
from dataset.render_pool import render_all


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
    assert header == ",".join(f"pixel{index}" for index in range(SIZE_PX * SIZE_PX))
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
    output = {key: record[key] for key in ("name", "game", "letter", "url", "page", "raw_file")}
    assert output == {
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
    for name, (content, _) in {**valid_images(), **invalid_images()}.items():
        (raw / name).write_bytes(content)
    report = make(raw, out)
    reasons = {record["raw_file"]: record["reason"] for record in report.rejected}
    for name, (_, reason) in invalid_images().items():
        assert reason in reasons.pop(name)
    # Most of the others are one colour, to be told easily; with another pixel or a hole they are in the set.
    assert {reason.split(" (")[0] for reason in reasons.values()} == {"one colour all over"}
    assert report.pictures + len(report.duplicates) == len(valid_images()) - len(reasons) > 4
    for record in metadata(out):
        image = Image.open(out / "rgb_images" / record["file_name"])
        assert (image.mode, image.size) == ("RGB", (SIZE_PX, SIZE_PX))


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
        "folder.png": "a link to a folder (--follow-links takes it)",
        "nothing.png": "a link to nothing",
        "out.png": "a link out of the folder (--follow-links takes it)",
        "passwords.png": "a link out of the folder (--follow-links takes it)",
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


def test_a_file_that_vanishes_under_the_build_is_recorded(
    raw: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def remove(*arguments: Any) -> Any:
        (raw / "d.png").unlink()
        return render_all(*arguments)

    monkeypatch.setattr("dataset.build.render_all", remove)
    (record,) = make(raw, out).rejected
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
    wild += ["con.png", "AUX.tar.png", "=1+1.png"]
    for seed, name in enumerate([*wild, "deep/er/same.png", "deep/same.png", "Same.jpg"]):
        noise(seed).save(raw / name, "PNG")
    (raw / os.fsdecode(b"bytes-\xff.png")).write_bytes(encoded(noise(50), "PNG"))
    for name in ("._Zoë.png", "Thumbs.db", "deep/desktop.ini"):  # of macOS and Windows
        (raw / name).write_bytes(encoded(noise(51), "PNG"))
    (raw / "unfinished.png.123.partial").write_bytes(encoded(noise(52), "PNG"))
    noise(53).save(raw / "ame\u0301lie . .png")
    report = make(raw, out)
    assert report.found == report.pictures == 15
    result = names(out)
    assert {"Zoë.png", "two_lines.png", "quo_te,comma.png", "x" * 150 + ".png", "名前.png"} <= set(result)
    assert {"_con.png", "_AUX.tar.png"} <= set(result)
    assert {"_-rf.png", "_=1+1.png"} <= set(result)  # neither options nor formulas
    assert sum(name.casefold().startswith("same-") for name in result) == 3
    assert "am\xe9lie.png" in result
    assert len({name.casefold() for name in result}) == 15
    assert sorted(path.name for path in (out / "rgb_images").glob("*.png")) == sorted(result)


def test_a_set_inside_the_raw_folder_is_not_taken_for_raw_pictures(raw: Path) -> None:
    make(raw, raw / "set")
    report = make(raw, raw / "set")
    assert (report.found, report.rendered) == (5, 0)


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


# What is refused


@pytest.mark.parametrize(
    ("settings", "message"),
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
def test_settings_that_cannot_be_meant_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(DatasetSettingsError, match=message) as caught:
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
    with pytest.raises(DatasetError, match="no usable picture in 5 files; 4 times: a web page"):
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
    make(raw, out)  # the database knows whose the pictures are
    assert contents(out) == before
    (out / "rgb_images/metadata.jsonl").unlink()
    shutil.rmtree(out / ".vgc")
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


@pytest.mark.skipif(os.name == "nt", reason="links of Unix")
def test_linked_files_and_folders_are_taken_on_demand_each_folder_once(tmp_path: Path, out: Path) -> None:
    store, links = tmp_path / "store", tmp_path / "links"
    (store / "more").mkdir(parents=True)
    links.mkdir()
    noise(1).save(store / "blob-1", "PNG")
    noise(2).save(store / "more/two.png")
    (store / "more/round").symlink_to(store / "more")
    (links / "one.png").symlink_to(store / "blob-1")
    (links / "folder").symlink_to(store / "more")
    (links / "again").symlink_to(links)
    assert names_of(make(links, out, follow_links=True), out) == ["one.png", "two.png"]
    with pytest.raises(DatasetError, match=r"--follow-links takes it\); or copy the folder with cp -rL"):
        make(links, tmp_path / "other")


def names_of(report: BuildReport, out: Path) -> list[str]:
    assert report.rejected == []
    return [record["file_name"] for record in metadata(out)]


@pytest.mark.skipif(os.name == "nt", reason="paths of 2,000 letters")
def test_folders_may_be_deeper_than_pythons_stack(raw: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noise(9).save(raw / "deep.png")
    top = Path.cwd()
    monkeypatch.chdir(raw)
    for _ in range(1000):
        Path("d").mkdir()
        os.chdir("d")
    Path("deep.png").write_bytes((raw / "deep.png").read_bytes())
    os.chdir(top)
    report = make(raw, out)
    assert (report.found, report.pictures, report.rejected) == (7, 6, [])
    # pytest's own clean-up is recursive.
    subprocess.run(["rm", "-rf", str(raw / "d")], check=True)


def test_what_is_one_colour_is_left_out_and_a_shadow_is_told_apart(raw: Path, out: Path) -> None:
    plain(BLUE).save(raw / "blank.png")
    shadow = plain((0, 0, 0, 0), "RGBA")
    shadow.paste((0, 0, 0, 255), (4, 4, 20, 20))
    shadow.save(raw / "shadow.png")
    reasons = {record["raw_file"]: record["reason"] for record in make(raw, out).rejected}
    assert reasons == {
        "blank.png": "one colour all over (#0000ff)",
        "shadow.png": "one colour all over (#000000) before this background; another --background shows it",
    }
    assert make(raw, out, background="white").pictures == 6


def test_what_was_repaired_and_how_many_frames_were_passed_over_is_noted(raw: Path, out: Path) -> None:
    (raw / "cut.jpg").write_bytes(encoded(noise(11), "JPEG")[:-2])
    frames = [noise(13), noise(14)]
    (raw / "walk.gif").write_bytes(encoded(noise(12), "GIF", save_all=True, append_images=frames))
    make(raw, out)
    notes = {record["file_name"]: record["note"] for record in metadata(out) if "note" in record}
    assert notes == {"cut.png": "the end marker was missing", "walk.png": "frame 1 of 3"}


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_frames_of_animations_become_pictures_with_names_that_stay(raw: Path, out: Path, kind: str) -> None:
    frames = [noise(13), Image.new("RGB", (20, 20), BLUE), noise(14)]
    folder = raw / "a"
    folder.mkdir()
    content = encoded(noise(12), kind, save_all=True, append_images=frames, lossless=True)
    (folder / "walk.anim").write_bytes(content)
    first = make(raw, out)
    assert (first.pictures, first.frames_passed_over) == (6, 3)
    report = make(raw, out, frames="all")
    names = {path.name for path in (out / "rgb_images").glob("walk*")}
    assert names == {"walk-f0001.png", "walk-f0002.png", "walk-f0004.png"}
    assert (report.found, report.pictures, report.frames_passed_over) == (6, 8, 0)
    (blank,) = report.rejected
    assert (blank["raw_file"], blank["frame"]) == ("a/walk.anim", 3)
    assert "one colour all over" in blank["reason"]
    records = {each["file_name"]: each for each in metadata(out)}
    assert (records["walk-f0004.png"]["raw_file"], records["walk-f0004.png"]["frame"]) == ("a/walk.anim", 4)
    assert records["walk-f0004.png"]["note"] == "frame 4 of 4"
    assert all("frame" not in each for each in records.values() if not each["file_name"].startswith("walk"))

    before = contents(out)
    assert make(raw, out, frames="all").rendered == 0
    assert contents(out) == before
    fresh = out.parent / "fresh"
    make(raw, fresh, frames="all")
    assert contents(fresh) == before
    shutil.rmtree(out / ".vgc")
    assert make(raw, out, frames="all").rendered == 0
    assert contents(out) == before

    two = make(raw, out, frames="2")
    assert {path.name for path in (out / "rgb_images").glob("walk*")} == {"walk-f0001.png"}
    assert (two.pictures, two.frames_passed_over) == (6, 2)
    assert make(raw, out).pictures == 6
    assert (out / "rgb_images/walk.png").is_file()


def test_frames_know_what_the_manifest_tells_of_their_animation(raw: Path, out: Path) -> None:
    images = raw / "images"
    images.mkdir()
    (images / "walk.gif").write_bytes(encoded(noise(12), "GIF", save_all=True, append_images=[noise(13)]))
    (raw / "manifest.jsonl").write_text(json.dumps({"file": "images/walk.gif", "name": "Walker", "game": "G"}))
    make(raw, out, frames="all")
    assert [(each["file_name"], each["name"]) for each in metadata(out)] == [
        ("walk-f0001.png", "Walker"),
        ("walk-f0002.png", "Walker"),
    ]


@pytest.mark.parametrize("frames", ["0", "-1", "some", "1.5", ""])
def test_frames_that_cannot_be_taken_are_refused(raw: Path, out: Path, frames: str) -> None:
    with pytest.raises(DatasetSettingsError, match=r"--frames .*: choose first, all or a number"):
        make(raw, out, frames=frames)


def test_an_archive_is_named_as_one(tmp_path: Path, out: Path) -> None:
    (tmp_path / "sprites.zip").write_bytes(b"PK\x03\x04and so on")
    with pytest.raises(DatasetError, match=r"sprites\.zip: is an archive; unpack it and name the folder"):
        make(tmp_path / "sprites.zip", out)


@pytest.mark.parametrize(("size_px", "around"), [(72, "64 or 80"), (17, "16 or 20"), (510, "448 or 512")])
def test_a_size_that_no_network_draws_is_told_at_once_with_those_beside_it(
    raw: Path, out: Path, size_px: int, around: str, caplog: pytest.LogCaptureFixture
) -> None:
    make(raw, out, size_px=size_px)
    assert f"--size {size_px}: no network of vgc draws this size; for vgc train choose {around}" in caplog.text
