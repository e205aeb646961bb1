"""A run as one page, ``report.html``, that can be opened while it trains: curves, samples, settings."""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from PIL import Image

from gan.config import Recipe
from gan.networks.build import build_discriminator, build_generator, count_parameters, without_weights
from gan.runs.curves import Line, format_count, format_value, line_chart
from gan.runs.model_files import BEFORE_COLLAPSE_FILE, BEST_FILE, GENERATOR_FILE
from gan.runs.report_style import STYLE
from gan.runs.run_files import (
    CHECKPOINT_FILE,
    ENDED,
    REPORT_FILE,
    TRAINING,
    read_metrics,
    read_result,
    report_state,
    sample_files,
    trained_seconds,
)
from gan.runs.run_folder import RunFolder
from gan.runs.score_names import INCEPTION, LITE0, SCORES_FILE, score_name
from gan.runs.verdicts import verdicts
from kit.atomic import write_text
from kit.html_page import data_uri, html_page
from kit.image_grid import GAP_PX, GRID_COLOUR, evenly_spaced
from kit.typed_json import is_finite

log = logging.getLogger(__name__)

REFRESH_SECONDS = 20
MAX_SHARE_OF_TIME = 0.01
"""Of the training's, at most, that goes into the page."""
MAX_COLUMNS, ROWS = 10, 6
"""Of the strip of samples over time."""

Metrics = list[dict[str, float]]


@dataclass(frozen=True)
class ChartSpec:
    """What one chart shows."""

    title: str
    note: str
    labels: dict[str, str]
    """Of its curves, by key of the metrics."""
    bounds: tuple[float, float] | None = None


def score_charts(features: str) -> list[ChartSpec]:
    """The charts of the scores made of these features."""
    kid, fid = ("KID", "FID") if features == INCEPTION else ("KD", "FD")
    of = "" if features == INCEPTION else f" Features: {features}."
    manifolds = {"precision": "precision", "recall": "recall"}
    neighbourhoods = {"coverage": "coverage", "density": "density"}
    return [
        ChartSpec(
            kid,
            f"Kernel distance to the real pictures; lower is better.{of}",
            curve_labels(features, {"kid": kid}),
        ),
        ChartSpec(
            fid,
            f"Fréchet distance to the real pictures; lower is better.{of}",
            curve_labels(features, {"fid": fid}),
        ),
        ChartSpec(
            "Precision, recall",
            "Generated ones that could be real; real ones that could be drawn.",
            curve_labels(features, manifolds),
            (0, 1),
        ),
        ChartSpec(
            "Coverage, density",
            "Real ones with a generated one nearby; generated ones in real neighbourhoods.",
            curve_labels(features, neighbourhoods),
        ),
    ]


def curve_labels(features: str, labels: dict[str, str]) -> dict[str, str]:
    """The labels by the keys of the metrics file in place of the scores' plain names."""
    return {score_name(features, score): label for score, label in labels.items()}


CHARTS = [
    *score_charts(INCEPTION),
    *score_charts(LITE0),
    ChartSpec("Losses", "Neither should run away.", {"loss_d": "discriminator", "loss_g": "generator"}),
    ChartSpec(
        "Signs of the scores",
        "Near 0: it guesses; near 1 for long: it may know the real ones by heart. Crisp drawings: .5 to .95.",
        {"sign_real": "real", "sign_fake": "generated"},
        (-1, 1),
    ),
    ChartSpec(
        "Diversity", "Of the samples, next to real ones: .3 to 1 is healthy.", {"diversity": "samples"}, (0, 1.2)
    ),
    ChartSpec(
        "Crispness",
        "How much edges stand out, and how much they are lines, next to real pictures: near 1 is healthy; "
        "edges below .75 or lines below .85: noise or blur.",
        {"crispness": "edges", "coherence": "lines"},
        (0, 1.2),
    ),
    ChartSpec("Augmentation", "Probability that an image is augmented (ADA's p).", {"augment": "p"}, (0, 1)),
    ChartSpec("Gradient penalty", "R1 (and R2), without its weight.", {"r1": "penalty"}),
    ChartSpec("Speed", "Real pictures shown a second.", {"images_per_second": "a second"}),
]
NO_CURVES = {"images", "seconds", "collapsed", "discriminator_won"} | {
    score_name(features, "kid_std") for features in (INCEPTION, LITE0)
}


class ReportPage:
    """The page of a run, rewritten at intervals, so that it takes hardly any time from the training."""

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
        self._next = end + max(REFRESH_SECONDS / 2, (end - begin) / MAX_SHARE_OF_TIME)


