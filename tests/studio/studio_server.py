"""A studio's server over real HTTP on a loopback port, with an engine whose pictures are known by hand."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gan.runs.model_info import ModelInfo
from studio.engine import Engine
from studio.guard import Access
from studio.launch import create_server, listen


class FlatEngine:
    """Draws pictures of one colour: the latent's first three values, 0 to 1, as RGB. May be made to wait."""

    info = ModelInfo(
        model="flat",
        hash="0123abcd" * 8,
        latent_dim=4,
        size_px=8,
        trained_on="nothing",
    )

    path: Path | None = None

    def __init__(self) -> None:
        self.may_draw = threading.Event()
        self.may_draw.set()
        self.batches = 0
        """Calls of `draw` so far, the one that waits included."""
        self.drawn: list[float] = []
        """The last value of every latent drawn, in order: what tests know a picture by."""

    def draw(self, latents: NDArray[np.float32]) -> NDArray[np.uint8]:
        self.batches += 1
        self.may_draw.wait(120)
        self.drawn += latents[:, 3].tolist()
        colours = (latents[:, :3] * 255).round().clip(0, 255).astype(np.uint8)
        return np.broadcast_to(colours[:, None, None], (len(latents), 8, 8, 3)).copy()

    def directions(self) -> NDArray[np.float32]:
        return np.eye(2, 4, dtype=np.float32)


class HalfClearEngine(FlatEngine):
    """Draws the flat pictures, half clear."""

    info = replace(FlatEngine.info, channels=4)

    def draw(self, latents: NDArray[np.float32]) -> NDArray[np.uint8]:
        return np.pad(super().draw(latents), [(0, 0)] * 3 + [(0, 1)], constant_values=128)


@contextmanager
def serving(
    engine: Engine,
    host: str = "127.0.0.1",
    port: int = 0,
    sprite_defaults: dict[str, Any] | None = None,
    root: Path = Path(),
    **access: Any,
) -> Iterator[str]:
    """Run a server while the block lasts; gives its address without a slash at the end."""
    with listen(host, port) as listener:
        server = create_server(engine, Access(host, **access), sprite_defaults, root)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            wait_until(lambda: server.started)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(120)


def wait_until(true: object, seconds: float = 120) -> None:
    """Wait for a condition; AssertionError if it does not come."""
    end = time.monotonic() + seconds
    while not true():  # type: ignore[operator]
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)
