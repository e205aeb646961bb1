"""Game-ready pictures: figures whose answer is known by hand, and wild ones."""

import io
import json
import zipfile
from base64 import b64encode
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from typer.testing import CliRunner

import cli
from gan.config import PRESETS
from gan.errors import GanError
from gan.networks.build import build_generator
from gan.runs.checkpoint import GeneratorHeader, save_generator
from gan.sampling.generate import GenerateSettings
from gan.sampling.share_codes import decode
from kit.foreground import background_colour, foreground_masks
from kit.png import png_bytes
from sprites.atlas import draw_sheet, layout_sheet
from sprites.bundle import layout_with_morph
from sprites.errors import SpriteSettingsError
from sprites.palettes import extract_palette, nearest_colours, parse_palette, to_gpl, to_hex
from sprites.pixels import SpriteSettings, gif_bytes, make_sprites
from sprites.sprite_export import generate_sprites

SWEETIE_GPL = """GIMP Palette
#Palette Name: Sweetie
#Colors: 3
26\t28\t44\t1a1c2c
 93  39  93 a purple
255 205 117
"""
PICTURES = arrays(np.uint8, st.tuples(st.integers(1, 3), st.just(12), st.just(12), st.just(3)))
PALETTES = st.lists(st.tuples(*[st.integers(0, 255)] * 3), min_size=1, max_size=8, unique=True)


def mask_of(image: np.ndarray, tolerance: int) -> np.ndarray:
    return foreground_masks(image[None], tolerance)[0]


def ring() -> np.ndarray:
    """A red 6x6 block with a black 2x2 hole in its middle, on nearly black, 10x10."""
    image = np.full((10, 10, 3), 3, np.uint8)
    image[2:8, 2:8] = (200, 0, 0)
    image[4:6, 4:6] = 0
    return image


def test_black_inside_a_figure_on_black_stays():
    mask = mask_of(ring(), tolerance=10)
    expected = np.zeros((10, 10), bool)
    expected[2:8, 2:8] = True
    assert np.array_equal(mask, expected)


def test_the_flood_enters_through_an_opening_but_not_through_a_corner():
    image = ring()
    image[2:4, 4] = 0  # a way from the hole up to the border
    assert mask_of(image, 10).sum() == 36 - 4 - 2
    image = ring()
    image[3, 3] = image[2, 2] = 0  # touches the outside and the hole at corners only
    assert mask_of(image, 10).sum() == 36 - 1


def test_the_background_is_what_most_of_the_border_shows():
    image = np.full((9, 9, 3), (0, 120, 255), np.uint8)
    image[4:, 3:6] = (250, 250, 250)  # stands on the lower edge
    assert background_colour(image, 30).tolist() == [0, 120, 255]
    assert mask_of(image, 30).sum() == 5 * 3


def test_the_background_is_the_colour_that_comes_most_often_among_like_ones():
    image = np.full((20, 20, 3), 10, np.uint8)
    image[0, :6] = np.arange(11, 17)[:, None]  # JPEG's crumbs
    assert background_colour(image, 30).tolist() == [10, 10, 10]


def test_a_background_under_half_of_the_border_is_found_beside_a_figure_of_many_colours():
    rng = np.random.default_rng(0)
    image = rng.integers(60, 256, (12, 12, 3)).astype(np.uint8)
    image[:4] = rng.integers(0, 4, (4, 12, 3))  # nearly black, with noise: 20 of 44 border pixels
    assert background_colour(image, 8).max() <= 3
    assert np.array_equal(mask_of(image, 8), np.arange(12)[:, None].repeat(12, 1) >= 4)


def test_a_soft_edge_does_not_lead_the_flood_into_the_figure():
    image = np.zeros((8, 40, 3), np.uint8)
    image[:] = (np.arange(40) * 6)[:, None]  # no step from pixel to pixel is larger than 6
    image[:, :20] = 0
    assert mask_of(image, 10)[:, 20:].all()


