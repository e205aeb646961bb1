"""A new set in the browser: from dropped pictures, a zip, a folder, a site; a kill amid it loses nothing."""

import io
import json
import os
import re
import signal
import stat
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import requests
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect
from studio_server import FlatEngine, serving, wait_until
from test_proxy import free_port

from kit.atomic import PARTIAL_SUFFIX
from scraper.demosite.server import serve
from studio.workshop.unzip import Refused, clean_path, common_folder, unpack
from studio.workshop.uploads import NotTakenError, Upload

SECONDS = 120
"""A busy machine may take so long."""
expect.set_options(timeout=SECONDS * 1000)
API = "/api/workshop"
TESTS = Path(__file__).parent
SERVER = """
import sys
sys.path[:] = {path!r}
from studio_server import FlatEngine
from studio.guard import Access
from studio.launch import create_server, listen
with listen("127.0.0.1", {port}) as listener:
    create_server(FlatEngine(), Access(), root=__import__("pathlib").Path({root!r})).run(sockets=[listener])
"""


def png(seed: int, side: int = 20) -> bytes:
    """A picture of noise, like no other."""
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, "PNG")
    return encoded.getvalue()


def write_pictures(folder: Path, count: int, large: int = 0) -> list[Path]:
    """So many, of which the first are too large to be sent together."""
    folder.mkdir(parents=True)
    files = [folder / f"{number:02d}.png" for number in range(count)]
    for number, file in enumerate(files):
        file.write_bytes(png(number, 160 if number < large else 20))
    return files


