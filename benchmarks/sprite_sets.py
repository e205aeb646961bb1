"""What ``vgc preprocess`` makes of sprites: groups, new colours, figures' sizes, grids found, pictures a second.

    python -m benchmarks.sprite_sets --crawl TILES --wesnoth DATA [--drawings PNGS] [--before CHECKOUT]

TILES is ``usr/share/crawl/dat/tiles`` of Debian's crawl-tiles-data (CC0); DATA is
``usr/share/games/wesnoth/1.16/data`` of wesnoth-1.16-data, which is for measuring only; PNGS is
``usr/share/openclipart/png`` of openclipart-png. A picture's true unit is the file under ``core/units`` that names
it. ``--before`` takes turns with another checkout of vgc in the same run.
"""

import argparse
import io
import json
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from dataset.build import BuildSettings, build
from dataset.decode import decode
from dataset.pixel_art import to_own_grid
from dataset.trim import figure_box
from kit.jsonl import read_jsonl

SIZE_PX, MARGIN_PX = 80, 4
CELL_PX = 32
ROUNDS = 3
BUILD = """
import sys
from pathlib import Path
from dataset.build import BuildSettings, build
build(BuildSettings(Path(sys.argv[1]), Path(sys.argv[2]), workers=1, tables="none"))
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--crawl", type=Path, required=True)
    parser.add_argument("--wesnoth", type=Path, required=True)
    parser.add_argument("--drawings", type=Path)
    parser.add_argument("--before", type=Path)
    parser.add_argument("--pictures", type=int, default=600)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        measure_groups(options.wesnoth, folder / "groups")
        measure_figures(options.wesnoth / "core/images/units/human-loyalists", folder / "figures")
        measure_colours(options.crawl, folder)
        measure_grids(options.crawl)
        if options.drawings:
            measure_false_grids("drawings at 80x80", list(drawings(options.drawings)))
        if options.before:
            measure_speed(options.wesnoth, options.before, folder, options.pictures)


def measure_groups(data: Path, out: Path) -> None:
    """Pairs of pictures of one unit that are in one group, and pairs in one group that are of one unit."""
    units = true_units(data)
    build(BuildSettings(data / "core/images/units", out, tables="none", group="on"))
    records = [each for each in read_jsonl(out / "rgb_images/metadata.jsonl") if each["raw_file"] in units]
    true, found = (
        pairs(names) for names in ([units[r["raw_file"]] for r in records], [{r["group"]} for r in records])
    )
    both = len(true & found)
    print(
        f"groups: {len(records):,} pictures of {len(set().union(*units.values()))} units in "
        f"{len({each['group'] for each in records})} groups: {both / len(true):.3f} of true pairs found, "
        f"{both / len(found):.3f} of found pairs true",
        flush=True,
    )


def pairs(names: list[set[str]]) -> set[tuple[int, int]]:
    """Indices that share a name."""
    members: dict[str, list[int]] = defaultdict(list)
    for index, each in enumerate(names):
        for name in each:
            members[name].append(index)
    return {pair for indices in members.values() for pair in combinations(indices, 2)}


def true_units(data: Path) -> dict[str, set[str]]:
    """Which units' files name each picture, ``a[1~3,5].png`` spelled out."""
    units: dict[str, set[str]] = defaultdict(set)
    for file in (data / "core/units").rglob("*.cfg"):
        text = file.read_text(errors="replace")
        for name in re.findall(r'units/((?:[^\s"#:,()\[]|\[[^\]]*\])+?\.png)', text):
            for path in spelled_out(name):
                if (data / "core/images/units" / path).is_file():
                    units[path].add(str(file))
    return units


def spelled_out(name: str) -> Iterator[str]:
    """All that a name with brackets stands for."""
    match = re.search(r"\[([^\]]*)\]", name)
    if not match:
        yield name
        return
    for part in match[1].split(","):
        ends = re.fullmatch(r"(\d+)~(\d+)", part.strip().split("*")[0])
        low, high = sorted(map(int, ends.groups())) if ends else (0, 0)
        width = len(ends[1]) if ends and ends[1].startswith("0") else 0
        values = (
            [str(value).zfill(width) for value in range(low, high + 1)] if ends else [part.strip().split("*")[0]]
        )
        for value in values:
            yield from spelled_out(name[: match.start()] + value + name[match.end() :])


def measure_figures(raw: Path, out: Path) -> None:
    """The longest side of each figure after ``--trim each``, of the frame less the margin."""
    build(BuildSettings(raw, out, size_px=SIZE_PX, tables="none", trim="each", margin_px=MARGIN_PX))
    shares = []
    for file in (out / "rgba_images").glob("*.png"):
        with Image.open(file) as image:
            left, top, right, bottom = figure_box(image, image)
        shares.append(max(right - left, bottom - top) / (SIZE_PX - 2 * MARGIN_PX))
    print(f"longest side after --trim each: least {min(shares):.3f}, median {median(shares):.3f}", flush=True)


def measure_colours(tiles: Path, folder: Path) -> None:
    """Colours in a set of pixel art that its sheet lacks."""
    raw = folder / "sheet"
    raw.mkdir()
    (raw / "player.png").write_bytes((tiles / "player.png").read_bytes())
    out = folder / "pixels"
    built = build(
        BuildSettings(
            raw, out, size_px=64, tables="none", sheet=f"{CELL_PX}x{CELL_PX}", pixel_art="on", group="off"
        )
    )
    with Image.open(raw / "player.png") as sheet:
        known = colours(sheet.convert("RGBA"))
    new = sum(len(colours(Image.open(file)) - known) for file in (out / "rgba_images").glob("*.png"))
    print(f"new colours in pixel-art mode: {new} in {built.pictures:,} cells of player.png", flush=True)


