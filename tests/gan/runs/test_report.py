"""The page of a run: whole in itself, never torn, cheap, and true."""

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image

from gan.config import TrainConfig
from gan.runs.curves import Line, Scale, common_scale, format_count, format_value, line_chart
from gan.runs.report import ReportPage, rewrite_report, write_report
from gan.runs.run_files import ENDED, REPORT_FILE, STOPPED, TRAINING
from gan.training.loop import resume, train
from kit.typed_json import MAX_OBJECT_BYTES

pytestmark = pytest.mark.usefixtures("slim_presets")


class Elements(HTMLParser):
    """Collects every tag with its attributes, and checks that all are closed."""

    VOID = frozenset({"meta", "img", "path", "polyline"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def page(run: Path, state: str = TRAINING) -> str:
    write_report(run, state)
    return (run / REPORT_FILE).read_text("utf-8")


@pytest.fixture(scope="module")
def trained(discs, tmp_path_factory) -> Path:
    """A run of 1,100 pictures."""
    output = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        from slim_networks import slim

        from gan.config import PRESETS

        patch.setitem(PRESETS, "dcgan", slim(PRESETS["dcgan"]))
        train(TrainConfig(data=discs, output=output, run="r", device="cpu", precision="fp32", batch=20, kimg=1.1))
    return output / "r"


@pytest.fixture
def run(trained, tmp_path) -> Path:
    """A copy of the trained run, to be changed."""
    return Path(shutil.copytree(trained, tmp_path / "r"))


def add_metrics(run: Path, **values: float) -> None:
    with (run / "metrics.jsonl").open("a") as file:
        file.write(json.dumps({"images": 1100, **values}) + "\n")


def test_a_copy_of_a_sample_beside_the_others_is_no_sample(run):
    shutil.copy(run / "samples/00001100.png", run / "samples/00001100 (copy).png")
    assert "drawn after 1,100 pictures" in page(run)


def test_a_run_that_ends_leaves_its_page(trained):
    text = (trained / "report.html").read_text("utf-8")
    assert '<p class="state ended">ended</p><h1>r</h1>' in text
    assert 'http-equiv="refresh"' not in text
    assert "<b>1.1k</b>pictures shown" in text
    assert re.search(r"last checkpoint <b>\d\d:\d\d, ", text)
    for message in (
        "How they grew",
        "drawn after 1,100 pictures",
        "real, as the discriminator sees them",
        "Losses",
    ):
        assert message in text


def test_the_page_asks_the_network_for_nothing_and_is_well_formed(run):
    text = page(run)
    elements = Elements(text).elements
    assert not [tag for tag, _ in elements if tag in ("script", "link", "iframe", "object")]
    addresses = [attributes[key] for _, attributes in elements for key in ("src", "href") if key in attributes]
    assert len(addresses) == 4  # the strip and three boards
    assert all(address and address.startswith("data:image/webp") for address in addresses)
    assert "default-src 'none'" in text
    assert "url(" not in text


def test_only_a_run_in_training_is_opened_anew(run):
    assert '<meta http-equiv="refresh" content="20">' in page(run, TRAINING)
    assert "refresh" not in page(run, STOPPED)
    assert "refresh" not in page(run, ENDED)


def test_everything_measured_gets_a_curve_whatever_it_is_called(run):
    add_metrics(run, kid=0.0123, kid_std=0.001, fid=45.6, strangeness_of_all=7.0, diversity=0.8)
    add_metrics(run, kd_efficientnet_lite0=1.5, precision_efficientnet_lite0=0.5, recall_efficientnet_lite0=0.25)
    text = page(run)
    titles = re.findall(r"<figcaption><b>([^<]*)</b>", text)
    assert titles == [
        "KID", "FID", "KD", "Precision, recall", "Losses", "Signs of the scores", "Diversity", "Augmentation",
        "Gradient penalty", "Speed", "strangeness of all",
    ]  # fmt: skip
    assert 'aria-label="Precision, recall: precision 0.500, recall 0.250"' in text
    assert "<b>0.0123</b>lowest KID, at 1.1k" in text


def test_a_collapse_stands_at_the_top_until_it_is_over(run):
    assert 'class="alert"' not in page(run)
    add_metrics(run, diversity=0.01, collapsed=1.0)
    (run / "generator-before-collapse.safetensors").touch()
    assert "Collapsed at 1,100 pictures shown: nearly all its pictures are one. The generator from" in page(run)
    add_metrics(run, diversity=0.9, collapsed=0.0)
    assert 'class="alert"' not in page(run)
    add_metrics(run, discriminator_won=1.0)
    assert "may know the real pictures by heart" in page(run)


def test_wild_names_do_not_become_part_of_the_page(run):
    wild = run.with_name("&amp;{body}{style}")
    run.rename(wild)
    add_metrics(wild, **{"<script>alert(2)</script>": 1.0})
    config = json.loads((wild / "config.json").read_text())
    (wild / "config.json").write_text(json.dumps({**config, "data": "</main><script>alert(3)"}))
    text = page(wild)
    assert "<script" not in text
    assert "<h1>&amp;amp;{body}{style}</h1>" in text
    assert "<title>&amp;amp;{body}{style}</title>" in text
    assert "&lt;script&gt;alert(2)" in text
    assert "&lt;/main&gt;&lt;script&gt;alert(3)" in text


def test_a_run_that_has_only_begun_has_a_page_too(run):
    shutil.rmtree(run / "samples")
    for name in ("metrics.jsonl", "checkpoint.pt", "generator.safetensors"):
        (run / name).unlink()
    text = page(run)
    assert "The first figures come after a thousand pictures." in text
    assert "<b>0</b>pictures shown" in text


def test_a_torn_line_of_metrics_is_no_failure(run):
    with (run / "metrics.jsonl").open("a") as file:
        file.write('{"images": 12')
    assert "Losses" in page(run)


def test_the_page_is_written_at_once_then_only_now_and_then(run):
    (run / REPORT_FILE).unlink()
    kept = ReportPage(run)
    kept.refresh()
    first = (run / REPORT_FILE).stat().st_mtime_ns
    kept.refresh()
    assert (run / REPORT_FILE).stat().st_mtime_ns == first
    kept.refresh(ENDED)
    assert (run / REPORT_FILE).stat().st_mtime_ns > first


def test_a_page_that_cannot_be_written_is_said_and_does_not_end_the_training(run, caplog):
    (run / REPORT_FILE).unlink()
    (run / REPORT_FILE).mkdir()
    ReportPage(run).refresh()
    assert "report.html: not written" in caplog.text


def test_a_stopped_run_says_so_and_a_resumed_one_goes_on_with_the_page(discs, run):
    assert "stopped" in page(run, STOPPED)
    resume(str(run), run.parent, {"kimg": 1.2, "data": discs})
    assert '<p class="state ended">ended</p>' in (run / REPORT_FILE).read_text("utf-8")
    assert "<b>1.2k</b>pictures shown" in (run / REPORT_FILE).read_text("utf-8")


def test_the_strip_shows_the_same_characters_from_first_to_last(run):
    grid = Image.open(run / "samples/00000000.png")
    for images in range(100, 3000, 100):
        grid.save(run / f"samples/{images:08d}.png")
    text = page(run)
    times = re.search(r'<div class="times">(.*?)</div>', text)
    assert times
    shown = re.findall(r"<span>([^<]*)</span>", times[1])
    assert len(shown) == 10
    assert (shown[0], shown[-1]) == ("0", "2.9k")


@pytest.mark.parametrize(("scheme", "width"), [("dark", 1280), ("light", 375)])
def test_axe_finds_nothing_and_nothing_sticks_out(browser, run, scheme, width):
    add_metrics(run, diversity=0.01, collapsed=1.0, kid=0.02, precision=0.5, recall=0.25)
    page(run, ENDED)
    context = browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme=scheme, bypass_csp=True, reduced_motion="reduce"
    )
    opened = context.new_page()
    opened.goto((run / REPORT_FILE).as_uri())
    assert opened.evaluate("document.documentElement.scrollWidth") == width
    violations = [
        (result["id"], result["nodes"][0]["html"]) for result in Axe().run(opened).response["violations"]
    ]
    context.close()
    assert violations == []


def test_a_scale_holds_all_lines_and_turns_to_powers_where_they_span_many():
    flat = common_scale([Line("a", [(0, 2.0), (1, 2.0)])], None)
    assert (flat.low, flat.high, flat.y(2.0)) == (1.5, 2.5, 80)
    wide = common_scale([Line("a", [(0, 1.0)]), Line("b", [(0, 100.0)])], None)
    assert wide.logarithmic
    assert (wide.y(1), wide.y(100)) == (160, 0)
    assert wide.y(10) == pytest.approx(80)
    assert wide.middle == pytest.approx(10)
    assert Scale(-1, 1, False).y(0) == 80
    assert (Scale(0, 1, False).y(7), Scale(0, 1, False).y(-7)) == (0, 160)
    assert common_scale([Line("a", [(0, 0.01), (1, 1.0)])], (0, 1)) == Scale(0, 1, False)


def test_a_chart_draws_each_point_at_its_place():
    drawn = line_chart("T", "", [Line("a", [(50, 0.0), (100, 1.0)])], 100)
    assert 'points="300.0,160.0 600.0,0.0"' in drawn
    assert "<title>50 shown: a 0</title>" in drawn
    assert "<title>100 shown: a 1.00</title>" in drawn


@pytest.mark.parametrize(
    ("value", "message"),
    [(0, "0"), (0.0123, "0.0123"), (1.234, "1.23"), (45.62, "45.6"), (1234.5, "1,234"), (-0.5, "-0.500")],
)
def test_figures_have_three_digits_that_mean_something(value, message):
    assert format_value(value) == message


@pytest.mark.parametrize(
    ("images", "message"), [(0, "0"), (800, "800"), (12_000, "12k"), (92_624, "92.6k"), (1_500_000, "1.5M")]
)
def test_counts_are_short(images, message):
    assert format_count(images) == message


def test_scores_of_an_evaluation_stand_on_the_page_which_keeps_its_state(run):
    write_report(run, STOPPED)
    assert "<h2>Scores</h2>" not in (run / REPORT_FILE).read_text("utf-8")
    scores = {"scores": {"kd_x": 0.0123, "<b>": float("nan"), "recall_x": 0.5}, "floor": {"kd_x": 0.001}}
    (run / "scores.json").write_text(json.dumps({"generated": "r/best <1>", "real": "my & set", **scores}))
    rewrite_report(run)
    html = (run / REPORT_FILE).read_text("utf-8")
    assert 'class="state stopped"' in html
    assert "<p>Of r/best &lt;1&gt;, against my &amp; set.</p>" in html
    assert "<tr><th>kd_x</th><td>0.0123</td><td>0.00100</td></tr>" in html
    assert "<tr><th>&lt;b&gt;</th><td></td><td></td></tr>" in html
    endless = '{"scores": {"kd_x": 1}, "floor": {}, "more": "' + "x" * MAX_OBJECT_BYTES + '"}'
    for damaged in ("[]", '{"scores": 3, "floor": []}', '{"sco', endless):
        (run / "scores.json").write_text(damaged)
        assert "<h2>Scores</h2>" not in page(run, STOPPED)


def test_the_page_of_a_training_is_left_to_it(run):
    before = page(run, TRAINING)
    (run / "scores.json").write_text('{"scores": {"kd_x": 1}, "floor": {}}')
    rewrite_report(run)
    assert (run / REPORT_FILE).read_text("utf-8") == before