@given(PICTURES, st.integers(0, 255))
def test_the_figure_is_all_that_no_way_of_background_joins_to_the_border(images, tolerance):
    image = images[0]
    similar = np.abs(image.astype(int) - background_colour(image, tolerance)).max(2) <= tolerance
    reached = np.zeros_like(similar)
    todo = [(y, x) for y in range(12) for x in range(12) if {y, x} & {0, 11}]
    while todo:
        y, x = todo.pop()
        if 0 <= y < 12 and 0 <= x < 12 and similar[y, x] and not reached[y, x]:
            reached[y, x] = True
            todo += [(y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)]
    assert np.array_equal(mask_of(image, tolerance), ~reached)


def test_a_soft_rim_leaves_no_dark_fringe_and_pixel_art_keeps_its_dark_rim():
    image = np.zeros((12, 12, 3), np.uint8)
    image[2:10, 2:10] = (80, 40, 0)  # two fifths of the figure
    image[2, 2:10] = (150, 75, 0)  # three quarters of it
    image[3:9, 3:9] = (200, 100, 0)
    soft = make_sprites(image[None], SpriteSettings(min_island_px=0)).rgba()[0]
    assert np.argwhere(soft[..., 3]).min(axis=0).tolist() == [2, 2]
    assert soft[..., 3].sum() // 255 == 6 * 6 + 8
    assert np.unique(soft[soft[..., 3] > 0], axis=0).tolist() == [[200, 100, 0, 255]]
    hard = make_sprites(image[None], SpriteSettings(min_island_px=0, soft_rims=False)).rgba()[0]
    assert hard[9, 5].tolist() == [80, 40, 0, 255]


def test_both_kinds_of_palette_files_are_read():
    colours = [[26, 28, 44], [93, 39, 93], [255, 205, 117]]
    assert parse_palette(SWEETIE_GPL).tolist() == colours
    assert parse_palette("1a1c2c\r\n5D275D\r\n\r\nffcd75").tolist() == colours
    assert parse_palette("\ufeff1a1c2c\n5d275d\nffcd75\n1a1c2c\n").tolist() == colours
    as_file = "data:;base64," + b64encode(SWEETIE_GPL.encode()).decode()
    assert parse_palette(as_file).tolist() == colours
    with pytest.raises(SpriteSettingsError, match="not in base64"):
        parse_palette("data:text/plain,1a1c2c")


@given(PALETTES)
def test_a_palette_written_is_read_again(colours):
    palette = np.array(colours, np.uint8)
    assert np.array_equal(parse_palette(to_gpl(palette, "mine")), palette)
    assert np.array_equal(parse_palette(to_hex(palette)), palette)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "0 colours"),
        ("GIMP Palette\n", "0 colours"),
        ("GIMP Palette\n1 2", "line 2"),
        ("GIMP Palette\n1 2 256", "line 2"),
        ("GIMP Palette\n-1 2 3", "line 2"),
        ("1a1c2c\n#fffff", "line 2"),
        ("1a1c2", "line 1"),
        ("١a1c2c", "line 1"),
        ("<html>", "begins with 'GIMP Palette'"),
        ("\n".join(f"{n:06x}" for n in range(256)), "256 colours"),
        ("0" * 200_000, "200,000 letters"),
    ],
)
def test_what_is_no_palette_is_refused_with_its_line(text, message):
    with pytest.raises(SpriteSettingsError, match=message):
        parse_palette(text)


@given(st.text() | st.text().map("GIMP Palette\n{}".format))
def test_no_text_breaks_the_palette_reader(text):
    with suppress(SpriteSettingsError):
        assert 1 <= len(parse_palette(text)) <= 255


def test_few_colours_are_found_exactly_and_the_darkest_comes_first():
    pixels = np.array([[255, 255, 255]] * 5 + [[10, 0, 0]] * 3 + [[0, 200, 0]], np.uint8)
    assert extract_palette(pixels, 4).tolist() == [[10, 0, 0], [0, 200, 0], [255, 255, 255]]
    assert extract_palette(pixels[:0], 4).tolist() == [[0, 0, 0]]
    blue, red, green = [0, 0, 255], [255, 0, 0], [0, 255, 0]
    assert extract_palette(np.array([red, green, blue], np.uint8), 3).tolist() == [blue, red, green]


