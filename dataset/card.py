"""What describes a set to people: the card (``README.md``) and the grid of samples."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from PIL import Image

from kit.image_grid import image_grid
from kit.printable import printable

CARD = "README.md"
SAMPLE = "data_sample.png"
SAMPLE_IMAGES = 96
SAMPLE_COLUMNS = 12
SAMPLE_SIDE_PX = 128
"""Larger pictures are shown smaller."""
MOST_COMMON = 10
UNKNOWN_HOST = "a folder of pictures; where they came from is not known"


def write_sample_grid(path: Path, files: Sequence[Path]) -> None:
    """Save a grid of some images of the set."""
    thumbnails = []
    for file in files:
        with Image.open(file, formats=["PNG"]) as image:
            image.load()
            thumbnail: Image.Image = image
        thumbnail.thumbnail((SAMPLE_SIDE_PX, SAMPLE_SIDE_PX), Image.Resampling.LANCZOS)
        thumbnails.append(thumbnail)
    image_grid(thumbnails, SAMPLE_COLUMNS).save(path, "PNG", compress_level=1)


CARD_TEXT = """\
---
pretty_name: Video-game characters, {size}x{size}
license: other
task_categories:
- unconditional-image-generation
size_categories:
- {size_category}
configs:
- config_name: default
  data_files: "rgb_images/*"
---

# Video-game characters, {size}x{size}

![Some of the pictures](data_sample.png)

{pictures:,} pictures of {size}x{size} pixels, made by `vgc preprocess` from {found:,} files.

| | |
|---|---|
| In the set | {pictures:,} |
| Left out, exactly the pixels of another | {duplicates:,} |
| Left out, no usable picture | {rejected:,} |
{by_hand}{transparent}{groups}| Pairs that look alike (both kept) | {near:,} |

## What is here

| | |
|---|---|
| `rgb_images/` | the pictures (RGB, PNG) and `metadata.jsonl`: name, game, source and checksums of each |
| `grayscale_images/` | the same in grey (8-bit luma) |
{rgba}{tables}| `report.json` | settings, every file left out and why, pairs that look alike |

In this folder:

```python
from datasets import load_dataset  # Hugging Face
images = load_dataset("imagefolder", data_dir="rgb_images", split="train")

from dataset.reader import CharacterImages  # torchvision, with vgc installed
images = CharacterImages("rgb_images")
```

## How it was made

First frame with something to see, upright (EXIF), to sRGB (ICC, gAMA, cHRM), transparent parts over
{background}, RGB, {resample} to {size}x{size}, {fit}. Pictures with exactly the same pixels are in the set once.
Pillow {pillow}; with the same version, the same files give the same bytes.

## Sources

{sources}

## Licence

Pictures of video-game characters found on the web belong to their makers; that they can be downloaded gives
no licence. Use the set for private study and research where the law of your country allows that (text and
data mining), name the sources, and do not publish the pictures, or a model that gives them back, without
their owners' leave. If all pictures are your own, or free, say so in a copy of this file.
"""

PIXEL_ART_TEXT = " (pixel art at its own grid, by whole numbers)"

RGBA_TEXT = """\
| `rgba_images/` | the same with transparency (RGBA, straight colours); those that were opaque have alpha 255 |
"""

TABLES_TEXT = """\
| `csv_files/train_converted.csv` | the grey pictures as numbers, one a row, row by row, 0 to 255 |
| `csv_files/train_labels.csv` | the file name of each row |
"""

BY_HAND_TEXT = {"left_out": "Left out by hand", "cropped": "Cropped by hand", "turned": "Turned by hand"}

FITS_IN_WORDS = {
    "pad": "the whole picture with bars of {background} beside it",
    "crop": "the longer side cut off evenly",
    "stretch": "distorted to a square",
}


Counts = Sequence[tuple[str | None, int]]
"""How many pictures are from each, most first; from None are those of which it is not known."""


def dataset_card(report: dict[str, Any], hosts: Counts, games: Counts, labels: Counts = ()) -> str:
    """The data set card, with the front matter that Hugging Face reads.

    Args:
        report: the ``recipe``, ``counts``, ``tables`` and ``near_duplicate_pairs`` of ``report.json``.
        hosts: that the pictures are from.
        games: that the characters are from.
        labels: the first folders that they were in.
    """
    recipe, counts = report["recipe"], report["counts"]
    background = "each picture's own edge colour" if recipe["background"] == "edge" else recipe["background"]
    return CARD_TEXT.format(
        size=recipe["size_px"],
        size_category=_size_category(counts["pictures"]),
        near=report["near_duplicate_pairs"],
        background=background,
        fit=FITS_IN_WORDS[recipe["fit"]].format(background=background),
        pillow=recipe["pillow"],
        resample=f"{'margins cut off, ' if 'trim' in recipe else ''}{recipe.get('resample', 'Lanczos')}"
        f"{PIXEL_ART_TEXT if 'pixel_art' in recipe else ''}",
        transparent=f"| With transparency | {counts['transparent']:,} |\n" if "transparent" in counts else "",
        rgba=RGBA_TEXT if "transparent" in counts else "",
        tables="" if report.get("tables") == "none" else TABLES_TEXT,
        by_hand="".join(f"| {BY_HAND_TEXT[name]} | {count:,} |\n" for name, count in counts["by_hand"].items())
        if "by_hand" in counts
        else "",
        groups=f"| Characters, as `group` in the metadata tells them apart | {counts['groups']:,} |\n"
        if "groups" in counts
        else "",
        sources=_sources(hosts, _named(games), _named(labels)),
        **{name: counts[name] for name in ("found", "pictures", "duplicates", "rejected")},
    )


def _size_category(images: int) -> str:
    """Hugging Face's name for a size."""
    for limit, name in (
        (1_000, "n<1K"),
        (10_000, "1K<n<10K"),
        (100_000, "10K<n<100K"),
        (1_000_000, "100K<n<1M"),
    ):
        if images < limit:
            return name
    return "1M<n<10M"


def _named(counts: Counts) -> Counts:
    return [(name, count) for name, count in counts if name]


def _sources(hosts: Counts, games: Counts, labels: Counts) -> str:
    text = [
        "| From | Pictures |",
        "|---|---|",
        *(f"| {_cell(host or UNKNOWN_HOST)} | {count:,} |" for host, count in hosts),
    ]
    for counts, title, what in (
        (games, "Game", f"{len(games):,} games; most often:"),
        (
            labels,
            "Label",
            f"{len(labels):,} labels (`label` in the metadata, the folder they were in); most often:",
        ),
    ):
        if counts:
            text += ["", what, "", f"| {title} | Pictures |", "|---|---|"]
            text += [f"| {_cell(name or '')} | {count:,} |" for name, count in counts[:MOST_COMMON]]
    return "\n".join(text)


def host_of(address: str | None) -> str | None:
    """The host of an address; None where there is none."""
    try:
        return urlsplit(address or "").netloc or None
    except ValueError:
        return "an address that is none"


def _cell(text: str) -> str:
    """Plain text in a table: nobody's Markdown or HTML."""
    return re.sub(r"[\\`*_\[\]<>|&~$]", r"\\\g<0>", printable(" ".join(text.split())))
