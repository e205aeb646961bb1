"""The studio behind a proxy: the documented nginx, names that are allowed, a path prefix, what is said without."""

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import requests
from playwright.sync_api import Browser, expect
from studio_page import code_of, expect_portrait, painted, pick
from studio_server import serving, wait_until

from studio.errors import StudioSettingsError
from studio.launch import StudioSettings

DOCUMENT = Path(__file__).parents[2] / "docs/studio.md"
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH')}{os.pathsep}/usr/sbin")
NAME = "studio.localhost"
"""What browsers take for this machine."""
CONFIGURATION = """
daemon off; master_process off; pid {folder}/pid; error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    {server}
}}
"""


def documented() -> str:
    """The nginx configuration of docs/studio.md."""
    return re.search(r"```nginx\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)[1]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def proxy(folder: Path, studio: str, server: str) -> Iterator[str]:
    """An nginx in front of a studio; gives its address."""
    if NGINX is None:
        text = "no nginx on this machine (Debian: apt-get install nginx)"
        pytest.fail(text) if os.environ.get("CI") else pytest.skip(text)
    port = free_port()
    server = server.replace("listen 80;", f"listen 127.0.0.1:{port};").replace("studio.example.org", NAME)
    server = server.replace("http://127.0.0.1:7860", studio)
    (folder / "nginx.conf").write_text(CONFIGURATION.format(folder=folder, server=server))
    with subprocess.Popen([NGINX, "-e", "stderr", "-p", folder, "-c", folder / "nginx.conf"]) as process:
        try:
            wait_until(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0)
            yield f"http://{NAME}:{port}"
        finally:
            process.terminate()


WHOLE_PATH = "proxy_pass http://127.0.0.1:7860;\n proxy_set_header Host $host;"


@pytest.mark.parametrize(
    ("passed_on", "access"),
    [("proxy_pass http://127.0.0.1:7860/;", {}), (WHOLE_PATH, {"path_prefix": "/studio"})],
    ids=["as documented", "with the whole path and the name"],
)
def test_the_studio_works_behind_the_documented_nginx(browser: Browser, engine, tmp_path, passed_on, access):
    server = documented()
    assert "proxy_pass http://127.0.0.1:7860/;" in server
    assert "proxy_set_header X-Forwarded-For $remote_addr;" in server
    server = server.replace("proxy_pass http://127.0.0.1:7860/;", passed_on)
    page = browser.new_page()
    with serving(engine, allow_hosts=(NAME,), **access) as studio, proxy(tmp_path, studio, server) as address:
        page.goto(f"{address}/studio")
        pick(page, 2)
        assert page.url == f"{address}/studio/#{code_of(page)}"
        expect_portrait(page, engine)
        painted(page.locator("#children .card"))
        page.reload()
        expect_portrait(page, engine)
        page.close()


def test_behind_a_proxy_that_is_not_allowed_the_page_says_what_to_do(browser: Browser, engine, tmp_path):
    page = browser.new_page()
    with serving(engine) as studio, proxy(tmp_path, studio, documented()) as address:
        page.goto(f"{address}/studio/")
        expect(page.locator("#alert")).to_contain_text(f"start the studio with --allow-host {NAME}")
        page.close()


def test_a_name_that_is_allowed_is_served_and_its_page_may_ask(engine):
    latents = {"latents": np.zeros((1, engine.info.latent_dim)).tolist()}
    with serving(engine, allow_hosts=("Studio.lan",)) as url:
        for host, origin, status in (
            ("studio.lan", "http://studio.lan", 200),
            ("studio.lan:80", "https://studio.lan", 200),
            ("127.0.0.1", "https://STUDIO.lan:8443", 200),
            ("127.0.0.1", "https://evil.example", 403),
            ("evil.example", "https://studio.lan", 421),
            ("studio.lan.evil.example", "http://studio.lan.evil.example", 421),
        ):
            answer = requests.post(
                f"{url}/api/draw", json=latents, headers={"Host": host, "Origin": origin}, timeout=30
            )
            assert answer.status_code == status, (host, origin)
        assert "--allow-host evil.example" in requests.get(url, headers={"Host": "evil.example"}, timeout=30).text


def test_a_path_prefix_is_taken_off_and_only_where_it_stands_whole(engine):
    with serving(engine, path_prefix="/a/studio") as url:
        for path, status in (
            ("/a/studio/api/info", 200),
            ("/api/info", 200),
            ("/a/studiox/api/info", 404),
            ("/a/studio/../server.py", 404),
        ):
            assert requests.get(url + path, timeout=30).status_code == status, path
        moved = requests.get(f"{url}/a/studio", allow_redirects=False, timeout=30)
        assert (moved.status_code, moved.headers["Location"]) == (307, "/a/studio/")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"allow_hosts": ("https://studio.lan",)}, "--allow-host https://studio.lan: give a name alone"),
        ({"allow_hosts": ("studio.lan:80",)}, "--allow-host studio.lan:80: give a name alone"),
        ({"allow_hosts": ("*",)}, r"--allow-host \*: give a name alone"),
        ({"path_prefix": "studio"}, "--path-prefix studio: give a path such as /studio"),
        ({"path_prefix": "/a//b"}, "--path-prefix /a//b: give a path"),
    ],
)
def test_what_is_no_name_and_no_path_is_refused_at_once(settings, message):
    with pytest.raises(StudioSettingsError, match=message):
        StudioSettings(**settings)
    assert StudioSettings(path_prefix="/studio/").access.path_prefix == "/studio"
