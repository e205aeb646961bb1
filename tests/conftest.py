"""What tests of several rooms use. It loads neither torch nor Playwright: tests without them begin at once."""

import gc
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from chromium import CHROMIUM, CHROMIUM_ARGS
from PIL import Image
from quick import is_slow

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# A suite in the background of a shell is deaf to Ctrl-C, and so would be the commands that tests stop by it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Read when torch is loaded. The tests' networks are so small that a second thread only waits for the first, all
# the more on a busy machine.
os.environ["OMP_NUM_THREADS"] = "1"

# PyTorch looks at it once, at a process's first product on a GPU, which may be of a test that needs no exactness.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")


# Tests start hundreds of processes, each of which would compile the project anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# What collecting loads stays to the end: looking through it for garbage, again and again, finds none.
gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--quick", action="store_true", help="leave out what takes more than a minute in all")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    return True if config.getoption("quick") and is_slow(collection_path) else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("quick"):
        items[:] = [item for item in items if "browser" not in getattr(item, "fixturenames", ())]
    # The slow files first: what is left at the end is short, and both processes end together.
    items.sort(key=lambda item: not is_slow(item.path))


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


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """Chromium; where there is none the test is skipped, in CI it fails."""
    # A test of a scrape or a set has no use for it, and would wait for it to load.
    from playwright.sync_api import sync_playwright

    if CHROMIUM is None:
        message = "no chromium on this machine (Debian: apt-get install chromium)"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=CHROMIUM_ARGS,
            ignore_default_args=["--disable-ipc-flooding-protection"],  # people's browsers have it
        )
        yield chromium
        chromium.close()
