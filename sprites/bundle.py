"""A zip that a game engine can use: sprites, sheet, animation, palette, and what to do with them."""

import io
import json
import re
import zipfile
from collections.abc import Sequence
from dataclasses import asdict
from itertools import chain, count
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gan.runs.model_info import ModelInfo
from gan.sampling.interpolation import slerp_loop
from gan.sampling.share_codes import encode
from kit.counted import counted
from kit.png import png_bytes
from sprites.atlas import SheetLayout, draw_sheet, ground_pivots, layout_sheet
from sprites.atlas_files import Atlas, aseprite_json, godot_sprite_frames, hash_json, starling_xml
from sprites.errors import SpriteSettingsError
from sprites.palettes import to_gpl, to_hex
from sprites.pixels import SpriteSettings, gif_bytes, make_sprites

MAX_SPRITES = 1024
MAX_MORPHED = 16
FRAMES_BETWEEN = 8
ZIP_TIME = (1980, 1, 1, 0, 0, 0)
"""The earliest that the format knows: the same characters give the same bytes on any day."""
MORPH = "morph"
"""The animation's tag and, with its suffix, its file."""
ATLAS_FILES = {
    ".json": aseprite_json,
    "-hash.json": hash_json,
    ".xml": starling_xml,
    ".tres": godot_sprite_frames,
}
"""What each file after ``sheet`` is written by."""
SHEET_FILE, GIF_FILE, CHARACTERS_FILE = "sheet.png", f"{MORPH}.gif", "characters.json"


class SpriteZip(NamedTuple):
    """What `sprite_zip` gives."""

    content: bytes
    cut: list[str]
    """Files of sprites whose figure reaches its picture's edge, which may have cut it."""
    empty: list[str]
    """Files of sprites without a figure: the model drew ground alone."""


def morph_latents(latents: NDArray[np.float32]) -> NDArray[np.float32]:
    """The latents of the animation's frames: [M, latent_dim]; none where there is but one character."""
    return slerp_loop(latents[:MAX_MORPHED], FRAMES_BETWEEN) if len(latents) > 1 else latents[:0]


def sprite_zip(
    info: ModelInfo,
    latents: NDArray[np.float32],
    images: NDArray[np.uint8],
    frames: NDArray[np.uint8],
    settings: SpriteSettings,
    names: Sequence[str] = (),
) -> SpriteZip:
    """The zip of some characters; the same input gives the same bytes.

    Args:
        info: the model that drew them.
        latents: [N, latent_dim] float32, N from 1 to MAX_SPRITES.
        images: [N, side, side, C] uint8, RGB or RGBA, drawn from them.
        frames: [M, side, side, C], drawn from `morph_latents` them.
        settings: what to make of them.
        names: what the characters are called, N of them; left out, their files are numbered.

    Raises:
        SpriteSettingsError: too many, or too large, for one sheet.
    """
    check_sprite_count(len(latents))
    sheet = layout_with_morph(
        len(latents), len(frames), settings.side_px(info.size_px) * settings.upscale, settings.extrude_px
    )
    sprites = make_sprites(images, settings)
    pixels = sprites.rgba()
    codes = [encode(info.hash, latent) for latent in latents]
    paths = [f"sprites/{stem}.png" for stem in unique_stems(names or [f"{n:03d}" for n in range(len(latents))])]
    encoded = (png_bytes(Image.fromarray(sprite), code=code) for sprite, code in zip(pixels, codes, strict=True))
    files: dict[str, bytes | str] = dict(zip(paths, encoded, strict=True))
    if len(frames):
        morph = make_sprites(frames, settings, sprites.palette)
        pixels = np.concatenate([pixels, morph.rgba()])[: len(sheet.corners)]
    files[SHEET_FILE] = png_bytes(Image.fromarray(draw_sheet(pixels, sheet)))
    atlas = Atlas(sheet, SHEET_FILE, [Path(path).name for path in paths], MORPH, ground_pivots(pixels))
    files |= {f"sheet{suffix}": write(atlas) for suffix, write in ATLAS_FILES.items()}
    indexed = zip(paths, sprites.indexed(), codes, strict=True)
    files |= {f"indexed/{Path(path).name}": png_bytes(image, code=code) for path, image, code in indexed}
    if len(frames):
        files[GIF_FILE] = gif_bytes(morph)
    files["palette.gpl"] = to_gpl(sprites.palette, f"vgc {info.model}")
    files["palette.hex"] = to_hex(sprites.palette)
    files[CHARACTERS_FILE] = characters_json(info, paths, codes, settings)
    files["IMPORT.txt"] = import_hints(sheet, settings, Path(paths[0]).name)
    files["LICENCE.txt"] = licence_note(info)
    cut = [path for path, is_cut in zip(paths, sprites.cut.tolist(), strict=True) if is_cut]
    empty = [path for path, sprite in zip(paths, pixels, strict=False) if not sprite[..., 3].any()]
    return SpriteZip(zip_bytes(files), cut, empty)


def layout_with_morph(count: int, frames: int, frame_px: int, extrude_px: int) -> SheetLayout:
    """The sheet of the characters and, where there is room, the animation's frames; errors as `layout_sheet`."""
    try:
        return layout_sheet(count + frames, frame_px, extrude_px)
    except SpriteSettingsError:
        return layout_sheet(count, frame_px, extrude_px)


