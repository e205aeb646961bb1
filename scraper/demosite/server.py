"""The built-in site on a loopback port."""

import hashlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

from scraper.demosite.site import DemoResponse, respond

HOST = "127.0.0.1"
DEFAULT_PORT = 8060
SHUTDOWN_POLL_SECONDS = 0.05


@contextmanager
def serve(port: int = 0) -> Iterator[str]:
    """Serve the built-in site from this process while the block runs, and give its base URL.

    Args:
        port: 0 takes a free one.

    Raises:
        OSError: the port is taken.
    """
    with _Server((HOST, port), _Handler) as server:
        thread = Thread(target=server.serve_forever, args=(SHUTDOWN_POLL_SECONDS,), daemon=True)
        thread.start()
        try:
            yield f"http://{HOST}:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


class _Server(ThreadingTCPServer):
    # http.server.HTTPServer asks for the host's full name when it starts: seconds on some machines.
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # a client that goes away is no error
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        # Links lead back to the name the client used, localhost or 127.0.0.1.
        base_url = f"http://{escape(self.headers.get('Host', HOST))}"
        page = respond(urlsplit(self.path).path, base_url)
        if page is None:
            self._send(HTTPStatus.NOT_FOUND, DemoResponse(body=b"Not found\n"))
        elif page.location:
            self._send(HTTPStatus.MOVED_PERMANENTLY, page, Location=page.location)
        else:
            self._send_unless_unchanged(page)

    do_HEAD = do_GET

    def _send_unless_unchanged(self, page: DemoResponse) -> None:
        etag = f'"{hashlib.sha256(page.body).hexdigest()[:16]}"'
        unchanged = self.headers.get("If-None-Match") == etag
        self._send(HTTPStatus.NOT_MODIFIED if unchanged else HTTPStatus.OK, page, ETag=etag)

    def _send(self, status: HTTPStatus, content: DemoResponse, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content.content_type)
        self.send_header("Content-Length", str(len(content.body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD" and status is not HTTPStatus.NOT_MODIFIED:
            self.wfile.write(content.body)

    def log_message(self, *_: Any) -> None:
        """Keep the terminal for the crawl that visits."""
