"""A site of any size and latency for the scraping benchmarks, in a process of its own.

    python -m benchmarks._site CHARACTERS LATENCY_MS

It prints its base URL and serves until it is killed. ``/__hits__`` tells what it was asked for, how often, and
for how many things at once since it was asked for that.
"""

import asyncio
import io
import json
import sys
from collections import Counter
from functools import cache

from PIL import Image

from scraper.demosite.characters import character_image, load_characters
from scraper.demosite.site import HUB_PATH, letter_path

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
DIFFERENT_PICTURES = 60
PICTURES = "/wp-content/uploads/"
NOT_FOUND = "404 Not Found"


@cache
def _jpeg(kind: int) -> bytes:
    """A thumbnail as the real site has them: a JPEG of two or three kilobytes."""
    image = character_image(load_characters()[kind])
    on_black = Image.new("RGB", image.size)
    on_black.paste(image, mask=image)
    buffer = io.BytesIO()
    on_black.resize((100, 100)).save(buffer, "JPEG", quality=75)
    return buffer.getvalue()


class Site:
    """Answers for ``characters`` characters, spread evenly over the letters."""

    def __init__(self, characters: int, latency_seconds: float) -> None:
        self._latency_seconds = latency_seconds
        self._hits: Counter[str] = Counter()
        self._at_once = 0
        self._most_at_once = 0
        self._pages = {
            letter_path(letter): _page(range(number, characters, len(LETTERS)), letter)
            for number, letter in enumerate(LETTERS)
        }
        links = "".join(f'<p><a href="{letter_path(letter)}">Letter {letter}</a></p>' for letter in LETTERS)
        self._pages[HUB_PATH] = f'<html><div class="entry">{links}</div></html>'.encode()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        try:
            while request := await reader.readuntil(b"\r\n\r\n"):
                path = request.split(b" ", 2)[1].decode("latin-1")
                status, body = self._answer(path)
                self._at_once += 1
                self._most_at_once = max(self._at_once, self._most_at_once)
                await asyncio.sleep(self._latency_seconds)
                self._at_once -= 1
                writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _answer(self, path: str) -> tuple[str, bytes]:
        if path == "/__hits__":
            output = {**self._hits, "most at once": self._most_at_once}
            self._most_at_once = 0
            return "200 OK", json.dumps(output).encode()
        self._hits[path] += 1
        if path in self._pages:
            return "200 OK", self._pages[path]
        if path.startswith(PICTURES):
            number = path.removeprefix(PICTURES).removesuffix(".jpg")
            # Bytes behind the picture's end make each one different.
            return "200 OK", _jpeg(int(number) % DIFFERENT_PICTURES) + number.encode()
        return NOT_FOUND, b"nothing here"


def _page(numbers: range, letter: str) -> bytes:
    cells = "".join(
        f'<td><a href="/{number}/{letter.lower()}-{number}-from-the-game/"><img src="{PICTURES}{number}.jpg"></a>'
        f"<strong>{letter} {number}</strong></td>"
        for number in numbers
    )
    return f'<html><div class="entry"><table><tr>{cells}</tr></table></div></html>'.encode()


async def main() -> None:
    """Serve until killed."""
    site = Site(int(sys.argv[1]), float(sys.argv[2]) / 1000)
    server = await asyncio.start_server(site.serve, "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
