"""A run as one page, ``report.html``, that can be opened while it trains: curves, samples, settings."""

import json
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from PIL import Image

from gan.config import Recipe
from gan.networks.layer_summary import describe_recipe
from gan.runs.curves import Line, chart, count, figure
from gan.runs.model_files import CONFIG_FILE, GENERATOR_FILE
from gan.runs.report_style import STYLE
from gan.runs.run_folder import (
    BEFORE_COLLAPSE_FILE,
    BEST_FILE,
    CHECKPOINT_FILE,
    read_metrics,
    sample_files,
)
from gan.runs.score_names import INCEPTION, LITE0, score_name
from kit.atomic import write_text
from kit.html_page import data_uri, html_page
from kit.image_grid import GAP_PX, GRID_COLOUR, evenly_spaced

log = logging.getLogger(__name__)

REPORT_FILE = "report.html"
REFRESH_SECONDS = 20
SHARE_OF_TIME = 0.01
"""Of the training's, at most, that goes into the page."""
MOST_COLUMNS, ROWS = 10, 6
"""Of the strip of samples over time."""
TRAINING, ENDED, STOPPED = "training", "ended", "stopped"

Metrics = list[dict[str, float]]


@dataclass(frozen=True)
class Card:
    """What stands in one chart."""

    title: str
    note: str
    labels: dict[str, str]
    """Of its curves, by key of the metrics."""
    bounds: tuple[float, float] | None = None


def score_cards(features: str) -> list[Card]:
    """The charts of the scores made of these features."""
    kid, fid = ("KID", "FID") if features == INCEPTION else ("KD", "FD")
    of = "" if features == INCEPTION else f" Features: {features}."
    shares = {"precision": "precision", "recall": "recall"}
    places = {"coverage": "coverage", "density": "density"}
    return [
        Card(kid, f"Kernel distance to the real pictures; lower is better.{of}", labels(features, {"kid": kid})),
        Card(fid, f"Fréchet distance to the real pictures; lower is better.{of}", labels(features, {"fid": fid})),
        Card(
            "Precision, recall",
            "Generated ones that could be real; real ones that could be drawn.",
            labels(features, shares),
            (0, 1),
        ),
        Card(
            "Coverage, density",
            "Real ones with a generated one nearby; generated ones amid real ones.",
            labels(features, places),
        ),
    ]


def labels(features: str, words: dict[str, str]) -> dict[str, str]:
    """The words by the keys under which the scores are written down."""
    return {score_name(features, score): word for score, word in words.items()}


CARDS = [
    *score_cards(INCEPTION),
    *score_cards(LITE0),
    Card("Losses", "Neither should run away.", {"loss_d": "discriminator", "loss_g": "generator"}),
    Card(
        "Signs of the scores",
        "Real near 1: learned by heart; near 0: guessing. .2 to .6 is healthy.",
        {"sign_real": "real", "sign_fake": "generated"},
        (-1, 1),
    ),
    Card(
        "Diversity", "Of the samples, next to real ones: .3 to 1 is healthy.", {"diversity": "samples"}, (0, 1.2)
    ),
    Card("Augmentation", "Share of pictures changed before they are judged.", {"augment": "strength"}, (0, 1)),
    Card("Gradient penalty", "R1 (and R2), without its weight.", {"r1": "penalty"}),
    Card("Speed", "Real pictures shown a second.", {"images_per_second": "a second"}),
]
NO_CURVES = {"images", "seconds", "collapsed", "discriminator_won"} | {
    score_name(features, "kid_std") for features in (INCEPTION, LITE0)
}


class ReportPage:
    """The page of a run, written now and then, so that it costs the training next to nothing."""

    def __init__(self, run: Path) -> None:
        self._run = run
        self._next = 0.0

    def refresh(self, state: str = TRAINING) -> None:
        """Write the page if it is time, or the run has ended; that it cannot be written is no failure."""
        begin = time.monotonic()
        if state == TRAINING and begin < self._next:
            return
        try:
            write_report(self._run, state)
        except OSError as error:
            log.warning("%s: not written (%s)", self._run / REPORT_FILE, error.strerror or error)
        end = time.monotonic()
        self._next = end + max(REFRESH_SECONDS / 2, (end - begin) / SHARE_OF_TIME)


