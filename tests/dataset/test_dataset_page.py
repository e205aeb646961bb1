"""The page, the card, and pictures that look alike."""

import base64
import io
import os
import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from odd_images import GREEN, RED, encoded, invalid_images
from PIL import Image, ImageDraw
from typer.testing import CliRunner

from cli import app
from dataset.build import BuildSettings, build
from dataset.card import dataset_card
from dataset.near_duplicates import MAX_PAIRS, NearDuplicate, compare, perceptual_hash
from dataset.report.css_sprites import CssSprites, thumbnail
from dataset.report.page import refresh_page
from dataset.report.statistics import image_statistics
from kit.image_grid import GRID_COLOUR


def figure(seed: int, colour: tuple[int, int, int]) -> Image.Image:
    """A drawing whose shape comes from ``seed``."""
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", (80, 80))
    for corner in rng.integers(0, 60, (6, 2)).tolist():
        ImageDraw.Draw(image).ellipse((*corner, corner[0] + 22, corner[1] + 30), fill=colour)
    return image


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    folder = tmp_path / "raw"
    folder.mkdir()
    for seed in range(6):
        figure(seed, (200, 30 * seed, 90)).save(folder / f"{seed}.png")
    figure(0, (40, 90, 220)).save(folder / "other-colours.png")
    figure(1, (200, 30, 90)).save(folder / "twin.bmp")
    (folder / "<script>alert(1)<br>.png").write_bytes(b"<html><script>alert(2)</script>")
    (folder / "cut.png").write_bytes(encoded(figure(9, RED), "PNG")[:-60])
    return folder


@pytest.fixture
def out(raw: Path, tmp_path: Path) -> Path:
    build(BuildSettings(raw, tmp_path / "set", workers=1))
    return tmp_path / "set"