@contextmanager
def server_process(root: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A studio that can be killed."""
    code = SERVER.format(path=[str(TESTS), *sys.path], port=port, root=str(root))
    with subprocess.Popen([sys.executable, "-c", code], cwd=root) as process:
        try:
            wait_until(lambda: is_up(port))
            yield process
        finally:
            process.kill()


def is_up(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/healthz", timeout=5).ok
    except requests.RequestException:
        return False


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that may not fail."""
    context = browser.new_context(viewport={"width": 700, "height": 900})
    context.set_default_timeout(SECONDS * 1000)
    page, failures = context.new_page(), []
    page.on("pageerror", lambda error: failures.append(str(error)))
    yield page
    context.close()
    assert failures == []


def choose(page: Page, url: str, files: list[Path], name: str) -> None:
    page.goto(f"{url}/workshop/new.html")
    page.locator("body.ready").wait_for()
    page.locator("#files").set_input_files(files)
    page.locator("#name").fill(name)
    page.locator("#size").fill("16")
    expect(page.locator("#commands")).to_contain_text("vgc preprocess")


def test_a_kill_amid_an_upload_tears_nothing_and_the_same_drop_goes_on_to_the_sets_wall(
    page: Page, tmp_path: Path
) -> None:
    files, root, port = write_pictures(tmp_path / "mine", 12, large=10), tmp_path / "root", free_port()
    root.mkdir()
    pieces = []

    def kill_amid(route: Route) -> None:
        pieces.append(route.request.url)
        if len(pieces) == 9:  # six are on their way at once
            os.kill(process.pid, signal.SIGKILL)
        route.continue_()

    with server_process(root, port) as process:
        page.route("**/upload/piece*", kill_amid)
        choose(page, f"http://127.0.0.1:{port}", files, "heroes")
        page.locator("#go").click()
        expect(page.locator("#alert")).to_contain_text("does not answer")
    page.unroute("**/upload/piece*")
    assert not (root / "Data/heroes-raw").exists()
    came = list((root / "Data/.heroes-raw.upload").glob("*.png"))
    assert 0 < len(came) < 12
    assert all(path.read_bytes() == (tmp_path / "mine" / path.name).read_bytes() for path in came)
    with server_process(root, port):
        choose(page, f"http://127.0.0.1:{port}", files, "heroes")
        expect(page.locator("#begun")).to_contain_text("heroes")
        page.locator("#go").click()
        page.wait_for_url("**/set.html?folder=Data%2Fheroes")
        expect(page.locator("#about")).to_contain_text("12 of 12 shown, 0 selected")
    raw = {path.name: path.read_bytes() for path in (root / "Data/heroes-raw").glob("*.png")}
    assert raw == {path.name: path.read_bytes() for path in files}


def test_of_a_zip_what_leads_out_of_the_folder_is_refused_by_name(page: Page, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "characters.zip", "w") as archive:
        archive.writestr("all/a.png", png(1))
        archive.writestr("../../<b>evil.png", png(2))
    with serving(FlatEngine(), root=tmp_path) as url:
        choose(page, url, [tmp_path / "characters.zip"], "zipped")
        page.locator("#go").click()
        expect(page.locator("#refused")).to_have_text("../../<b>evil.png: its name leads out of the folder")
        page.locator("#open").click()
        expect(page.locator("#about")).to_contain_text("1 of 1 shown, 0 selected")
    assert sorted(path.name for path in (tmp_path / "Data").rglob("*.png") if "raw" in str(path)) == ["a.png"]
    assert list(tmp_path.parent.rglob("*evil*")) == []


def test_a_scrape_is_stopped_and_goes_on_to_a_set(page: Page, tmp_path: Path) -> None:
    with serving(FlatEngine(), root=tmp_path) as url:
        page.goto(f"{url}/workshop/new.html")
        page.locator("[value=built-in]").check()
        page.locator("#letters").fill("a-b")
        expect(page.locator("#commands")).to_contain_text("--delay 0 --letters a-b --out")
        page.locator("#go").click()
        page.locator("#stop").click()
        expect(page.locator("#doing")).to_contain_text("Stopped")
        page.reload()
        page.get_by_role("button", name="Go on").click()
        page.wait_for_url("**/set.html?folder=Data%2Fbuilt-in")
        count = len(list((tmp_path / "Data/built-in-raw/images").iterdir()))
        expect(page.locator("#about")).to_contain_text(f"{count} of {count} shown, 0 selected")
        assert count > 100


def test_a_described_site_at_another_address_becomes_a_set(page: Page, tmp_path: Path) -> None:
    (tmp_path / "museum.toml").write_bytes((TESTS.parent / "compat/files/site.toml").read_bytes())
    with serve() as site, serving(FlatEngine(), root=tmp_path) as url:
        page.goto(f"{url}/workshop/new.html")
        page.locator("[value=site]").check()
        page.get_by_role("button", name="museum.toml").click()
        page.locator("#base-url").fill(site)
        page.locator("#letters").fill("q")
        page.locator("#limit").fill("1")  # at a request a second
        expect(page.locator("#commands")).to_contain_text(
            f"vgc scrape --base-url {site} --site museum.toml --letters q --limit 1 --out Data/museum-raw"
        )
        page.locator("#go").click()
        page.wait_for_url("**/set.html?folder=Data%2Fmuseum")
        expect(page.locator("#about")).to_contain_text("1 of 1 shown")


def test_the_start_page_tells_of_a_set_that_is_being_made(page: Page, tmp_path: Path) -> None:
    with serving(FlatEngine(), root=tmp_path) as url:
        page.goto(f"{url}/workshop/new.html")
        page.locator("[value=built-in]").check()
        expect(page.locator("#commands")).to_contain_text("--delay 0")
        page.locator("#go").click()
        expect(page.locator("#stop")).to_be_visible()
        page.goto(f"{url}/workshop/")
        expect(page.locator("#job")).to_contain_text("Collecting pictures for built-in")
        expect(page).to_have_title(re.compile("Collecting pictures for built-in · vgc studio$"))
        assert Axe().run(page).response["violations"] == []
        page.locator("#job a").click()
        page.locator("#stop").click()
        expect(page.locator("#doing")).to_contain_text("Stopped")
        page.goto(f"{url}/workshop/")
        page.locator("body.ready").wait_for()
        expect(page.locator("#job")).to_be_hidden()
        expect(page).to_have_title("vgc studio")


def test_axe_finds_nothing_on_the_new_page_and_nothing_sticks_out(browser: Browser, tmp_path: Path) -> None:
    write_pictures(tmp_path / "a rather long name of a folder/of heroes", 1)
    with serving(FlatEngine(), root=tmp_path) as url:
        for scheme, width in (("light", 320), ("dark", 1280)):
            context = browser.new_context(viewport={"width": width, "height": 700}, color_scheme=scheme)
            page = context.new_page()
            page.goto(f"{url}/workshop/new.html")
            for source in ("folder", "game-art-hq"):
                page.locator(f"[value={source}]").check()
                if source == "folder":
                    page.locator("#folders button").click()
                    page.locator("summary").click()
                    expect(page.locator("#commands")).to_contain_text("vgc preprocess")
                assert Axe().run(page).response["violations"] == [], (scheme, width, source)
                assert page.evaluate("document.documentElement.scrollWidth") <= width
            context.close()


def post(url: str, operation: str, **body: object) -> requests.Response:
    return requests.post(f"{url}{API}/{operation}", json=body, timeout=30)


def test_what_cannot_become_a_set_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    write_pictures(tmp_path / "pictures", 1)
    (tmp_path / "Data/taken-raw/mine").mkdir(parents=True)
    refused = [
        ({"source": "folder", "path": "..", "name": "x"}, "not below"),
        ({"source": "folder", "path": "pictures", "name": "../x"}, "no name for a folder"),
        ({"source": "folder", "path": "pictures", "name": ".x"}, "no name for a folder"),
        ({"source": "folder", "path": "pictures", "name": "x", "size_px": 8}, "--size 8: choose"),
        ({"source": "folder", "path": "pictures", "name": "x", "background": "red"}, "--background red"),
        ({"source": "built-in", "name": "taken"}, "something else"),
        ({"source": "built-in", "name": "x", "letters": "c-a"}, "--letters c-a"),
        ({"source": "site", "path": "pictures/00.png", "name": "x"}, "--site"),
        ({"source": "upload", "name": "x"}, "drop the pictures again"),
    ]
    with serving(FlatEngine(), root=tmp_path) as url:
        for wanted, reason in refused[:-1]:
            answer = post(url, "new/start", **wanted)
            assert answer.status_code in (404, 422)
            assert reason in answer.json()["detail"]
        post(url, "new/start", **refused[-1][0])
        wait_until(lambda: not requests.get(f"{url}{API}/new/state", timeout=30).json()["running"])
        assert refused[-1][1] in requests.get(f"{url}{API}/new/state", timeout=30).json()["message"]
        assert "at most" in post(url, "upload", source="upload", name="x", files=60_000, bytes=1).json()["detail"]
        post(url, "upload", source="upload", name="mine", files=1, bytes=1)
        assert "something else" in post(url, "new/start", source="built-in", name="mine").json()["detail"]
        assert post(url, "new/discard", source="upload", name="mine").json()["uploads"] == []
        folders = requests.get(f"{url}{API}/new/sources", timeout=30).json()["folders"]
    assert folders == [{"path": "pictures", "pictures": 1}]
    assert sorted(path.name for path in (tmp_path / "Data").iterdir()) == ["taken-raw"]


def test_what_a_set_is_being_made_of_is_not_taken_away(tmp_path: Path) -> None:
    with serving(FlatEngine(), root=tmp_path) as url:
        post(url, "new/start", source="built-in", name="mine")
        for operation, more in (("upload", {"files": 1, "bytes": 1}), ("new/discard", {})):
            answer = post(url, operation, source="upload", name="mine", **more)
            assert (answer.status_code, answer.json()["detail"]) == (409, "mine is being made; stop it first")
        post(url, "new/stop")
        wait_until(lambda: not requests.get(f"{url}{API}/new/state", timeout=30).json()["running"])


def test_an_upload_takes_pieces_in_order_and_knows_the_same_file_again(tmp_path: Path) -> None:
    upload = Upload(tmp_path / "raw")
    upload.begin(1, 6)
    assert upload.write("a/b.png", 0, 6, 1000, b"abc") == 3
    with pytest.raises(Exception, match="another page"):
        upload.write("a/b.png", 1, 6, 1000, b"x")
    assert upload.received("a/b.png", 6, 1000) == 3
    assert upload.received("a/b.png", 6, 9000) == 0  # another one, of which nothing is here
    assert upload.write("a/b.png", 3, 6, 1000, b"def") == 6
    assert upload.received("a/b.png", 6, 1000) == 6
    assert upload.received("a/b.png", 6, 9000) == 0
    for name, size in (("../b.png", 1), ("/b.png", 1), ("a\\b.png", 1), ("big.png", 2**27)):
        with pytest.raises(NotTakenError, match=r"leads out|larger than 64 MiB"):
            upload.write(name, 0, size, 0, b"x")
    assert upload.finish() == []
    assert (tmp_path / "raw/a/b.png").read_bytes() == b"abcdef"


def test_small_files_are_sent_together_and_what_is_none_is_refused_by_name(tmp_path: Path) -> None:
    listed = [{"name": name, "size": 3, "modified_ms": 1000} for name in ("a/b.png", "../b.png", "c.png")]
    body = json.dumps(listed).encode() + b"\nabcdefghi"
    with serving(FlatEngine(), root=tmp_path) as url:
        post(url, "upload", source="upload", name="mine", files=3, bytes=9)
        address = f"{url}{API}/upload/files?name=mine"
        for wrong, reason in ((body + b"j", "sizes"), (body[1:], "JSON"), (b"", "first line")):
            answer = requests.post(address, wrong, timeout=30)
            assert answer.status_code == 422
            assert reason in answer.json()["detail"]
        folder, changed = tmp_path / "Data/.mine-raw.upload", []
        for _ in range(2):  # once more after a kill: what is here stays as it is
            answer = requests.post(address, body, timeout=30).json()
            assert answer == {"refused": [{"name": "../b.png", "reason": "its name leads out of the folder"}]}
            came = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*.png")}
            assert {name: path.read_bytes() for name, path in came.items()} == {
                "a/b.png": b"abc",
                "c.png": b"ghi",
            }
            changed.append({path.stat().st_ctime_ns for path in came.values()})
    assert changed[0] == changed[1]


def test_a_kill_before_a_whole_file_has_its_name_loses_it_not(tmp_path: Path) -> None:
    upload = Upload(tmp_path / "raw")
    upload.begin(1, 3)
    upload.write("a.png", 0, 3, 1000, b"abc")
    whole = upload.folder / "a.png"
    whole.rename(whole.with_name(f"a.png{PARTIAL_SUFFIX}"))  # what the kill leaves
    assert upload.received("a.png", 3, 1000) == 0
    assert upload.write("a.png", 0, 3, 1000, b"abc") == 3
    upload.finish()
    assert [(path.name, path.read_bytes()) for path in (tmp_path / "raw").iterdir()] == [("a.png", b"abc")]


def test_a_zip_brings_no_link_no_archive_no_second_one_of_a_name_and_nothing_that_is_forged(
    tmp_path: Path,
) -> None:
    file, folder = tmp_path / "x.zip", tmp_path / "raw"
    folder.mkdir()
    (folder / "a.png").write_bytes(b"another")
    link = zipfile.ZipInfo("top/link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("top/a.png", b"a")
        archive.writestr("top/sub/<x>.png", b"b")
        archive.writestr(link, b"/etc/passwd")
        archive.writestr("top/inner.zip", b"PK\x03\x04" + bytes(26))
        archive.writestr("__MACOSX/._a.png", b"")
        archive.writestr("C:/a.png", b"")
        archive.writestr("top/damaged.png", b"whole")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("top/a.png", b"c")
    file.write_bytes(file.read_bytes().replace(b"whole", b"wrong"))
    for _ in range(2):  # a kill comes between
        assert sorted(unpack(file, folder)) == [
            Refused("C:/a.png", "its name leads out of the folder"),
            Refused("top/a.png", "a second one of this name"),
            Refused("top/damaged.png", "damaged: Bad CRC-32 for file 'top/damaged.png'"),
            Refused("top/inner.zip", "an archive in an archive; unpack it first"),
            Refused("top/link.png", "a link"),
        ]
        files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.png")}
        assert sorted(files.values()) == [b"a", b"another", b"b"]
        assert files["a.png"] == b"another"
        assert any(name.startswith("sub/_x_-") for name in files)
    (tmp_path / "no.zip").write_bytes(b"no zip")
    assert unpack(tmp_path / "no.zip", folder)[0].reason.startswith("no zip that can be read")


def test_names_are_made_safe_and_stay_apart() -> None:
    assert str(clean_path("Ähre 1/b.png")) == "Ähre 1/b.png"
    names = {str(clean_path(name)) for name in ("a?b.png", "a*b.png", "a_b.png", "con.png", "a_b.p?g")}
    assert len(names) == 5
    assert not any(char in "".join(names) for char in "?*")
    assert common_folder(["a/b", "a/c/d"]) == "a"
    assert common_folder(["a/b", "c"]) == ""
