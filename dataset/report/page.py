"""One HTML page that shows a set: to look at rather than to read, whole in itself."""

import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from dataset.card import BY_HAND_TEXT
from dataset.render import RGB_FOLDER, RGBA_FOLDER
from dataset.report.css_sprites import CssSprites, thumbnail
from dataset.report.records import Record, Records
from dataset.report.salvage import salvage
from dataset.report.statistics import HUES, ImageStatistics, image_statistics
from dataset.staging import METADATA, PAGE, REPORT
from kit.atomic import write_text
from kit.charts import area_chart, bar_table, colour_strip, histogram
from kit.chequers import on_chequers
from kit.html_page import data_uri, html_page
from kit.image_grid import evenly_spaced
from kit.jsonl import read_jsonl
from kit.worker_pool import WorkerPool

WALL_IMAGES = 288
CHEQUERED_IMAGES = 96
EXTREMES = 8
BRIGHTNESS_STEPS = 48
MAX_BARS = 12
LARGEST_GROUPS = 24
MAX_CARDS = 120
"""Of pairs, and of files left out."""
SUFFIXES = {"JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"), "TIFF": (".tif", ".tiff"), "PPM": (".ppm", ".pgm", ".pbm")}
"""Of formats that go by more than their own name."""


def refresh_page(raw: Path, out: Path, wanted: bool) -> Path | None:
    """Write the page if it is ``wanted``, or if there is one; not if it is of this very set.

    Returns:
        Its path, or None where there is none.

    Raises:
        OSError: it cannot be written.
    """
    page = out / PAGE
    if not (wanted or page.exists()):
        return None
    # The page has the report's own date, so that it can be matched to its set without relying on a clock.
    made_ns = (out / REPORT).stat().st_mtime_ns
    if not page.exists() or page.stat().st_mtime_ns != made_ns:
        write_report_page(raw, out)
        os.utime(page, ns=(made_ns, made_ns))
    return page


def write_report_page(raw: Path, out: Path) -> None:
    """Write the page of the set in ``out``, which was made from ``raw``.

    Raises:
        OSError: ``out`` holds no set, or cannot be written.
    """
    report = json.loads((out / REPORT).read_text(encoding="utf-8"))
    page = _Page(raw, out, report, Records(out / METADATA))
    body = "\n".join(page.sections())
    write_text(out / PAGE, html_page(escape(page.title), body, page.sheets.style()))