class Elements(HTMLParser):
    """Collects every tag with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))


def page_text(raw: Path, out: Path) -> str:
    page = refresh_page(raw, out, wanted=True)
    assert page
    return page.read_text(encoding="utf-8")


def test_the_page_asks_the_network_for_nothing(raw: Path, out: Path) -> None:
    text = page_text(raw, out)
    elements = Elements(text).elements
    assert not [tag for tag, _ in elements if tag in ("script", "link", "iframe", "object")]
    addresses = [attributes[key] for _, attributes in elements for key in ("src", "href") if key in attributes]
    addresses += re.findall(r"url\(([^)]*)\)", text)
    assert len(addresses) > 5
    assert all(address and address.startswith("data:") for address in addresses)
    assert "default-src 'none'" in text


def test_the_page_shows_every_part_of_the_story(raw: Path, out: Path) -> None:
    text = page_text(raw, out)
    assert "<h1>7 characters, 80×80</h1>" in text
    for message in (
        "A wall of them",
        "As they came",
        "Pairs that look alike",
        "Exactly the same pixels",
        "Left out",
    ):
        assert f"<h2>{message}</h2>" in text
    assert "a web page, not a picture" in text
    assert "again as twin.bmp" in text
    wall = text[text.index('<div class="wall">') : text.index("All at once")]
    assert wall.count("<i ") == 7


@pytest.mark.parametrize("count", [1, 2, 16, 17, 40])
def test_a_tile_shows_its_own_picture_up_to_its_edge_and_beyond(count: int) -> None:
    sheets, colours = CssSprites(), (RED, GREEN)
    tiles = sheets.tiles([Image.new("RGB", (80, 80), colours[at % 2]) for at in range(count)], ["x"] * count)
    data, width, height = re.findall(r"base64,([^)]*)\);background-size:([\d.]+)% ([\d.]+)%", sheets.style())[0]
    sheet = np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))).astype(int)
    assert sheet.shape[:2] == (round(float(height) * 0.8), round(float(width) * 0.8))
    for at, tile in enumerate(tiles):
        x, y = (float(share) / 100 for share in re.findall(r"position:([\d.]+)% ([\d.]+)%", tile)[0])
        left, top = round(x * (sheet.shape[1] - 80)), round(y * (sheet.shape[0] - 80))
        statistics = sheet[top - 2 : top + 82, left - 2 : left + 82]
        assert statistics.shape[:2] == (84, 84)
        assert np.abs(statistics - colours[at % 2]).max() < 40  # WebP is lossy; the two differ by far more


def test_wild_names_and_bytes_do_not_become_part_of_the_page(raw: Path, out: Path) -> None:
    text = page_text(raw, out)
    assert "<script" not in text
    assert "&lt;script&gt;alert(2)" in text


def test_what_could_still_be_decoded_of_a_damaged_file_is_shown(raw: Path, out: Path) -> None:
    left_out = page_text(raw, out).split("<h2>Left out</h2>")[1]
    assert left_out.count('class="glyph"') == 1  # the web page; the cut-off picture is a picture
    assert left_out.count('aria-label="cut.png"') == 1


def test_what_a_link_leads_to_is_not_shown(raw: Path, out: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("my password")
    (raw / "link.png").symlink_to(tmp_path / "secret")
    build(BuildSettings(raw, out, workers=1))
    text = page_text(raw, out)
    assert "a link out of the folder" in text
    assert "my password" not in text


def test_the_page_survives_every_file_that_is_none(tmp_path: Path) -> None:
    raw = tmp_path / "ruins"
    raw.mkdir()
    for name, (content, _) in invalid_images().items():
        (raw / name).write_bytes(content)
    figure(0, RED).save(raw / "one.png")
    build(BuildSettings(raw, tmp_path / "set", workers=1))
    text = page_text(raw, tmp_path / "set")
    assert text.count("<figure>") == len(invalid_images())


def test_extremes_stand_in_their_order_and_rare_sizes_under_one_bar(tmp_path: Path) -> None:
    names = [f"{number:02d}.png" for number in range(16)]
    (tmp_path / "raw").mkdir()
    for number, name in enumerate(names):
        side = 20 + max(number, 1)  # two of the first size, one of each other
        image = Image.new("RGB", (side, side), (16 * number,) * 3)
        image.paste((16 * number + 9,) * 3, (0, 0, 9, 9))
        image.save(tmp_path / "raw" / name)
    build(BuildSettings(tmp_path / "raw", tmp_path / "set", workers=1))
    text = page_text(tmp_path / "raw", tmp_path / "set")
    for message, expected in (("darkest", names[:8]), ("brightest", names[:-9:-1])):
        tiles = text.split(f"<h3>the {message}</h3>")[1].split("</div>")[0]
        assert re.findall('title="([^"]+)"', tiles) == expected
    assert re.search("<tr><th>other</th>.*?<td>3</td></tr>", text)


def test_files_are_misnamed_whose_suffix_is_another_formats(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    for shade, (name, kind) in enumerate(
        {"a.JPG": "JPEG", "b.jpeg": "JPEG", "c.png": "JPEG", "d.PNG": "PNG", "e.tif": "TIFF", "f": "GIF"}.items()
    ):
        image = Image.new("RGB", (20, 20), (20 * shade,) * 3)
        image.paste(RED, (0, 0, 9, 9))
        image.save(tmp_path / "raw" / name, kind)
    build(BuildSettings(tmp_path / "raw", tmp_path / "set", workers=1))
    assert "<p>2 files are not what their suffix says" in page_text(tmp_path / "raw", tmp_path / "set")


def test_the_page_is_written_when_asked_for_and_kept_fresh_from_then_on(raw: Path, out: Path) -> None:
    assert refresh_page(raw, out, wanted=False) is None
    assert not (out / "report.html").exists()
    page = refresh_page(raw, out, wanted=True)
    assert page
    written = page.stat().st_mtime_ns
    assert build(BuildSettings(raw, out, workers=1)).rendered == 0
    refresh_page(raw, out, wanted=True)
    assert page.stat().st_mtime_ns == written
    figure(50, GREEN).save(raw / "new.png")
    build(BuildSettings(raw, out, workers=1))
    refresh_page(raw, out, wanted=False)
    assert "<h1>8 characters" in page.read_text(encoding="utf-8")


def test_the_page_is_of_this_set_whatever_the_clock_said_when_it_was_written(raw: Path, out: Path) -> None:
    page = refresh_page(raw, out, wanted=True)
    assert page
    os.utime(page, (2**32, 2**32))
    figure(50, GREEN).save(raw / "new.png")
    build(BuildSettings(raw, out, workers=1))
    refresh_page(raw, out, wanted=True)
    assert "<h1>8 characters" in page.read_text(encoding="utf-8")


def test_brightness_and_colours_of_plain_pictures_are_what_they_are(tmp_path: Path) -> None:
    Image.new("RGB", (16, 16), (255, 0, 0)).save(tmp_path / "a.png")
    Image.new("RGB", (16, 16), (255, 255, 255)).save(tmp_path / "b.png")
    statistics = image_statistics(tmp_path, ["a.png", "b.png"])
    assert statistics.brightness.tolist() == [76, 255]  # red's luma is 0.299 of white's
    assert statistics.saturation.tolist() == [255, 0]
    assert statistics.mean.getpixel((8, 8)) == (255, 128, 128)
    assert statistics.hues[0] == 256
    assert statistics.hues.sum() == 256
    assert statistics.channels[0, -1] == 512
    assert statistics.channels[1, 0] == 256
    assert sorted(colour for _, colour in statistics.palette) == [(255, 0, 0), (255, 255, 255)]


def test_a_small_picture_is_enlarged_crisply_in_the_middle_of_its_tile() -> None:
    image = Image.new("RGB", (4, 8), RED)
    image.paste(GREEN, (0, 4, 4, 8))
    tile = thumbnail(image)
    assert {colour for _, colour in tile.getcolors()} == {RED, GREEN, GRID_COLOUR}
    assert [tile.getpixel((x, 39)) for x in (19, 20, 59, 60)] == [GRID_COLOUR, RED, RED, GRID_COLOUR]


def test_hues_go_round_the_circle_and_the_palette_from_dark_to_bright(tmp_path: Path) -> None:
    for name, colour in (("a", (0, 0, 255)), ("b", (0, 0, 255)), ("c", (255, 255, 255))):
        Image.new("RGB", (16, 16), colour).save(tmp_path / f"{name}.png")
    statistics = image_statistics(tmp_path, ["a.png", "b.png", "c.png"])
    assert 230 <= 10 * statistics.hues.argmax() <= 240  # 36 steps of 10 degrees, blue at 240
    assert statistics.palette == [(512, (0, 0, 255)), (256, (255, 255, 255))]


# Pictures that look alike


class NearDuplicates(NamedTuple):
    """All that look alike, by name."""

    nearest: list[NearDuplicate]
    pairs: int
    groups: int


def find_near_duplicates(names: Sequence[str], hashes: Sequence[int]) -> NearDuplicates:
    alike = compare(np.arange(len(names)), np.array(hashes, np.uint64))
    nearest = [NearDuplicate(names[first], names[second], bits) for bits, first, second in alike.nearest_ids()]
    return NearDuplicates(nearest, alike.pairs, alike.group_count())


def test_other_colours_and_other_brightness_keep_the_hash_other_shapes_do_not() -> None:
    def bits(image: Image.Image) -> int:
        return int(perceptual_hash(image.convert("L")), 16)

    drawing = bits(figure(3, (200, 200, 200)))
    assert drawing.bit_count() == 32  # the median parts 64 values in halves
    assert (drawing ^ bits(figure(3, (120, 90, 200)))).bit_count() <= 4
    assert (drawing ^ bits(figure(3, (200, 200, 200)).resize((33, 33)))).bit_count() <= 8
    assert all((drawing ^ bits(figure(seed, (200, 200, 200)))).bit_count() > 12 for seed in (4, 5, 6, 7))


def test_the_nearest_pairs_come_first_and_plain_pictures_not_at_all() -> None:
    full, near, nearer = 0xFFFFFFFF00000000, 0xFFFFFFFF0000000F, 0xFFFFFFFF00000001
    plain = 0x8000000000000000
    pairs = find_near_duplicates(["a", "b", "c", "d", "e"], [full, near, nearer, plain, plain]).nearest
    assert [(pair.first, pair.second, pair.distance) for pair in pairs] == [
        ("a", "c", 1),
        ("b", "c", 3),
        ("a", "b", 4),
    ]
    assert [pair.distance for pair in find_near_duplicates(["a", "b"], [full, full ^ 0xFF]).nearest] == [8]
    assert find_near_duplicates(["a", "b"], [full, full ^ 0x1FF]).pairs == 0


def test_pairs_across_blocks_are_found_and_counted_and_the_nearest_listed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("dataset.near_duplicates.BLOCK_VALUES", 7)
    names = [f"{number:02d}" for number in range(30)]
    duplicates = find_near_duplicates(names, [0xFFFFFFFF00000000] * 30)
    assert (len(duplicates.nearest), duplicates.pairs, duplicates.groups) == (200, 30 * 29 // 2, 1)
    assert find_near_duplicates([], []) == NearDuplicates([], 0, 0)
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2**63, 30, np.uint64) | np.uint64(0xFFFFFF)
    bits[29] = bits[0] ^ np.uint64(1)
    (pair,) = find_near_duplicates(names, bits.tolist()).nearest
    assert (pair.first, pair.second, pair.distance) == ("00", "29", 1)


def test_what_is_alike_through_others_is_one_group() -> None:
    base = 0xFFFFFFFF00000000
    chain = [base, base ^ 0xFF, base ^ 0xFFFF, base ^ 0xFFFFFF]  # 8 bits from one to the next, 16 and 24 beyond
    apart = [~base & (2**64 - 1), ~base & (2**64 - 2)]
    duplicates = find_near_duplicates(list("axbycz"), [chain[3], apart[0], chain[1], apart[1], chain[0], chain[2]])
    assert (duplicates.pairs, duplicates.groups) == (4, 2)


def test_comparing_by_parts_of_the_hashes_or_with_what_is_new_finds_what_comparing_all_does() -> None:
    rng = np.random.default_rng(1)
    bits = rng.integers(0, 2**63, 300, np.uint64)[rng.integers(0, 300, 900)] | np.uint64(0xFFFFFF << 20)
    for _ in range(6):
        bits ^= np.where(rng.random(900) < 0.6, np.uint64(1) << rng.integers(0, 64, 900, np.uint64), np.uint64(0))
    ids = np.arange(900) * 7
    every = compare(ids, bits)
    assert every.pairs > MAX_PAIRS
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dataset.near_duplicates.MANY", 0)
        banded = compare(ids, bits)
    some = np.sort(rng.permutation(900)[:850])
    updated = compare(ids, bits, compare(ids[some], bits[some]))
    for other in (banded, updated):
        assert (other.pairs, other.nearest, other.group_count()) == (
            every.pairs,
            every.nearest,
            every.group_count(),
        )


# The card


def test_the_card_has_front_matter_counts_and_a_word_on_licences(out: Path) -> None:
    text = (out / "README.md").read_text(encoding="utf-8")
    _, front, body = text.split("---\n", 2)
    assert "license: other\n" in front
    assert 'configs:\n- config_name: default\n  data_files: "rgb_images/*"\n' in front
    assert "size_categories:\n- n<1K\n" in front
    assert "7 pictures of 80x80 pixels, made by `vgc preprocess` from 10 files" in body
    assert "| Left out, exactly the pixels of another | 1 |" in body
    assert "## Licence" in body
    assert "{" not in body


def test_a_name_on_the_card_is_plain_text() -> None:
    recipe = {"size_px": 80, "fit": "pad", "background": "black", "pillow": "12"}
    counts = {"found": 1, "pictures": 1, "duplicates": 0, "rejected": 0}
    report = {"recipe": recipe, "counts": counts, "near_duplicate_pairs": 0}
    game = "![x](http://evil.test/p.png) <script> *b* `c` \x1b[2J \u202egnp"
    text = dataset_card(report, [("site.test", 1)], [(game, 1)])
    assert r"| !\[x\](http://evil.test/p.png) \<script\> \*b\* \`c\` \\x1b\[2J \\u202egnp | 1 |" in text


def test_the_card_names_sites_games_and_what_was_done_to_the_pictures() -> None:
    recipe = {"size_px": 80, "fit": "pad", "background": "edge", "pillow": "12"}
    counts = {"found": 1200, "pictures": 1000, "duplicates": 150, "rejected": 50}
    report = {"recipe": recipe, "counts": counts, "near_duplicate_pairs": 2}
    hosts = [("site.test", 1), ("cdn.test", 1), (None, 1)]
    text = dataset_card(report, hosts, [("Half|Life", 2), (None, 1)])
    for message in (
        "- 1K<n<10K\n",
        "| site.test | 1 |\n| cdn.test | 1 |\n| a folder of pictures; where they came from is not known | 1 |\n",
        "| Half\\|Life | 2 |",
        "the whole picture with bars of each picture's own edge colour beside it",
        "| Pairs that look alike (both kept) | 2 |",
    ):
        assert message in text


# The command


def test_the_command_makes_a_set_and_tells_what_it_left_out(raw: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(
        app, ["preprocess", "--raw", str(raw), "--out", str(tmp_path / "new"), "--workers", "1", "--report"]
    )
    assert result.exit_code == 0
    assert "7 pictures in" in result.output
    assert "left out: twin.bmp: exactly the pixels of 1.png" in result.output
    assert "more, all in" not in result.output
    assert "report.html" in result.output
    assert f"next: vgc train --data {tmp_path / 'new/rgb_images'}" in result.output.replace("\n", "")
    for number in range(20):
        (raw / f"page-{number}.png").write_bytes(b"<html>")
    result = CliRunner().invoke(app, ["preprocess", "--raw", str(raw), "--out", str(tmp_path / "new")])
    assert result.output.count("left out: ") == 21
    assert "left out: 3 more, all in" in result.output


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--size", "8"], 2, "--size 8: choose 16 to 512 pixels"),
        (["--raw", "/nowhere/at/all"], 1, "no such folder; run vgc scrape first"),
    ],
)
def test_the_command_ends_with_a_plain_word_and_its_code(options: list[str], code: int, message: str) -> None:
    result = CliRunner().invoke(app, ["preprocess", *options])
    assert result.exit_code == code
    assert message in result.output
