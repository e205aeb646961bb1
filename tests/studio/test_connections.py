"""The studio among those who connect and do nothing, and those who ask for everything at once."""

import http.client
import json
import socket
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import numpy as np
import pytest
import requests
from studio_server import FlatEngine, serving, wait_until

from studio import connections, draw_queue
from studio.guard import client_of

HERE, ELSEWHERE = "127.0.0.1", "127.0.0.2"
"""Two addresses of clients; systems other than Linux have only the first."""
only_linux = pytest.mark.skipif(sys.platform != "linux", reason="needs a second loopback address")


@pytest.fixture
def engine() -> FlatEngine:
    return FlatEngine()


@pytest.fixture
def url(engine: FlatEngine) -> Iterator[str]:
    with serving(engine) as address:
        yield address


@pytest.fixture
def connect(url: str) -> Iterator[object]:
    """Opens a connection from an address, and closes it at the end."""
    with ExitStack() as stack:

        def connect(address: str = HERE) -> socket.socket:
            port = int(url.rpartition(":")[2])
            connection = socket.create_connection((HERE, port), timeout=60, source_address=(address, 0))
            return stack.enter_context(connection)

        yield connect


def draw_from(url: str, address: str, *latents: list[float], forwarded_for: str = "") -> int:
    """The answer's status to a client of some address."""
    client = http.client.HTTPConnection(url.removeprefix("http://"), timeout=60, source_address=(address, 0))
    headers = {"Content-Type": "application/json"} | ({"X-Forwarded-For": forwarded_for} if forwarded_for else {})
    client.request("POST", "/api/draw", json.dumps({"latents": latents}), headers)
    with client.getresponse() as answer:
        return answer.status


def asks(connection: socket.socket) -> bool:
    """Whether a request over a connection is answered."""
    connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    received = b""
    while not received.endswith(b"}"):
        received += connection.recv(4096)
    return received.startswith(b"HTTP/1.1 200")


def waiting(url: str) -> int:
    """Pictures in the queue."""
    return requests.get(f"{url}/healthz", timeout=30).json()["waiting"]


def test_three_hundred_connections_that_send_nothing_keep_nobody_out(url, connect, monkeypatch):
    monkeypatch.setattr(connections, "GRACE_SECONDS", 0)
    page = connect()
    assert asks(page)
    idle = [connect() for _ in range(300)]
    assert draw_from(url, HERE, [0, 0, 0, 0]) == 200
    assert idle[0].recv(1) == b""  # the longest idle made room
    assert asks(idle[-1])
    assert asks(page)


@only_linux
def test_an_address_that_has_all_it_may_leaves_the_others_theirs(url, connect, monkeypatch):
    monkeypatch.setattr(connections, "MAX_PER_ADDRESS", 3)
    monkeypatch.setattr(connections, "GRACE_SECONDS", 60)
    for _ in range(3):
        connect(ELSEWHERE)
    refused = connect(ELSEWHERE).recv(1000)
    assert refused.startswith(b"HTTP/1.1 503")
    assert b"\r\nRetry-After: 1\r\n" in refused
    assert b"try again in a moment" in refused
    assert draw_from(url, HERE, [0, 0, 0, 0]) == 200


@only_linux
def test_where_no_more_fit_the_address_that_has_most_makes_room(url, connect, monkeypatch):
    monkeypatch.setattr(connections, "MAX_CONNECTIONS", 4)
    monkeypatch.setattr(connections, "GRACE_SECONDS", 0)
    one = connect(HERE)
    many = [connect(ELSEWHERE) for _ in range(3)]
    assert draw_from(url, "127.0.0.3", [0, 0, 0, 0]) == 200
    assert many[0].recv(1) == b""
    assert asks(one)


@only_linux
def test_who_is_being_answered_makes_room_for_nobody(url, engine, connect, monkeypatch):
    monkeypatch.setattr(connections, "GRACE_SECONDS", 0)
    monkeypatch.setattr(connections, "MAX_PER_ADDRESS", 2)
    engine.may_draw.clear()
    with ThreadPoolExecutor(2) as users:
        jobs = [users.submit(draw_from, url, ELSEWHERE, [0, 0, 0, 1])]
        wait_until(lambda: engine.batches == 1)
        jobs += [users.submit(draw_from, url, ELSEWHERE, [0, 0, 0, 1])]
        wait_until(lambda: waiting(url) == 1)
        assert connect(ELSEWHERE).recv(100).startswith(b"HTTP/1.1 503")
        engine.may_draw.set()
        assert {job.result() for job in jobs} == {200}


@pytest.mark.parametrize("rest", [b"", b"GET /healthz HT"], ids=["nothing", "half"])
def test_headers_that_never_end_are_not_waited_for(url, connect, monkeypatch, rest):
    monkeypatch.setattr(connections, "HEADERS_SECONDS", 0.2)
    connection = connect()
    connection.sendall(rest)
    assert connection.recv(1) == b""