def write_report(run: Path, state: str) -> None:
    """Write ``report.html`` from what lies in a run's folder, atomically.

    Args:
        run: holds ``config.json``, and more as the training goes on.
        state: `TRAINING` (a browser opens the page anew by itself), `ENDED` or `STOPPED`.

    Raises:
        OSError: the folder cannot be read or written.
    """
    config = json.loads((run / CONFIG_FILE).read_text("utf-8"))
    body = "\n".join(sections(run, config, read_metrics(run), state))
    refresh = REFRESH_SECONDS if state == TRAINING else None
    write_text(run / REPORT_FILE, html_page(escape(run.name), body, STYLE, refresh))


def sections(run: Path, config: dict[str, Any], metrics: Metrics, state: str) -> Iterator[str]:
    """From the top of the page to its end."""
    samples = sample_files(run)
    yield head(run, config, state)
    yield from alerts(run, metrics)
    yield figures(run, config, metrics, samples)
    if len(samples) > 1:
        yield section("How they grew", strip(samples, config["recipe"]["generator"]["size_px"]))
    if samples:
        yield section("Now, and what it learns from", boards(run, samples[-1]))
    yield section("Curves", f'<div class="charts">{"".join(charts(metrics))}</div>')
    yield section("Settings", settings(config))
    yield f"<footer>Written {clock(time.time())} by vgc. One file, no scripts, nothing from elsewhere.</footer>"


def head(run: Path, config: dict[str, Any], state: str) -> str:
    """Whose page it is."""
    saved = run / CHECKPOINT_FILE
    words = [f"preset <b>{escape(config['preset'])}</b>", f"pictures of <b>{escape(config['data'])}</b>"]
    if saved.exists():
        words.append(f"last checkpoint <b>{clock(saved.stat().st_mtime)}</b>")
    return (
        f'<header><p class="state {state}">{state}</p><h1>{escape(run.name)}</h1>'
        f'<p class="facts">{" · ".join(words)}</p></header>'
    )


def alerts(run: Path, metrics: Metrics) -> Iterator[str]:
    """What went wrong, where something did."""
    told = [line for line in metrics if "collapsed" in line]
    if told and told[-1]["collapsed"]:
        kept = " The generator from before is kept." if (run / BEFORE_COLLAPSE_FILE).exists() else ""
        at = f"Collapsed at {told[-1]['images']:,.0f} pictures shown: nearly all its pictures are one.{kept}"
        yield f'<p class="alert">{at}</p>'
    if any("discriminator_won" in line for line in metrics):
        yield '<p class="alert">The discriminator knows the real pictures by heart.</p>'


def figures(run: Path, config: dict[str, Any], metrics: Metrics, samples: list[Path]) -> str:
    """The run in a few large numbers."""
    newest = {key: value for line in metrics for key, value in line.items()}
    shown = max([newest.get("images", 0), *(int(path.stem) for path in samples)])
    found = {"pictures shown": count(shown), "minutes": f"{newest.get('seconds', 0) / 60:,.1f}"}
    if "images_per_second" in newest:
        found["pictures a second"] = figure(newest["images_per_second"])
    for features, name in ((INCEPTION, "KID"), (LITE0, "KD")):
        scored = [line for line in metrics if score_name(features, "kid") in line]
        if scored:
            best = min(scored, key=lambda line: line[score_name(features, "kid")])
            found[f"lowest {name}, at {count(best['images'])}"] = figure(best[score_name(features, "kid")])
    described = describe_recipe(Recipe.from_json(config["recipe"]))
    for network in ("generator", "discriminator"):
        found[f"parameters, {network}"] = count(described[network]["parameters"])
    file = run / GENERATOR_FILE
    if file.exists():
        found["MB to draw with"] = f"{file.stat().st_size / 1e6:.1f}"
    items = "".join(f"<li><b>{value}</b>{escape(name)}</li>" for name, value in found.items())
    return f'<ul class="figures">{items}</ul>'


