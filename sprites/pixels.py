"""Game-ready pictures: binary alpha, one palette, the pixel grid kept. The same input gives the same bytes."""

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from kit.foreground import TOLERANCE, figure_masks
from sprites.errors import SpriteSettingsError
from sprites.palettes import MAX_COLOURS, Palette, find_palette, nearest

SMALLEST_SPRITE_PX = 8
LARGEST_UPSCALE = 16
LARGEST_SHEET_PX = 8192
"""What nearly every GPU takes as one texture."""
FRAME_MS = 80
CLEAR = 0
"""The index of transparent pixels; colour n of the palette has index n + 1."""


@dataclass(frozen=True)
class SpriteSettings:
    """How a picture becomes a sprite."""

    colours: int = 16
    """Colours all sprites of a set share, 2 to 255, transparency not counted."""
    palette: tuple[tuple[int, int, int], ...] | None = None
    """Given colours, in place of ``colours`` found ones."""
    sprite_px: int | None = None
    """Side of a sprite before upscaling, 8 to the picture's own; None: the picture's own."""
    upscale: int = 1
    """Every pixel becomes a square of so many, 1 to 16."""
    tolerance: int = TOLERANCE
    """How far a background pixel may be from the background's colour in a channel, 0 to 255."""
    extrude_px: int = 1
    """How often the outermost pixels are repeated around each frame of the sheet, 1 or 2: no seams when scaled."""

    def __post_init__(self) -> None:
        if not 2 <= self.colours <= MAX_COLOURS:
            raise SpriteSettingsError(f"--colours {self.colours}: choose 2 to {MAX_COLOURS}")
        if self.palette is not None and not 1 <= len(self.palette) <= MAX_COLOURS:
            raise SpriteSettingsError(
                f"--palette of {len(self.palette)} colours: choose one of 1 to {MAX_COLOURS}"
            )
        if self.sprite_px is not None and self.sprite_px < SMALLEST_SPRITE_PX:
            raise SpriteSettingsError(
                f"--sprite-size {self.sprite_px}: choose {SMALLEST_SPRITE_PX} pixels or more"
            )
        if not 1 <= self.upscale <= LARGEST_UPSCALE:
            raise SpriteSettingsError(f"--upscale {self.upscale}: choose 1 to {LARGEST_UPSCALE}")
        if not 0 <= self.tolerance <= 255:
            raise SpriteSettingsError(f"--tolerance {self.tolerance}: choose 0 to 255")
        if self.extrude_px not in (1, 2):
            raise SpriteSettingsError(f"an extrusion of {self.extrude_px} pixels: choose 1 or 2")

    def side_px(self, picture_px: int) -> int:
        """Side of a sprite made of pictures of a size; SpriteSettingsError if they are too small for it."""
        side = self.sprite_px or picture_px
        if side > picture_px:
            raise SpriteSettingsError(
                f"--sprite-size {side}: the pictures have {picture_px} pixels; choose no more, and --upscale"
            )
        return side


@dataclass(frozen=True)
class SpriteSet:
    """Sprites that share a palette."""

    palette: Palette
    indexes: NDArray[np.uint8]
    """[N, side, side]: CLEAR, or one more than the colour's place in the palette."""

    @property
    def colours(self) -> NDArray[np.uint8]:
        """[P + 1, 4] RGBA, the transparent one first."""
        opaque = np.pad(self.palette, ((0, 0), (0, 1)), constant_values=255)
        return np.concatenate([np.zeros((1, 4), np.uint8), opaque])

    def rgba(self) -> NDArray[np.uint8]:
        """[N, side, side, 4]; alpha is 0 or 255, and transparent pixels are black."""
        return self.colours[self.indexes]


def make_sprites(
    pictures: NDArray[np.uint8], settings: SpriteSettings, palette: Palette | None = None
) -> SpriteSet:
    """Cut the figures out, bring them onto a smaller grid, give them one palette, enlarge the pixels.

    Args:
        pictures: [N, side, side, 3] uint8 RGB.
        settings: how.
        palette: that of another set, in place of the settings'.
    """
    side = settings.side_px(pictures.shape[1])
    masks = figure_masks(pictures, settings.tolerance)
    # The source pixel under the middle of each target pixel: none is ever a mixture.
    source = ((np.arange(side) + 0.5) * pictures.shape[1] / side).astype(int)
    small, mask = pictures[:, source][:, :, source], masks[:, source][:, :, source]
    if palette is None and settings.palette is not None:
        palette = np.array(settings.palette, np.uint8)
    if palette is None:
        palette = find_palette(small[mask], settings.colours)
    indexes = np.full(mask.shape, CLEAR, np.uint8)
    indexes[mask] = nearest(small[mask], palette) + 1
    return SpriteSet(palette, indexes.repeat(settings.upscale, 1).repeat(settings.upscale, 2))


