"""What a model's set says of its sprites: its palette, and its grid."""

from pathlib import Path
from typing import Any

from dataset.set_grid import grid_of_set
from dataset.set_palette import palette_of_set
from gan.config import GanError
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
    palette, grid = palette_of_set(data), grid_of_set(data)
    return {**({"palette": tuple(palette)} if palette else {}), **({"grid": Grid(*grid)} if grid else {})}
