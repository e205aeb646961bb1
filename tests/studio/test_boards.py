"""Boards of samples as pages show them: few bytes, or the first picture alone; and what is sent compressed."""

import io
import json
from collections.abc import Iterator

import numpy as np
import pytest
import requests
from PIL import Image
from studio_server import FlatEngine, serving

from kit.image_grid import image_grid

SIDE = 32


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    root = tmp_path_factory.mktemp("root")
    run = root / "train_output/one"
    (run / "samples").mkdir(parents=True)
    (run / "config.json").write_text(json.dumps({"recipe": {"generator": {"size_px": SIDE}}}))
    noise = np.random.default_rng(0).integers(0, 256, (4, SIDE, SIDE, 3), np.uint8)
    noise[0] = 200, 40, 40
    image_grid([Image.fromarray(each) for each in noise], 2).save(run / "samples/00000064.png")
    (run / "samples/real.png").write_bytes(b"no picture")
    with serving(FlatEngine(), root=root) as address:
        yield address


def sample(url: str, name: str = "00000064", **rest: str) -> requests.Response:
    parameters = {"run": "train_output/one", "name": name, **rest}
    return requests.get(f"{url}/api/workshop/sample", parameters, timeout=30)


def test_a_board_is_as_saved_or_in_few_bytes_or_its_first_picture(url: str) -> None:
    saved, board, first = sample(url), sample(url, view="board"), sample(url, view="first")
    assert [each.headers["Content-Type"] for each in (saved, board, first)] == [
        "image/png",
        "image/webp",
        "image/webp",
    ]
    assert len(first.content) < len(board.content) < len(saved.content)
    whole, alone = (Image.open(io.BytesIO(each.content)) for each in (board, first))
    assert whole.size == Image.open(io.BytesIO(saved.content)).size
    assert alone.size == (SIDE, SIDE)
    assert np.abs(np.asarray(alone.convert("RGB"), int) - (200, 40, 40)).max() <= 8


def test_a_board_that_cannot_be_read_is_named(url: str) -> None:
    answer = sample(url, "real", view="board")
    assert answer.status_code == 404
    assert "real.png: cannot be shown" in answer.json()["detail"]


def test_text_is_compressed_and_pixels_are_not(url: str) -> None:
    page = requests.get(url, headers={"Accept-Encoding": "gzip"}, timeout=30)
    plain = requests.get(url, headers={"Accept-Encoding": "identity"}, timeout=30)
    assert page.headers["Content-Encoding"] == "gzip"
    assert int(page.headers["Content-Length"]) < len(plain.content) / 2
    assert page.content == plain.content
    latents = [[0.5] * FlatEngine.info.latent_dim] * 8
    drawn = requests.post(f"{url}/api/draw", json={"latents": latents}, timeout=30)
    assert "Content-Encoding" not in drawn.headers