class _Page:
    """The parts of one page, in HTML."""

    def __init__(self, raw: Path, out: Path, report: Record, records: Records) -> None:
        self.raw, self.out, self.report, self.records = raw, out, report, records
        self.sheets = CssSprites()
        size_px = report["recipe"]["size_px"]
        self.title = f"{len(records):,} characters, {size_px}×{size_px}"

    def sections(self) -> Iterable[str]:
        """From the top of the page to its end."""
        statistics = image_statistics(self.out / RGB_FOLDER, list(self.records))
        yield self._head()
        yield _section(
            "A wall of them",
            f'<div class="wall">{self._tiles(evenly_spaced(statistics.names, WALL_IMAGES))}</div>',
        )
        if "transparent" in self.report["counts"]:
            yield _section("Transparency", self._transparency())
        if "groups" in self.report["counts"]:
            yield _section("Characters with most pictures", self._groups())
        yield _section("All at once", _averages(statistics))
        yield _section("At the edges", self._extremes(statistics))
        yield _section("Colours", _colours(statistics))
        yield _section("Brightness", _brightness(statistics))
        yield _section("As they came", self._as_they_came())
        yield self._cards("Pairs that look alike", ALIKE, self._pairs())
        yield self._cards("Exactly the same pixels", TWINS, self._twins())
        yield self._cards("Left out", LEFT_OUT, self._left_out())
        yield _section("Made with", _recipe_table(self.report["recipe"]))

    def _head(self) -> str:
        counts = self.report["counts"]
        figures = {
            "files found": counts["found"],
            "pictures in the set": counts["pictures"],
            "exactly another's pixels": counts["duplicates"],
            "no usable picture": counts["rejected"],
            "pairs look alike": self.report.get("near_duplicate_pairs", len(self.report["near_duplicates"])),
        }
        if "groups" in counts:
            figures["characters"] = counts["groups"]
        figures |= {BY_HAND_TEXT[name].lower(): count for name, count in counts.get("by_hand", {}).items()}
        if "transparent" in counts:
            figures["with transparency"] = counts["transparent"]
        items = "".join(f"<li><b>{value:,}</b>{escape(name)}</li>" for name, value in figures.items())
        return f'<h1>{escape(self.title)}</h1><ul class="figures">{items}</ul>'

    def _transparency(self) -> str:
        transparent = [record["file_name"] for record in read_jsonl(self.out / METADATA) if record.get("alpha")]
        names = evenly_spaced(transparent, CHEQUERED_IMAGES)
        images = [thumbnail(on_chequers(self._open(name, RGBA_FOLDER))) for name in names]
        tiles = "".join(self.sheets.tiles(images, [self._label(name) for name in names]))
        lost = f"{100 * self.report['lost_to_flood']:.1f} %"
        recipe = self.report["recipe"]
        cut = " What had no alpha was cut out (--matte): look at the rims." if recipe.get("matte") else ""
        return (
            f"<p>In {RGBA_FOLDER}/, for vgc train with four channels.{cut} A cut by colour would lose {lost} of "
            f'the figures over this background.</p><div class="wall">{tiles}</div>'
        )

    def _groups(self) -> str:
        members: dict[str, list[str]] = {}
        for record in read_jsonl(self.out / METADATA):
            members.setdefault(str(record.get("group")), []).append(record["file_name"])
        largest = sorted(members.items(), key=lambda item: (-len(item[1]), item[0]))[:LARGEST_GROUPS]
        cards = [
            _card(
                self._tiles(evenly_spaced(names, EXTREMES)), f"<b>{escape(group)}</b><br>{len(names):,} pictures"
            )
            for group, names in largest
        ]
        return (
            f"<p>{len(members):,} in all, by names, folders and likeness; each has the same share in training.</p>"
            f'<div class="cards">{"".join(cards)}</div>'
        )

    def _tiles(self, names: Sequence[str]) -> str:
        return "".join(
            self.sheets.tiles([self._thumbnail(name) for name in names], [self._label(name) for name in names])
        )

    def _thumbnail(self, name: str) -> Image.Image:
        return thumbnail(self._open(name, RGB_FOLDER))

    def _open(self, name: str, folder: str) -> Image.Image:
        with Image.open(self.out / folder / name) as image:
            image.load()
            return image

    def _label(self, name: str) -> str:
        record = self.records[name]
        return " · ".join(record[key] for key in ("name", "game") if record[key]) or name

    def _title(self, name: str) -> str:
        label = self._label(name)
        return f"<b>{escape(label)}</b>" + ("" if label == name else f"<br>{escape(name)}")

    def _extremes(self, statistics: ImageStatistics) -> str:
        parts = []
        for values, low, high in (
            (statistics.brightness, "darkest", "brightest"),
            (statistics.saturation, "greyest", "most colourful"),
        ):
            order = np.argsort(values, kind="stable")
            for text, indices in ((low, order[:EXTREMES]), (high, order[::-1][:EXTREMES])):
                tiles = self._tiles([statistics.names[index] for index in indices])
                parts.append(f'<div><h3>the {text}</h3><div class="eight">{tiles}</div></div>')
        return "".join(parts)

    def _as_they_came(self) -> str:
        sizes, kinds, misnamed = Counter[str](), Counter[str](), 0
        for record in read_jsonl(self.out / METADATA):
            sizes[f"{record['raw_width']}×{record['raw_height']}"] += 1
            kinds[record["raw_format"]] += 1
            misnamed += _is_misnamed(record)
        common = sizes.most_common(MAX_BARS)
        rest = len(self.records) - sum(count for _, count in common)
        text = (
            f"<p>{misnamed:,} files are not what their suffix says; what counts is the first bytes.</p>"
            if misnamed
            else ""
        )
        return (
            f"<h3>size, pixels</h3>{bar_table([*common, *([('other', rest)] if rest else [])])}"
            f"<h3>format</h3>{bar_table(kinds.most_common())}{text}"
        )

    def _pairs(self) -> list[str]:
        cards = []
        for pair in self.report["near_duplicates"][:MAX_CARDS]:
            names = [pair["first"], pair["second"]]
            text = "<br>".join(self._title(name) for name in names)
            cards.append(_card(self._tiles(names), f"{text}<br>{pair['distance']} of 64 bits differ"))
        return cards

    def _twins(self) -> list[str]:
        cards = []
        for twin in self.report["duplicates"][:MAX_CARDS]:
            kept = twin["duplicate_of"]
            text = f"{self._title(kept)}<br>again as {escape(twin['raw_file'])}"
            cards.append(_card(self._tiles([kept]), text))
        return cards

    def _left_out(self) -> list[str]:
        with WorkerPool(1) as processes:
            return [self._refusal(processes, record) for record in self.report["rejected"][:MAX_CARDS]]

    def _refusal(self, processes: WorkerPool, record: Record) -> str:
        image, text = salvage(processes, self.raw / record["raw_file"])
        if image:
            thumbnail_html = "".join(self.sheets.tiles([image], [record["raw_file"]]))
        else:
            thumbnail_html = f'<div class="glyph">{escape(text)}</div>'
        return _card(thumbnail_html, f"<b>{escape(record['reason'])}</b><br>{escape(record['raw_file'])}")

    def _cards(self, title: str, text: str, cards: list[str]) -> str:
        if not cards:
            return ""
        more = "" if len(cards) < MAX_CARDS else f" The first {MAX_CARDS} are shown; all are in {REPORT}."
        return _section(title, f'<p>{text}{more}</p><div class="cards">{"".join(cards)}</div>')


