"""Who may ask the studio's server what: hosts, origins, sizes, and what every answer forbids the browser."""

import asyncio
import re
import secrets
import socket
from dataclasses import dataclass, field
from functools import partial
from http.cookies import CookieError, SimpleCookie
from ipaddress import IPv4Address, ip_address
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from studio.errors import StudioSettingsError

MAX_BODY_BYTES = 1 << 20
BODY_SECONDS = 15.0
MAX_NAME_LETTERS = 253
PROXY_HEADERS = {"forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"}
"""Of whom speaks for somebody else: a proxy on this machine is not its user."""
WORKSHOP_PAGE, WORKSHOP_API = "/workshop/", "/api/workshop/"
COOKIE = "vgc-workshop"
MAY_USE_WORKSHOP = "vgc.may_use_workshop"
"""In the scope of a request that was let in."""
SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


@dataclass(frozen=True)
class Access:
    """Under which addresses a studio answers."""

    host: str = "127.0.0.1"
    """What it listens on."""
    allow_hosts: tuple[str, ...] = ()
    """Further names, such as a proxy's."""
    path_prefix: str = ""
    """The path under which a proxy shows it, "/…", where the proxy passes that on; it also answers without."""
    password: str = field(default_factory=partial(secrets.token_urlsafe, 16), repr=False)
    """Opens the workshop, which reads and writes folders, to those who do not sit at this machine."""

    def __post_init__(self) -> None:
        for name in self.allow_hosts:
            if not re.fullmatch(r"[\w.-]+|[0-9a-fA-F:]+", name, re.ASCII):
                raise StudioSettingsError(f"--allow-host {name}: give a name alone, such as studio.example.org")
        if self.path_prefix and not re.fullmatch(r"(/[\w.~-]+)+", self.path_prefix, re.ASCII):
            raise StudioSettingsError(f"--path-prefix {self.path_prefix}: give a path such as /studio")

    @property
    def is_private(self) -> bool:
        """Whether nobody but this machine's own user is meant to reach it."""
        return is_loopback(self.host) and not self.allow_hosts and not self.path_prefix

    def names(self) -> frozenset[str]:
        """The names under which a browser may speak to the server, lower case; numbers are judged apart.

        A page elsewhere can make its own name point here (DNS rebinding), so a name must be one that was meant.
        """
        names = {self.host, "localhost", *self.allow_hosts}
        if not is_loopback(self.host):
            names |= {socket.gethostname(), f"{socket.gethostname()}.local", socket.getfqdn()}
        return frozenset(name.lower() for name in names)


def is_loopback(host: str) -> bool:
    """Whether a host, by name or number, is this machine alone."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def client_of(peer: tuple[str, int] | None) -> str:
    """Whose share of the server a peer uses: its address's, in IPv6 that of its network (/64), one household."""
    host = peer[0] if peer else ""
    try:
        address = ip_address(host)
    except ValueError:
        return host[:MAX_NAME_LETTERS]
    if isinstance(address, IPv4Address):
        return str(address)
    return str(address.ipv4_mapped or address.packed[:8].hex())


def host_name(authority: str) -> str:
    """The host of ``host[:port]``, lower case, without brackets."""
    if authority.startswith("["):
        return authority[1:].partition("]")[0].lower()
    return authority.partition(":")[0].lower()


