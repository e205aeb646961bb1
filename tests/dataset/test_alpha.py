"""Transparent pictures: a fourth channel beside the three, and what a set tells of it."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from image_sets import contents, make, metadata, names, noise
from PIL import Image

from dataset.alpha import alpha_kind, to_square_rgba
from dataset.decode import to_square
from dataset.errors import DatasetError
from dataset.report.page import write_report_page
from kit.premultiplied import premultiply, unpremultiply


def figure(seed: int, soft: bool = False) -> Image.Image:
    """A disc of noise; its rim is half clear if it is soft, and what is stored under clear pixels is pink."""
    pixels = np.dstack([np.asarray(noise(seed)), np.full((20, 20), 255, np.uint8)])
    rows, columns = np.mgrid[:20, :20]
    radius = np.hypot(rows - 9.5, columns - 9.5)
    if soft:
        pixels[radius > 6, 3] = 128
    pixels[radius > 8] = (255, 0, 255, 0)
    return Image.fromarray(pixels)


@pytest.fixture
def sprites(raw: Path) -> Path:
    figure(20).save(raw / "binary.png")
    figure(21, soft=True).save(raw / "soft.png")
    return raw


def rgba(out: Path, name: str) -> np.ndarray:
    with Image.open(out / "rgba_images" / name) as image:
        assert image.mode == "RGBA"
        return np.asarray(image)


def test_a_set_with_a_transparent_picture_has_all_with_four_channels(sprites: Path, out: Path) -> None:
    assert make(sprites, out).transparent == 2
    assert sorted(path.name for path in (out / "rgba_images").iterdir()) == names(out)
    assert [record.get("alpha") for record in metadata(out)] == [None, None, "binary", None, None, None, "soft"]
    opaque = rgba(out, "a.png")
    assert (opaque[..., 3] == 255).all()
    assert (opaque[..., :3] == np.asarray(Image.open(out / "rgb_images/a.png"))).all()
    assert set(np.unique(rgba(out, "binary.png")[..., 3])) == {0, 255}
    assert len(np.unique(rgba(out, "soft.png")[..., 3])) > 3
    assert "| With transparency | 2 |" in (out / "README.md").read_text()
    write_report_page(sprites, out)
    assert "Transparency" in (out / "report.html").read_text()


def test_a_set_without_transparency_has_no_such_folder(raw: Path, out: Path) -> None:
    opaque = noise(30).convert("RGBA")
    opaque.save(raw / "with a channel of no use.png")
    assert make(raw, out).transparent == 0
    assert not (out / "rgba_images").exists()
    assert "transparen" not in (out / "report.json").read_text()


def test_the_three_channels_are_those_of_a_set_without_alpha(sprites: Path, out: Path, tmp_path: Path) -> None:
    make(sprites, out, background="#204060")
    flat = tmp_path / "flat"
    flat.mkdir()
    for path in sprites.iterdir():
        image = Image.open(path).convert("RGBA")
        ground = Image.new("RGBA", image.size, "#204060")
        Image.alpha_composite(ground, image).convert("RGB").save(flat / path.name)
    make(flat, tmp_path / "flat set", background="#204060")
    for folder in ("rgb_images/soft.png", "grayscale_images/binary.png", "csv_files/train_converted.csv"):
        assert (out / folder).read_bytes() == (tmp_path / "flat set" / folder).read_bytes()


@pytest.mark.parametrize("fit", ["pad", "crop", "stretch"])
def test_over_black_the_four_channels_are_the_three(fit: str) -> None:
    image = figure(22, soft=True).crop((0, 0, 20, 16))
    black = Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image).convert("RGB")
    square = np.asarray(to_square_rgba(image, 40, fit))  # type: ignore[arg-type]
    rgb = np.asarray(to_square(black, 40, fit, (0, 0, 0))).astype(int)  # type: ignore[arg-type]
    over_black = square[..., :3] * (square[..., 3:] / 255)
    # Lanczos overshoots: a colour cannot be brighter than its alpha.
    assert np.abs(over_black - np.minimum(rgb, square[..., 3:])).max() <= 1


def test_what_is_stored_under_clear_pixels_shines_through_nowhere() -> None:
    image = np.zeros((20, 20, 4), np.uint8)
    image[...] = (255, 0, 255, 0)
    image[5:15, 5:15] = (0, 200, 0, 255)
    square = np.asarray(to_square_rgba(Image.fromarray(image), 31, "pad"))
    assert (square[..., 0] == 0).all()
    assert (square[..., 2] == 0).all()
    assert (square[square[..., 3] > 0][:, 1] >= 199).all()


def test_the_kind_of_alpha() -> None:
    assert alpha_kind(figure(1)) == "binary"
    assert alpha_kind(figure(1, soft=True)) == "soft"
    assert alpha_kind(noise(1).convert("RGBA")) == ""


def test_premultiplied_colours_come_back() -> None:
    pixels = np.array([[200, 100, 0, 255], [200, 100, 0, 128], [9, 9, 9, 0]], np.uint8)
    premultiplied = premultiply(pixels)
    assert premultiplied.tolist() == [[200, 100, 0, 255], [100, 50, 0, 128], [0, 0, 0, 0]]
    assert unpremultiply(premultiplied).tolist() == [[200, 100, 0, 255], [199, 100, 0, 128], [0, 0, 0, 0]]


def test_a_rerun_of_transparent_pictures_changes_no_byte(sprites: Path, out: Path) -> None:
    make(sprites, out)
    before = contents(out)
    report = make(sprites, out)
    assert (report.rendered, report.transparent) == (0, 2)
    assert contents(out) == before
    shutil.rmtree(out / ".vgc")
    assert make(sprites, out).rendered == 0
    assert contents(out) == before


@pytest.mark.parametrize("name", ["soft.png", "a.png"])
def test_a_lost_picture_with_alpha_is_made_again(sprites: Path, out: Path, name: str) -> None:
    make(sprites, out)
    before = contents(out)
    (out / "rgba_images" / name).unlink()
    assert make(sprites, out).rendered == 1
    assert contents(out) == before


def test_pictures_that_differ_in_their_alpha_alone_are_no_twins(raw: Path, out: Path) -> None:
    cut_out = figure(24)
    cut_out.save(raw / "cut out.png")
    on_black = Image.alpha_composite(Image.new("RGBA", cut_out.size, "black"), cut_out)
    on_black.save(raw / "on black.png")
    with_outline = np.asarray(cut_out).copy()
    with_outline[1, 9:11] = (0, 0, 0, 255)  # black, where the other is clear
    Image.fromarray(with_outline).save(raw / "outlined.png")
    cut_out.save(raw / "twin.png")
    report = make(raw, out, size_px=20)
    twins = [(twin["raw_file"], twin["duplicate_of"]) for twin in report.duplicates]
    assert twins == [("twin.png", "cut out.png")]
    same = [(out / "rgb_images" / name).read_bytes() for name in ("cut out.png", "on black.png", "outlined.png")]
    assert same[0] == same[1] == same[2]


def test_transparent_pictures_come_and_go(raw: Path, out: Path, tmp_path: Path) -> None:
    make(raw, out)
    opaque = contents(out)
    figure(23).save(raw / "new.png")
    assert make(raw, out).rendered == 1
    make(raw, tmp_path / "undisturbed")
    assert contents(out) == contents(tmp_path / "undisturbed")
    (raw / "new.png").unlink()
    assert make(raw, out).rendered == 0
    assert contents(out) == opaque
    assert make(raw, out).rendered == 0


def test_a_set_of_a_version_without_alpha_gains_it(sprites: Path, out: Path) -> None:
    noise(31).save(sprites / "photo.jpg")
    make(sprites, out)
    before = contents(out)
    (cache,) = (out / ".vgc").glob("*.sqlite")
    with closing(sqlite3.connect(cache)) as database, database:
        database.executescript(
            "DROP INDEX transparent; ALTER TABLE files DROP COLUMN alpha; PRAGMA user_version = 1;"
            "UPDATE files SET images = substr(images, 1, 32); DELETE FROM notes WHERE name = 'rgba'"
        )
    shutil.rmtree(out / "rgba_images")
    # A JPEG has no alpha, and is not looked at.
    assert make(sprites, out).rendered == 7
    assert contents(out) == before
    assert make(sprites, out).rendered == 0


def test_somebody_elses_folder_of_that_name_is_left_alone(sprites: Path, out: Path) -> None:
    (out / "rgba_images").mkdir(parents=True)
    (out / "rgba_images/mine.png").write_bytes(b"mine")
    with pytest.raises(DatasetError, match="rgba_images was not made by vgc"):
        make(sprites, out)
    assert (out / "rgba_images/mine.png").read_bytes() == b"mine"


def test_outlines_that_are_black_on_black_are_told(raw: Path, out: Path) -> None:
    outlined = np.zeros((20, 20, 4), np.uint8)
    outlined[4:16, 4:16] = (0, 0, 0, 255)
    outlined[6:14, 6:14] = (200, 90, 40, 255)
    Image.fromarray(outlined).save(raw / "outlined.png")
    # Of 12x12 pixels 8x8 are not black.
    assert make(raw, out, size_px=20).lost_to_flood == pytest.approx(1 - 64 / 144, abs=1e-4)
    assert make(raw, out, size_px=20, background="white").lost_to_flood == 0
    assert json.loads((out / "report.json").read_text())["counts"]["transparent"] == 1
