"""What a model's set says of its sprites: its palette, its grid, and whether rims are soft."""

from pathlib import Path
from typing import Any

from dataset.set_grid import grid_of_set
from dataset.set_palette import palette_of_set
from dataset.staging import report_entry
from gan.errors import GanError
from gan.runs.model_files import training_data_of
from sprites.pixels import Grid


def set_defaults(model: Path) -> dict[str, Any]:
    """Fields of `sprites.pixels.SpriteSettings` that the set of a generator file decides."""
    try:
        data = training_data_of(model)
    except GanError:
        return {}
    if data is None:
        return {}
    palette, grid, recipe = palette_of_set(data), grid_of_set(data), report_entry(data, "recipe")
    is_pixel_art = isinstance(recipe, dict) and recipe.get("pixel_art") == "on"
    return {
        **({"palette": tuple(palette)} if palette else {}),
        **({"grid": Grid(*grid)} if grid else {}),
        **({"soft_rims": False} if is_pixel_art or grid else {}),
    }
