"""The palette of a set, from its pictures or from a file, and the files that are read."""

import json
import struct
from pathlib import Path

import pytest
from ase_files import ase, ase_colour
from image_sets import contents, make, noise
from PIL import Image

from dataset.errors import DatasetSettingsError
from dataset.set_palette import palette_of_set
from kit.palette_files import PaletteError, parse_palette_file

RED, DARK = (200, 40, 40), (10, 0, 20)


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    folder = tmp_path / "raw"
    folder.mkdir()
    for name, box in (("a", (2, 2, 12, 14)), ("b", (4, 1, 9, 15))):
        image = Image.new("RGBA", (16, 16))
        image.paste(RED, box)
        image.paste(DARK, (5, 5, 7, 7))
        image.save(folder / f"{name}.png")
    return folder


def test_pixel_art_has_its_own_colours_for_palette_and_other_sets_none(raw: Path, out: Path) -> None:
    make(raw, out, pixel_art="on")
    assert json.loads((out / "report.json").read_text())["palette"] == ["0a0014", "c82828"]
    for folder in (out, out / "rgb_images", out / "rgba_images"):
        assert palette_of_set(folder) == [DARK, RED]
    make(raw, out)
    assert palette_of_set(out) is None


def test_too_many_colours_are_no_palette(raw: Path, out: Path) -> None:
    noise(1).save(raw / "noise.png")
    make(raw, out, size_px=20, pixel_art="on")
    assert palette_of_set(out) is None


def test_a_palette_file_is_recorded_and_another_renders_no_picture_anew(
    raw: Path, out: Path, tmp_path: Path
) -> None:
    file = tmp_path / "my.hex"
    file.write_text("ffcd75\n1a1c2c\n")
    make(raw, out, palette=str(file))
    assert palette_of_set(out) == [(255, 205, 117), (26, 28, 44)]
    before = contents(out)
    make(raw, out, palette=str(file))
    assert contents(out) == before
    file.write_text("ffffff\n")
    assert make(raw, out, palette=str(file)).rendered == 0
    assert palette_of_set(out) == [(255, 255, 255)]
    with pytest.raises(DatasetSettingsError, match=r"--palette nowhere\.gpl: No such file"):
        make(raw, out, palette="nowhere.gpl")


def test_palette_files_of_jasc_and_adobe_are_read() -> None:
    assert parse_palette_file(b"JASC-PAL\r\n0100\r\n2\r\n200 40 40\r\n10 0 20\r\n") == [RED, DARK]
    group = struct.pack(">HI", 0xC001, 4) + b"abcd"
    content = ase(group, ase_colour(b"RGB ", 1, 0.5, 0), ase_colour(b"Gray", 0.2))
    assert parse_palette_file(content) == [(255, 128, 0), (51, 51, 51)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (ase(ase_colour(b"CMYK", 0, 0, 0, 1)), "has a colour in CMYK; save it with RGB colours"),
        (ase(ase_colour(b"RGB ", 2, 0, 0)), "beyond 0 to 1"),
        (ase(ase_colour(b"RGB ", float("nan"), 0, 0)), "beyond 0 to 1"),
        (ase(ase_colour(b"RGB ", 0, 0, 0))[:30], "cut off"),
        (ase(ase_colour(b"RGB ", 0, 0, 0))[:12], "cut off"),
        (b"ASEF", "cut off"),
        (ase(), "0 colours"),
        (b"JASC-PAL\n0100\n1\n1 2 256\n", "line 2 of the palette: '1 2 256' is no colour"),
        (b"JASC-PAL\n0100\n999999\n0 0 0\n", "cut off: 1 of its 999,999 colours"),
        (b"JASC-PAL", "cut off: 0 of its 1 colours"),
        (b"RIFF\x10\0\0\0PAL data", "a palette of Windows, which is not read; save it as .gpl"),
        (b"\x10\0\0\0\xe0\xa5\1\0", "an Aseprite document, no palette; save it as .gpl"),
        (b"\0\1", "no palette, for it is no text"),
        (b"\x89PNG", "is no colour"),
    ],
)
def test_palette_files_that_cannot_be_are_refused(content: bytes, message: str) -> None:
    with pytest.raises(PaletteError, match=message):
        parse_palette_file(content)
