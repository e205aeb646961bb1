"""The studio's connections: how long each may keep the server waiting, how many there may be, who makes room."""

import asyncio
import json
from collections import Counter
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from studio.guard import client_of

MAX_CONNECTIONS = 512
MAX_PER_ADDRESS = 256
"""A proxy's address has as many users as come through it."""
HEADERS_SECONDS = 10.0
"""From a connection's start, or a later request's first byte, to the end of the request's headers."""
READING_SECONDS = 30.0
"""For a client to read anything at all of an answer."""
GRACE_SECONDS = 0.1
"""Nobody is sent away before: a request that came with the connection may be unread yet."""

BUSY = json.dumps({"detail": "The studio has more connections than it can serve; try again in a moment."}).encode()
BUSY_ANSWER = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 1\r\n"
    b"Connection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(BUSY), BUSY)
)


class Connection(H11Protocol):
    """One connection of uvicorn's, which ends when its client does nothing.

    Where no more fit, the one whose client has let the server wait longest makes room: of the address that has
    most, and of those that never asked if there are such. One that is being answered never does. So those who only
    hold connections keep nobody out, and a proxy, from whose one address everybody comes, loses none that it uses.
    """

    def __init__(self, config: uvicorn.Config, *arguments: Any, **options: Any) -> None:
        super().__init__(config, *arguments, **options)
        self._headers_deadline: asyncio.TimerHandle | None = None
        self._reading_deadline: asyncio.TimerHandle | None = None
        self._waiting_since = self.loop.time()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Let a client in, or tell it to come again."""
        super().connection_made(transport)
        self.address = client_of(self.client)
        if self._make_room():
            self._expect_headers()
        else:
            self.connections.discard(self)
            transport.write(BUSY_ANSWER)
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the client."""
        for deadline in (self._headers_deadline, self._reading_deadline):
            if deadline:
                deadline.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read a part of a request."""
        super().data_received(data)
        if not self._is_answering():
            self._expect_headers()
        elif self._headers_deadline:
            self._headers_deadline.cancel()
            self._headers_deadline = None
            self._waiting_since = self.loop.time()  # for the body

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        self._waiting_since = self.loop.time()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """The client does not read its answer as fast as it comes."""
        super().pause_writing()
        self._waiting_since = self.loop.time()
        self._expect_reading()

    def resume_writing(self) -> None:
        """The client has read most of what there was."""
        if self._reading_deadline:
            self._reading_deadline.cancel()
        super().resume_writing()

    def _expect_headers(self) -> None:
        if not self._headers_deadline:
            self._headers_deadline = self.loop.call_later(HEADERS_SECONDS, self.transport.close)

    def _expect_reading(self, unread: int | None = None) -> None:
        """Give the client up once it reads nothing of its answer for a while; ``unread`` were left before."""
        left = self.transport.get_write_buffer_size()
        if unread is not None and left >= unread:
            self.transport.abort()
        else:
            self._reading_deadline = self.loop.call_later(READING_SECONDS, self._expect_reading, left)

    def seconds_waited(self) -> float:
        """How long the server has been waiting for this client; 0 while the client waits for the server."""
        waits = not self._is_answering() or self.cycle.more_body or self.flow.write_paused
        return self.loop.time() - self._waiting_since if waits else 0.0

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _make_room(self) -> bool:
        """Whether there is room for this connection, which another may have made."""
        others: set[Any] = self.connections - {self}
        counts = Counter(each.address for each in others)
        if counts[self.address] >= MAX_PER_ADDRESS:
            others = {each for each in others if each.address == self.address}
        elif len(others) < MAX_CONNECTIONS:
            return True
        waited = {each: each.seconds_waited() for each in others}
        idle = [each for each in others if waited[each] > GRACE_SECONDS]
        if idle:
            longest = max(idle, key=lambda each: (counts[each.address], each.cycle is None, waited[each]))
            self.connections.discard(longest)
            longest.transport.abort()
        return bool(idle)
