"""What comes from outside, broken in every way: pages, images, lines of files, sites, models, settings, codes.

``python -m benchmarks.fuzz --minutes 10`` says what was found: any exception that is not the room's own, or an
answer that is not fit to be kept. What it finds becomes a test.
"""

import argparse
import json
import logging
import shutil
import struct
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import timedelta
from functools import cache, wraps
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from PIL import Image
from requests import Request

from dataset.build import BuildSettings, build
from dataset.decode import MAX_PIXELS as DATASET_MAX_PIXELS
from dataset.decode import decode
from dataset.errors import DatasetError, DecodeError
from dataset.file_kinds import FORMATS
from dataset.pixel_art import to_own_grid
from dataset.render import OUTCOME_FIELDS
from dataset.sheets import cut_cell, json_cells
from gan.config import PRESETS, Architecture, Recipe, TrainConfig
from gan.errors import GanError
from gan.export.onnx_header import OnnxHeader
from gan.networks.build import build_discriminator, build_generator, without_weights
from gan.runs.checkpoint import GeneratorHeader, load_checkpoint, load_generator, save_checkpoint, save_generator
from gan.runs.model_files import CONFIG_FILE
from gan.runs.run_folder import RunFolder
from gan.sampling.share_codes import decode as decode_share_code
from gan.sampling.share_codes import encode as encode_share_code
from kit.image_repair import repair_image
from kit.jsonl import parse_json_line
from kit.palette_files import PaletteError, parse_palette_file
from kit.printable import printable
from scraper.errors import FetchError, ScrapeError, ScrapeSettingsError
from scraper.manifest import MANIFEST_NAME, Manifest
from scraper.net.cookies import SiteCookies
from scraper.net.urls import is_http_url, join_url, url_path
from scraper.pages.content import read_details, read_gallery, read_hub
from scraper.pages.html import page_text, refresh_target
from scraper.pages.images import checked_image_suffix, decode_data_url
from scraper.pages.sites import GAME_ART_HQ, Site, load_site
from sprites.errors import SpriteSettingsError
from sprites.palettes import parse_palette

URL = "http://site.test/a/"
MAX_PIXELS = 1_000_000
EXAMPLE_SECONDS = 60
"""One example may take so long, on a machine that is busy with other things."""
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