def test_headers_of_a_second_request_are_not_waited_for_either(url, connect, monkeypatch):
    monkeypatch.setattr(connections, "HEADERS_SECONDS", 0.2)
    connection = connect()
    assert asks(connection)
    connection.sendall(b"GET /hea")
    assert connection.recv(1) == b""


class LargeEngine(FlatEngine):
    """Draws more than a connection holds."""

    def draw(self, latents):
        return np.zeros((len(latents), 1000, 1000, 3), np.uint8)


def test_an_answer_that_nobody_reads_is_given_up(monkeypatch):
    monkeypatch.setattr(connections, "READING_SECONDS", 0.2)
    gone = threading.Event()
    lost = connections.Connection.connection_lost
    monkeypatch.setattr(
        connections.Connection, "connection_lost", lambda self, error: [gone.set(), lost(self, error)]
    )
    with serving(LargeEngine()) as url:
        client = http.client.HTTPConnection(url.removeprefix("http://"), timeout=60)
        latents = json.dumps({"latents": [[0, 0, 0, 0]] * 10})
        client.request("POST", "/api/draw", latents, {"Content-Type": "application/json"})
        assert gone.wait(60)
        with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
            client.getresponse().read()


@only_linux
def test_forty_requests_of_one_client_do_not_keep_anothers_picture_waiting(url, engine):
    engine.may_draw.clear()
    with ThreadPoolExecutor(42) as users:
        jobs = [users.submit(draw_from, url, ELSEWHERE, [0, 0, 0, 1])]
        wait_until(lambda: engine.batches == 1)
        jobs += [users.submit(draw_from, url, ELSEWHERE, *[[0, 0, 0, 1]] * 40) for _ in range(40)]
        wait_until(lambda: waiting(url) == 1600)
        jobs += [users.submit(draw_from, url, HERE, [0, 0, 0, 2])]
        wait_until(lambda: waiting(url) == 1601)
        engine.may_draw.set()
        assert {job.result() for job in jobs} == {200}
    assert engine.drawn.index(2) < 1 + draw_queue.BATCH_SIZE  # in the batch after the one picture being drawn


@pytest.mark.parametrize(("allow_hosts", "share"), [(("studio.example.org",), 1 / 2), ((), 1 / 3)])
def test_a_proxy_that_names_its_clients_gets_a_turn_for_each_where_it_is_declared(engine, allow_hosts, share):
    engine.may_draw.clear()
    with serving(engine, allow_hosts=allow_hosts) as url, ThreadPoolExecutor(4) as users:
        jobs = [users.submit(draw_from, url, HERE, [0, 0, 0, 1], forwarded_for="192.0.2.1")]
        wait_until(lambda: engine.batches == 1)
        jobs += [users.submit(draw_from, url, HERE, *[[0, 0, 0, 1]] * 64, forwarded_for="192.0.2.1") for _ in "ab"]
        wait_until(lambda: waiting(url) == 128)
        jobs += [users.submit(draw_from, url, HERE, *[[0, 0, 0, 2]] * 8, forwarded_for="192.0.2.2")]
        wait_until(lambda: waiting(url) == 136)
        engine.may_draw.set()
        assert {job.result() for job in jobs} == {200}
    # It takes turns with one other client, or, where all are one, with that one's two other requests.
    assert engine.drawn[1:17].count(2) == pytest.approx(16 * share, abs=1)


@only_linux
def test_one_client_fills_the_queue_for_itself_alone(url, engine, monkeypatch):
    monkeypatch.setattr(draw_queue, "MAX_WAITING", 50)
    engine.may_draw.clear()
    with ThreadPoolExecutor(3) as users:
        jobs = [users.submit(draw_from, url, ELSEWHERE, [0, 0, 0, 1])]
        wait_until(lambda: engine.batches == 1)
        jobs += [users.submit(draw_from, url, ELSEWHERE, *[[0, 0, 0, 1]] * 50)]
        wait_until(lambda: waiting(url) == 50)
        assert draw_from(url, ELSEWHERE, [0, 0, 0, 1]) == 503
        jobs += [users.submit(draw_from, url, HERE, *[[0, 0, 0, 2]] * 25)]
        wait_until(lambda: waiting(url) == 75)
        assert draw_from(url, HERE, [0, 0, 0, 2]) == 503
        engine.may_draw.set()
        assert {job.result() for job in jobs} == {200}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("2001:db8::1", "2001:db8::2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("not an address", "not an address", True),
    ],
)
def test_a_client_is_an_address_or_the_network_of_a_household(one, other, same):
    assert (client_of((one, 1)) == client_of((other, 2))) == same
    assert client_of(None) == ""
