"""Game-ready pictures: binary alpha, one palette, the pixel grid kept. The same input gives the same bytes."""

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kit.channels import RGB, RGBA
from kit.foreground import TOLERANCE, foreground_masks
from kit.palette_files import MAX_COLOURS
from sprites.errors import SpriteSettingsError
from sprites.palettes import Palette, extract_palette, nearest_colours

SMALLEST_SPRITE_PX = 8
LARGEST_UPSCALE = 16
FRAME_MS = 80
HALF = 128
"""Alpha from which a pixel is opaque."""
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
    """Every pixel becomes a square with sides of this many pixels, 1 to 16."""
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

    def side_px(self, image_px: int) -> int:
        """Side of a sprite made of pictures of a size; SpriteSettingsError if they are too small for it."""
        side = self.sprite_px or image_px
        if side > image_px:
            raise SpriteSettingsError(
                f"--sprite-size {side}: the pictures have {image_px} pixels; choose no more, and --upscale"
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


def make_sprites(images: NDArray[np.uint8], settings: SpriteSettings, palette: Palette | None = None) -> SpriteSet:
    """Cut the figures out, bring them onto a smaller grid, give them one palette, enlarge the pixels.

    The figures of transparent images are where alpha is at least one half; those of others are found by colour.

    Args:
        images: [N, side, side, 3] uint8 RGB, or [N, side, side, 4] RGBA with straight colours.
        settings: how.
        palette: that of another set, in place of the settings'.
    """
    side = settings.side_px(images.shape[1])
    colours = images[..., :RGB]
    has_alpha = images.shape[-1] == RGBA
    masks = images[..., RGB] >= HALF if has_alpha else foreground_masks(colours, settings.tolerance)
    # The source pixel under the middle of each target pixel: none is ever a mixture.
    source = ((np.arange(side) + 0.5) * images.shape[1] / side).astype(int)
    small, mask = colours[:, source][:, :, source], masks[:, source][:, :, source]
    if palette is None and settings.palette is not None:
        palette = np.array(settings.palette, np.uint8)
    if palette is None:
        palette = extract_palette(small[mask], settings.colours)
    indexes = np.full(mask.shape, CLEAR, np.uint8)
    indexes[mask] = nearest_colours(small[mask], palette) + 1
    return SpriteSet(palette, indexes.repeat(settings.upscale, 1).repeat(settings.upscale, 2))


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
