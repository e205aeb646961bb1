"""One bounded GET: the address really connected to is checked, time and bytes are capped."""

import os
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPResponse, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import DecodeError, HTTPError, IncompleteRead
from urllib3.exceptions import ReadTimeoutError as BodyTimeoutError
from urllib3.util.ssl_ import create_urllib3_context

from scraper.errors import ConnectError, FetchError, ScrapeSettingsError
from scraper.net.address_policy import AddressPolicy
from scraper.net.cookies import SiteCookies

CHUNK_BYTES = 65_536
WATCH_SECONDS = 0.1
"""Interval at which deadlines are checked."""
CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
UNKNOWN_AUTHORITY = (18, 19, 20, 21)
"""OpenSSL's codes where nobody that is trusted has signed."""
OWN_AUTHORITY = "; if your network has its own authority, name its file in SSL_CERT_FILE"
COMPRESSIONS = frozenset({"br", "zstd", "compress", "x-compress", "xz", "lzma", "bzip2", "dcb", "dcz"})
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
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
    waiting_seconds: float = 600.0
    """So does one that goes on asking to wait for so long without another answer between."""
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

    def __init__(
        self,
        policy: AddressPolicy,
        limits: Limits,
        user_agent: str,
        workers: int,
        cookies: SiteCookies | None = None,
    ) -> None:
        self._cookies = cookies
        self._policy = policy
        self._limits = limits
        self._headers = {
            "User-Agent": user_agent,
            "Accept": "text/html, image/*;q=0.9, */*;q=0.5",
            "Accept-Encoding": "gzip, deflate",
        }
        self._attempts: set[_Attempt] = set()
        self._closed = threading.Event()
        self._adapter = _GuardedAdapter(trust_store_context(), pool_maxsize=workers)
        threading.Thread(target=self._watch, name="deadlines", daemon=True).start()

    def get(self, url: str, headers: Mapping[str, str], cap_bytes: int, *, cut: bool = False) -> Response:
        """Ask once, without following redirects, by way of no proxy and with no passwords.

        Args:
            url: an address that the policy lets pass.
            headers: sent beside the usual ones.
            cap_bytes: the largest body that is taken, unpacked.
            cut: take so much of a larger one.

        Raises:
            FetchError: no whole answer came within the limits.
        """
        with self._attempt() as attempt:
            try:
                response = self._send(url, headers, cap_bytes, cut, attempt)
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

    def _send(
        self, url: str, headers: Mapping[str, str], cap_bytes: int, cut: bool, attempt: "_Attempt"
    ) -> Response:
        # Where one percent sign escapes nothing, requests would escape all of them again.
        plain_url = _STRAY_PERCENT.sub("%25", url)
        request = requests.Request("GET", plain_url, headers={**self._headers, **headers}).prepare()
        if self._cookies and (cookie := self._cookies.header(request)):
            request.headers["Cookie"] = cookie
        with self._first_answer(request, attempt) as response:
            if response.status_code == requests.codes.ok:
                body = _read(response.raw, cap_bytes, cut)
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


def trust_store_context() -> ssl.SSLContext | None:
    """Trust, beside the usual authorities, all that the environment names; None: it names none.

    Raises:
        ScrapeSettingsError: one of them is not there, or holds no certificate.
    """
    named = {name: path for name in CA_VARIABLES if (path := os.environ.get(name))}
    if not named:
        return None
    context = create_urllib3_context()
    for name, path in named.items():
        try:
            context.load_verify_locations(**{"capath" if Path(path).is_dir() else "cafile": path})
        except OSError as error:
            raise ScrapeSettingsError(
                f"{name}: {path} cannot be read ({error.strerror or error}); it names your network's authority"
            ) from None
    return context


def _check_encoding(raw: HTTPResponse) -> None:
    encodings = [each.strip().lower() for each in raw.headers.get("Content-Encoding", "").split(",")]
    unknown = [each for each in encodings if each in COMPRESSIONS and each not in raw.CONTENT_DECODERS]
    if unknown:
        remedy = '; pip install "urllib3[brotli,zstd]" reads it' if unknown[0] in ("br", "zstd") else ""
        raise FetchError(
            f"sent in the encoding {unknown[0]}, though only gzip and deflate were asked for{remedy}",
            http=raw.status,
        )


def _read(raw: HTTPResponse, cap_bytes: int, cut: bool = False) -> bytes:
    _check_encoding(raw)
    too_large = FetchError(f"larger than {cap_bytes / 1e6:g} MB", http=raw.status)
    if raw.length_remaining is not None and raw.length_remaining > cap_bytes and not cut:
        raise too_large
    body = bytearray()
    for chunk in raw.stream(CHUNK_BYTES, decode_content=True):
        body += chunk
        if len(body) > cap_bytes:
            if cut:
                return bytes(body[:cap_bytes])
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
            addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise ConnectError(f"the name {host} cannot be resolved") from error
        failure: FetchError = ConnectError(f"{host} has no network address")
        for family, kind, protocol, _, address in addresses:
            try:
                self._policy.check_address(host, port, str(address[0]))
                return self._open(socket.socket(family, kind, protocol), address, timeout_seconds)
            except OSError as error:
                message = error.strerror or "no answer in time"
                failure = ConnectError(f"cannot connect to {host}:{port}: {message}")
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
            # Everything is explicit, because Windows knows nothing about a socket that is not yet connected.
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
            return _unsafe(error)
        if isinstance(error, requests.ConnectionError | HTTPError | OSError):
            return _broken_answer(error)
        return FetchError(f"not an address: {_first_words(error)}")


def _unsafe(error: BaseException) -> FetchError:
    """Say why TLS failed: urllib3 wraps the reason several times."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        inner = [each for each in (getattr(cause, "reason", None), *cause.args) if isinstance(each, BaseException)]
        cause = inner[0] if inner else cause.__cause__ or cause.__context__
    if isinstance(cause, ssl.SSLCertVerificationError):
        message = cause.verify_message.rstrip(".")
        remedy = "" if cause.verify_code not in UNKNOWN_AUTHORITY else OWN_AUTHORITY
        return ConnectError(f"no safe connection: certificate verify failed: {message}{remedy}", retry=False)
    reason = getattr(cause, "reason", None)
    message = str(reason).lower().replace("_", " ") if reason else _first_words(error)
    return ConnectError(f"no safe connection: {message}")


def _broken_answer(error: Exception) -> FetchError:
    if isinstance(error, DecodeError):
        return FetchError("broken compression", retry=True)
    if isinstance(error, IncompleteRead) or "IncompleteRead" in repr(error):
        return FetchError("the answer was cut off", retry=True)
    return FetchError("the connection broke", retry=True, unanswered=True)


def _first_words(error: BaseException) -> str:
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
    def __init__(self, context: ssl.SSLContext | None, **options: Any) -> None:
        self._context = context
        super().__init__(**options)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        if self._context:
            options["ssl_context"] = self._context
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}