@contextmanager
def file_of(content: bytes | str, name: str = "file") -> Iterator[Path]:
    """A file that holds this, in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "replace"))
        yield path


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
        decoded = decode(content)
        assert decoded.image.mode == "RGB"
        assert to_own_grid(decoded, None).image.mode == "RGB"
    with suppress(FetchError):
        checked_image_suffix(content, MAX_PIXELS)
    repair_image(content)


@given(st.lists(LINES, max_size=6))
def fuzz_lines(lines: list[bytes]) -> None:
    for line in lines:
        parse_json_line(line)
    with file_of(b"\n".join(lines), MANIFEST_NAME) as path, suppress(ScrapeError):
        with Manifest(path.parent) as manifest:
            record = manifest.get("http://x")
        assert record is None or record.file is None  # there is no such file


ASE_BLOCKS = st.builds(
    lambda kind, length, name, model, values: struct.pack(">HIH", kind, length, name) + model + values,
    st.sampled_from([1, 0xC001, 0]),
    st.one_of(st.integers(0, 60), st.just(2**32 - 1)),
    st.sampled_from([0, 1, 2, 65_535]),
    st.sampled_from([b"\0A\0\0RGB ", b"RGB ", b"Gray", b"CMYK", b"LAB "]),
    st.one_of(st.binary(max_size=16), st.floats(width=32).map(lambda share: 3 * struct.pack(">f", share))),
)


@given(
    st.one_of(st.text(max_size=200), st.text("0123456789abcdefABCDEF #\n\tGIMPalet:", max_size=200)),
    st.lists(ASE_BLOCKS, max_size=6).map(b"".join),
)
def fuzz_palettes(text: str, blocks: bytes) -> None:
    for each in (text, f"GIMP Palette\n{text}", f"JASC-PAL\n0100\n2\n{text}"):
        with suppress(SpriteSettingsError):
            parse_palette(each)
        with suppress(PaletteError):
            parse_palette_file(each.encode("utf-8", "surrogatepass"))
    with suppress(PaletteError):
        assert all(0 <= channel <= 255 for colour in parse_palette_file(b"ASEF" + blocks) for channel in colour)


SIDES = st.one_of(
    st.integers(-1, 70), st.sampled_from([16_384, 2**31, 10**400, 1.0, 1.5, True, None, "8"]), st.floats()
)
BOXES = st.one_of(
    st.fixed_dictionaries({"x": SIDES, "y": SIDES, "w": SIDES, "h": SIDES}),
    st.just({"x": 0, "y": 0, "w": 16, "h": 16}),
    JSON,
)
FRAMES = st.fixed_dictionaries(
    {"frame": BOXES},
    optional={
        "filename": st.one_of(st.text(max_size=10), JSON),
        "rotated": st.booleans(),
        "trimmed": st.booleans(),
        "spriteSourceSize": BOXES,
        "sourceSize": BOXES,
    },
)
FRAME_LISTS = st.one_of(
    st.lists(st.one_of(FRAMES, JSON), max_size=5), st.dictionaries(st.text(max_size=5), FRAMES, max_size=5), JSON
)
SHEETS = st.one_of(
    st.builds(lambda frames: {"frames": frames}, FRAME_LISTS),
    st.builds(
        lambda frames: {"textures": [{"image": "s.png", "frames": each} for each in frames]},
        st.lists(FRAME_LISTS, max_size=2),
    ),
    JSON,
)


@given(st.one_of(SHEETS.map(lambda sheet: json.dumps(sheet).encode()), st.binary(max_size=60)), st.booleans())
def fuzz_sheets(content: bytes, is_clear: bool) -> None:
    sheet = Image.new("RGBA" if is_clear else "RGB", (64, 48))
    with file_of(content, "s.json") as path, suppress(DecodeError):
        for cell in json_cells(path, "s.png"):
            assert cell.name.isprintable()
            with suppress(DecodeError):
                figure = cut_cell(sheet, cell, (0, 0, 0, 0)[: len(sheet.mode)])
                assert figure.width * figure.height <= DATASET_MAX_PIXELS


COOKIES = st.lists(
    st.one_of(st.text(max_size=12), st.sampled_from(["TRUE", "FALSE", "0", "site.test", "/"])), max_size=8
)


@given(
    st.lists(COOKIES.map("\t".join), max_size=4), st.text(max_size=8), st.text(max_size=8), st.text(max_size=12)
)
def fuzz_cookies(lines: list[str], name: str, value: str, expires: str) -> None:
    whole = "\t".join(["site.test", "FALSE", "/", "FALSE", expires, name, value])
    with file_of("\n".join([*lines, whole])) as path, suppress(ScrapeSettingsError):
        header = SiteCookies(path, frozenset({"site.test"})).header(Request("GET", URL).prepare()) or ""
        assert not {"\r", "\n"} & set(header)
        header.encode("latin-1")


@given(
    st.dictionaries(st.sampled_from([*Site.__dataclass_fields__, "other"]), JSON),
    st.one_of(st.just(""), st.text(max_size=60)),
)
def fuzz_sites(values: dict[str, Any], noise: str) -> None:
    lines = [f"{name} = {json.dumps(value)}" for name, value in values.items()]
    with file_of("\n".join([*lines, noise])) as path, suppress(ScrapeSettingsError):
        load_site(path)


SMALL = Architecture("upsample", (8, 8, 8), 16, 8)
DECISIVE = st.sampled_from(
    [-1, 0, 1, 1.5, 2**40, 10**4000, True, None, "", "<b>", [], {}, [8, 8], [4096] * 8, float("nan"), float("inf")]
)
ANY = st.one_of(JSON, DECISIVE)


@cache
def whole_model() -> tuple[bytes, bytes]:
    """A generator file and a checkpoint."""
    with tempfile.TemporaryDirectory() as folder:
        generator, checkpoint = Path(folder) / "g", Path(folder) / "c"
        network = build_generator(SMALL)
        save_generator(generator, network, GeneratorHeader(SMALL, "dcgan", 7, "noise"))
        save_checkpoint(
            checkpoint, {"steps": 7, "seconds": 1.0, "generator": network.state_dict(), "list": [(1, "a")]}
        )
        return generator.read_bytes(), checkpoint.read_bytes()


@st.composite
def broken(draw: Any, content: bytes, most: int = 4) -> bytes:
    """Some bytes of a file are others, cut off or doubled; nearly always near its beginning or its end."""
    harmed = bytearray(content)
    for _ in range(draw(st.integers(1, most))):
        near = draw(st.integers(0, min(len(harmed), 1500)))
        at = draw(st.sampled_from([near, len(harmed) - near]))
        harmed[at : at + draw(st.integers(0, 4))] = draw(st.binary(max_size=4))
    return bytes(harmed)


@st.composite
def safetensors_headers(draw: Any) -> bytes:
    """A generator file whose header, or what vgc wrote into it, has other values."""
    content = whole_model()[0]
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    about = json.loads(header["__metadata__"]["vgc"])
    target = draw(st.sampled_from([about, about["architecture"], header, header["to_rgb.bias"]]))
    target[draw(st.sampled_from([*target, "more"]))] = draw(ANY)
    if isinstance(header.get("__metadata__"), dict):
        header["__metadata__"]["vgc"] = json.dumps(about)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + content[8 + length :]


@given(st.one_of(safetensors_headers(), st.deferred(lambda: broken(whole_model()[0]))))
def fuzz_models(content: bytes) -> None:
    with file_of(content) as path, suppress(GanError):
        network, header = load_generator(path, torch.device("cpu"))
        assert torch.isfinite(network(torch.zeros(1, header.architecture.latent_dim))).all()


@given(st.deferred(lambda: broken(whole_model()[1])))
def fuzz_checkpoints(content: bytes) -> None:
    with file_of(content) as path, suppress(GanError):
        load_checkpoint(path)


@st.composite
def broken_settings(draw: Any) -> dict[str, Any]:
    """A run's settings in which one value is another."""
    preset = draw(st.sampled_from(["dcgan", "projected"]))
    values: dict[str, Any] = json.loads(json.dumps(TrainConfig(recipe=PRESETS[preset].at_size(16)).to_json()))
    recipe = values["recipe"]
    target = draw(st.sampled_from([values, recipe, recipe["generator"], recipe["discriminator"]]))
    target[draw(st.sampled_from([*target, "more"]))] = draw(ANY)
    return values