def test_the_nearest_colour_is_the_one_that_looks_nearest():
    palette = np.array([[0, 0, 0], [255, 255, 255], [255, 0, 0]], np.uint8)
    pixels = np.array([[20, 20, 20], [250, 240, 255], [200, 30, 30], [255, 0, 0]], np.uint8)
    assert nearest_colours(pixels, palette).tolist() == [0, 1, 2, 2]


@settings(max_examples=40)
@given(PICTURES, st.integers(2, 255), PALETTES | st.none(), st.integers(8, 12), st.integers(1, 3))
def test_sprites_have_binary_alpha_the_palettes_colours_and_whole_pixels(images, colours, palette, side, upscale):
    wanted = SpriteSettings(colours, tuple(palette) if palette else None, side, upscale, tolerance=20)
    sprites = make_sprites(images, wanted)
    rgba = sprites.rgba()
    assert rgba.shape == (len(images), side * upscale, side * upscale, 4)
    assert set(np.unique(rgba[..., 3])) <= {0, 255}
    assert not rgba[rgba[..., 3] == 0].any()
    used = {tuple(colour) for colour in rgba[rgba[..., 3] > 0][:, :3].tolist()}
    assert used <= {tuple(colour) for colour in sprites.palette.tolist()}
    assert len(sprites.palette) <= (len(palette) if palette else colours)
    assert np.array_equal(rgba, rgba[:, ::upscale, ::upscale].repeat(upscale, 1).repeat(upscale, 2))
    assert np.array_equal(make_sprites(images, wanted).rgba(), rgba)


def test_a_smaller_grid_takes_the_pixel_under_each_middle():
    image = np.zeros((16, 16, 3), np.uint8)
    image[..., 0], image[..., 1] = np.mgrid[:16, :16] * 10
    image[..., 2] = 255
    image[0] = image[-1] = image[:, 0] = image[:, -1] = 0
    grid = tuple((y * 10, x * 10, 255) for y in range(1, 15) for x in range(1, 15))
    small = make_sprites(image[None], SpriteSettings(palette=grid, sprite_px=8, tolerance=1)).rgba()[0]
    # Of two pixels the middle lies on their edge; the later one is taken.
    assert small[2, 3].tolist() == [50, 70, 255, 255]


def test_a_sheet_is_the_smallest_power_of_two_and_its_borders_repeat():
    assert layout_sheet(11, frame_px=41, extrude_px=1).size_px == (
        512,
        64,
    )  # half of 256x256, the next that holds them
    sheet = layout_sheet(5, frame_px=30, extrude_px=1)
    assert (sheet.size_px, sheet.columns) == ((128, 64), 4)
    assert sheet.corners == ((1, 1), (33, 1), (65, 1), (97, 1), (1, 33))
    frames = np.arange(5 * 30 * 30 * 4, dtype=np.uint32).astype(np.uint8).reshape(5, 30, 30, 4)
    pixels = draw_sheet(frames, sheet)
    assert pixels.shape == (64, 128, 4)
    for (x, y), frame in zip(sheet.corners, frames, strict=True):
        assert np.array_equal(pixels[y : y + 30, x : x + 30], frame)
        assert np.array_equal(pixels[y - 1, x : x + 30], frame[0])
        assert np.array_equal(pixels[y + 30, x : x + 30], frame[-1])
        assert np.array_equal(pixels[y - 1, x - 1], frame[0, 0])
        assert np.array_equal(pixels[y : y + 30, x + 30], frame[:, -1])
    assert not pixels[32:, 32:].any()


@settings(deadline=None)
@given(st.integers(1, 1024), st.integers(8, 100), st.integers(1, 2))
def test_no_frame_of_a_sheet_overlaps_or_leaves_it(count, frame_px, extrude_px):
    sheet = layout_sheet(count, frame_px, extrude_px)
    cell = frame_px + 2 * extrude_px
    corners = np.array(sheet.corners) - extrude_px
    assert all(side & (side - 1) == 0 for side in sheet.size_px)
    assert (corners % cell == 0).all()
    assert len({tuple(corner) for corner in corners.tolist()}) == count
    assert (corners >= 0).all()
    assert (corners + cell <= sheet.size_px).all()


