"""The studio's server over real HTTP: asked by its page, by strangers, by many at once, by those who leave."""

import http.client
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest
import requests
import schemathesis
from hypothesis import given, settings
from PIL import Image
from schemathesis.specs.openapi.checks import positive_data_acceptance
from studio_server import FlatEngine, serving, wait_until

from dataset.build import BuildSettings, build
from gan.errors import GanError
from gan.runs.model_files import PRETRAINED_BY_HASH
from gan.runs.model_info import LICENCE_UNKNOWN
from gan.sampling.share_codes import MAX_LATENT
from sprites.bundle import morph_latents, sprite_zip
from sprites.pixels import SpriteSettings
from studio import draw_queue, guard
from studio.engine import MAX_IMAGES
from studio.errors import StudioError
from studio.launch import StudioSettings, has_desktop, listen, local_url, open_studio

ROOT = Path(__file__).parents[2]


@pytest.fixture
def engine() -> FlatEngine:
    return FlatEngine()


@pytest.fixture
def url(engine: FlatEngine) -> Iterator[str]:
    with serving(engine) as address:
        yield address


def ask_to_draw(url: str, *latents: list[float], **options: object) -> requests.Response:
    return requests.post(f"{url}/api/draw", json={"latents": latents}, timeout=30, **options)


def waiting(url: str) -> int:
    """Pictures in the queue."""
    return requests.get(f"{url}/healthz", timeout=30).json()["waiting"]


def test_pictures_come_as_plain_pixels_in_the_order_asked(url):
    answer = ask_to_draw(url, [1, 0, 0, 0], [0, 1, 0.2, 0])
    assert answer.status_code == 200
    assert answer.content == bytes([255, 0, 0]) * 64 + bytes([0, 255, 51]) * 64


def test_info_says_all_that_the_page_needs(url):
    info = requests.get(f"{url}/api/info", timeout=30).json()
    assert info == {
        "model": "flat",
        "hash": "0123abcd" * 8,
        "latent_dim": 4,
        "latent_bound": MAX_LATENT,
        "size_px": 8,
        "channels": 3,
        "most_pictures": MAX_IMAGES,
        "sprite_px": 8,
        "set_colours": 0,
        "workshop": True,
        "trained_on": "nothing",
        "licence": LICENCE_UNKNOWN,
        "pretrained": PRETRAINED_BY_HASH,
    }
    directions = requests.get(f"{url}/api/directions", timeout=30).json()
    assert directions == [
        {"name": "Trait 1", "vector": [1, 0, 0, 0], "correlation": None},
        {"name": "Trait 2", "vector": [0, 1, 0, 0], "correlation": None},
    ]


def test_a_request_that_names_another_model_is_refused_and_one_that_names_none_is_drawn(url, engine):
    for path in ("draw", "sprites"):
        answer = requests.post(f"{url}/api/{path}", json={"latents": [[0] * 4], "model": "f" * 64}, timeout=30)
        assert answer.status_code == 409
        assert "Reload the page" in answer.json()["detail"]
    assert requests.get(f"{url}/api/directions?model={'f' * 64}", timeout=30).status_code == 409
    assert engine.drawn == []
    own = {"latents": [[0, 0, 0, 5]], "model": engine.info.hash}
    assert requests.post(f"{url}/api/draw", json=own, timeout=30).status_code == 200
    assert engine.drawn == [5]
    assert requests.get(f"{url}/api/directions?model={engine.info.hash}", timeout=30).status_code == 200