def write_report(run: Path, state: str) -> None:
    """Write ``report.html`` from what lies in a run's folder, atomically.

    Args:
        run: holds ``config.json``, and more as the training goes on.
        state: `TRAINING` (the browser reloads the page by itself), `ENDED` or `STOPPED`.

    Raises:
        OSError: the folder cannot be read or written.
        GanError: its settings cannot be read.
    """
    config = RunFolder(run).read_config().to_json()
    body = "\n".join(sections(run, config, read_metrics(run), state))
    refresh = REFRESH_SECONDS if state == TRAINING else None
    write_text(run / REPORT_FILE, html_page(escape(run.name), body, STYLE, refresh))


def rewrite_report(run: Path) -> None:
    """Write the page of a run anew in the state in which it is; one that is in training rewrites its own.

    Raises:
        OSError: the folder cannot be read or written.
    """
    state = report_state(run)
    if state != TRAINING:
        write_report(run, state or ENDED)


def sections(run: Path, config: dict[str, Any], metrics: Metrics, state: str) -> Iterator[str]:
    """From the top of the page to its end."""
    samples = sample_files(run)
    yield page_header(run, config, state)
    yield from alerts(run, metrics)
    yield key_figures(run, config, metrics, samples)
    if len(samples) > 1:
        yield section("How they grew", sample_timeline(samples, config["recipe"]["generator"]["size_px"]))
    if samples:
        yield section("Now, and what it learns from", sample_grids(run, samples[-1]))
    yield from evaluation_section(run)
    yield section("Curves", f'<div class="charts">{"".join(charts(metrics))}</div>')
    yield section("Settings", settings_table(config))
    written = local_time(time.time())
    yield f"<footer>Written {written} by vgc. One file, no scripts, nothing from elsewhere.</footer>"


def page_header(run: Path, config: dict[str, Any], state: str) -> str:
    """Name, state and data of the run."""
    saved = run / CHECKPOINT_FILE
    facts = [f"preset <b>{escape(config['preset'])}</b>", f"pictures of <b>{escape(config['data'])}</b>"]
    if saved.exists():
        facts.append(f"last checkpoint <b>{local_time(saved.stat().st_mtime)}</b>")
    return (
        f'<header><p class="state {state}">{state}</p><h1>{escape(run.name)}</h1>'
        f'<p class="facts">{" · ".join(facts)}</p></header>'
    )


def alerts(run: Path, metrics: Metrics) -> Iterator[str]:
    """What went wrong, where something did."""
    found = verdicts(metrics)
    if "collapsed" in found:
        kept_note = " The generator from before is kept." if (run / BEFORE_COLLAPSE_FILE).exists() else ""
        at = f"{found['collapsed']:,} pictures shown"
        yield f'<p class="alert">Collapsed at {at}: nearly all its pictures are one.{kept_note}</p>'
    if "discriminator_won" in found:
        yield '<p class="alert">The discriminator may know the real pictures by heart.</p>'


def key_figures(run: Path, config: dict[str, Any], metrics: Metrics, samples: list[Path]) -> str:
    """The run in a few large numbers."""
    newest = {key: value for line in metrics for key, value in line.items()}
    shown = max([newest.get("images", 0), *(int(path.stem) for path in samples)])
    values = {"pictures shown": format_count(shown), "minutes": f"{trained_seconds(run, metrics) / 60:,.1f}"}
    if "images_per_second" in newest:
        values["pictures a second"] = format_value(newest["images_per_second"])
    for features, name in ((INCEPTION, "KID"), (LITE0, "KD")):
        scored = [line for line in metrics if score_name(features, "kid") in line]
        if scored:
            best = min(scored, key=lambda line: line[score_name(features, "kid")])
            lowest = f"lowest {name}, at {format_count(best['images'])}"
            values[lowest] = format_value(best[score_name(features, "kid")])
    recipe = Recipe.from_json(config["recipe"])
    with without_weights():
        networks = build_generator(recipe.generator), build_discriminator(recipe.discriminator)
    for name, network in zip(("generator", "discriminator"), networks, strict=True):
        values[f"parameters, {name}"] = format_count(count_parameters(network))
    file = run / GENERATOR_FILE
    if file.exists():
        values["MB to draw with"] = f"{file.stat().st_size / 1e6:.1f}"
    items = "".join(f"<li><b>{value}</b>{escape(name)}</li>" for name, value in values.items())
    return f'<ul class="figures">{items}</ul>'