def test_a_sheet_beyond_what_gpus_take_is_refused():
    with pytest.raises(SpriteSettingsError, match="1000 sprites of 640 pixels"):
        layout_sheet(1000, 640, 1)


def test_a_sheet_without_room_for_the_animation_holds_the_characters():
    assert len(layout_with_morph(600, 24, 322, 0).corners) == 624
    assert len(layout_with_morph(620, 24, 322, 0).corners) == 620


def test_the_gif_shows_the_sprites_own_colours_and_transparency():
    images = np.stack([ring(), np.roll(ring(), 1, axis=1), np.roll(ring(), 1, axis=0)])
    sprites = make_sprites(images, SpriteSettings(tolerance=10, upscale=2))
    with Image.open(io.BytesIO(gif_bytes(sprites))) as gif:
        assert (gif.n_frames, gif.info["loop"]) == (3, 0)
        for number, frame in enumerate(sprites.rgba()):
            gif.seek(number)
            shown = np.asarray(gif.convert("RGBA"))
            assert np.array_equal(shown[..., 3], frame[..., 3])
            assert np.array_equal(shown[frame[..., 3] > 0], frame[frame[..., 3] > 0])


def test_a_picture_without_a_figure_is_all_transparent():
    sprites = make_sprites(np.zeros((2, 10, 10, 3), np.uint8), SpriteSettings())
    assert not sprites.rgba().any()
    assert png_bytes(Image.fromarray(sprites.rgba()[0]))
    assert gif_bytes(sprites)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"colours": 1}, "--colours 1: choose 2 to 255"),
        ({"palette": ()}, "--palette of 0 colours"),
        ({"sprite_px": 7}, "--sprite-size 7"),
        ({"upscale": 0}, "--upscale 0: choose 1 to 16"),
        ({"tolerance": 256}, "--tolerance 256"),
        ({"extrude_px": 3}, "an extrusion of 3 pixels"),
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong, message):
    with pytest.raises(SpriteSettingsError, match=message):
        SpriteSettings(**wrong)


