"""Game-ready pictures: binary alpha, one palette, the pixel grid kept. The same input gives the same bytes."""

import io
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kit.channels import RGB, RGBA
from kit.foreground import TOLERANCE, background_colour, foreground_masks
from kit.palette_files import MAX_COLOURS, Colour
from kit.soft_rim import with_hard_rim
from sprites.errors import SpriteSettingsError
from sprites.palettes import Palette, extract_palette, nearest_colours
from sprites.rims import clean_masks, outline_masks, reaches_edge
from sprites.upscaling import STEPS, UPSCALE_WITH, UpscaleWith, is_power, upscale

SMALLEST_SPRITE_PX = 8
LARGEST_UPSCALE = 16
LEAST_ISLAND_PX, LARGEST_ISLAND_PX = 4, 64
FRAME_MS = 80
HALF = 128
"""Alpha from which a pixel is opaque, where nobody says another."""
CLEAR = 0
"""The index of transparent pixels; colour n of the palette has index n + 1."""


class Grid(NamedTuple):
    """Where the pixels of enlarged pixel art lie in its pictures: squares, from a corner on."""

    block_px: int
    left_px: int = 0
    top_px: int = 0

    def count(self, image_px: int) -> int:
        """Whole squares along a side of a picture."""
        return (image_px - max(self.left_px, self.top_px)) // self.block_px


@dataclass(frozen=True)
class SpriteSettings:
    """How a picture becomes a sprite."""

    colours: int = 16
    """Colours all sprites of a set share, 2 to 255, transparency not counted."""
    palette: tuple[Colour, ...] | None = None
    """Given colours, in place of ``colours`` found ones."""
    sprite_px: int | None = None
    """Side of a sprite before upscaling, 8 to the picture's own; None: as ``grid`` says, or the picture's."""
    upscale: int = 1
    """Every pixel becomes a square with sides of this many pixels, 1 to 16."""
    tolerance: int = TOLERANCE
    """How far a background pixel may be from the background's colour in a channel, 0 to 255."""
    extrude_px: int = 1
    """How often the outermost pixels are repeated around each frame of the sheet, 1 or 2: no seams when scaled."""
    upscale_with: UpscaleWith = "nearest"
    """See `sprites.upscaling`."""
    min_island_px: int = LEAST_ISLAND_PX
    """Islands of fewer pixels vanish, and dots along even edges; 0: figures stay as they were cut out."""
    outline: Colour | None = None
    """A line of one pixel around every figure; of a given palette the nearest colour."""
    grid: Grid | None = None
    """Of a set of pixel art: each of its pixels becomes one of the sprite. Not with ``sprite_px``."""
    alpha_cut: int = HALF
    """Alpha from which a pixel of a transparent picture is opaque, 1 to 255."""
    soft_rims: bool = True
    """On a picture's rims, figure and background are mixed, which is undone; not so in pixel art."""

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
        self._refuse_upscaling()
        if not 0 <= self.min_island_px <= LARGEST_ISLAND_PX:
            raise SpriteSettingsError(f"--min-island {self.min_island_px}: choose 0 to {LARGEST_ISLAND_PX} pixels")
        if not 0 <= self.tolerance <= 255:
            raise SpriteSettingsError(f"--tolerance {self.tolerance}: choose 0 to 255")
        if not 1 <= self.alpha_cut <= 255:
            raise SpriteSettingsError(f"--alpha-cut {self.alpha_cut}: choose 1 to 255")
        if self.extrude_px not in (1, 2):
            raise SpriteSettingsError(f"an extrusion of {self.extrude_px} pixels: choose 1 or 2")

    def _refuse_upscaling(self) -> None:
        if self.upscale_with not in UPSCALE_WITH:
            choices = ", ".join(UPSCALE_WITH)
            raise SpriteSettingsError(f"--upscale-with {self.upscale_with}: choose one of {choices}")
        base = STEPS[self.upscale_with][1] if self.upscale_with in STEPS else 1
        if base > 1 and not is_power(self.upscale, base):
            factors = " or ".join(str(n) for n in range(1, LARGEST_UPSCALE + 1) if is_power(n, base))
            raise SpriteSettingsError(f"--upscale-with {self.upscale_with}: needs --upscale {factors}")

    def side_px(self, image_px: int) -> int:
        """Side of a sprite made of pictures of a size; SpriteSettingsError if they are too small for it."""
        side = self.sprite_px or (self.grid.count(image_px) if self.grid else image_px)
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
    cut: NDArray[np.bool_]
    """[N] whether a figure reaches its picture's edge, which may have cut it."""

    @property
    def colours(self) -> NDArray[np.uint8]:
        """[P + 1, 4] RGBA, the transparent one first."""
        opaque = np.pad(self.palette, ((0, 0), (0, 1)), constant_values=255)
        return np.concatenate([np.zeros((1, 4), np.uint8), opaque])

    def rgba(self) -> NDArray[np.uint8]:
        """[N, side, side, 4]; alpha is 0 or 255, and transparent pixels are black."""
        return self.colours[self.indexes]

    def indexed(self) -> list[Image.Image]:
        """N images of mode P, each pixel in its palette's very colour; CLEAR is transparent."""
        images = [Image.fromarray(indexes).convert("P") for indexes in self.indexes]
        for image in images:
            image.putpalette(self.colours[:, :3].tobytes())
            image.info["transparency"] = CLEAR
        return images


