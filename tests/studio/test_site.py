"""The studio as a static site: from a plain file server, in a real browser, with nothing else to ask."""

import errno
import functools
import hashlib
import http.server
import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from fork_server import run_python
from playwright.sync_api import Browser, Page, expect
from studio_page import WALL, code_of, drop_file, painted, pick, pixels_of

import studio.site
from gan.config import PRESETS
from gan.errors import GanError
from gan.export.onnx import export_onnx
from gan.networks.build import build_generator
from gan.runs.checkpoint import GeneratorHeader, save_generator
from gan.runs.model_files import built_in_model
from gan.sampling.directions import find_directions
from gan.sampling.measures import measure
from gan.sampling.sample import latents_from_seeds
from gan.sampling.share_codes import encode
from studio import runtime
from studio.engine_torch import TorchEngine
from studio.errors import StudioError, StudioSettingsError
from studio.site import export_site, staging

ROOT = Path(__file__).parents[2]


class Quiet(http.server.SimpleHTTPRequestHandler):
    """What ``python -m http.server`` answers with, without its log."""

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_site(built_in_model(), tmp_path_factory.mktemp("export") / "site").parent


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    with served(site) as address:
        yield address


@contextmanager
def served(site: Path) -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=site)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """A page whose every request is noted: none may go anywhere but to the site, and no script may fail."""
    context = browser.new_context()
    asked, failures = [], []
    context.on("request", lambda request: asked.append(request.url))
    page = context.new_page()
    page.on("pageerror", lambda error: failures.append(str(error)))
    yield page
    context.close()
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []
    assert failures == []


def test_the_same_share_code_gives_the_same_character_in_the_browser_as_in_pytorch(page, address):
    assert onnx.load(built_in_model().with_suffix(".onnx")).opset_import[0].version == 20
    expect_the_characters_of_pytorch(page, address)


def test_the_browser_draws_what_is_exported_today_too(browser, tmp_path):
    export_onnx(built_in_model(), tmp_path / "new.onnx", find_directions)
    with served(export_site(tmp_path / "new.onnx", tmp_path / "site").parent) as address:
        page = browser.new_page()
        expect_the_characters_of_pytorch(page, address)
        page.close()


def test_a_site_of_a_model_with_alpha_draws_as_pytorch_does_over_the_chosen_ground(browser, tmp_path):
    generator = PRESETS["dcgan"].at_size(16).with_channels(4).generator
    model = tmp_path / "mine.safetensors"
    torch.manual_seed(0)
    save_generator(model, build_generator(generator), GeneratorHeader(generator, "dcgan", 7, "noise"))
    by_torch = TorchEngine(model)
    latent = latents_from_seeds([3], by_torch.info.latent_dim).numpy()
    expected = by_torch.draw(latent)[0].astype(int)
    with served(export_site(model, tmp_path / "site").parent) as address:
        page = browser.new_page()
        page.goto(f"{address}#{encode(by_torch.info.hash, latent[0])}")
        expect(page.locator("#name")).not_to_have_text("…")
        draw = """async (latent) => {
            const { connect } = await import("/engine/engine.js");
            const [pixels] = await (await connect()).draw([Float32Array.from(latent)]);
            return Array.from(pixels);
        }"""
        drawn = np.reshape(page.evaluate(draw, latent[0].tolist()), (16, 16, 4))
        assert np.abs(drawn[..., 3] - expected[..., 3]).max() <= 1
        opaque = expected[..., 3] >= 128  # elsewhere a level of alpha is many of a straight colour
        assert opaque.any()
        assert np.abs(drawn - expected)[opaque].max() <= 3
        page.locator("#ground").select_option("white")
        expect(page.locator("#picture")).to_have_css("background-color", "rgb(255, 255, 255)")
        page.locator("#to-wall").click()
        expect_words_to_pick_red_ones(page, by_torch)
        page.close()