class Guard:
    """Lets in only what a page of this server itself may ask, whole and of bounded size."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._names = access.names()
        self._proxies = {name.lower() for name in access.allow_hosts}
        self._only_loopback = is_loopback(access.host)
        self._prefix = access.path_prefix
        self._is_private, self._password = access.is_private, access.password

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refused = self._refusal(scope) or self._redirect(scope) or self._log_in(scope)
        body: bytes | Response = refused or await read_body(receive)
        if isinstance(body, Response):
            await body(scope, receive, send_guarded)
        else:
            scope[MAY_USE_WORKSHOP] = self._may_use_workshop(scope, Headers(scope=scope))
            await self._app(self._without_prefix(scope), replay_body(body, receive), send_guarded)

    def _redirect(self, scope: Scope) -> Response | None:
        """From ``/prefix`` to ``/prefix/``, where the page's relative addresses lead to the right place."""
        return RedirectResponse(f"{self._prefix}/") if self._prefix and scope["path"] == self._prefix else None

    def _log_in(self, scope: Scope) -> Response | None:
        """Take the password out of the address, and into a cookie that no other site's page can use."""
        if self._without_prefix(scope)["path"] != WORKSHOP_PAGE:
            return None
        given = parse_qs(scope["query_string"].decode("latin-1")).get("password", [""])[0]
        if not self._is_password(given):
            return None
        answer = RedirectResponse(scope["path"])
        answer.set_cookie(COOKIE, self._password, httponly=True, samesite="strict")
        return answer

    def _is_password(self, given: str) -> bool:
        return secrets.compare_digest(given.encode(), self._password.encode())

    def _may_use_workshop(self, scope: Scope, headers: Headers) -> bool:
        """Whether this is a program on this machine, and no proxy on it, or who was given the password."""
        client = scope.get("client") or ("", 0)
        if self._is_private and is_loopback(client[0]) and not (PROXY_HEADERS & set(headers.keys())):
            return True
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        except CookieError:
            return False
        return cookie is not None and self._is_password(cookie.value)

    def _without_prefix(self, scope: Scope) -> Scope:
        if not self._prefix or not scope["path"].startswith(f"{self._prefix}/"):
            return scope
        return {**scope, "path": scope["path"].removeprefix(self._prefix)}

    def _refusal(self, scope: Scope) -> JSONResponse | None:
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        if not self._knows(host_name(host)):
            name = host_name(host)[:MAX_NAME_LETTERS]
            return error_response(
                421,
                f"This studio does not go by the name {name or '(none)'}: use the address that it printed, "
                f"or start it with --allow-host {name or 'NAME'}",
            )
        # Chromium names the origin of modules too; the page is to load, and to say what is wrong.
        path = self._without_prefix(scope)["path"]
        is_own = origin is None or self._is_own(origin.partition("://")[2].lower(), host.lower())
        is_own = is_own and headers.get("sec-fetch-site", "none") in ("same-origin", "none")
        if path.startswith("/api/") and not is_own:
            origin = origin or ""
            name = host_name(origin.partition("://")[2])[:MAX_NAME_LETTERS] or "NAME"
            return error_response(
                403,
                "Only the studio's own page may ask its server. "
                f"If this is that page, behind a proxy, start the studio with --allow-host {name}",
            )
        if path.startswith(WORKSHOP_API) and not self._may_use_workshop(scope, headers):
            return error_response(
                401,
                "Sets and runs are for this machine alone, or for the address with the password that it printed.",
            )
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > MAX_BODY_BYTES:
            return error_response(413, f"At most {MAX_BODY_BYTES >> 20} MiB a request.")
        return None

    def _is_own(self, origin: str, host: str) -> bool:
        """Whether a page of this origin is the studio's own; a proxy may have changed the request's host."""
        return origin == host or host_name(origin) in self._proxies

    def _knows(self, name: str) -> bool:
        try:
            address = ip_address(name)
        except ValueError:
            return name in self._names
        return address.is_loopback or not self._only_loopback


def error_response(status: int, text: str) -> JSONResponse:
    """A clear no; the connection is closed, as its body may be unread."""
    return JSONResponse({"detail": text}, status, {"Connection": "close"})


async def read_body(receive: Receive) -> bytes | JSONResponse:
    """The whole body, or why it is not taken: too large, too slow."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                body += message.get("body", b"")
                if len(body) > MAX_BODY_BYTES:
                    return error_response(413, f"At most {MAX_BODY_BYTES >> 20} MiB a request.")
                if message["type"] == "http.disconnect" or not message.get("more_body"):
                    return bytes(body)
    except TimeoutError:
        return error_response(408, f"The request was not whole after {BODY_SECONDS:g} seconds.")


def replay_body(body: bytes, receive: Receive) -> Receive:
    """``receive`` once more from the body's start."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return messages.pop() if messages else await receive()

    return again