@given(broken_settings())
def fuzz_settings(values: dict[str, Any]) -> None:
    with file_of(json.dumps(values), CONFIG_FILE) as path, suppress(GanError):
        config = RunFolder(path.parent).read_config()
        assert isinstance(config.recipe, Recipe)
        assert TrainConfig.from_json(json.loads(json.dumps(config.to_json()))) == config
        with without_weights():
            build_generator(config.recipe.generator)
            build_discriminator(config.recipe.discriminator)


@given(st.sampled_from([*OnnxHeader.__dataclass_fields__, "format", "more"]), ANY)
def fuzz_onnx_headers(name: str, value: Any) -> None:
    whole = asdict(OnnxHeader("0" * 64, 2, 16, "noise", ((0.0, 1.0),), "0" * 64))
    with suppress(ValueError):
        header = OnnxHeader.from_json(json.dumps({"format": 1, **whole, name: value}))
        assert np.array(header.directions, np.float32).shape[1:] in ((2,), ())


@given(st.one_of(st.text(max_size=80), st.binary(max_size=40)), st.integers(0, 80))
def fuzz_share_codes(noise: str | bytes, at: int) -> None:
    code = encode_share_code("0123abcd" * 8, np.zeros(8, np.float32))
    words = noise if isinstance(noise, str) else noise.decode("latin-1")
    for text in (words, code[:at] + words + code[at + len(words) :], code[:at]):
        with suppress(GanError):
            assert np.isfinite(decode_share_code(text).latent).all()