def test_generate_leaves_a_zip_for_a_game_and_always_the_same_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "two.hex").write_text("101010\nf0f0f0\n")
    arguments = (
        "generate",
        "--seeds",
        "1,2,5",
        "--sprites",
        "--sprite-size",
        "40",
        "--upscale",
        "2",
        "--device",
        "cpu",
    )
    run = CliRunner().invoke(cli.app, [*arguments, "--palette", "two.hex", "--json"])
    assert run.exit_code == 0, run.stderr
    path = tmp_path / json.loads(run.stdout)["sprites"]
    first = path.read_bytes()
    CliRunner().invoke(cli.app, [*arguments, "--palette", "two.hex"])
    assert path.read_bytes() == first
    with zipfile.ZipFile(path) as archive:
        names = [f"sprites/00{n}.png" for n in range(3)]
        rest = ["morph.gif", "palette.gpl", "palette.hex", "characters.json", "IMPORT.txt", "LICENCE.txt"]
        atlas = ["sheet.png", "sheet.json", "sheet-hash.json", "sheet.xml", "sheet.tres"]
        assert archive.namelist() == [*names, *atlas, *[f"indexed/00{n}.png" for n in range(3)], *rest]
        assert archive.read("palette.hex") == b"101010\nf0f0f0\n"
        assert "the 1,500 built-in characters (CC0 1.0" in archive.read("LICENCE.txt").decode()
        assert "may be used freely" in archive.read("LICENCE.txt").decode()
        hints = archive.read("IMPORT.txt").decode()
        assert "Pixel Size 80 x 80, Offset 1 x 1, Padding 2 x 2" in hints
        assert "Size 80 x 80, Separation 2 x 2, Offset 1 x 1" in hints
        assert "512x512 pixels, 6 frames in a row, 5 rows" in hints
        assert 'this.add.sprite(x, y, "sheet", "000.png")' in hints
        characters = json.loads(archive.read("characters.json"))
        read = json.loads(archive.read("sheet.json"))
        frames, (tag,) = read["frames"], read["meta"]["frameTags"]
        assert (tag["name"], tag["from"], tag["to"], len(frames)) == ("morph", 3, 26, 27)
        sheet = Image.open(archive.open("sheet.png"))
        for n, name in enumerate(names):
            sprite = Image.open(archive.open(name))
            with Image.open(tmp_path / f"generated/000{n}.png") as image:
                code = image.info["code"]
            assert sprite.info["code"] == characters["characters"][n]["code"] == code
            assert decode(code).model == characters["model"]["hash"][:8]
            indexed = Image.open(archive.open(name.replace("sprites", "indexed")))
            assert (indexed.mode, indexed.info["code"], indexed.info["transparency"]) == ("P", code, 0)
            assert indexed.convert("RGBA").tobytes() == sprite.tobytes()
            x, y, w, h = frames[n]["frame"].values()
            assert sheet.crop((x, y, x + w, y + h)).tobytes() == sprite.tobytes()
            assert {colour for _, colour in sprite.getcolors()} == {
                (0, 0, 0, 0), (16, 16, 16, 255), (240, 240, 240, 255)
            }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--upscale", "2"),
            "vgc: --colours, --palette, --sprite-size, --upscale, --upscale-with, --tolerance,",
        ),
        (
            ("--sprites", "--colours", "8", "--palette", "x"),
            "vgc: --colours and --palette: give one of them\n",
        ),
        (("--sprites", "--sprite-size", "81"), "vgc: --sprite-size 81: the pictures have 80 pixels"),
        (("--sprites", "--palette", "gone.hex"), "vgc: --palette gone.hex: No such file"),
    ],
)
def test_sprite_options_that_cannot_be_are_one_line(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = CliRunner().invoke(cli.app, ["generate", "-n", "1", *arguments])
    assert run.exit_code == 2
    assert run.stderr.startswith(message)
    assert len(run.stderr.splitlines()) == 1


@pytest.mark.parametrize("name", ["sprites.zip", "grid.png"])
def test_files_of_somebody_else_are_named_before_anything_is_overwritten(tmp_path: Path, name: str):
    (tmp_path / name).write_bytes(b"mine")
    with pytest.raises(GanError, match=rf"{name}: vgc did not make this"):
        generate_sprites(GenerateSettings(count=1, out=tmp_path), SpriteSettings())
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"mine"]


def test_a_sprite_without_a_figure_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    architecture = PRESETS["dcgan"].at_size(16).with_channels(4).generator
    network = build_generator(architecture)
    network.to_rgb.weight.data.zero_()
    network.to_rgb.bias.data.fill_(-9)  # clear, whatever the latent
    save_generator(tmp_path / "clear.safetensors", network, GeneratorHeader(architecture, "dcgan", 7, "noise"))
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(cli.app, ["sprites", "-n", "2", "--model", "clear.safetensors", "--json"])
    assert "2 sprites are empty (sprites/000.png, sprites/001.png); other seeds draw others" in result.stderr
    assert json.loads(result.stdout)["empty"] == ["sprites/000.png", "sprites/001.png"]


def test_sprites_are_of_the_model_that_is_named_and_one_character_morphs_nowhere(tmp_path: Path):
    architecture = PRESETS["dcgan"].at_size(16).generator
    model = tmp_path / "mine.safetensors"
    save_generator(model, build_generator(architecture), GeneratorHeader(architecture, "dcgan", 7, "noise"))
    settings = GenerateSettings(count=1, model=str(model), out=tmp_path)
    drawn, exported = generate_sprites(settings, SpriteSettings())
    assert (drawn.count, drawn.replaced) == (1, 0)
    assert (tmp_path / "0000.png").is_file()
    with zipfile.ZipFile(exported.path) as archive:
        assert json.loads(archive.read("characters.json"))["model"]["name"] == "mine"
        assert Image.open(archive.open("sprites/000.png")).size == (16, 16)
        assert "morph.gif" not in archive.namelist()
        assert json.loads(archive.read("sheet.json"))["meta"]["frameTags"] == []
        assert "for your own study" in archive.read("LICENCE.txt").decode()
    again, same = generate_sprites(settings, SpriteSettings())
    assert (again.replaced, same) == (1, exported)
