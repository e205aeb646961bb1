"""A set as its page sees it: what became of every raw file, what is decided on it, measures to sort by."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydantic import BaseModel

from dataset.curation import Curation, Decision, PictureKey, read_curation
from dataset.render import RGB_FOLDER
from dataset.staging import METADATA, read_report
from kit.jsonl import read_jsonl
from studio.workshop.folders import NotDecidedError, NotThereError, Root, raw_folder

SHOWN = ("file_name", "raw_file", "frame", "cell", "name", "game", "label", "group", "note", "reason")
MEASURED_PX = 32
MAX_DEVIATION = 10.0
"""Of one measure, in robust standard deviations: one alone does not decide."""


class Picture(BaseModel):
    """A raw file, or a frame or cell of one. Fields without a value are left out."""

    sha256: str
    raw_file: str
    file_name: str = ""
    """In the set; of a rejected file, what it would be."""
    width: int = 0
    height: int = 0
    """Of the raw picture."""
    frame: int = 0
    cell: str = ""
    name: str = ""
    game: str = ""
    label: str = ""
    group: str = ""
    note: str = ""
    reason: str = ""
    """Why it is not in the set."""
    duplicate_of: str = ""
    """The picture of the set with the same pixels."""
    decision: dict[str, Any] | None = None
    """What is decided on it, as `dataset.curation` has it."""
    version: str = ""
    """Of the picture's pixels: another one is another picture."""


class Pair(BaseModel):
    """Two pictures of the set that look alike."""

    first: str
    second: str
    distance: int


class SetPictures(BaseModel):
    """All of a set."""

    folder: str
    size_px: int
    read_only: str
    """Why nothing can be decided; empty where it can."""
    is_whole: bool
    """False: there are more pictures, and pairs, than the first ones that were asked for."""
    pictures: list[Picture]
    pairs: list[Pair]


class Measures(BaseModel):
    """Of the set's pictures, in the order of their names."""

    names: list[str]
    brightness: list[float]
    """Mean luma, 0 to 1."""
    hue: list[float]
    """Of the mean colour, 0 to 1."""
    outlier: list[float]
    """How unlike the others: root mean square of robust deviations."""


def describe_set(root: Root, out: Path, first: int | None = None) -> dict[str, Any]:
    """`SetPictures` as it is sent; not as models, which take ten times as long for a large set.

    Args:
        first: so many pictures are enough, those of the set before what is not in it; None: all.
    """
    read_only, curation = "", Curation({}, 0, None)
    try:
        curation = read_curation(raw_folder(root, out).raw)
    except NotThereError as error:
        read_only = str(error)
    report = read_report(out)
    records = list(islice(_records(out, report), first and first + 1))
    is_whole = first is None or len(records) <= first
    return {
        "folder": root.name_of(out),
        "size_px": report.get("recipe", {}).get("size_px", 0),
        "read_only": read_only,
        "is_whole": is_whole,
        "pictures": [_picture(record, curation) for record in records[:first]],
        "pairs": [_pair(each) for each in report.get("near_duplicates", []) if is_whole],
    }


def refuse_unknown(out: Path, raw: Path, decisions: list[Decision]) -> None:
    """NotDecidedError where one is on no picture of the set, such as a copy, nor on one decided on before."""
    known = {PictureKey.of_record(record) for record in read_jsonl(out / METADATA)}
    known |= read_curation(raw).decisions.keys()
    if unknown := [each for each in decisions if each.key not in known]:
        raise NotDecidedError(f"{unknown[0].sha256[:12]}…: no picture of the set; reload the page")


def _records(out: Path, report: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from read_jsonl(out / METADATA)
    yield from report.get("duplicates", [])
    yield from report.get("rejected", [])


def _pair(record: dict[str, Any]) -> dict[str, Any]:
    return {name: record[name] for name in ("first", "second", "distance")}


def _picture(record: dict[str, Any], curation: Curation) -> dict[str, Any]:
    key = PictureKey.of_record(record)
    decision = curation.decisions.get(key)
    picture = {
        "sha256": key.sha256,
        **{name: record[name] for name in (*SHOWN, "duplicate_of") if record.get(name)},
        "version": str(record.get("pixel_sha256", ""))[:16],
    }
    if "raw_width" in record:
        picture |= {"width": record["raw_width"], "height": record["raw_height"]}
    if decision and not decision.is_empty:
        picture["decision"] = decision.line()
    return picture


def measure_set(out: Path) -> Measures:
    """Look at all pictures of a set; a millisecond each."""
    names = [str(record["file_name"]) for record in read_jsonl(out / METADATA)]
    rows = np.array([_measures(out / RGB_FOLDER / name) for name in names])
    return Measures(
        names=names,
        brightness=np.round(rows[:, 0], 4).tolist(),
        hue=np.round(rows[:, 1], 4).tolist(),
        outlier=np.round(outlier_scores(rows[:, 2:]), 3).tolist(),
    )


def _measures(file: Path) -> list[float]:
    """Brightness, hue, and what outliers are found by: mean, spread and saturation of colours, edges, figure."""
    with Image.open(file) as image:
        small = image.convert("RGB").resize((MEASURED_PX, MEASURED_PX), Image.Resampling.BOX)
    pixels = np.asarray(small).astype(np.float64) / 255
    mean = pixels.mean(axis=(0, 1))
    hue = Image.new("RGB", (1, 1), tuple(int(255 * value) for value in mean)).convert("HSV").getpixel((0, 0))
    assert isinstance(hue, tuple)
    saturation = pixels.max(axis=2) - pixels.min(axis=2)
    edges = np.abs(np.diff(pixels, axis=0)).mean() + np.abs(np.diff(pixels, axis=1)).mean()
    figure = (np.abs(pixels - pixels[0, 0]).max(axis=2) > 0.1).mean()
    return [
        float(mean @ (0.299, 0.587, 0.114)),
        hue[0] / 255,
        *mean.tolist(),
        *pixels.std(axis=(0, 1)).tolist(),
        float(saturation.mean()),
        float(edges),
        float(figure),
    ]


def outlier_scores(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """How far each row is from the others.

    Args:
        rows: [N, K] measures.

    Returns:
        [N] root mean square over the measures of the distance to the median, in robust standard deviations.

    Source: B. Iglewicz and D. Hoaglin 1993, "How to Detect and Handle Outliers" (modified z-scores).
    """
    distances = np.abs(rows - np.median(rows, axis=0))
    deviations = distances / (1.4826 * np.median(distances, axis=0) + 1e-3)
    scores: npt.NDArray[np.float64] = np.sqrt((deviations.clip(max=MAX_DEVIATION) ** 2).mean(axis=1))
    return scores