def make_sprites(images: NDArray[np.uint8], settings: SpriteSettings, palette: Palette | None = None) -> SpriteSet:
    """Cut the figures out, bring them onto their grid, clean their rims, give them one palette, enlarge them.

    The figures of transparent images are where alpha reaches the cut; those of others are found by colour.

    Args:
        images: [N, side, side, 3] uint8 RGB, or [N, side, side, 4] RGBA with straight colours.
        settings: how.
        palette: that of another set, in place of the settings'.
    """
    colours, masks = cut_figures(images, settings)
    side = settings.side_px(images.shape[1])
    if settings.grid and not settings.sprite_px:
        colours, masks = block_means(colours, masks, settings.grid)
    else:
        # The source pixel under the middle of each target pixel: none is ever a mixture.
        source = ((np.arange(side) + 0.5) * images.shape[1] / side).astype(int)
        colours, masks = colours[:, source][:, :, source], masks[:, source][:, :, source]
    masks = clean_masks(masks, settings.min_island_px)
    if palette is None:
        palette = chosen_palette(colours[masks], settings)
    indexes = np.full(masks.shape, CLEAR, np.uint8)
    indexes[masks] = nearest_colours(colours[masks], palette) + 1
    if settings.outline:
        indexes[outline_masks(masks)] = nearest_colours(np.array([settings.outline], np.uint8), palette)[0] + 1
    large = upscale(indexes, settings.upscale, settings.upscale_with)
    return SpriteSet(palette, large, reaches_edge(masks))


def cut_figures(
    images: NDArray[np.uint8], settings: SpriteSettings
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Colours [N, side, side, 3] and masks [N, side, side] of the figures."""
    if images.shape[-1] == RGBA:
        return images[..., :RGB], images[..., RGB] >= settings.alpha_cut
    masks = foreground_masks(images, settings.tolerance)
    if not settings.soft_rims:
        return images, masks
    backgrounds = (background_colour(image, settings.tolerance) for image in images)
    colours, masks = map(np.stack, zip(*map(with_hard_rim, images, masks, backgrounds), strict=True))
    return colours, masks


def block_means(
    colours: NDArray[np.uint8], masks: NDArray[np.bool_], grid: Grid
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Each square of a grid as one pixel: opaque where half of it is, in the mean colour of that half.

    Args:
        colours: [N, side, side, 3].
        masks: [N, side, side].
        grid: with n whole squares along a side.

    Returns:
        [N, n, n, 3] and [N, n, n].
    """
    count, block = grid.count(colours.shape[1]), grid.block_px
    rows, columns = (slice(start, start + count * block) for start in (grid.top_px, grid.left_px))
    figure = masks[:, rows, columns].reshape(-1, count, block, count, block, 1)
    squares = colours[:, rows, columns].reshape(-1, count, block, count, block, RGB)
    opaque = figure.sum((2, 4))
    means = (squares * figure).sum((2, 4)) / np.maximum(opaque, 1)
    return means.round().astype(np.uint8), 2 * opaque[..., 0] >= block**2


def chosen_palette(colours: NDArray[np.uint8], settings: SpriteSettings) -> Palette:
    """The palette that is given, else one found in the figures' pixels [N, 3], the outline's colour in it."""
    if settings.palette is not None:
        return np.array(settings.palette, np.uint8)
    if settings.outline is None:
        return extract_palette(colours, settings.colours)
    found = extract_palette(colours, settings.colours - 1)
    outline = np.array([settings.outline], np.uint8)
    return np.concatenate([outline, found[(found != outline).any(axis=1)]])


def gif_bytes(sprites: SpriteSet) -> bytes:
    """The sprites one after the other, endless, with transparency, each pixel in its palette's very colour."""
    frames = sprites.indexed()
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