def sample_timeline(samples: list[Path], side: int) -> str:
    """The same characters at some times of the run, a column a time."""
    chosen = [*evenly_spaced(samples[:-1], MAX_COLUMNS - 1), samples[-1]]
    step = side + GAP_PX
    with Image.open(chosen[0]) as first:
        rows = min(ROWS, first.width // step)
    canvas = Image.new("RGB", (len(chosen) * step - GAP_PX, rows * step - GAP_PX), GRID_COLOUR)
    for column, path in enumerate(chosen):
        with Image.open(path) as grid:
            # The first row of the board, turned to stand upright.
            for row in range(rows):
                left = GAP_PX + row * step
                canvas.paste(grid.crop((left, GAP_PX, left + side, GAP_PX + side)), (column * step, row * step))
    times = "".join(f"<span>{format_count(int(path.stem))}</span>" for path in chosen)
    text = f"{rows} characters at {len(chosen)} times of the run"
    return (
        f"<p>The same {rows} characters, by the pictures shown so far.</p>"
        f'<div class="strip-frame" tabindex="0" role="group" aria-label="{text}">'
        f'<div class="strip-inner" style="--columns:{len(chosen)}"><img src="{data_uri(canvas)}" alt="{text}">'
        f'<div class="times">{times}</div></div></div>'
    )


def sample_grids(run: Path, newest: Path) -> str:
    """The newest samples beside the real pictures, plain and as the discriminator sees them."""
    wanted = {
        f"drawn after {int(newest.stem):,} pictures": newest,
        "real": run / "samples/real.png",
        "real, as the discriminator sees them": run / "samples/real-augmented.png",
    }
    shown = []
    for caption, path in wanted.items():
        if path.exists():
            with Image.open(path) as grid:
                img = f'<img src="{data_uri(grid)}" alt="board of pictures, {caption}">'
            shown.append(f"<figure>{img}<figcaption>{caption}</figcaption></figure>")
    best = " The generator of the lowest score is kept as best.safetensors." if (run / BEST_FILE).exists() else ""
    return f'<p>Drawn by the averaged generator.{best}</p><div class="boards">{"".join(shown)}</div>'


def evaluation_section(run: Path) -> Iterator[str]:
    """The scores of the last evaluation, if there was one."""
    result = read_result(run / SCORES_FILE)
    scores, floor = result.get("scores"), result.get("floor")
    if not isinstance(scores, dict) or not isinstance(floor, dict) or not scores:
        return
    rows = "".join(
        f"<tr><th>{escape(name)}</th><td>{show_score(value)}</td><td>{show_score(floor.get(name))}</td></tr>"
        for name, value in scores.items()
    )
    heads = "<tr><th></th><th>score</th><th>best to be hoped for</th></tr>"
    origin = f"<p>Of {escape(str(result.get('generated')))}, against {escape(str(result.get('real')))}.</p>"
    yield section("Scores", f"{origin}<table>{heads}{rows}</table>")


def show_score(value: object) -> str:
    """A score's figure; nothing for what is none."""
    return format_value(value) if is_finite(value) else ""


def charts(metrics: Metrics) -> Iterator[str]:
    """A chart of everything measured."""
    last = max((line["images"] for line in metrics), default=0)
    for spec, lines in chart_lines(metrics):
        yield line_chart(spec.title, spec.note, lines, last, spec.bounds)
    if not metrics:
        yield "<p>The first figures come after a thousand pictures.</p>"


def chart_lines(metrics: Metrics) -> Iterator[tuple[ChartSpec, list[Line]]]:
    """What was measured, by chart; metrics without a `ChartSpec` get a plain one."""
    keys = {key: None for line in metrics for key in line}
    known = {key for spec in CHARTS for key in spec.labels}
    others = [ChartSpec(key.replace("_", " "), "", {key: key}) for key in keys if key not in known | NO_CURVES]
    for spec in [*CHARTS, *others]:
        lines = [
            Line(label, [(line["images"], line[key]) for line in metrics if key in line])
            for key, label in spec.labels.items()
            if key in keys
        ]
        if lines:
            yield spec, lines


def settings_table(config: dict[str, Any]) -> str:
    """Every setting, those of the recipe and its networks below."""
    rows = []
    for name, value in flatten(config):
        rows.append(f"<tr><th>{escape(name)}</th><td>{escape(str(value))}</td></tr>")
    return f"<details><summary>all {len(rows)}</summary><table>{''.join(rows)}</table></details>"


def flatten(values: dict[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Names with their values; nested names are joined by dots."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from flatten(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", "none" if value is None else value


def section(title: str, content: str) -> str:
    """A part of the page."""
    return f"<section><h2>{escape(title)}</h2>{content}</section>"


def local_time(seconds: float) -> str:
    """A time of day where the page is written."""
    return time.strftime("%H:%M, %d %b %Y", time.localtime(seconds))
