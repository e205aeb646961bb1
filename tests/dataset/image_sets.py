"""Sets made of noise, and what is in them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from dataset.build import BuildReport, BuildSettings, build

SIZE_PX = 16


def noise(seed: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (20, 20, 3), np.uint8))


def make(raw: Path, out: Path, **settings: Any) -> BuildReport:
    return build(BuildSettings(raw, out, **{"size_px": SIZE_PX, "workers": 1, **settings}))


def contents(out: Path) -> dict[str, bytes]:
    """Every public file of a set and its bytes."""
    paths = (path for path in out.rglob("*") if path.is_file())
    result = {path.relative_to(out).as_posix(): path.read_bytes() for path in paths}
    return {name: content for name, content in result.items() if not name.startswith(".vgc/")}


def metadata(out: Path) -> list[dict[str, Any]]:
    lines = (out / "rgb_images/metadata.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def names(out: Path) -> list[str]:
    return [record["file_name"] for record in metadata(out)]
