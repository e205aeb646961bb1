"""Drawings on one colour, cut out."""

import io
from pathlib import Path

import numpy as np
import pytest
from image_sets import make, metadata, noise
from PIL import Image

from dataset.matte import matte

SIDE = 60
RED = np.array([220.0, 40, 30])


def disc(background: tuple[int, int, int], colour: np.ndarray = RED) -> tuple[Image.Image, np.ndarray]:
    """A disc with a soft edge on a colour, and its true alpha."""
    fine = np.hypot(*(np.mgrid[: SIDE * 8, : SIDE * 8] - (SIDE * 4 - 0.5))) < SIDE * 8 * 0.3
    alpha = fine.reshape(SIDE, 8, SIDE, 8).mean((1, 3))
    pixels = alpha[..., None] * colour + (1 - alpha[..., None]) * np.array(background)
    return Image.fromarray(pixels.round().astype(np.uint8)), alpha


@pytest.mark.parametrize("background", [(0, 0, 0), (255, 255, 255), (20, 200, 60)])
def test_a_soft_edge_is_unmixed_from_any_background(background: tuple[int, int, int]) -> None:
    image, alpha = disc(background)
    cut = np.asarray(matte(image)).astype(float)
    assert np.abs(cut[..., 3] / 255 - alpha).max() < 0.1
    seen = cut[..., 3] > 64
    assert np.abs(cut[seen][:, :3] - RED).max() < 12  # no rim of the background's colour


def test_dark_outlines_on_black_stay() -> None:
    image, _ = disc((0, 0, 0), np.array([14.0, 12, 12]))
    inner, _ = disc((0, 0, 0))
    image.paste(inner.crop((25, 25, 35, 35)), (25, 25))
    assert np.asarray(matte(image))[SIDE // 2, 15].tolist() == [14, 12, 12, 255]


def test_specks_of_jpeg_around_a_figure_go() -> None:
    image, _ = disc((0, 0, 0))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=60)
    cut = matte(Image.open(file))
    assert cut
    assert not np.asarray(cut)[np.hypot(*(np.mgrid[:SIDE, :SIDE] - 29.5)) > 22][:, 3].any()


def test_a_picture_without_a_background_stays_as_it_is() -> None:
    assert matte(noise(1)) is None
    assert matte(Image.new("RGB", (SIDE, SIDE))) is None


def test_a_large_picture_keeps_its_size() -> None:
    image, _ = disc((0, 0, 0))
    large = image.resize((2400, 2400))
    cut = matte(large)
    assert cut
    assert cut.size == large.size
    assert np.asarray(cut)[1200, 1200].tolist() == [220, 40, 30, 255]


def test_a_set_of_drawings_gains_alpha_and_keeps_its_three_channels(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    disc((0, 0, 0))[0].save(raw / "drawing.png")
    noise(2).save(raw / "photo.png")
    assert make(raw, tmp_path / "plain").transparent == 0
    assert make(raw, tmp_path / "cut", matte=True).transparent == 1
    assert [record.get("alpha") for record in metadata(tmp_path / "cut")] == ["soft", None]
    for folder in ("rgb_images", "grayscale_images"):
        for name in ("drawing.png", "photo.png"):
            path = Path(folder, name)
            assert (tmp_path / "cut" / path).read_bytes() == (tmp_path / "plain" / path).read_bytes()
