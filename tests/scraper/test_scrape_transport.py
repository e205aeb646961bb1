"""One request over TLS and over kept connections: deadlines, trust, and what a closed connection means."""

import errno
import socket
import ssl
import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from webserver import FAST, Answer, Request, Web, encoded_image, serving

from scraper.errors import FetchError
from scraper.net.address_policy import AddressPolicy, host_and_port
from scraper.net.transport import Limits, Transport

# A key for localhost that was made for these tests and protects nothing.
KEY_AND_CERTIFICATE = """
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg0kTZewc9/lj91EIl
HNnmg4ILvxKkLe07hjxB1cRncRWhRANCAAQNDd4XpJE0hR/9IyNrRp9tPhBgh/TH
LGk5FmFuNB72lIwtTtgdPh49+5m774BEdz7n/waD94T4Jn6qXhnv+JlP
-----END PRIVATE KEY-----
-----BEGIN CERTIFICATE-----
MIIBmzCCAUGgAwIBAgIURRIb9u9Mqo+LAgAZPENSvwsgpMgwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMjE1MjQyM1oYDzIxMjYxMDI5
MTUyNDIzWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAQNDd4XpJE0hR/9IyNrRp9tPhBgh/THLGk5FmFuNB72lIwtTtgdPh49
+5m774BEdz7n/waD94T4Jn6qXhnv+JlPo28wbTAdBgNVHQ4EFgQUgaL+KyiUBtyJ
ArYOd9VBpTH9dmgwHwYDVR0jBBgwFoAUgaL+KyiUBtyJArYOd9VBpTH9dmgwDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
zj0EAwIDSAAwRQIhAK/vqUjF1tz4sknfuJsysUCyrz+noZYx7PggGv6WbPgWAiAB
A96vvOBl8ipqdA2EkYlmaJinp1+bI+1ghxmAwT/6+w==
-----END CERTIFICATE-----
"""


@pytest.fixture
def pem(tmp_path: Path) -> Path:
    path = tmp_path / "localhost.pem"
    path.write_text(KEY_AND_CERTIFICATE)
    return path


def transport(web: Web, limits: Limits = FAST) -> Transport:
    host, port = host_and_port(web.url)
    policy = AddressPolicy(frozenset({host}), ports=frozenset({port}), given=frozenset({(host, port)}))
    return Transport(policy, limits, "test", workers=2)


@pytest.fixture
def trusted(pem: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(pem))
    return pem


def test_a_certificate_that_nobody_vouches_for_is_refused(pem: Path) -> None:
    with serving(pem) as web:
        web.answers["/x"] = Answer(encoded_image())
        with pytest.raises(FetchError, match="no safe connection"):
            transport(web).get(f"{web.url}/x", {}, 1000)
        assert web.hits["/x"] == 0


def test_pictures_come_over_tls_and_the_connection_is_kept(trusted: Path) -> None:
    with serving(trusted) as web:
        web.answers["/x"] = Answer(encoded_image())
        one = transport(web)
        for _ in range(3):
            assert one.get(f"{web.url}/x", {}, 1000).body == encoded_image()
        assert len(web.connections) == 1


class AsOnWindows(socket.socket):
    """There a socket has no address before it is connected, so its kind cannot be found out from its number."""

    def __init__(self, family: int = -1, kind: int = -1, protocol: int = -1, fileno: int | None = None) -> None:
        super().__init__(family, kind, protocol, fileno)
        if fileno is not None and family == -1 and self.getsockname()[1] == 0:
            raise OSError(errno.EINVAL, "Invalid argument")


def test_a_connection_is_opened_where_sockets_have_no_address_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as web:
        web.answers["/x"] = Answer(encoded_image())
        monkeypatch.setattr(socket, "socket", AsOnWindows)
        assert transport(web).get(f"{web.url}/x", {}, 1000).body == encoded_image()


def drip(request: Request) -> None:
    request.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n")
    for _ in range(25):
        request.wfile.write(b"x")
        time.sleep(0.2)


def hang_up(request: Request) -> None:
    pass


def hang(request: Request) -> None:
    time.sleep(5)


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "TLS"])
def test_a_drip_is_cut_at_the_deadline_on_fresh_and_on_kept_connections(secure: bool, trusted: Path) -> None:
    with serving(trusted if secure else None) as web:
        web.answers["/drip"] = drip
        web.answers["/x"] = Answer(encoded_image())
        one = transport(web, replace(FAST, total_seconds=2))
        for fresh in (True, False):
            if not fresh:
                one.get(f"{web.url}/x", {}, 1000)
            started = time.monotonic()
            with pytest.raises(FetchError, match=r"no whole answer within 2 s"):
                one.get(f"{web.url}/drip", {}, 1000)
            assert time.monotonic() - started < 4.5  # it drips for five


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "TLS"])
def test_a_kept_connection_that_was_closed_meanwhile_is_opened_anew(secure: bool, trusted: Path) -> None:
    with serving(trusted if secure else None) as web:

        def close_without_a_word(request: Request) -> None:
            request.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

        web.answers["/x"] = close_without_a_word
        one = transport(web)
        for _ in range(20):
            assert one.get(f"{web.url}/x", {}, 1000).body == b"ok"


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "TLS"])
def test_a_server_that_hangs_up_on_fresh_connections_is_asked_once(secure: bool, trusted: Path) -> None:
    with serving(trusted if secure else None) as web:
        web.answers["/x"] = hang_up
        with pytest.raises(FetchError, match="the connection broke"):
            transport(web).get(f"{web.url}/x", {}, 1000)
        assert web.hits["/x"] == 1


def test_a_server_whose_tls_broke_after_a_kept_connection_is_asked_once_more(trusted: Path) -> None:
    greeted: list[socket.socket] = []

    def serve(listener: socket.socket, context: ssl.SSLContext) -> None:
        with suppress(OSError):
            while True:
                greeted.append(listener.accept()[0])
                if len(greeted) > 1:
                    greeted[-1].close()  # in place of a handshake
                    continue
                with context.wrap_socket(greeted[0], server_side=True) as line:
                    line.recv(1000)
                    line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                    line.recv(1000)

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trusted)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener, context), daemon=True).start()
        address = f"https://localhost:{listener.getsockname()[1]}/x"
        policy = AddressPolicy(frozenset({"localhost"}), given=frozenset({host_and_port(address)}))
        one = Transport(policy, replace(FAST, total_seconds=2), "test", workers=1)
        assert one.get(address, {}, 1000).body == b"ok"
        with pytest.raises(FetchError):
            one.get(address, {}, 1000)
        assert len(greeted) == 2
        listener.shutdown(socket.SHUT_RDWR)


def test_stopping_cuts_a_request_under_way() -> None:
    with serving() as web:
        web.answers["/x"] = hang
        one = transport(web, replace(FAST, total_seconds=30, read_seconds=30))
        threading.Timer(0.3, one.stop).start()
        started = time.monotonic()
        with pytest.raises(FetchError):
            one.get(f"{web.url}/x", {}, 1000)
        assert time.monotonic() - started < 4
