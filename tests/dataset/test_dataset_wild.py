"""Pictures and bytes that nobody thought of."""

import io
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import PIL
from hypothesis import given, settings
from hypothesis import strategies as st
from image_sets import noise
from odd_images import encoded, invalid_images, valid_images
from PIL import Image

from dataset.build import BuildSettings, build
from dataset.decode import FITS, MAX_ASPECT, MIN_SIDE_PX, decode, parse_background, to_square
from dataset.errors import DecodeError

KINDS_BY_MODE = {
    "1": ("PNG", "BMP", "TIFF", "GIF"),
    "L": ("PNG", "JPEG", "BMP", "TIFF", "GIF", "WEBP"),
    "LA": ("PNG", "TIFF", "WEBP"),
    "P": ("PNG", "GIF", "BMP", "TIFF"),
    "RGB": ("PNG", "JPEG", "BMP", "TIFF", "WEBP", "GIF", "AVIF"),
    "RGBA": ("PNG", "TIFF", "WEBP", "AVIF", "GIF"),
    "CMYK": ("JPEG", "TIFF"),
    "YCbCr": ("JPEG", "TIFF") if PIL.__version__ >= "13" else ("JPEG",),  # older ones find it cut off
    "LAB": ("TIFF",),
    "I;16": ("PNG", "TIFF"),
    "I": ("TIFF",),
    "F": ("TIFF",),
}
BACKGROUNDS = ("black", "white", "#336699", "edge")


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """A file of any mode, kind and size, filled with noise."""
    mode = draw(st.sampled_from(sorted(KINDS_BY_MODE)))
    kind = draw(st.sampled_from(KINDS_BY_MODE[mode]))
    width, height = draw(st.integers(1, 200)), draw(st.integers(1, 200))
    noise = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    if mode == "I;16":
        image = Image.fromarray(noise.integers(0, 2**16, (height, width), np.uint16))
    elif mode == "I":
        image = Image.fromarray(noise.integers(-10, 2**17, (height, width), np.int32))
    elif mode == "F":
        image = Image.fromarray(noise.normal(0.5, 0.2, (height, width)).astype(np.float32))
    else:
        bands = len(Image.new(mode, (1, 1)).getbands())
        size = width * height * bands if mode != "1" else (width + 7) // 8 * height
        image = Image.frombytes(mode, (width, height), noise.bytes(size))
        if mode == "P":
            image.putpalette(noise.bytes(768))
    return encoded(image, kind)


@given(
    content=files(),
    size_px=st.integers(16, 512),
    fit=st.sampled_from(FITS),
    background=st.sampled_from(BACKGROUNDS),
)
@settings(max_examples=150, deadline=None)
def test_any_picture_becomes_a_square_or_is_refused_for_its_shape_or_values(
    content: bytes, size_px: int, fit: str, background: str
) -> None:
    colour = parse_background(background)
    with Image.open(io.BytesIO(content)) as raw:
        width, height = raw.size
    shape_is_fine = min(width, height) >= MIN_SIDE_PX and max(width, height) <= MAX_ASPECT * min(width, height)
    try:
        image = decode(content, colour).image
    except DecodeError as refusal:
        assert not shape_is_fine or "grey values" in str(refusal) or "transparent" in str(refusal), refusal
        return
    assert shape_is_fine
    assert image.size == (width, height)
    square = to_square(image, size_px, fit, colour)  # type: ignore[arg-type]
    assert (square.mode, square.size) == ("RGB", (size_px, size_px))


WHOLE = [content for content, _ in valid_images().values()] + [content for content, _ in invalid_images().values()]


@given(content=st.sampled_from(WHOLE), data=st.data())
@settings(max_examples=300, deadline=None)
def test_bytes_harmed_anywhere_give_a_picture_or_a_reason_but_never_another_error(
    content: bytes, data: st.DataObject
) -> None:
    harmed = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        if harmed:
            harmed[data.draw(st.integers(0, len(harmed) - 1))] = data.draw(st.integers(0, 255))
    harmed = harmed[: data.draw(st.integers(0, len(harmed)))]
    try:
        image = decode(bytes(harmed)).image
    except DecodeError as refusal:
        assert str(refusal)
    else:
        assert image.mode == "RGB"


@given(
    contents=st.lists(st.one_of(files(), st.binary(max_size=40)), min_size=1, max_size=6),
    fit=st.sampled_from(FITS),
    background=st.sampled_from(BACKGROUNDS),
)
@settings(max_examples=25, deadline=None)
def test_every_file_of_a_folder_is_accounted_for(contents: list[bytes], fit: str, background: str) -> None:
    with TemporaryDirectory() as folder:
        raw, out = Path(folder, "raw"), Path(folder, "set")
        raw.mkdir()
        for number, content in enumerate([*contents, encoded(noise(1), "PNG")]):
            (raw / f"{number}.png").write_bytes(content)
        report = build(BuildSettings(raw, out, 16, fit, background, workers=1))  # type: ignore[arg-type]
        assert report.found == len(contents) + 1
        assert report.pictures + len(report.duplicates) + len(report.rejected) == report.found
        assert len(list((out / "rgb_images").glob("*.png"))) == report.pictures
        assert (out / "csv_files/train_converted.csv").read_text().count("\n") == report.pictures + 1