def test_health_tells_how_much_is_waiting(url):
    assert requests.get(f"{url}/healthz", timeout=30).json() == {"status": "ok", "waiting": 0}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"latents": [[0, 0, 0, 0]] * 1_000_000}, "1 MiB"),
        ({"latents": [[0, 0, 0, 0]] * (MAX_IMAGES + 1)}, "64"),
        ({"latents": []}, "at least 1"),
        ({"latents": [[0, 0, 0]]}, "latents.0: List should have at least 4"),
        ({"latents": [[0, 0, 0, 17]]}, "latents.0.3: Input should be less than or equal to 16"),
        ({"latents": [[0, 0, 0, float("nan")]]}, "latents.0.3: Input should be"),
        ({"latents": [[0, 0, 0, float("inf")]]}, "latents.0.3: Input should be"),
        ({"latents": [[0, 0, 0, 10**400]]}, "latents.0.3: "),
        ({"latents": [[0, 0, 0, "1"]]}, "latents.0.3: Input should be a valid number"),
        ({"latents": [[0, 0, 0, True]]}, "latents.0.3: Input should be a valid number"),
        ({"latents": [[0, 0, 0, 0]], "count": 9}, "count: Extra inputs are not permitted"),
        ([], "valid dictionary"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_words(url, engine, body, message):
    text = json.dumps(body)
    answer = requests.post(f"{url}/api/draw", text, headers={"Content-Type": "application/json"}, timeout=30)
    assert 400 <= answer.status_code < 500
    assert message in answer.json()["detail"]
    assert len(answer.content) < 500
    assert engine.drawn == []


def raw(url: str, request: bytes) -> bytes:
    """The first bytes of the answer to bytes that no HTTP library would send."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(request)
        return connection.recv(4096)


def test_a_body_without_a_stated_length_is_cut_off_at_the_bound(url, engine):
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    head = b"POST /api/draw HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = raw(url, head + chunk * (guard.MAX_BODY_BYTES // 0x10000 + 1))
    assert answer.startswith(b"HTTP/1.1 413")


def test_a_body_that_never_ends_is_not_waited_for(url, monkeypatch):
    monkeypatch.setattr(guard, "BODY_SECONDS", 0.2)
    head = b"POST /api/draw HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{"
    assert raw(url, head).startswith(b"HTTP/1.1 408")


@pytest.mark.parametrize(
    "name", ["evil.example", "evil.example:7860", "localhost.evil.example", "8.8.8.8", "[::2]", ""]
)
def test_a_name_that_only_points_here_is_refused(url, name):
    answer = raw(url, f"GET /api/info HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 421")
    assert b"trained_on" not in answer


@pytest.mark.parametrize("name", ["localhost", "LOCALHOST:9000", "127.0.0.1", "127.0.0.1:1", "[::1]:7860"])
def test_loopback_names_are_served_whatever_port_a_tunnel_gives_them(url, name):
    answer = raw(url, f"GET /api/info HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 200")


def test_a_studio_open_to_others_goes_by_numbers_and_its_own_name_only(engine):
    with serving(engine, "0.0.0.0") as url:
        for name, status in (("192.0.2.7:80", 200), (socket.gethostname(), 200), ("evil.example", 421)):
            answer = raw(url, f"GET /healthz HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())
            assert answer.startswith(f"HTTP/1.1 {status}".encode()), name


@pytest.mark.parametrize("origin", ["http://evil.example", "https://localhost", "null", "http://127.0.0.1"])
def test_another_sites_page_may_not_ask(url, engine, origin):
    answer = ask_to_draw(url, [0, 0, 0, 0], headers={"Origin": origin})
    assert answer.status_code == 403
    assert engine.drawn == []


def test_the_page_itself_may_ask(url):
    assert ask_to_draw(url, [0, 0, 0, 0], headers={"Origin": url}).status_code == 200


@pytest.mark.parametrize("path", ["/", "/main.js", "/api/info", "/no-such-file", "/api/draw"])
def test_every_answer_forbids_the_browser_what_the_page_does_not_need(url, path):
    headers = requests.get(url + path, timeout=30).headers
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "access-control-allow-origin" not in headers
    assert "server" not in headers


def test_nothing_but_the_pages_own_files_is_handed_out(url):
    for path in ("/../server.py", "/%2e%2e/server.py", "/..%2fserver.py", "//etc/passwd", "/.%2e/.%2e/cli.py"):
        assert raw(url, f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()).startswith(b"HTTP/1.1 404"), (
            path
        )
    assert requests.get(f"{url}/main.js", timeout=30).headers["Content-Type"].startswith("text/javascript")


def test_who_leaves_is_not_drawn_for(url, engine):
    engine.may_draw.clear()
    first = threading.Thread(target=ask_to_draw, args=(url, [0, 0, 0, 1]))
    first.start()
    wait_until(lambda: engine.batches == 1)
    leaving = http.client.HTTPConnection(url.removeprefix("http://"))
    leaving.request(
        "POST", "/api/draw", json.dumps({"latents": [[0, 0, 0, 2]] * 40}), {"Content-Type": "application/json"}
    )
    wait_until(lambda: waiting(url) == 40)
    leaving.close()
    wait_until(lambda: waiting(url) == 0)
    engine.may_draw.set()
    first.join()
    assert ask_to_draw(url, [0, 0, 0, 3]).status_code == 200
    assert engine.drawn == [1, 3]


def test_a_full_desk_says_come_again_and_goes_on(url, engine, monkeypatch):
    monkeypatch.setattr(draw_queue, "MAX_WAITING", 50)
    engine.may_draw.clear()
    with ThreadPoolExecutor(1) as other:
        first = other.submit(ask_to_draw, url, *[[0, 0, 0, 1]] * 40)
        wait_until(lambda: waiting(url) == 40 - draw_queue.BATCH_SIZE)
        refused = ask_to_draw(url, *[[0, 0, 0, 2]] * 30)
        assert refused.status_code == 503
        assert refused.headers["Retry-After"] == "1"
        assert "try again" in refused.json()["detail"]
        engine.may_draw.set()
        assert first.result().status_code == 200
    assert ask_to_draw(url, [0, 0, 0, 0]).status_code == 200


def ask_for_sprites(url: str, *latents: list[float], **wishes: object) -> requests.Response:
    return requests.post(f"{url}/api/sprites", json={"latents": latents, **wishes}, timeout=30)


def test_sprites_come_as_the_zip_that_the_settings_ask_for(url, engine):
    latents = np.array([[1, 0, 0, 0], [0, 1, 0, 0]], np.float32)
    answer = ask_for_sprites(url, *latents.tolist(), colours=4, upscale=2, extrude_px=2)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/zip")
    drawn, frames = engine.draw(latents), engine.draw(morph_latents(latents))
    wanted = SpriteSettings(4, upscale=2, extrude_px=2)
    assert answer.content == sprite_zip(engine.info, latents, drawn, frames, wanted).content


def test_sprites_files_are_called_as_the_characters_are(url):
    names = ["Lumta", "lumta", "../Bel do", "LUMTA", "\u00fc"]
    answer = ask_for_sprites(url, *[[1, 0, 0, 0]] * 5, names=names)
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        sprites = [name for name in archive.namelist() if name.startswith("sprites/")]
        frames = json.loads(archive.read("sheet.json"))["frames"]
    stems = ["lumta", "lumta-2", "bel-do", "lumta-3", "character"]
    assert sprites == [f"sprites/{stem}.png" for stem in stems]
    # After the characters come the animation's frames, which have numbers.
    assert [frame["filename"] for frame in frames[: len(stems)]] == [f"{stem}.png" for stem in stems]


@pytest.mark.parametrize(
    ("wishes", "message"),
    [
        ({"names": ["a", "b"]}, "names: 2 for 1 characters"),
        ({"names": [""]}, "names.0: String should have at least 1 character"),
        ({"palette": "zzz"}, "line 1 of the palette"),
        ({"colours": 1}, "colours: Input should be greater than or equal to 2"),
        ({"sprite_px": 9}, "sprite_px: Input should be less than or equal to 8"),
        ({"upscale": 1000}, "upscale: Input should be less than or equal to 8"),
    ],
)
def test_sprites_that_cannot_be_made_are_refused_in_words(url, wishes, message):
    answer = ask_for_sprites(url, [0, 0, 0, 0], **wishes)
    assert answer.status_code == 422
    assert message in answer.json()["detail"]


def test_many_users_at_once_each_get_their_own_pictures(url):
    def user(number: int) -> bool:
        red = number / 255
        answers = [ask_to_draw(url, *[[red, 0, 0, 0]] * count) for count in (1, 24, 3)]
        return all(a.content == bytes([number, 0, 0]) * 64 * n for a, n in zip(answers, (1, 24, 3), strict=True))

    with ThreadPoolExecutor(16) as users:
        assert all(users.map(user, range(16)))


def test_a_small_wish_does_not_wait_behind_a_whole_wall(url, engine):
    engine.may_draw.clear()
    with ThreadPoolExecutor(3) as users:
        blocker = users.submit(ask_to_draw, url, [0, 0, 0, 0])
        wait_until(lambda: engine.batches == 1)
        wall = users.submit(ask_to_draw, url, *[[0, 0, 0, 1]] * 64)
        wait_until(lambda: waiting(url) == 64)
        small = users.submit(ask_to_draw, url, [0, 0, 0, 2])
        wait_until(lambda: waiting(url) == 65)
        engine.may_draw.set()
        assert {job.result().status_code for job in (blocker, wall, small)} == {200}
    assert engine.drawn.index(2) < 40


def test_an_engine_that_fails_fails_one_request_and_no_more(url, engine, monkeypatch):
    whole, failures = engine.draw, iter([MemoryError("no room")])

    def draw(latents):
        for error in failures:
            raise error
        return whole(latents)

    with serving(engine) as other:
        assert ask_to_draw(other, [0, 0, 0, 0]).status_code == 200
    broken = FlatEngine()
    broken.draw = draw
    with serving(broken) as other:
        assert ask_to_draw(other, [0, 0, 0, 0]).status_code == 500
        assert ask_to_draw(other, [0, 0, 0, 0]).status_code == 200


OPERATIONS = ["GET /healthz", "GET /api/info", "GET /api/directions", "POST /api/draw", "POST /api/sprites"]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_server_keeps_to_its_own_description(url, operation):
    method, path = operation.split()
    described = schemathesis.openapi.from_url(f"{url}/api/openapi.json")

    @given(described[path][method].as_strategy())
    @settings(max_examples=60 if method == "POST" else 5, deadline=None, database=None)
    def keeps_to_it(case):
        # A palette is a file's text: what is none is refused, though the description knows only a text.
        case.call_and_validate(excluded_checks=[positive_data_acceptance] if path == "/api/sprites" else [])

    keeps_to_it()


def start(tmp_path: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "cli", "studio", "--no-browser", *arguments],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_command_prints_an_address_that_answers_and_ctrl_c_closes_it(tmp_path):
    process = start(tmp_path, "--port", "0")
    assert process.stdout is not None
    line = process.stdout.readline()
    match = re.match(r"(http://127\.0\.0\.1:\d+/) draws with builtin-characters; Ctrl-C closes", line)
    assert match, line + process.communicate()[1]
    assert requests.get(f"{match[1]}healthz", timeout=600).json()["status"] == "ok"
    assert "<title>Character studio</title>" in requests.get(match[1], timeout=600).text
    taken = start(tmp_path, "--port", match[1].rstrip("/").rpartition(":")[2])
    assert "is taken; choose another with --port" in taken.communicate(timeout=600)[1]
    assert taken.returncode == 1
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=600)
    assert (process.returncode, output, errors) == (130, "", "vgc: the studio is closed\n")


def test_ctrl_c_ends_what_takes_long_and_answers_who_waits_for_it(tmp_path):
    (tmp_path / "raw").mkdir()
    for level in range(3):
        image = Image.new("RGB", (16, 16), (80 * level, 0, 0))
        image.putpixel((0, 0), (9, 9, 9))
        image.save(tmp_path / f"raw/{level}.png")
    build(BuildSettings(tmp_path / "raw", tmp_path / "set", size_px=16, workers=1, tables="none"))
    never_read = tmp_path / "set/rgb_images/0.png"
    never_read.unlink()
    os.mkfifo(never_read)
    process = start(tmp_path, "--port", "0")
    assert process.stdout is not None
    api = f"{process.stdout.readline().split()[0]}api/workshop"
    wish = {"folder": "set", "minutes": 1}
    with ThreadPoolExecutor() as asking:
        answers = [
            asking.submit(requests.get, f"{api}/measures", {"folder": "set"}, timeout=600),
            asking.submit(requests.post, f"{api}/training/cost", json=wish, timeout=600),
        ]
        wait_until(lambda: len(psutil.Process(process.pid).children()) == len(answers))
        process.send_signal(signal.SIGINT)
        assert [each.result().status_code for each in answers] == [503, 503]
    output, errors = process.communicate(timeout=600)
    assert (process.returncode, output, errors) == (130, "", "vgc: the studio is closed\n")


def test_a_studio_that_closes_answers_who_waits_for_traits():
    class SlowEngine(FlatEngine):
        def draw(self, latents):
            time.sleep(0.2)
            return super().draw(latents)

    engine = SlowEngine()
    with ThreadPoolExecutor() as asking, serving(engine) as url:
        answer = asking.submit(requests.get, f"{url}/api/directions", timeout=600)
        wait_until(lambda: engine.batches)
    assert answer.result().status_code == 503


@pytest.mark.parametrize(
    ("settings_given", "message"),
    [
        ({"port": 70000}, "--port 70000: choose 0 to 65535"),
        ({"host": "nowhere.invalid"}, "--host nowhere.invalid: not an address of this machine"),
        ({"host": "192.0.2.1"}, "--host 192.0.2.1: not an address of this machine"),
        ({"host": "a..b"}, r"--host a\.\.b: not an address of this machine"),
        ({"model": "nobody", "port": 0}, "--model nobody: no such run or file"),
    ],
)
def test_what_keeps_a_studio_from_opening_is_said(settings_given, message):
    with pytest.raises((StudioError, GanError), match=message):
        open_studio(StudioSettings(**settings_given), print)


def test_without_the_extra_the_command_names_what_installs_it(tmp_path):
    (tmp_path / "uvicorn.py").write_text("raise ModuleNotFoundError('No module named uvicorn', name='uvicorn')")
    process = start(tmp_path, PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}")
    assert (
        process.communicate(timeout=600)[1]
        == "vgc: the studio needs uvicorn; install it with: pip install '.[studio]'\n"
    )
    assert process.returncode == 1


def test_answers_are_not_held_back_to_be_sent_together():
    # asyncio turns Nagle's algorithm off only where a socket says that it is TCP; else each answer is 40 ms late.
    with listen("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP


def test_a_browser_is_opened_only_where_somebody_would_see_it(monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert not has_desktop()
    monkeypatch.setenv("DISPLAY", ":0")
    assert has_desktop()


def test_the_address_is_one_that_this_machines_browser_can_open():
    assert local_url("127.0.0.1", 7860) == "http://127.0.0.1:7860/"
    assert local_url("0.0.0.0", 1) == "http://127.0.0.1:1/"
    assert local_url("::1", 80) == "http://[::1]:80/"
    assert StudioSettings().host == "127.0.0.1"