def colours(image: Image.Image) -> set[Any]:
    """All of them; what is clear is one."""
    pixels = np.array(image.convert("RGBA")).reshape(-1, 4)
    pixels[pixels[:, 3] == 0] = 0
    return set(map(tuple, np.unique(pixels, axis=0).tolist()))


def measure_grids(tiles: Path, count: int = 40) -> None:
    """Of how many enlarged cells the own grid is found."""
    with Image.open(tiles / "player.png") as image:
        sheet = image.convert("RGBA")
    places = [(x, y) for y in range(0, sheet.height - 31, CELL_PX) for x in range(0, sheet.width - 31, CELL_PX)]
    cells = [sheet.crop((x, y, x + CELL_PX, y + CELL_PX)) for x, y in places]
    full = [on_black(cell) for cell in cells if np.asarray(cell)[..., 3].mean() > 60]
    chosen = [full[index * len(full) // count] for index in range(count)]
    for name, enlarge, options in ENLARGED:
        found = sum(size_on_own_grid(enlarge(cell), options) == cell.size for cell in chosen)
        print(f"own grid found of {name}: {found} of {count}", flush=True)
    measure_false_grids("cells of player.png", full)
    smooth = [cell.resize((2 * CELL_PX, 2 * CELL_PX), Image.Resampling.BICUBIC) for cell in full]
    measure_false_grids("cells doubled smoothly", smooth)


def measure_false_grids(name: str, images: list[Image.Image]) -> None:
    """How many pictures are taken for enlarged that are not."""
    for options in (PNG, *JPEGS[:2]):
        false = sum(size_on_own_grid(image, options) != image.size for image in images)
        kind = " ".join(map(str, options.values()))
        print(f"taken for enlarged of {name} as {kind}: {false} of {len(images)}", flush=True)


def drawings(folder: Path, count: int = 1_500, max_bytes: int = 120_000) -> Iterator[Image.Image]:
    """PNGs drawn at random, made small, on white."""
    files = [file for file in sorted(folder.rglob("*.png")) if file.stat().st_size < max_bytes]
    for file in random.Random(0).sample(files, min(count, len(files))):
        with Image.open(file) as image:
            small = ImageOps.pad(image.convert("RGBA"), (SIZE_PX, SIZE_PX), color=(255, 255, 255, 0))
        yield Image.alpha_composite(Image.new("RGBA", small.size, "white"), small).convert("RGB")


def on_black(image: Image.Image) -> Image.Image:
    """An RGBA image as RGB."""
    return Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image).convert("RGB")


def size_on_own_grid(image: Image.Image, options: dict[str, Any]) -> tuple[int, int]:
    """Width and height that a picture is brought back to once it was saved."""
    file = io.BytesIO()
    image.save(file, **options)
    return to_own_grid(decode(file.getvalue()), (0, 0, 0)).image.size


def enlarged(side: int, then: int | None = None) -> Callable[[Image.Image], Image.Image]:
    """Blocks, and then a smooth resize."""

    def enlarge(image: Image.Image) -> Image.Image:
        blocks = image.resize((side, side), Image.Resampling.NEAREST)
        return blocks.resize((then, then), Image.Resampling.BICUBIC) if then else blocks

    return enlarge


PNG, JPEG = {"format": "PNG"}, {"format": "JPEG", "quality": 85}
JPEGS = (JPEG, {"format": "JPEG", "quality": 75}, {"format": "JPEG", "quality": 60})
ENLARGED = (
    *((f"{scale}x{scale} blocks", enlarged(scale * CELL_PX), PNG) for scale in (2, 3, 4)),
    *(
        (f"{scale}x{scale} blocks as JPEG of {jpeg['quality']}", enlarged(scale * CELL_PX), jpeg)
        for scale in (2, 3, 4)
        for jpeg in JPEGS
    ),
    ("2.5x2.5 blocks", enlarged(80), PNG),
    ("4x4 blocks, then .8 of that", enlarged(128, 102), PNG),
    ("4x4 blocks, then .9 of that, as JPEG", enlarged(128, 115), JPEG),
)


def measure_speed(data: Path, before: Path, folder: Path, count: int) -> None:
    """Pictures a second of CPU with default options, this checkout and another in turn."""
    raw = folder / "raw"
    raw.mkdir()
    files = sorted((data / "core/images/units").rglob("*.png"))
    for number in range(count):
        file = files[number * len(files) // count]
        (raw / f"{number}.png").write_bytes(file.read_bytes())
    speeds: dict[str, list[float]] = {"now": [], "before": []}
    for turn in range(ROUNDS):
        for name, checkout in (("now", Path.cwd()), ("before", before)):
            begin = cpu_seconds()
            command = [sys.executable, "-c", BUILD, str(raw), str(folder / f"{name}{turn}")]
            environment = {**os.environ, "PYTHONPATH": str(checkout.resolve()), "OMP_NUM_THREADS": "1"}
            subprocess.run(command, cwd=checkout, env=environment, check=True)
            speeds[name].append(round(count / (cpu_seconds() - begin), 1))
    print("pictures a second of CPU, Python's start included:", json.dumps(speeds), flush=True)


def cpu_seconds() -> float:
    """Of all processes that this one started and that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    begin = time.perf_counter()
    main()
    print(f"{time.perf_counter() - begin:.0f} s")
