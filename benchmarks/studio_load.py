"""The studio under load: 200 users beside 300 connections that send nothing, and a user beside somebody greedy.

    python -m benchmarks.studio_load [--users 200] [--idle 300] [--pictures 20000] [--pause 1]

A user asks for one picture, rests, and asks for the next. What is answered 503, or on a connection closed
meanwhile, is asked again as the page does, and is lost if that does not help. Each idle connection is opened anew
when it is closed. The greedy client has forty connections, which ask for fifty pictures each, without pause. Users
have an address each, or, as behind a proxy that does not name them, share one with the idle or the greedy client
(Linux alone has that many loopback addresses). Memory is the server's, after a tenth of the pictures and after
all.
"""

import argparse
import asyncio
import json
import re
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import psutil
from rich.console import Console
from rich.table import Table

from benchmarks._studio import opened

LATENT_DIM, SIDE = 100, 80
HELD, GREEDY, ALONE = "127.0.0.2", "127.0.0.3", "127.0.0.4"
WAITS = (0.0, 0.3, 0.9, 2.0)
"""Before each try, seconds; as in studio/page/engine/engine.js."""
GREEDY_CONNECTIONS, GREEDY_PICTURES = 40, 50
RETRIED = (OSError, asyncio.IncompleteReadError)


class Client:
    """One connection that asks for pictures, opened when it is needed."""

    def __init__(self, port: int, address: str) -> None:
        self._port, self._address = port, address
        self._rng = np.random.default_rng()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self.retries = 0

    async def draw(self, pictures: int = 1) -> float:
        """Seconds until the pictures are there, tries included; infinite if they never come."""
        latents = self._rng.normal(size=(pictures, LATENT_DIM)).astype(np.float16).tolist()
        body = json.dumps({"latents": latents}).encode()
        start = time.perf_counter()
        for wait in WAITS:
            await asyncio.sleep(wait)
            try:
                if await self._ask(body) == pictures * SIDE * SIDE * 3:
                    return time.perf_counter() - start
            except RETRIED:
                pass
            self.close()
            self.retries += 1
        return float("inf")

    async def _ask(self, body: bytes) -> int:
        """Bytes of pictures in the answer; 0 if it is a refusal."""
        local = (self._address, 0)
        self._streams = self._streams or await asyncio.open_connection("127.0.0.1", self._port, local_addr=local)
        reader, writer = self._streams
        head = "POST /api/draw HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        answer = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = re.search(r"content-length: (\d+)", answer)
        content = await reader.readexactly(int(length[1]) if length else 0)
        return len(content) if answer.startswith("http/1.1 200") else 0

    def close(self) -> None:
        """Leave."""
        if self._streams:
            self._streams[1].close()
        self._streams = None


async def hold(port: int, address: str) -> None:
    """Hold a connection that sends nothing, and another when that is closed."""
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0))
            await reader.read()
            writer.close()
        except OSError:
            pass
        await asyncio.sleep(0.5)


async def be_greedy(port: int, address: str) -> None:
    """Ask for many pictures, without pause."""
    client = Client(port, address)
    while True:
        await client.draw(GREEDY_PICTURES)


@contextmanager
def meanwhile(*others: Coroutine[Any, Any, None]) -> Iterator[None]:
    """Others who are there while the block lasts."""
    tasks = [asyncio.create_task(other) for other in others]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()


async def be_user(client: Client, pictures: int, pause: float) -> list[float]:
    """Seconds that each picture took."""
    await asyncio.sleep(pause * np.random.default_rng().random())
    seconds = []
    for _ in range(pictures):
        seconds.append(await client.draw())
        await asyncio.sleep(pause)
    client.close()
    return seconds


async def crowd(port: int, pictures: int, options: argparse.Namespace, shared: str | None) -> list[str]:
    """What all users got beside the idle connections, as cells of the table."""
    users = [Client(port, shared or f"127.0.1.{1 + number % 250}") for number in range(options.users)]
    with meanwhile(*(hold(port, shared or HELD) for _ in range(options.idle))):
        await asyncio.sleep(2)
        each = max(1, pictures // options.users)
        seconds = await asyncio.gather(*(be_user(user, each, options.pause) for user in users))
    return cells([second for every in seconds for second in every], sum(user.retries for user in users))


async def beside_greedy(port: int, rounds: int, shared: str | None) -> list[str]:
    """What one user got beside the greedy client, as cells of the table."""
    user = Client(port, shared or ALONE)
    with meanwhile(*(be_greedy(port, shared or GREEDY) for _ in range(GREEDY_CONNECTIONS))):
        await asyncio.sleep(2)
        return cells(await be_user(user, rounds, 0.1), user.retries)


def cells(seconds: list[float], retries: int) -> list[str]:
    """A row's figures."""
    got = [each for each in seconds if each != float("inf")]
    taken = [f"{np.percentile(got, share) * 1000:.0f}" if got else "-" for share in (50, 95, 100)]
    return [f"{len(got):,}", *taken, str(retries), str(len(seconds) - len(got))]


def resident_mb(process: psutil.Process) -> float:
    """A process's memory, MB."""
    return float(process.memory_info().rss / 1e6)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=200)
    parser.add_argument("--idle", type=int, default=300)
    parser.add_argument("--pictures", type=int, default=20_000)
    parser.add_argument("--pause", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=50)
    options = parser.parse_args()
    table = Table(
        "who", "pictures", "p50, ms", "p95, ms", "longest, ms", "asked again", "lost", title="vgc studio"
    )
    with opened() as (address, studio):
        port, tenth = urlsplit(address).port, options.pictures // 10
        crowded, shared = f"{options.users} users, {options.idle} idle", "127.0.0.1"
        asyncio.run(crowd(port, tenth, options, None))
        before = resident_mb(studio)
        table.add_row(crowded, *asyncio.run(crowd(port, options.pictures - tenth, options, None)))
        after = resident_mb(studio)
        table.add_row(f"{crowded}, one address", *asyncio.run(crowd(port, tenth, options, shared)))
        table.add_row("one user, one greedy", *asyncio.run(beside_greedy(port, options.rounds, None)))
        table.add_row("the same, one address", *asyncio.run(beside_greedy(port, options.rounds, shared)))
    Console(width=110).print(table)
    print(f"memory after {tenth:,} pictures {before:.0f} MB, after {options.pictures:,} {after:.0f} MB")


if __name__ == "__main__":
    main()
