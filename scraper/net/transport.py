"""One bounded GET: the address really connected to is checked, time and bytes are capped."""

import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPResponse, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import DecodeError, HTTPError, IncompleteRead
from urllib3.exceptions import ReadTimeoutError as BodyTimeoutError

from scraper.errors import ConnectError, FetchError
from scraper.net.address_policy import AddressPolicy

CHUNK_BYTES = 65_536
WATCH_SECONDS = 0.1
"""How often deadlines are looked at."""
ERROR_BODY_BYTES = 65_536
"""How much of an error's or redirect's body is read, to keep the connection."""


@dataclass(frozen=True)
class Limits:
    """Bounds of every request; the defaults are what `vgc scrape` uses."""

    connect_seconds: float = 10.0
    read_seconds: float = 15.0
    """Longest silence in the midst of an answer."""
    total_seconds: float = 30.0
    """From connecting to the last byte, for each single request."""
    tries: int = 4
    redirects: int = 5
    page_bytes: int = 5_000_000
    """Size of a page, unpacked."""
    image_bytes: int = 20_000_000
    image_pixels: int = 25_000_000
    """Width times height, over all frames, as the picture's header claims."""
    backoff_seconds: float = 1.0
    """Wait before the second try; doubled before each further one."""
    retry_after_seconds: float = 120.0
    """A site that asks to wait longer than this ends the crawl."""
    refusals_in_row: int = 3
    """So many answers 403 or 429 in a row from a host end the crawl."""
    unanswered_in_row: int = 8
    """So many addresses in a row that a host did not answer end the crawl."""


@dataclass(frozen=True)
class Response:
    """A whole answer."""

    url: str
    status: int
    headers: Mapping[str, str]
    """Looked up without regard to case."""
    body: bytes
    """Unpacked; empty where a status other than 200 brought a large one."""


class Transport:
    """Sends GET requests over kept connections; safe to use from several threads."""

    def __init__(self, policy: AddressPolicy, limits: Limits, user_agent: str, workers: int) -> None:
        self._policy = policy
        self._limits = limits
        self._headers = {
            "User-Agent": user_agent,
            "Accept": "text/html, image/*;q=0.9, */*;q=0.5",
            "Accept-Encoding": "gzip, deflate",
        }
        self._attempts: set[_Attempt] = set()
        self._closed = threading.Event()
        threading.Thread(target=self._watch, name="deadlines", daemon=True).start()
        self._adapter = _GuardedAdapter(pool_maxsize=workers)

    def get(self, url: str, headers: Mapping[str, str], cap_bytes: int) -> Response:
        """Ask once, without following redirects, by way of no proxy and with no cookies or passwords.

        Args:
            url: an address that the policy lets pass.
            headers: sent beside the usual ones.
            cap_bytes: the largest body that is taken, unpacked.

        Raises:
            FetchError: no whole answer came within the limits.
        """
        with self._attempt() as attempt:
            try:
                response = self._send(url, headers, cap_bytes, attempt)
            except (requests.RequestException, HTTPError, OSError, ValueError) as error:
                raise attempt.fetch_error(error) from error
            if attempt.expired:  # an answer without a length looks whole when its connection is ended
                raise attempt.fetch_error(TimeoutError())
            return response

    def stop(self) -> None:
        """End the connections of all requests under way."""
        for attempt in list(self._attempts):
            attempt.expire()

    def close(self) -> None:
        """Close the kept connections; deadlines hold no longer."""
        self._closed.set()
        self._adapter.close()

    @contextmanager
    def _attempt(self) -> Iterator["_Attempt"]:
        attempt = _Attempt(self._policy, self._limits.total_seconds)
        token = _current.set(attempt)
        self._attempts.add(attempt)
        try:
            yield attempt
        finally:
            self._attempts.discard(attempt)
            _current.reset(token)
            attempt.release()

    def _watch(self) -> None:
        # One thread for all requests: a timer for each would cost more than the request's own work.
        while not self._closed.wait(WATCH_SECONDS):
            now = time.monotonic()
            for attempt in list(self._attempts):
                if now >= attempt.deadline:
                    attempt.expire()

    def _send(self, url: str, headers: Mapping[str, str], cap_bytes: int, attempt: "_Attempt") -> Response:
        request = requests.Request("GET", url, headers={**self._headers, **headers}).prepare()
        with self._first_answer(request, attempt) as response:
            if response.status_code == requests.codes.ok:
                body = _read(response.raw, cap_bytes)
            else:
                body = _error_body(response.raw)
            return Response(url, response.status_code, response.headers, body)

    def _first_answer(self, request: requests.PreparedRequest, attempt: "_Attempt") -> requests.Response:
        timeout = (self._limits.connect_seconds, self._limits.read_seconds)
        while True:
            try:
                return self._adapter.send(request, stream=True, timeout=timeout, verify=True)
            except requests.ConnectionError:
                # A server may close a kept connection just as it is used again: that was no answer, nor a try.
                if attempt.expired or not attempt.reused:
                    raise


