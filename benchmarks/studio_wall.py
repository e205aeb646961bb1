"""The wall of a large set in Chromium: how soon its pictures stand, how it scrolls, what the tab holds.

    python -m benchmarks.studio_wall [--pictures 10000] [--rounds 3] [--frames 300]

The set is of noise, 32x32. First pictures: from the address being opened to twenty of them in sight. Whole list:
to where all can be filtered and decided on. Scrolling: 120 pixels a frame; a frame's time is from one animation
frame to the next. Memory: the page's JavaScript heap.
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, sync_playwright
from rich.console import Console
from rich.table import Table

from benchmarks._studio import opened
from benchmarks.studio import CHROMIUM
from benchmarks.studio_training import load, make_set

PIXELS_A_FRAME = 120
FIRST_STAND = """() => [...document.querySelectorAll(".ready #wall .tile:not([hidden]) img")]
    .filter((image) => image.complete && image.naturalWidth).length >= 20"""
ALL_LISTED = "() => document.body.matches('.ready') && !document.querySelector('[inert]')"
FRAMES = """async ([frames, pixels]) => {
    const next = () => new Promise(requestAnimationFrame);
    const wall = document.getElementById("wall");
    const taken = [];
    let before = await next();
    for (let frame = 0; frame < frames; frame++) {
        wall.scrollTop += pixels;
        const now = await next();
        taken.push(now - before);
        before = now;
    }
    return taken;
}"""


def open_wall(page: Page, address: str) -> list[float]:
    """Open the set; gives the seconds to its first pictures, and to the whole list."""
    page.goto(f"{address}workshop/set.html?folder=set", wait_until="commit")
    seconds = []
    for reached in (FIRST_STAND, ALL_LISTED):
        page.wait_for_function(reached, timeout=120_000)
        seconds.append(float(page.evaluate("performance.now()")) / 1000)
    return seconds


def measure(address: str, rounds: int, frames: int) -> tuple[list[list[float]], list[float], int]:
    """What `open_wall` gives, each round's; the frames' milliseconds, all; the heap's bytes at the end."""
    opened, taken = [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for _ in range(rounds):
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            opened.append(open_wall(page, address))
            taken += page.evaluate(FRAMES, [frames, PIXELS_A_FRAME])
            heap = page.evaluate("performance.memory.usedJSHeapSize")
            page.close()
        browser.close()
    return opened, taken, heap


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--frames", type=int, default=300)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        make_set(Path(folder), options.pictures)
        with opened(Path(folder)) as (address, _):
            seconds, taken, heap = measure(address, options.rounds, options.frames)
    table = Table("what", "median", "p95", "goal", title=f"a wall of {options.pictures:,} pictures{load()}")
    first, whole = zip(*seconds, strict=True)
    for what, each, goal in (("first pictures, s", first, "1"), ("whole list, s", whole, "")):
        table.add_row(what, f"{statistics.median(each):.2f}", f"{max(each):.2f} (longest)", goal)
    table.add_row(
        "a frame while scrolling, ms", *(f"{np.percentile(taken, share):.0f}" for share in (50, 95)), "50"
    )
    table.add_row("JavaScript heap, MB", f"{heap / 1e6:.0f}", "", "")
    Console(file=sys.stdout).print(table)


if __name__ == "__main__":
    main()