@dataclass(frozen=True)
class Sheet:
    """Where the frames of a sheet lie."""

    size_px: tuple[int, int]
    """Width and height, powers of two."""
    frame_px: int
    extrude_px: int
    corners: tuple[tuple[int, int], ...]
    """Left and top of each frame, without its extruded border."""

    @property
    def columns(self) -> int:
        """Frames in a row."""
        return self.size_px[0] // (self.frame_px + 2 * self.extrude_px)


def lay_out(count: int, frame_px: int, extrude_px: int) -> Sheet:
    """The smallest power-of-two sheet, as square as may be, row by row.

    Raises:
        SpriteSettingsError: it would be larger than LARGEST_SHEET_PX.
    """
    cell = frame_px + 2 * extrude_px
    powers = [1 << n for n in range(LARGEST_SHEET_PX.bit_length()) if 1 << n >= cell]
    sizes = [
        (width, height) for width in powers for height in powers if (width // cell) * (height // cell) >= count
    ]
    if not sizes:
        raise SpriteSettingsError(
            f"{count} sprites of {frame_px} pixels need a sheet beyond {LARGEST_SHEET_PX} pixels: "
            "make fewer, or a smaller --upscale or --sprite-size"
        )
    width, height = min(sizes, key=lambda size: (size[0] * size[1], max(size), -size[0]))
    places = [divmod(place, width // cell) for place in range(count)]
    corners = tuple((column * cell + extrude_px, row * cell + extrude_px) for row, column in places)
    return Sheet((width, height), frame_px, extrude_px, corners)


def draw_sheet(frames: NDArray[np.uint8], sheet: Sheet) -> NDArray[np.uint8]:
    """All frames [N, side, side, 4] on their sheet [height, width, 4], borders extruded."""
    width, height = sheet.size_px
    pixels = np.zeros((height, width, 4), np.uint8)
    extruded = np.pad(frames, ((0, 0), *[(sheet.extrude_px, sheet.extrude_px)] * 2, (0, 0)), mode="edge")
    cell = extruded.shape[1]
    for (left, top), frame in zip(sheet.corners, extruded, strict=True):
        x, y = left - sheet.extrude_px, top - sheet.extrude_px
        pixels[y : y + cell, x : x + cell] = frame
    return pixels


def aseprite_json(sheet: Sheet, names: Sequence[str], image: str) -> str:
    """The sheet in the array format that Aseprite exports and Phaser, PixiJS, Unity and Godot importers read."""
    side = sheet.frame_px
    frames = [
        {
            "filename": name,
            "frame": {"x": x, "y": y, "w": side, "h": side},
            "rotated": False,
            "trimmed": False,
            "spriteSourceSize": {"x": 0, "y": 0, "w": side, "h": side},
            "sourceSize": {"w": side, "h": side},
            "duration": FRAME_MS,
        }
        for name, (x, y) in zip(names, sheet.corners, strict=True)
    ]
    size = dict(zip("wh", sheet.size_px, strict=True))
    meta = {"app": "vgc", "version": "1", "image": image, "format": "RGBA8888", "size": size, "scale": "1"}
    return json.dumps({"frames": frames, "meta": {**meta, "frameTags": [], "layers": [], "slices": []}}, indent=1)


def png_bytes(pixels: NDArray[np.uint8], **texts: str) -> bytes:
    """RGBA pixels [height, width, 4] as a PNG, ``texts`` in its metadata."""
    notes = PngInfo()
    for key, value in {"Software": "vgc", **texts}.items():
        notes.add_text(key, value)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", pnginfo=notes)
    return file.getvalue()


def gif_bytes(sprites: SpriteSet) -> bytes:
    """The sprites one after the other, endless, with transparency, each pixel in its palette's very colour."""
    frames = [Image.fromarray(indexes).convert("P") for indexes in sprites.indexes]
    for frame in frames:
        frame.putpalette(sprites.colours[:, :3].tobytes())
    file = io.BytesIO()
    frames[0].save(
        file,
        "GIF",
        save_all=True,
        append_images=frames[1:],
        duration=FRAME_MS,
        loop=0,
        disposal=2,
        transparency=CLEAR,
        optimize=False,
    )
    return file.getvalue()