def unique_stems(names: Sequence[str]) -> list[str]:
    """File names without suffix, in lower case; of several with one name, the later ones get a number."""
    stems: list[str] = []
    for name in names:
        stem = re.sub(r"[^\w-]+", "-", name.lower(), flags=re.ASCII).strip("-") or "character"
        numbered = (f"{stem}-{number}" for number in count(2))
        stems.append(next(each for each in chain([stem], numbered) if each not in stems))
    return stems


def check_sprite_count(count: int) -> None:
    """SpriteSettingsError if there are too many characters for a zip, or none."""
    if not 1 <= count <= MAX_SPRITES:
        raise SpriteSettingsError(f"{count:,} sprites: a zip takes 1 to {MAX_SPRITES:,}")


def zip_bytes(files: dict[str, bytes | str]) -> bytes:
    """Files by name as a zip without dates."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, ZIP_TIME)
            entry.create_system = 3  # else it depends on the system
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)
    return content.getvalue()


def characters_json(info: ModelInfo, paths: Sequence[str], codes: Sequence[str], settings: SpriteSettings) -> str:
    """Who is who: each file's share code, the model and the settings, so that all can be made again."""
    characters = [{"file": path, "code": code} for path, code in zip(paths, codes, strict=True)]
    model = {"name": info.model, "hash": info.hash, "trained_on": info.trained_on}
    return json.dumps({"model": model, "settings": asdict(settings), "characters": characters}, indent=1)


def import_hints(sheet: SheetLayout, settings: SpriteSettings, first: str) -> str:
    """What to set in Unity, Godot, Phaser and PixiJS, with this sheet's own numbers and its first frame's name."""
    side, edge = sheet.frame_px, sheet.extrude_px
    rows = -(-len(sheet.corners) // sheet.columns)
    in_rows = counted(rows, "row")
    return f"""\
How to import these pictures
============================

sprites/*.png   one character each, {side}x{side} pixels, transparent or opaque, nothing between
{SHEET_FILE}       {sheet.size_px[0]}x{sheet.size_px[1]} pixels, {sheet.columns} frames in a row, {in_rows}:
                the characters, then the animation's frames
indexed/*.png   the same with one palette, its first colour transparent
sheet.json      the frames' places and pivots in Aseprite's array format, the animation under the tag {MORPH}
sheet-hash.json the same as a hash by name, for PixiJS and most others
sheet.xml       the same for Starling, Sparrow, HaxeFlixel
sheet.tres      the same as SpriteFrames of Godot 4
{GIF_FILE}       the animation: each character becomes the next (with two or more)
palette.*       the colours, for Aseprite, GIMP, Krita, LibreSprite (.gpl) and Lospec (.hex)

Each pixel of the drawing is a square of {settings.upscale}x{settings.upscale} pixels. In the sheet, the outermost
pixels of each frame are repeated {edge} pixel{"s" * (edge > 1)} outwards, so that no seams show when it is scaled:
a frame begins {edge} from the left and top, and the next one {2 * edge} after its end.
A pivot is in the middle of its frame's width, below the figure's lowest pixel: sprites put at one height by their
pivots stand on one ground line.

Unity
  Texture Type: Sprite (2D and UI)      Filter Mode: Point (no filter)
  Pixels Per Unit: {side:<4}                 Compression: None
  Generate Mip Maps: off                Wrap Mode: Clamp
  {SHEET_FILE}: Sprite Mode Multiple; Sprite Editor > Slice > Grid By Cell Size:
    Pixel Size {side} x {side}, Offset {edge} x {edge}, Padding {2 * edge} x {2 * edge}, Keep Empty Rects off

Godot 4
  Project Settings > Rendering > Textures > Default Texture Filter: Nearest
  Import: Compress Mode Lossless, Mipmaps > Generate off
  sheet.tres beside {SHEET_FILE}: Sprite Frames of an AnimatedSprite2D, each character and {MORPH} an animation
  or {SHEET_FILE}: SpriteFrames > Add frames from sprite sheet:
    Size {side} x {side}, Separation {2 * edge} x {2 * edge}, Offset {edge} x {edge}
  Sprite2D with Hframes and Vframes takes no margins: use the single pictures there, or an AtlasTexture.

Phaser 3 and 4
  in the game's config:   pixelArt: true
  preload:                this.load.aseprite("sheet", "{SHEET_FILE}", "sheet.json")
  create, one character:  this.add.sprite(x, y, "sheet", "{first}")
  create, the animation:  this.anims.createFromAseprite("sheet")
                          this.add.sprite(x, y, "sheet").play({{ key: "{MORPH}", repeat: -1 }})

PixiJS 8
  const sheet = await Assets.load("sheet-hash.json");
  one character:          new Sprite(sheet.textures["{first}"])
  the animation:          new AnimatedSprite(sheet.animations.{MORPH})

Scale by whole numbers only, and the grid stays true.
"""


def licence_note(info: ModelInfo) -> str:
    """Where the drawings come from and what may be done with them."""
    return f"""\
These characters were drawn by a neural network, vgc's model {info.model} ({info.hash[:16]}).
It was trained on: {info.trained_on}.

{info.licence}
"""
