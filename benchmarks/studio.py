"""The studio as people meet it: how soon the first wall stands, how a slider feels, what 16 users at once get.

    python -m benchmarks.studio [--rounds 5] [--moves 150]

A first wall is 24 pictures in a client's hands, counted from the start of the process ``vgc studio``; beside it
stands, in the same run, a process that imports the drawing backend and ends. The slider is one of the page itself
in Chromium: from the input event to the new pixels on the canvas. Each of the 16 users asks for one picture, and
for the next once it is there, as a slider does that never rests.
"""

import argparse
import http.client
import json
import random
import shutil
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import numpy as np
from playwright.sync_api import sync_playwright
from rich.console import Console
from rich.table import Table

from benchmarks._studio import opened
from gan.runs.model_files import built_in_model
from studio.engine_loader import load_engine

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
WALL = 24
USERS = 16
WARM_UP = 5
MOVE_SLIDER = """
async ([trait, value]) => {
    const slider = document.querySelectorAll(".trait input[type=range]")[trait];
    const canvas = document.getElementById("picture");
    const context = canvas.getContext("2d");
    const pixels = () => context.getImageData(0, 0, canvas.width, canvas.height).data.join();
    const before = pixels();
    const put = Promise.withResolvers();
    const watch = new MutationObserver(() => put.resolve());
    watch.observe(document.getElementById("name"), { childList: true });
    const start = performance.now();
    slider.value = value;
    slider.dispatchEvent(new Event("input"));
    await put.promise;
    const milliseconds = performance.now() - start;
    watch.disconnect();
    if (pixels() === before) throw new Error("the picture is the old one");
    return milliseconds;
}
"""


def backend() -> str:
    """The module that draws with the built-in generator here."""
    return "torch" if "Torch" in type(load_engine(built_in_model())).__name__ else "onnxruntime"


def drawn(connection: http.client.HTTPConnection, latents: np.ndarray) -> bytes:
    """The pixels of some latents."""
    body = json.dumps({"latents": latents.astype(np.float16).tolist()})
    connection.request("POST", "/api/draw", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    content = answer.read()
    assert answer.status == 200, content
    return content


def seconds_to_wall() -> float:
    """From the start of the process to the pixels of a wall, page and info fetched on the way."""
    start = time.perf_counter()
    with opened() as (address, _):
        connection = http.client.HTTPConnection(urlsplit(address).netloc)
        for path in ("/", "/api/info"):
            connection.request("GET", path)
            content = connection.getresponse().read()
        drawn(connection, np.random.default_rng(0).normal(size=(WALL, json.loads(content)["latent_dim"])))
        return time.perf_counter() - start


def seconds_to_import(module: str) -> float:
    """A process that imports a module and ends."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", f"import {module}"], check=True)
    return time.perf_counter() - start


def slider_ms(address: str, moves: int) -> list[float]:
    """Each move's time in a browser, milliseconds."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(address)
        page.locator("#wall-grid .card.drawn").first.click()
        page.locator("#tab-traits").click()
        page.locator(".trait").first.wait_for(timeout=60_000)
        page.wait_for_load_state("networkidle")
        # No place twice: the page remembers pictures, and one that it knows is there at once.
        positions = [
            (trait, tenths / 10) for trait in range(page.locator(".trait").count()) for tenths in range(-30, 31)
        ]
        random.Random(0).shuffle(positions)
        taken = [page.evaluate(MOVE_SLIDER, index) for index in positions[: moves + WARM_UP]]
        browser.close()
    return taken[WARM_UP:]


def users_ms(host: str, moves: int) -> list[float]:
    """Each picture's time with USERS asking at once, milliseconds."""

    def user(number: int) -> list[float]:
        rng, connection, taken = np.random.default_rng(number), http.client.HTTPConnection(host), []
        for _ in range(moves):
            latents = rng.normal(size=(1, 100))
            start = time.perf_counter()
            drawn(connection, latents)
            taken.append((time.perf_counter() - start) * 1000)
        return taken

    with ThreadPoolExecutor(USERS) as users:
        return [milliseconds for each in users.map(user, range(USERS)) for milliseconds in each]


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--moves", type=int, default=150)
    options = parser.parse_args()
    module = backend()
    pairs = [(seconds_to_wall(), seconds_to_import(module)) for _ in range(options.rounds)]
    wall, bare = (statistics.median(each) for each in zip(*pairs, strict=True))
    with opened() as (address, _):
        one = slider_ms(address, options.moves) if CHROMIUM else []
        many = users_ms(urlsplit(address).netloc, max(10, options.moves // 5))
    table = Table("what", "p50", "p95", "goal", title=f"vgc studio, drawing with {module}")
    table.add_row(
        "process start to first wall, s", f"{wall:.2f}", "", f"{bare + 1.5:.2f} (import {bare:.2f} + 1.5)"
    )
    for what, taken, goal in (
        ("slider to new picture in Chromium, ms", one, "60 / 150"),
        (f"one picture, {USERS} users at once, ms", many, "- / 1000"),
    ):
        figures = [f"{np.percentile(taken, share):.0f}" if taken else "no chromium" for share in (50, 95)]
        table.add_row(what, *figures, goal)
    Console().print(table)


if __name__ == "__main__":
    main()