ALIKE = "Found by a perceptual hash. All are in the set, for two that look alike can be two characters."
TWINS = "Each is in the set once."
LEFT_OUT = "Where something could still be seen it is shown; otherwise the file's first bytes are."


def _section(title: str, content: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{content}</section>"


def _card(thumbnail_html: str, text: str) -> str:
    return f"<figure><div>{thumbnail_html}</div><figcaption>{text}</figcaption></figure>"


def _averages(statistics: ImageStatistics) -> str:
    images = "".join(
        f'<img class="pixels" src="{data_uri(image)}" alt="{text}">'
        for image, text in (
            (statistics.mean, "the average picture"),
            (statistics.deviation, "how much each place varies"),
        )
    )
    text = f"The average of {len(statistics.names):,} pictures, and where they differ (brighter: more)."
    return f'<p>{text}</p><div class="row">{images}</div>'


def _colours(statistics: ImageStatistics) -> str:
    hues = [f"hsl({(index + 0.5) * 360 / HUES:.0f} 80% 55%)" for index in range(HUES)]
    channels = area_chart(statistics.channels.tolist(), ("#ef4444", "#22c55e", "#3b82f6"), "pixels by channel")
    return (
        f"<h3>as paint</h3>{colour_strip(statistics.palette)}"
        f"<h3>hues</h3>{histogram(statistics.hues.tolist(), hues, 'pixels by hue')}"
        f"<h3>red, green, blue</h3>{channels}{_axis('none', 'full')}"
    )


def _brightness(statistics: ImageStatistics) -> str:
    counts = np.histogram(statistics.brightness, BRIGHTNESS_STEPS, (0, 255))[0].tolist()
    greys = [f"hsl(0 0% {18 + 82 * index / BRIGHTNESS_STEPS:.0f}%)" for index in range(BRIGHTNESS_STEPS)]
    return f"<p>Pictures by their mean.</p>{histogram(counts, greys, 'pictures by brightness')}" + _axis(
        "black", "white"
    )


def _axis(low: str, high: str) -> str:
    return f'<div class="axis"><span>{low}</span><span>{high}</span></div>'


def _recipe_table(recipe: Record) -> str:
    lines = (f"<tr><th>{escape(name)}</th><td>{escape(str(value))}</td></tr>" for name, value in recipe.items())
    return f"<table>{''.join(lines)}</table>"


def _is_misnamed(record: Record) -> bool:
    suffix = PurePosixPath(record["raw_file"]).suffix.lower()
    return suffix not in SUFFIXES.get(record["raw_format"], (f".{record['raw_format'].lower()}",))
