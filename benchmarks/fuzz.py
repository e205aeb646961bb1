"""What comes from outside, broken in every way: pages, images, lines of files, palettes, descriptions of sites.

``python -m benchmarks.fuzz --minutes 10`` says what was found: any exception that is not the room's own, or an
answer that is not fit to be kept. What it finds becomes a test.
"""

import argparse
import json
import logging
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from PIL import Image

from dataset.decode import decode
from dataset.errors import DecodeError
from dataset.file_kinds import FORMATS
from kit.image_repair import repair_image
from kit.jsonl import parse_json_line
from kit.printable import printable
from scraper.errors import FetchError, ScrapeError, ScrapeSettingsError
from scraper.manifest import MANIFEST_NAME, Manifest
from scraper.net.urls import is_http_url, join_url, url_path
from scraper.pages.content import read_details, read_gallery, read_hub
from scraper.pages.html import page_text, refresh_target
from scraper.pages.images import checked_image_suffix, decode_data_url
from scraper.pages.sites import GAME_ART_HQ, Site, load_site
from sprites.errors import SpriteSettingsError
from sprites.palettes import parse_palette

URL = "http://site.test/a/"
MAX_PIXELS = 1_000_000
ANY_SITE = Site("any", "http://site.test")

TAGS = st.sampled_from(
    ("table", "tr", "td", "div", "img", "a", "strong", "source", "picture", "base", "meta", "li")
)
ATTRIBUTES = st.sampled_from(
    ("src", "srcset", "data-src", "href", "style", "class", "rel", "content", "http-equiv")
)
VALUES = st.one_of(
    st.text(max_size=30),
    st.sampled_from(["/a.png 1x, /b.png 2w", "//h/x", "data:image/png;base64,AAAA", "http://[::", "javascript:x"]),
    st.sampled_from(["refresh", "0;url=/b", "next", "/1/video-game-characters-a/", "url( 'x", "..%2f", "?1&b=#"]),
)
ELEMENTS = st.builds("<{} {}='{}' {}={}>{}".format, TAGS, ATTRIBUTES, VALUES, ATTRIBUTES, VALUES, VALUES)
PAGES = st.lists(st.one_of(ELEMENTS, st.builds("</{}>".format, TAGS), VALUES), max_size=60).map("".join)

JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)),
    max_leaves=20,
)
FIELDS = ("url", "status", "page", "name", "file", "sha256", "bytes", "http", "retry", "fields", "fetched_at")
RECORDS = st.dictionaries(
    st.sampled_from(FIELDS),
    st.one_of(JSON, st.sampled_from(["saved", "images/x.png", "images/..", "pages/a\0b", "../x", "http://x"])),
)
LINES = st.one_of(
    RECORDS.map(lambda record: json.dumps(record).encode()),
    JSON.map(lambda value: json.dumps(value).encode()),
    st.binary(max_size=60),
    st.integers(1, 100_000).map(lambda depth: b"[" * depth),
    st.integers(1, 10_000).map(lambda digits: b'{"bytes": ' + b"9" * digits + b"}"),
)


def whole_images() -> list[bytes]:
    """One file of each kind and mode that Pillow writes."""
    values = np.random.default_rng(0).integers(0, 256, (24, 20, 4), np.uint8)
    files = []
    for kind in FORMATS:
        for mode in ("RGB", "RGBA", "L", "LA", "P", "1", "I;16", "F", "CMYK"):
            out = BytesIO()
            image = Image.fromarray(values)
            with suppress(Exception):
                converted = image.convert("I" if mode == "I;16" else mode).convert(mode)
                converted.save(out, kind, **({"progressive": True} if kind == "JPEG" else {}))
                files.append(out.getvalue())
    return files


@st.composite
def broken_images(draw: Any) -> bytes:
    """A whole file in which some bytes are others, cut off or doubled."""
    content = bytearray(draw(st.sampled_from(WHOLE)))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(content)))
        piece = draw(
            st.one_of(st.binary(max_size=8), st.sampled_from([b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff"]))
        )
        content[at : at + draw(st.integers(0, 8))] = piece
    return bytes(content[: draw(st.integers(0, len(content)))] if draw(st.booleans()) else content)


EXTREMES = (b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff")
WHOLE = whole_images()


@given(PAGES, st.binary(max_size=20), st.text(max_size=20))
def fuzz_pages(page: str, noise: bytes, content_type: str) -> None:
    body = b"<div class=entry>" + page.encode("utf-8", "surrogatepass") + noise
    text = page_text(body, f"text/html; charset={content_type}")
    refresh_target(text, URL)
    for site in (ANY_SITE, GAME_ART_HQ):
        with suppress(FetchError):
            read_hub(site, text, URL)
            read_details(site, text)
            for one in read_gallery(site, text, URL, "a", MAX_PIXELS).characters:
                assert one.name or one.image
                assert one.name.isprintable() or "\u200c" in one.name or "\u200d" in one.name


@given(st.text(max_size=80), st.text(max_size=80))
def fuzz_addresses(base: str, reference: str) -> None:
    joined = join_url(base, reference)
    assert joined == join_url(joined, joined) or not joined.startswith("http")
    url_path(joined)
    is_http_url(joined)
    assert "\x1b" not in printable(joined)
    with suppress(FetchError):
        decode_data_url(reference, 1000)


@given(broken_images())
def fuzz_images(content: bytes) -> None:
    with suppress(DecodeError):
        assert decode(content).image.mode == "RGB"
    with suppress(FetchError):
        checked_image_suffix(content, MAX_PIXELS)
    repair_image(content)


@given(st.lists(LINES, max_size=6))
def fuzz_lines(lines: list[bytes]) -> None:
    for line in lines:
        parse_json_line(line)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / MANIFEST_NAME).write_bytes(b"\n".join(lines))
        with suppress(ScrapeError), Manifest(Path(folder)) as manifest:
            record = manifest.get("http://x")
            assert record is None or record.file is None  # there is no such file


@given(st.one_of(st.text(max_size=200), st.text("0123456789abcdefABCDEF #\n\tGIMPalet:", max_size=200)))
def fuzz_palettes(text: str) -> None:
    for each in (text, f"GIMP Palette\n{text}"):
        with suppress(SpriteSettingsError):
            parse_palette(each)


@given(
    st.dictionaries(st.sampled_from([*Site.__dataclass_fields__, "other"]), JSON),
    st.one_of(st.just(""), st.text(max_size=60)),
)
def fuzz_sites(values: dict[str, Any], noise: str) -> None:
    lines = [f"{name} = {json.dumps(value)}" for name, value in values.items()]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "site.toml"
        path.write_text("\n".join([*lines, noise]), "utf-8", "replace")
        with suppress(ScrapeSettingsError):
            load_site(path)


TARGETS = (fuzz_pages, fuzz_addresses, fuzz_images, fuzz_lines, fuzz_palettes, fuzz_sites)


def main(minutes: float) -> None:
    """Give each target its share of the time, or until something is found, and say what came of it."""
    logging.disable(logging.CRITICAL)
    for target in TARGETS:
        end = time.monotonic() + 60 * minutes / len(TARGETS)
        examples = 0
        bounded: Callable[[], None] = settings(
            max_examples=200,
            deadline=None,
            database=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        )(target)
        outcome = "nothing found"
        while time.monotonic() < end and outcome == "nothing found":
            examples += 200
            try:
                bounded()
            except Exception as error:
                outcome = "".join(traceback.format_exception(error))
        print(f"{target.__name__}: {examples:,} examples, {outcome}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    main(parser.parse_args().minutes)
