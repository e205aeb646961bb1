"""A generator made in the browser: a set, its training, which outlives a killed studio, a child bred from it."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from studio_page import code_of, pick
from studio_server import wait_until

from dataset.build import BuildSettings, build
from gan.runs.model_files import built_in_model
from gan.runs.run_files import read_metrics

expect.set_options(timeout=120_000)
SLIM_STUDIO = Path(__file__).with_name("slim_studio.py")


@contextmanager
def studio(root: Path, port: int) -> Iterator[str]:
    """A studio of its own process, killed at the end; gives its address."""
    words = ["studio", "--no-browser", "--port", str(port), "--model", str(built_in_model())]
    with subprocess.Popen(
        [sys.executable, str(SLIM_STUDIO), *words], cwd=root, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield re.match(r"\S+", process.stdout.readline())[0]
        finally:
            process.kill()


def expect_accessible(page: Page) -> None:
    assert Axe().run(page).response["violations"] == []
    for width in (320, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def fill_in(page: Page, address: str) -> None:
    """The form, filled in for an hour's training from nothing."""
    page.goto(f"{address}workshop/")
    page.get_by_role("link", name="Train on this set").click()
    expect(page.locator("#cost")).to_contain_text(" a second: ")
    page.get_by_text("A look").click()
    expect(page.locator("#cost")).to_have_text(re.compile(r"each of the set about (\d|[1-9]\d0*|[\d,]+00)×\."))
    expect(page.locator("#command")).to_contain_text("--minutes 2 --from base")
    page.locator("#more summary").click()
    page.locator("#minutes").fill("0.001")
    expect(page.locator("#cost")).to_contain_text(
        "Fewer than 1,000 shown are too few to learn to draw: take longer."
    )
    page.locator("#minutes").fill("60")
    expect(page.locator("#cost")).not_to_contain_text("too few")
    page.locator("#init-from").select_option("")
    page.locator("#name").fill("mine")
    expect(page.locator("#command")).to_have_text(
        "vgc train --data discs/rgb_images --minutes 60 --run mine",
    )
    expect_accessible(page)


def test_a_training_outlives_the_studio_and_its_characters_are_bred(
    browser: Browser, tmp_path: Path, discs: Path
) -> None:
    build(BuildSettings(discs, tmp_path / "discs", size_px=16, workers=1, tables="none"))
    page = browser.new_page()
    failures: list[str] = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    with studio(tmp_path, 0) as address:
        fill_in(page, address)
        page.locator("#start").click()
        expect(page.locator("#state")).to_have_text("Trains")
        expect(page.locator("#board")).to_be_visible()
        expect(page.locator(".chart")).to_have_count(4)
        expect(page).to_have_title(re.compile(r"^\d+ % mine"))
        expect_accessible(page)
    expect(page.locator("#alert")).to_contain_text("does not answer")
    run = tmp_path / "train_output/mine"
    before = read_metrics(run)[-1]["images"]
    with studio(tmp_path, int(address.rstrip("/").rpartition(":")[2])):
        expect(page.locator("#alert")).to_be_empty()
        expect(page.locator("#state")).to_have_text("Trains")
        wait_until(lambda: read_metrics(run)[-1]["images"] > before)
        page.locator("#stop").click()
        expect(page.locator("#state")).to_have_text("Stopped, and kept")
        assert read_metrics(run)[-1]["images"] > before
        page.locator("#meet").click()
        expect(page.locator("#model")).to_contain_text("Drawn by mine")
        pick(page)
        parent = code_of(page)
        page.locator("#children .card.drawn").first.click()
        expect(page).not_to_have_url(re.compile(re.escape(parent)))
        model = page.evaluate("fetch('api/info').then((answer) => answer.json()).then((info) => info.hash)")
        assert code_of(page).startswith(f"vgc1-{model[:8]}-")
        for path in ("", "compare.html?run=train_output/mine"):
            page.goto(f"{address}workshop/{path}")
            page.locator("body.ready").wait_for()
            expect_accessible(page)
        page.goto(f"{address}workshop/")
        page.locator("#built-in").click()
        expect(page.locator("#model")).to_contain_text("Drawn by builtin-characters")
    page.context.close()
    assert failures == []