def expect_words_to_pick_red_ones(page: Page, engine: TorchEngine) -> None:
    """On a wall of a model that draws 240 soon."""

    def redness() -> float:
        cards = page.locator("#wall-grid .card").evaluate_all(
            "all => all.slice(0, 24).map((one) => [...one.latent])"
        )
        return float(measure(engine.draw(np.array(cards, np.float32)))["hue_x"].mean())

    anybody = redness()
    page.locator("#search-words").fill("red")
    page.locator("#search-words").press("Enter")
    expect(page.locator("#search-text")).to_have_text("Red: the best of 240 first.")
    painted(page.locator("#wall-grid .card"))
    assert redness() > anybody + 0.02, (redness(), anybody)


def expect_the_characters_of_pytorch(page: Page, address: str) -> None:
    by_torch = TorchEngine(built_in_model())
    latents = latents_from_seeds([3, 8], by_torch.info.latent_dim).numpy()
    expected = by_torch.draw(latents).astype(int)
    for latent, image in zip(latents, expected, strict=True):
        code = encode(by_torch.info.hash, latent)
        page.goto("about:blank")
        page.goto(f"{address}#{code}")
        expect(page.locator("#name")).not_to_have_text("…")
        expect(page.locator("#picture")).to_be_visible()
        assert code_of(page) == code
        page.wait_for_function(
            "document.getElementById('picture').getContext('2d').getImageData(40, 40, 1, 1).data[3]"
        )
        assert np.abs(pixels_of(page.locator("#picture")).astype(int) - image).max() <= 1


def test_the_site_has_a_wall_traits_and_children_but_no_zip(page, address):
    page.goto(address)
    expect(page.locator("#wall-grid .card.drawn")).to_have_count(24)
    pick(page)
    expect(page.locator("#panel-children .drawn").first).to_be_visible()
    page.locator("#tab-traits").click()
    expect(page.locator("#traits .title").first).to_have_value("Brightness")
    expect(page.locator("#free-traits .title").last).to_have_value("Trait 10")
    expect(page.locator("#sprites")).to_be_hidden()
    expect(page.locator("#workshop")).to_be_hidden()
    page.keyboard.press("?")
    expect(page.locator("#shortcuts")).to_contain_text("Save as PNG")
    expect(page.locator("#shortcuts")).not_to_contain_text("For a game")


def test_a_worker_draws_what_several_ask_for_at_once(page, address):
    with page.expect_event("worker") as begun:
        page.goto(address)
    assert begun.value.url == f"{address}ort/ort.wasm.min.js"
    apart, together = page.evaluate(
        """async () => {
            const { connect } = await import("/engine/engine.js");
            const { gaussian } = await import("/model/random.js");
            const { draw } = await connect();
            const latents = [1, 2, 3, 4].map((seed) => gaussian(seed, 100));
            const apart = [];
            for (const latent of latents) apart.push(...(await draw([latent])));
            const together = (await Promise.all([draw(latents.slice(0, 2)), draw(latents.slice(2))])).flat();
            return [apart, together].map((pictures) => pictures.map((rgb) => rgb.join()));
        }"""
    )
    assert apart == together
    assert len(set(apart)) == 4


def test_the_browser_itself_refuses_every_other_address(page, address):
    page.goto(address)
    other = "http://localhost:" + address.rsplit(":", 1)[1]
    refused = "fetch(url).then(() => 'answered', () => 'refused')"
    assert page.evaluate(f"async (url) => {refused}", other) == "refused"
    assert page.evaluate(f"async (url) => {refused}", address) == "answered"


def test_an_incomplete_site_says_so(page, address):
    page.route("**/model.onnx", lambda route: route.fulfill(status=404))
    page.goto(address)
    expect(page.locator("#announcement")).to_contain_text("A file of this page could not be loaded")


