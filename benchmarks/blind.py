"""A blind look: can a person tell generated images from real ones?

    python -m benchmarks.blind sheet REAL GENERATED [--count 50] [--seed 0] [--out blind] [--key blind-key.json]
    python -m benchmarks.blind score KEY MARKS

``sheet`` takes so many images of each folder, shuffles them, and writes boards of numbered images, enlarged three
times, into --out; which is which stands in --key alone, which the judge must not see. The judge names every image
that is thought to be generated. ``score`` takes these numbers, such as 3,17,20-24, and prints the share of images
that were told right: 50 % is a guess, 100 % is perfect sight. For one model against another, name the two models'
folders in place of real and generated.
"""

import argparse
import json
import math
import random
from pathlib import Path

from PIL import Image, ImageDraw

from gan.errors import SettingsError
from gan.sampling.seeds import parse_seeds
from kit.atomic import write_text
from kit.image_grid import GRID_COLOUR, image_grid
from kit.png import save_png

SCALE = 3
LABEL_PX = 16
COLUMNS, ROWS = 5, 5
"""Images on a board: few, so that a viewer that shrinks large pictures still shows each."""


class BlindError(Exception):
    """The boards cannot be made, or the marks cannot be read; the message names the thing."""


def sample(folder: Path, count: int, rng: random.Random) -> list[Path]:
    """So many of a folder's numbered or named PNGs, at random.

    Raises:
        BlindError: the folder holds fewer.
    """
    files = sorted(path for path in folder.glob("*.png") if path.stem != "grid")
    if len(files) < count:
        raise BlindError(f"{folder}: {len(files)} PNGs, {count} are wanted; choose a smaller --count")
    return rng.sample(files, count)


def labelled(file: Path, number: int) -> Image.Image:
    """An image enlarged with crisp pixels, its number below it."""
    with Image.open(file) as image:
        large = image.convert("RGB").resize((image.width * SCALE, image.height * SCALE), Image.Resampling.NEAREST)
    tile = Image.new("RGB", (large.width, large.height + LABEL_PX), GRID_COLOUR)
    tile.paste(large, (0, 0))
    ImageDraw.Draw(tile).text((2, large.height + 1), str(number), fill="white")
    return tile


def make_sheet(real: Path, generated: Path, count: int, seed: int, out: Path, key: Path) -> list[Path]:
    """Write the boards and their key; returns the boards.

    Args:
        real: folder of PNGs, all of one size.
        generated: folder of PNGs of that size.
        count: images of each.
        seed: of the choice and the order.
        out: gets ``board-1.png`` and on; made where it is missing.
        key: a JSON object: ``generated`` lists the numbers of the generated ones, ``files`` all files in order.
    """
    rng = random.Random(seed)
    chosen = [(path, False) for path in sample(real, count, rng)]
    chosen += [(path, True) for path in sample(generated, count, rng)]
    rng.shuffle(chosen)
    out.mkdir(parents=True, exist_ok=True)
    tiles = [labelled(path, number) for number, (path, _) in enumerate(chosen, start=1)]
    grids = []
    for first in range(0, len(tiles), COLUMNS * ROWS):
        grids.append(out / f"board-{first // (COLUMNS * ROWS) + 1}.png")
        save_png(image_grid(tiles[first : first + COLUMNS * ROWS], COLUMNS), grids[-1])
    numbers = [number for number, (_, is_generated) in enumerate(chosen, start=1) if is_generated]
    write_text(key, json.dumps({"generated": numbers, "files": [str(path) for path, _ in chosen]}, indent=1))
    return grids


def accuracy(generated: set[int], marked: set[int], count: int) -> tuple[float, float]:
    """The share of ``count`` images that were told right, and its standard error.

    Raises:
        BlindError: a number is marked that is on no board.
    """
    if unknown := {number for number in marked if not 1 <= number <= count}:
        raise BlindError(f"marks {sorted(unknown)}: the boards show 1 to {count}")
    share = 1 - len(generated ^ marked) / count
    return share, math.sqrt(share * (1 - share) / count)


def main() -> None:
    """Make the boards, or score a judge's marks."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.blind",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    sheet = commands.add_parser("sheet")
    sheet.add_argument("real", type=Path)
    sheet.add_argument("generated", type=Path)
    sheet.add_argument("--count", type=int, default=50)
    sheet.add_argument("--seed", type=int, default=0)
    sheet.add_argument("--out", type=Path, default=Path("blind"))
    sheet.add_argument("--key", type=Path, default=Path("blind-key.json"))
    score = commands.add_parser("score")
    score.add_argument("key", type=Path)
    score.add_argument("marks", type=parse_seeds)
    chosen = parser.parse_args()
    try:
        if chosen.command == "sheet":
            grids = make_sheet(chosen.real, chosen.generated, chosen.count, chosen.seed, chosen.out, chosen.key)
            print(*grids, sep="\n")
            return
        key = json.loads(chosen.key.read_text("utf-8"))
        share, error = accuracy(set(key["generated"]), set(chosen.marks), len(key["files"]))
        print(f"told apart: {share:.0%} ± {error:.0%} of {len(key['files'])} images")
    except (BlindError, SettingsError) as error:
        parser.exit(2, f"{error}\n")


if __name__ == "__main__":
    main()