def strip(samples: list[Path], side: int) -> str:
    """The same characters at some times of the run, a column a time."""
    chosen = [*evenly_spaced(samples[:-1], MOST_COLUMNS - 1), samples[-1]]
    step = side + GAP_PX
    with Image.open(chosen[0]) as first:
        rows = min(ROWS, first.width // step)
    sheet = Image.new("RGB", (len(chosen) * step - GAP_PX, rows * step - GAP_PX), GRID_COLOUR)
    for column, path in enumerate(chosen):
        with Image.open(path) as board:
            # The first row of the board, turned to stand upright.
            for row in range(rows):
                left = GAP_PX + row * step
                sheet.paste(board.crop((left, GAP_PX, left + side, GAP_PX + side)), (column * step, row * step))
    times = "".join(f"<span>{count(int(path.stem))}</span>" for path in chosen)
    words = f"{rows} characters at {len(chosen)} times of the run"
    return (
        f"<p>The same {rows} characters, by the pictures shown so far.</p>"
        f'<div class="strip-frame" tabindex="0" role="group" aria-label="{words}">'
        f'<div class="strip-inner" style="--columns:{len(chosen)}"><img src="{data_uri(sheet)}" alt="{words}">'
        f'<div class="times">{times}</div></div></div>'
    )


def boards(run: Path, newest: Path) -> str:
    """The newest samples beside the real pictures, plain and as the discriminator sees them."""
    wanted = {
        f"drawn after {int(newest.stem):,} pictures": newest,
        "real": run / "samples/real.png",
        "real, as the discriminator sees them": run / "samples/real-augmented.png",
    }
    shown = []
    for words, path in wanted.items():
        if path.exists():
            with Image.open(path) as board:
                picture = f'<img src="{data_uri(board)}" alt="board of pictures, {words}">'
            shown.append(f"<figure>{picture}<figcaption>{words}</figcaption></figure>")
    best = " The generator of the lowest score is kept as best.safetensors." if (run / BEST_FILE).exists() else ""
    return f'<p>Drawn by the averaged generator.{best}</p><div class="boards">{"".join(shown)}</div>'


def charts(metrics: Metrics) -> Iterator[str]:
    """A chart of everything that was measured; of what nobody gave words to, too."""
    last = max((line["images"] for line in metrics), default=0)
    keys = {key: None for line in metrics for key in line}
    worded = {key for card in CARDS for key in card.labels}
    others = [Card(key.replace("_", " "), "", {key: key}) for key in keys if key not in worded | NO_CURVES]
    for card in [*CARDS, *others]:
        lines = [
            Line(label, [(line["images"], line[key]) for line in metrics if key in line])
            for key, label in card.labels.items()
            if key in keys
        ]
        if lines:
            yield chart(card.title, card.note, lines, last, card.bounds)
    if not keys:
        yield "<p>The first figures come after a thousand pictures.</p>"


def settings(config: dict[str, Any]) -> str:
    """Every setting, those of the recipe and its networks below."""
    rows = []
    for name, value in flat(config):
        rows.append(f"<tr><th>{escape(name)}</th><td>{escape(str(value))}</td></tr>")
    return f"<details><summary>all {len(rows)}</summary><table>{''.join(rows)}</table></details>"


def flat(values: dict[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Names with their values; names of what lies deeper are joined by points."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", "none" if value is None else value


def section(title: str, content: str) -> str:
    """A part of the page."""
    return f"<section><h2>{escape(title)}</h2>{content}</section>"


def clock(seconds: float) -> str:
    """A time of day where the page is written."""
    return time.strftime("%H:%M, %d %b %Y", time.localtime(seconds))