def test_the_runtime_is_the_published_one_with_its_licence_and_hashes(site):
    record = json.loads((site / "ort" / runtime.RECORD_FILE).read_text())
    assert (record["name"], record["licence"]) == ("onnxruntime-web", "MIT")
    assert record["archive"] == f"onnxruntime-web-{record['version']}.tar.xz"
    files = {name.replace(".mjs", ".js"): expected for name, expected in record["sha256"].items()}
    assert {path.name for path in (site / "ort").iterdir()} == {*files, runtime.RECORD_FILE}
    for name, expected in files.items():
        assert hashlib.sha256((site / "ort" / name).read_bytes()).hexdigest() == expected
    assert "Permission is hereby granted, free of charge" in (site / "ort" / "LICENSE").read_text()


def test_a_damaged_runtime_is_refused(tmp_path, monkeypatch):
    record = json.loads((runtime.HERE / runtime.RECORD_FILE).read_text())
    (tmp_path / record["archive"]).write_bytes((runtime.HERE / record["archive"]).read_bytes())
    record["sha256"]["LICENSE"] = "0" * 64
    (tmp_path / runtime.RECORD_FILE).write_text(json.dumps(record))
    monkeypatch.setattr(runtime, "HERE", tmp_path)
    with pytest.raises(ValueError, match="LICENSE is damaged"):
        runtime.unpack(tmp_path / "ort")


def test_a_missing_package_is_named_with_its_command(tmp_path, monkeypatch):
    monkeypatch.setattr(studio.site, "find_spec", lambda _: None)
    with pytest.raises(StudioError, match=r"needs ONNX Runtime and the exporter: pip install '\.\[studio,onnx\]'"):
        export_site(built_in_model(), tmp_path / "site")


def test_another_export_replaces_a_site_whole_and_nothing_else(site, tmp_path):
    target = tmp_path / "site"
    export_site(built_in_model(), target)
    output = json.loads((target / "model.json").read_text())
    (target / "left-over.js").write_text("")  # as an older version may have had
    (target / "model.json").write_text(json.dumps({**output, "files": [*output["files"], "left-over.js"]}))
    export_site(built_in_model().with_suffix(".onnx"), target)
    names = {path.relative_to(target) for path in target.rglob("*")}
    assert names == {path.relative_to(site) for path in site.rglob("*")}
    assert list(tmp_path.iterdir()) == [target]
    (tmp_path / "file").write_text("")
    with pytest.raises(StudioSettingsError, match=r"file: is a file, not a folder; name another"):
        export_site(built_in_model(), tmp_path / "file")
    (tmp_path / "file").unlink()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("")
    with pytest.raises(StudioSettingsError, match=r"mine: thesis\.txt is of no earlier export"):
        export_site(built_in_model(), tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]
    (target / "me").mkdir()
    (target / "me/CNAME").write_text("mine")
    with pytest.raises(StudioSettingsError, match=r"site: me is of no earlier export"):
        export_site(built_in_model(), target)
    assert (target / "me/CNAME").read_text() == "mine"


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


KILLED = """
import os, signal, sys
from pathlib import Path
import studio.site

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def rename_and_die(path, to):
    rename(path, to)
    die()

rename, moment, model, target = Path.rename, *sys.argv[1:]
if moment == "in the middle of writing":
    studio.site.write_model = die
elif moment == "with all written":
    os.sync = die
elif moment == "between the renames":
    Path.rename = rename_and_die
else:
    studio.site.sync = die
studio.site.export_site(Path(model), Path(target))
"""


@pytest.mark.skipif(not hasattr(os, "sync"), reason="kills as Unix does")
@pytest.mark.parametrize("moment", ["in the middle of writing", "with all written", "between the renames"])
def test_an_earlier_site_survives_an_export_that_is_killed(tmp_path, moment):
    target, model = tmp_path / "site", built_in_model().with_suffix(".onnx")
    export_site(model, target)
    before = files_of(target)
    killed = run_python(("-c", KILLED, moment, str(model), str(target)), ROOT)
    assert killed.returncode == -signal.SIGKILL
    left = tmp_path / ".site.export/old" if moment == "between the renames" else target
    assert files_of(left) == before
    with pytest.raises(GanError):
        export_site(tmp_path / "no.onnx", target)
    assert list(tmp_path.iterdir()) == [target]
    assert files_of(target) == before


