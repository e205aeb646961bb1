"""Pictures made up on the spot, a small site, networks of a few channels, a browser for the tests of pages."""

import os
import re
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from picture_sets import noise
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect, sync_playwright
from studio_page import CHROMIUM, CHROMIUM_ARGS, Opening
from studio_server import serving
from webserver import Web, small_site

from gan.config import PRESETS, Recipe
from gan.runs.model_files import built_in_model
from studio.engine import Engine, load_engine

# A suite in the background of a shell is deaf to Ctrl-C, and so would be the commands that tests stop by it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The tests' networks are so small that a second thread only waits for the first, all the more on a busy machine.
torch.set_num_threads(1)
os.environ["OMP_NUM_THREADS"] = "1"

# PyTorch looks at it once, at a process's first product on a GPU, which may be of a test that needs no exactness.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

SLIM_WIDTHS = {
    "students": ((4, 8), (4, 4, 4, 4)),
    "transposed": ((8, 8, 8, 8), (8, 8, 8, 8)),
    "upsample": ((8, 8, 8, 8, 8), (8, 8, 8, 8)),
    "residual": ((8, 8, 8, 8, 8), (8, 8, 8, 8, 8)),
}


def slim(recipe: Recipe) -> Recipe:
    """The same recipe with a few channels a layer: everything happens as in the real one, but at once."""
    generator, discriminator = SLIM_WIDTHS[recipe.generator.family]
    return replace(
        recipe,
        generator=replace(recipe.generator, widths=generator),
        discriminator=replace(recipe.discriminator, widths=discriminator),
    )


@pytest.fixture
def slim_presets(monkeypatch: pytest.MonkeyPatch) -> None:
    """All presets slim, in this process."""
    for name, recipe in PRESETS.items():
        monkeypatch.setitem(PRESETS, name, slim(recipe))


@pytest.fixture(scope="session")
def discs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 40 coloured discs on black, 16x16, RGB PNG."""
    folder = tmp_path_factory.mktemp("discs")
    rng = np.random.default_rng(1)
    rows, columns = np.mgrid[:16, :16]
    for number in range(40):
        radius, colour = rng.uniform(3, 7), rng.integers(60, 256, 3)
        inside = (rows - 8) ** 2 + (columns - 8) ** 2 < radius**2
        Image.fromarray((inside[..., None] * colour).astype(np.uint8)).save(folder / f"{number:03d}.png")
    return folder


@pytest.fixture
def site() -> Iterator[Web]:
    """A site of two letters, a and b, with three characters each."""
    with small_site("ab", count=3) as web:
        yield web


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Five pictures of noise, a.png to e.png."""
    folder = tmp_path / "raw"
    folder.mkdir()
    for seed, name in enumerate("abcde"):
        noise(seed).save(folder / f"{name}.png")
    return folder


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A folder that a set is made in, not there yet."""
    return tmp_path / "set"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium; without it the test is skipped, in CI it fails."""
    if CHROMIUM is None:
        words = "no chromium on this machine (Debian: apt-get install chromium)"
        pytest.fail(words) if os.environ.get("CI") else pytest.skip(words)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=CHROMIUM_ARGS,
            ignore_default_args=["--disable-ipc-flooding-protection"],  # people's browsers have it
        )
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def engine() -> Engine:
    """The built-in generator."""
    return load_engine(built_in_model())


@pytest.fixture(scope="module")
def url(engine: Engine) -> Iterator[str]:
    """The address of a studio of that generator, without a slash at the end."""
    with serving(engine) as address:
        yield address


@pytest.fixture
def open_page(browser: Browser, url: str) -> Iterator[Opening]:
    """Opens the page, each as in a browser of its own; none may fail, nor ask another machine for anything."""
    contexts: list[BrowserContext] = []
    elsewhere: list[str] = []
    failures: list[str] = []

    def note(request: Request) -> None:
        if not request.url.startswith((url, "data:", "blob:")):
            elsewhere.append(request.url)

    def open_page(address: str = "/", **options: object) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        context.on("request", note)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.on("console", lambda line: failures.append(line.text) if "Content Security" in line.text else None)
        page.goto(url + address)
        expect(page.locator("body")).to_have_class(re.compile("ready"))
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert elsewhere == []
    assert failures == []
