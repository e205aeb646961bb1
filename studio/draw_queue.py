"""The drawing desk: one thread draws for everybody, a few pictures at a time, so nobody waits long."""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Draw = Callable[[NDArray[np.float32]], NDArray[np.uint8]]
"""Latents [N, latent_dim] to RGB pictures [N, height, width, 3]."""

PICTURES_A_PASS = 16
MOST_WAITING = 2048
"""Pictures; whoever asks beyond is told to come again."""


class DeskFull(Exception):
    """More pictures are waiting than the desk takes."""


@dataclass(eq=False)
class Job:
    """What one client waits for."""

    left: NDArray[np.float32]
    """Latents not drawn yet."""
    done: asyncio.Future[NDArray[np.uint8]]
    pieces: list[NDArray[np.uint8]] = field(default_factory=list)


class Desk:
    """Draws in turn: each pass takes a few pictures of every job, oldest first. Belongs to one event loop."""

    def __init__(self, draw: Draw) -> None:
        self._draw = draw
        self._jobs: deque[Job] = deque()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="draw")
        self._wanted = asyncio.Event()
        self.passes = 0
        """Passes begun since the start."""

    @property
    def waiting(self) -> int:
        """Pictures that no pass has taken yet."""
        return sum(len(job.left) for job in self._jobs)

    async def draw(self, latents: NDArray[np.float32]) -> NDArray[np.uint8]:
        """The pictures of some latents; cancel it, and what is not drawn yet never will be.

        Args:
            latents: [N, latent_dim] float32, N at least 1.

        Raises:
            DeskFull: too many pictures are waiting.
        """
        if self.waiting + len(latents) > MOST_WAITING:
            raise DeskFull
        job = Job(latents, asyncio.get_running_loop().create_future())
        self._jobs.append(job)
        self._wanted.set()
        try:
            return await job.done
        finally:
            if job in self._jobs:
                self._jobs.remove(job)

    async def work(self) -> None:
        """Draw whatever comes, until cancelled."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                await self._wanted.wait()
                taken = self._next_pass()
                if not taken:
                    self._wanted.clear()
                    continue
                self.passes += 1
                latents = np.concatenate([part for _, part in taken])
                drawing = loop.run_in_executor(self._thread, self._draw, latents)
                try:
                    hand_out(taken, await drawing)
                except Exception as error:
                    for job, _ in taken:
                        fail(job, error)
        finally:
            self._thread.shutdown(wait=False, cancel_futures=True)

    def _next_pass(self) -> list[tuple[Job, NDArray[np.float32]]]:
        """Take the latents of the next pass; a job with more goes to the end of the line."""
        taken: list[tuple[Job, NDArray[np.float32]]] = []
        room = PICTURES_A_PASS
        for _ in range(len(self._jobs)):
            if not room:
                break
            job = self._jobs.popleft()
            part, job.left = job.left[:room], job.left[room:]
            room -= len(part)
            taken.append((job, part))
            if len(job.left):
                self._jobs.append(job)
        return taken


def hand_out(taken: list[tuple[Job, NDArray[np.float32]]], pictures: NDArray[np.uint8]) -> None:
    """Give each job its pictures of a pass, and its answer once nothing is left to draw."""
    ends = np.cumsum([len(part) for _, part in taken])
    for (job, _), mine in zip(taken, np.split(pictures, ends[:-1]), strict=True):
        job.pieces.append(mine)
        if not len(job.left) and not job.done.done():
            job.done.set_result(np.concatenate(job.pieces))


def fail(job: Job, error: Exception) -> None:
    """Answer a job with what went wrong."""
    if not job.done.done():
        job.done.set_exception(error)