@pytest.mark.skipif(not hasattr(os, "sync"), reason="kills as Unix does")
def test_an_export_that_is_killed_with_the_new_site_in_its_place_is_no_hindrance(tmp_path):
    target, model = tmp_path / "site", built_in_model().with_suffix(".onnx")
    export_site(model, target)
    before = files_of(target)
    run_python(("-c", KILLED, "behind the renames", str(model), str(target)), ROOT)
    assert (tmp_path / ".site.export/old").is_dir()
    export_site(model, target)
    assert list(tmp_path.iterdir()) == [target]
    assert files_of(target) == before


def test_an_earlier_site_survives_an_export_that_fails_at_the_last_moment(tmp_path, monkeypatch):
    target, model = tmp_path / "site", built_in_model().with_suffix(".onnx")
    export_site(model, target)
    before, rename = files_of(target), Path.rename

    def rename_unless_new(path: Path, to: Path) -> Path:
        if path.name == "new":
            raise OSError(errno.EACCES, "in use")
        return rename(path, to)

    monkeypatch.setattr(Path, "rename", rename_unless_new)
    with pytest.raises(StudioError, match=r"site: cannot write it \(in use\)"):
        export_site(model, target)
    assert list(tmp_path.iterdir()) == [target]
    assert files_of(target) == before


def test_two_exports_to_one_folder_do_not_mix(tmp_path):
    with staging(tmp_path / "site"), pytest.raises(StudioError, match="another vgc export is writing it"):
        export_site(built_in_model().with_suffix(".onnx"), tmp_path / "site")


def test_the_site_looks_for_the_character_most_like_a_picture_too(page, address):
    page.goto(address)
    painted(page.locator("#wall-grid .card"))
    drop_file(page, WALL.read_bytes(), "wall.png")
    name = page.locator("#projection-name")
    expect(name).not_to_have_text("…")
    page.locator("#projection-take").click()
    expect(page.locator("#name")).to_have_text(name.inner_text())
    assert pixels_of(page.locator("#picture")).any()


def test_no_file_has_a_name_that_simple_hosts_send_as_something_else(site):
    assert {path.suffix for path in site.rglob("*.*")} <= {
        ".html",
        ".css",
        ".js",
        ".json",
        ".wasm",
        ".onnx",
        ".txt",
    }


@pytest.mark.parametrize(
    ("file", "answer", "text"),
    [
        ("main.js", {"status": 404}, "main.js is missing or refused: error 404"),
        ("model/latents.js", {"status": 404}, "model/latents.js is missing or refused: error 404"),
        ("ort/ort.wasm.min.js", {"status": 403}, "ort/ort.wasm.min.js is missing or refused: error 403"),
        ("ui/dom.js", {"content_type": "text/plain", "body": ""}, "sends ui/dom.js as text/plain"),
        ("engine/errors.js", None, "engine/errors.js could not be fetched"),
        (
            "views/mix.js",
            {"content_type": "text/javascript", "body": "syntax error"},
            "the browser may be too old",
        ),
    ],
)
def test_a_program_that_did_not_load_is_told_with_its_reason(browser, address, file, answer, text):
    page = browser.new_page()
    page.route(f"**/{file}", lambda route: route.fulfill(**answer) if answer else route.abort())
    page.goto(address)
    expect(page.locator("#alert")).to_contain_text("program did not load")
    expect(page.locator("#alert")).to_contain_text(text)
    page.close()


def test_a_page_that_was_opened_as_a_file_says_how_to_serve_it(browser, site):
    page = browser.new_page()
    page.goto((site / "index.html").as_uri())
    expect(page.locator("#alert")).to_contain_text("python -m http.server")
    page.close()
