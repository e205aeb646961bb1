"""Who may ask the studio's server what: hosts, origins, sizes, and what every answer forbids the browser."""

import asyncio
import socket
from ipaddress import ip_address

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY_BYTES = 1 << 20
BODY_SECONDS = 15.0
SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


def allowed_names(host: str) -> frozenset[str]:
    """The names under which a browser may speak to a server on ``host``, lower case; numbers are judged apart.

    A page elsewhere can make its own name point here (DNS rebinding), so a name must be one that was meant.
    """
    names = {host, "localhost"}
    if not is_loopback(host):
        names |= {socket.gethostname(), f"{socket.gethostname()}.local", socket.getfqdn()}
    return frozenset(name.lower() for name in names)


def is_loopback(host: str) -> bool:
    """Whether a host, by name or number, is this machine alone."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def host_name(authority: str) -> str:
    """The host of ``host[:port]``, lower case, without brackets."""
    if authority.startswith("["):
        return authority[1:].partition("]")[0].lower()
    return authority.partition(":")[0].lower()


class Guard:
    """Lets in only what a page of this server itself may ask, whole and of bounded size."""

    def __init__(self, app: ASGIApp, host: str) -> None:
        self._app = app
        self._names = allowed_names(host)
        self._only_loopback = is_loopback(host)

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

        refused = self._refusal(Headers(scope=scope))
        body: bytes | JSONResponse = refused or await read_body(receive)
        if isinstance(body, JSONResponse):
            await body(scope, receive, send_guarded)
        else:
            await self._app(scope, replay(body, receive), send_guarded)

    def _refusal(self, headers: Headers) -> JSONResponse | None:
        host, origin = headers.get("host", ""), headers.get("origin")
        if not self._knows(host_name(host)):
            return refuse(
                421, f"This studio does not go by the name {host_name(host) or '(none)'}; use its address."
            )
        if origin is not None and origin.partition("://")[2].lower() != host.lower():
            return refuse(403, "Only the studio's own page may ask its server.")
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > MAX_BODY_BYTES:
            return refuse(413, f"At most {MAX_BODY_BYTES >> 20} MiB a request.")
        return None

    def _knows(self, name: str) -> bool:
        try:
            address = ip_address(name)
        except ValueError:
            return name in self._names
        return address.is_loopback or not self._only_loopback


def refuse(status: int, text: str) -> JSONResponse:
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
                    return refuse(413, f"At most {MAX_BODY_BYTES >> 20} MiB a request.")
                if message["type"] == "http.disconnect" or not message.get("more_body"):
                    return bytes(body)
    except TimeoutError:
        return refuse(408, f"The request was not whole after {BODY_SECONDS:g} seconds.")


def replay(body: bytes, receive: Receive) -> Receive:
    """``receive`` once more from the body's start."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return messages.pop() if messages else await receive()

    return again