def _read(raw: HTTPResponse, cap_bytes: int) -> bytes:
    too_large = FetchError(f"larger than {cap_bytes / 1e6:g} MB", http=raw.status)
    if raw.length_remaining is not None and raw.length_remaining > cap_bytes:
        raise too_large
    body = bytearray()
    for chunk in raw.stream(CHUNK_BYTES, decode_content=True):
        body += chunk
        if len(body) > cap_bytes:
            raise too_large
    return bytes(body)


def _error_body(raw: HTTPResponse) -> bytes:
    try:
        return _read(raw, ERROR_BODY_BYTES)
    except (FetchError, HTTPError):
        # The status says enough; a connection left in mid-body is closed, not reused.
        return b""


class _Attempt:
    """What a thread's present request may take: the policy, and a deadline that holds in every phase.

    Time-outs of sockets bound one silence; a server that sends a byte now and then, in its headers too,
    is not silent. So the connection itself is ended when the time is up, wherever the thread waits.
    """

    def __init__(self, policy: AddressPolicy, total_seconds: float) -> None:
        self._policy = policy
        self._total_seconds = total_seconds
        self.deadline = time.monotonic() + total_seconds
        self._lock = threading.Lock()
        self._line: socket.socket | None = None
        self.expired = False
        self.reused = False
        """Whether the connection in use was kept from an earlier request."""

    def connect(self, host: str, port: int, timeout_seconds: float) -> socket.socket:
        """Open a socket to the first network address of ``host`` that the policy lets pass and that answers."""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise ConnectError(f"the name {host} cannot be resolved") from error
        failure: FetchError = ConnectError(f"{host} has no network address")
        for family, kind, protocol, _, address in found:
            try:
                self._policy.check_address(host, port, str(address[0]))
                return self._open(socket.socket(family, kind, protocol), address, timeout_seconds)
            except OSError as error:
                words = error.strerror or "no answer in time"
                failure = ConnectError(f"cannot connect to {host}:{port}: {words}")
            except FetchError as error:
                failure = error
        raise failure

    def _open(self, line: socket.socket, address: Any, timeout_seconds: float) -> socket.socket:
        try:
            line.settimeout(timeout_seconds)
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.hold(line)
            line.connect(address)
        except OSError:
            line.close()
            raise
        return line

    def hold(self, line: socket.socket) -> None:
        """Remember the connection to end; by a second descriptor, as TLS and keep-alive move the first one."""
        with self._lock:
            self._release()
            # All is named, for Windows can tell nothing of a socket that is not yet connected.
            self._line = socket.socket(line.family, line.type, line.proto, socket.dup(line.fileno()))
            if self.expired:
                raise TimeoutError

    def expire(self) -> None:
        """End the connection under whoever is reading from it."""
        with self._lock:
            self.expired = True
            if self._line:
                with suppress(OSError):  # it may have ended by itself
                    self._line.shutdown(socket.SHUT_RDWR)

    def release(self) -> None:
        """Let go of the connection."""
        with self._lock:
            self._release()

    def _release(self) -> None:
        if self._line:
            self._line.close()
            self._line = None

    def fetch_error(self, error: Exception) -> FetchError:
        """Say in a few words what ``error`` means."""
        if self.expired:
            return FetchError(f"no whole answer within {self._total_seconds:g} s", retry=True, unanswered=True)
        if isinstance(error, requests.Timeout | TimeoutError | BodyTimeoutError):
            return FetchError("no answer in time", retry=True, unanswered=True)
        if isinstance(error, requests.exceptions.SSLError):
            return FetchError(f"no safe connection: {_first_words(error)}", retry=True, unanswered=True)
        if isinstance(error, requests.ConnectionError | HTTPError | OSError):
            return _broken_answer(error)
        return FetchError(f"not an address: {_first_words(error)}")


def _broken_answer(error: Exception) -> FetchError:
    if isinstance(error, DecodeError):
        return FetchError("broken compression", retry=True)
    if isinstance(error, IncompleteRead) or "IncompleteRead" in repr(error):
        return FetchError("the answer was cut off", retry=True)
    return FetchError("the connection broke", retry=True, unanswered=True)


def _first_words(error: Exception) -> str:
    return ascii(str(error))[1:80]


_current: ContextVar[_Attempt] = ContextVar("attempt")


class _Guarded(HTTPConnection):
    """A connection that the present attempt opens and can end; urllib3's SOCKS support uses the same hooks."""

    _kept = False

    def _new_conn(self) -> socket.socket:
        self._kept = False
        attempt = _current.get()
        attempt.reused = False  # TLS may fail before there is a request
        timeout = self.timeout if isinstance(self.timeout, int | float) else Limits.connect_seconds
        return attempt.connect(self._dns_host, self.port, timeout)

    def request(self, *args: Any, **options: Any) -> None:
        attempt = _current.get()
        attempt.reused = self.sock is not None and self._kept
        if self.sock is not None:
            attempt.hold(self.sock)
        super().request(*args, **options)
        self._kept = True


class _GuardedHTTPS(_Guarded, HTTPSConnection):
    pass


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Guarded


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _GuardedHTTPS


class _GuardedAdapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}
