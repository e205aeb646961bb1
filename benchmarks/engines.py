"""What draws fastest in the studio: PyTorch, ONNX Runtime, and ONNX Runtime in a browser on the static site.

    python -m benchmarks.engines [--rounds 30]

One thread each, the built-in generator, taken in turn in one run. PyTorch is measured twice: as ``vgc generate``
and the studio use it, a fixed number of pictures a pass so that a picture has the same bytes alone as among many,
and as the network alone on just the latents asked for. The times to load are of fresh processes, up to the first
picture; the site's are of its page, from this machine.
"""

import argparse
import functools
import http.server
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from playwright.sync_api import Page, sync_playwright
from rich.console import Console
from rich.table import Table

from gan.runs.checkpoint import load_generator
from gan.runs.model_files import built_in_model
from studio.engine_onnx import OnnxEngine
from studio.engine_torch import TorchEngine
from studio.site import export_site

PICTURES = (1, 12)
LOADS = 5
FIRST_PICTURE = """
import numpy as np, sys
from pathlib import Path
from studio.{module} import {engine}
engine = {engine}(Path(sys.argv[1]))
engine.draw(np.zeros((1, engine.info.latent_dim), np.float32))
"""
CONNECT = """
async () => {
    const { connect } = await import("./engine/engine.js");
    const start = performance.now();
    window.engine = await connect();
    await window.engine.draw([new Float32Array(window.engine.info.latent_dim)]);
    return performance.now() - start;
}
"""
DRAW = """
async (count) => {
    const latents = Array.from({ length: count }, () => new Float32Array(window.engine.info.latent_dim).fill(0.5));
    const start = performance.now();
    await window.engine.draw(latents);
    return performance.now() - start;
}
"""


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """A plain file server without a log."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def page_of_site() -> Iterator[Page]:
    """The static site in Chromium, from a plain server on this machine."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("no chromium here (Debian: apt-get install chromium)")
    with tempfile.TemporaryDirectory() as folder:
        site = export_site(built_in_model(), Path(folder) / "site").parent
        handler = functools.partial(QuietHandler, directory=site)
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server, sync_playwright() as playwright:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            page = browser.new_page()
            page.goto(f"http://127.0.0.1:{server.server_port}/")
            page.locator("#wall-grid .card.drawn").nth(23).wait_for()
            yield page
            browser.close()
            server.shutdown()


def bare_network() -> Callable[[NDArray[np.float32]], object]:
    """The generator in PyTorch on just these latents."""
    generator, _ = load_generator(built_in_model(), torch.device("cpu"))

    @torch.inference_mode()
    def draw(latents: NDArray[np.float32]) -> object:
        return generator(torch.from_numpy(latents))

    return draw


def time_draw_ms(draw: Callable[[NDArray[np.float32]], object], latents: NDArray[np.float32]) -> float:
    """The time of one call."""
    start = time.perf_counter()
    draw(latents)
    return (time.perf_counter() - start) * 1000


def first_image_ms(module: str, engine: str, model: Path) -> float:
    """From the start of a process to its first picture."""
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", FIRST_PICTURE.format(module=module, engine=engine), str(model)], check=True
    )
    return (time.perf_counter() - start) * 1000


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30)
    rounds = parser.parse_args().rounds
    exported = built_in_model().with_suffix(".onnx")
    by_torch, by_onnx = TorchEngine(built_in_model()), OnnxEngine(exported)
    backends = {
        "PyTorch, as it draws": by_torch.draw,
        "PyTorch, network alone": bare_network(),
        "ONNX Runtime": by_onnx.draw,
    }
    latents = {count: np.random.default_rng(0).standard_normal((count, 100), np.float32) for count in PICTURES}
    taken: dict[tuple[str, int], list[float]] = {}
    with page_of_site() as page:
        loads = {"ONNX Runtime, static site": [page.evaluate(CONNECT)]}
        for _ in range(LOADS):
            for name, module, engine, model in (
                ("PyTorch, as it draws", "engine_torch", "TorchEngine", built_in_model()),
                ("ONNX Runtime", "engine_onnx", "OnnxEngine", exported),
            ):
                loads.setdefault(name, []).append(first_image_ms(module, engine, model))
        for _ in range(rounds + 2):
            for count in PICTURES:
                for name, draw in backends.items():
                    taken.setdefault((name, count), []).append(time_draw_ms(draw, latents[count]))
                taken.setdefault(("ONNX Runtime, static site", count), []).append(page.evaluate(DRAW, count))
    table = Table("draws with", "loaded, ms", *[f"{count} at once, p50 / p95 ms" for count in PICTURES])
    for name in (*backends, "ONNX Runtime, static site"):
        cells = [np.percentile(taken[name, count][2:], [50, 95]) for count in PICTURES]
        loaded = f"{statistics.median(loads[name]):.0f}" if name in loads else ""
        table.add_row(name, loaded, *[f"{p50:.1f} / {p95:.1f}" for p50, p95 in cells])
    Console().print(table)
    print("goal: the static site's picture in 100 ms or less")


if __name__ == "__main__":
    main()
