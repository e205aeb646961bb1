"""A site made up by a test, over real HTTP on a loopback port, which counts what it is asked."""

import json
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingTCPServer
from typing import Any

from odd_images import encoded, plain

from scraper.crawl import ScrapeSettings, ScrapeSummary, crawl
from scraper.net.transport import Limits

HUB = "/52702/the-game-art-hq/"
FAST = Limits(
    tries=3,
    page_bytes=2_000_000,
    image_bytes=1_000_000,
    image_pixels=1_000_000,
    backoff_seconds=0.01,
)
"""Small caps and short waits, but the usual deadlines: a busy machine fails no test."""
HASTY = replace(FAST, read_seconds=0.5, total_seconds=2, tries=2)
"""For servers that are slow on purpose."""


def encoded_image(colour: int = 0, kind: str = "PNG", size: tuple[int, int] = (8, 8)) -> bytes:
    """A small picture; different colours give different bytes."""
    return encoded(plain((colour % 256, colour // 256 % 256, 99), size=size), kind)


@dataclass(frozen=True)
class Answer:
    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class Request(BaseHTTPRequestHandler):
    """What a test's own answering function gets: the request, and ``wfile`` to answer it."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "Web"

    def do_GET(self) -> None:
        web = self.server
        with web.lock:
            web.hits[self.path] += 1
            web.connections.add(self.client_address)
            web.requests.append((time.monotonic(), self.path, dict(self.headers)))
        answer = web.answers.get(self.path, Answer(b"nothing here", 404))
        if callable(answer):
            self.close_connection = True
            answer(self)
            return
        self.send_response(answer.status)
        for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, *_: object) -> None:
        pass


class Web(ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Request)
        self.answers: dict[str, Answer | Callable[[Request], None]] = {}
        self.hits: Counter[str] = Counter()
        self.connections: set[object] = set()
        self.requests: list[tuple[float, str, dict[str, str]]] = []
        self.lock = threading.Lock()
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, *_: object) -> None:
        pass  # clients that hang up are what the tests are about

    def add_letters(self, letters: Mapping[str, str]) -> None:
        """Add the hub, and for each letter a page whose ``div.entry`` holds the given HTML."""
        links = "".join(f'<a href="{letter_path(letter)}">Letter {letter}</a>' for letter in letters)
        self.answers[HUB] = page(links)
        for letter, html in letters.items():
            self.answers[letter_path(letter)] = page(html)

    def add_characters(self, letter: str, count: int) -> list[str]:
        """Add ``count`` pictures and the cells that show them on a letter page; the paths."""
        paths = [f"/up/{letter}-{number}.png" for number in range(count)]
        for number, path in enumerate(paths):
            self.answers[path] = Answer(encoded_image(number + 1000 * ord(letter)))
        cells = "".join(cell(f"{letter.upper()} {number}", path) for number, path in enumerate(paths))
        self.answers[letter_path(letter)] = page(f"<table><tr>{cells}</tr></table>")
        return paths


def letter_path(letter: str) -> str:
    return f"/1/video-game-characters-on-game-art-hq-{letter}/"


def cell(name: str, source: str) -> str:
    return f'<td><a href="/9/x-from-y/"><img src="{source}"></a><strong>{name}</strong></td>'


def page(entry: str) -> Answer:
    body = f'<html><body><img src="/logo.png"><div class="entry">{entry}</div></body></html>'
    return Answer(body.encode(), headers={"Content-Type": "text/html; charset=utf-8"})


@contextmanager
def serving(pem: Path | None = None) -> Iterator[Web]:
    """Run an empty site while the block runs; over TLS, as localhost, with the key and certificate of ``pem``."""
    with Web() as web:
        if pem:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(pem)
            web.socket = context.wrap_socket(web.socket, server_side=True)
            web.url = web.url.replace("http://127.0.0.1", "https://localhost")
        thread = threading.Thread(target=web.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield web
        finally:
            web.shutdown()
            thread.join()


@contextmanager
def small_site(letters: str = "ab", count: int = 3) -> Iterator[Web]:
    """Run a site of ``count`` characters a letter."""
    with serving() as web:
        web.add_letters(dict.fromkeys(letters, ""))
        for letter in letters:
            web.add_characters(letter, count)
        yield web


def scrape(web: Web, out: Path, **options: Any) -> ScrapeSummary:
    """Crawl the site into ``out``, without a delay and within `FAST`, unless told otherwise."""
    settings: dict[str, Any] = {"delay_seconds": 0, "limits": FAST} | options
    return crawl(ScrapeSettings(base_url=web.url, out=out, **settings))


def manifest_lines(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "manifest.jsonl").read_text("utf-8").splitlines()]


def saved_images(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (out / "images").iterdir()}