@cache
def whole_set() -> Path:
    """A set of four pictures, and its raw folder beside it; left for the system to clean up."""
    folder = Path(tempfile.mkdtemp(prefix="vgc-fuzz-"))
    (folder / "raw").mkdir()
    for seed in range(4):
        values = np.random.default_rng(seed % 3).integers(0, 256, (16, 16, 3), np.uint8)
        Image.fromarray(values).save(folder / f"raw/{seed}.png")
    build(BuildSettings(folder / "raw", folder / "set", 16, workers=1))
    return folder


@given(
    st.dictionaries(
        st.sampled_from(["duplicates", "rejected", "near_duplicates", "notes", "counts", "recipe"]), ANY
    ),
    st.lists(
        st.dictionaries(st.sampled_from(OUTCOME_FIELDS), st.one_of(ANY, st.just("0.png")), min_size=2), max_size=3
    ),
)
def fuzz_reports(values: dict[str, Any], records: list[dict[str, Any]]) -> None:
    folder = whole_set()
    report = json.loads((folder / "set/report.json").read_text("utf-8"))
    lists = {
        "duplicates": records,
        "rejected": [{"raw_file": "0.png", "file_name": "0.png", **each} for each in records],
    }
    (folder / "set/report.json").write_text(json.dumps({**report, **lists, **values}), "utf-8", "replace")
    lines = [json.dumps({"raw_file": "1.png", "file_name": "1.png", **each}) for each in records]
    with (folder / "set/rgb_images/metadata.jsonl").open("a", encoding="utf-8", errors="replace") as metadata:
        metadata.write("\n".join(lines))
    shutil.rmtree(folder / "set/.vgc", ignore_errors=True)
    with suppress(DatasetError):
        assert build(BuildSettings(folder / "raw", folder / "set", 16, workers=1)).pictures == 3


TARGETS = [function for name, function in globals().items() if name.startswith("fuzz_")]


def until(end: float, test: Any, counts: Counter[str]) -> Any:
    """The same test, counted; it does nothing any more once the time is over, unless it has found something."""

    @wraps(test)
    def bounded(*arguments: Any, **options: Any) -> None:
        if time.monotonic() > end and not counts["found"]:
            return
        counts["examples"] += 1
        try:
            test(*arguments, **options)
        except Exception:
            counts["found"] += 1
            raise

    return bounded


def main(minutes: float, only: str) -> None:
    """Give each target its share of the time, or until something is found, and say what came of it."""
    logging.disable(logging.CRITICAL)
    targets = [target for target in TARGETS if only in target.__name__]
    often = settings(
        max_examples=200,
        deadline=timedelta(seconds=EXAMPLE_SECONDS),
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    for target in targets:
        end = time.monotonic() + 60 * minutes / len(targets)
        counts: Counter[str] = Counter()
        target.hypothesis.inner_test = until(end, target.hypothesis.inner_test, counts)
        run = often(target)
        outcome = "nothing found"
        while time.monotonic() < end and outcome == "nothing found":
            try:
                run()
            except Exception as error:
                outcome = "".join(traceback.format_exception(error))
        print(f"{target.__name__}: {counts['examples']:,} examples, {outcome}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--only", default="", help="targets whose name has this in it")
    chosen = parser.parse_args()
    main(chosen.minutes, chosen.only)
