"""Boards of samples as pages show them: a fraction of the bytes of the lossless PNG that a training writes."""

import io
from functools import lru_cache
from pathlib import Path
from typing import Literal

from PIL import Image

from gan.config import Architecture
from kit.image_grid import GAP_PX
from studio.workshop.folders import NotThereError
from studio.workshop.run_state import read_config

BoardView = Literal["file", "board", "first"]
"""As it was saved; the same in few bytes; the first of its pictures alone."""
QUALITY = 90
"""Of a board as WebP: nearly the same to look at, a fifth of the PNG's bytes."""
MAX_KEPT = 32


def board_view(file: Path, view: Literal["board", "first"]) -> bytes:
    """A board of a run's samples, or the first of its pictures, as a WebP; NotThereError if it cannot be read."""
    run = file.parent.parent
    try:
        return _encoded(file, file.stat().st_mtime_ns, side_of_pictures(run) if view == "first" else None)
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise NotThereError(f"{file}: cannot be shown ({error})") from None


def side_of_pictures(run: Path) -> int:
    """Of what a run draws, as far as its settings tell."""
    try:
        return int(read_config(run)["recipe"]["generator"]["size_px"])
    except (LookupError, TypeError, ValueError):
        return Architecture.size_px


@lru_cache(MAX_KEPT)
def _encoded(file: Path, _changed_ns: int, first_px: int | None) -> bytes:
    with Image.open(file) as board:
        end = min(GAP_PX + first_px, *board.size) if first_px else 0
        shown = board.crop((GAP_PX, GAP_PX, end, end)) if first_px else board
        encoded = io.BytesIO()
        shown.save(encoded, "WEBP", quality=QUALITY)
    return encoded.getvalue()
