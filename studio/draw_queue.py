"""The queue of latents to draw: one thread draws a few images of each request in turn."""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Draw = Callable[[NDArray[np.float32]], NDArray[np.uint8]]
"""Latents [N, latent_dim] to RGB images [N, height, width, 3]."""

BATCH_SIZE = 16
MAX_WAITING = 2048
"""Images; a request beyond this gets a 503."""


class QueueFull(Exception):
    """More images are waiting than the queue takes."""


@dataclass(eq=False)
class Job:
    """What one client waits for."""

    remaining: NDArray[np.float32]
    """Latents not drawn yet."""
    done: asyncio.Future[NDArray[np.uint8]]
    parts: list[NDArray[np.uint8]] = field(default_factory=list)


class DrawQueue:
    """Draws in turn: each batch takes a few images of every job, oldest first. Belongs to one event loop."""

    def __init__(self, draw: Draw) -> None:
        self._draw = draw
        self._jobs: deque[Job] = deque()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="draw")
        self._has_jobs = asyncio.Event()

    @property
    def waiting(self) -> int:
        """Images that no batch has taken yet."""
        return sum(len(job.remaining) for job in self._jobs)

    async def draw(self, latents: NDArray[np.float32]) -> NDArray[np.uint8]:
        """The images of some latents; cancel it, and what is not drawn yet never will be.

        Args:
            latents: [N, latent_dim] float32, N at least 1.

        Raises:
            QueueFull: too many images are waiting.
        """
        if self.waiting + len(latents) > MAX_WAITING:
            raise QueueFull
        job = Job(latents, asyncio.get_running_loop().create_future())
        self._jobs.append(job)
        self._has_jobs.set()
        try:
            return await job.done
        finally:
            if job in self._jobs:
                self._jobs.remove(job)

    async def run(self) -> None:
        """Draw requests until cancelled."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                await self._has_jobs.wait()
                batch = self._next_batch()
                if not batch:
                    self._has_jobs.clear()
                    continue
                latents = np.concatenate([part for _, part in batch])
                drawing = loop.run_in_executor(self._thread, self._draw, latents)
                try:
                    deliver(batch, await drawing)
                except Exception as error:
                    for job, _ in batch:
                        fail_job(job, error)
        finally:
            self._thread.shutdown(wait=False, cancel_futures=True)

    def _next_batch(self) -> list[tuple[Job, NDArray[np.float32]]]:
        """Take the latents of the next batch; a job with more goes to the end of the line."""
        batch: list[tuple[Job, NDArray[np.float32]]] = []
        room = BATCH_SIZE
        for _ in range(len(self._jobs)):
            if not room:
                break
            job = self._jobs.popleft()
            part, job.remaining = job.remaining[:room], job.remaining[room:]
            room -= len(part)
            batch.append((job, part))
            if len(job.remaining):
                self._jobs.append(job)
        return batch


def deliver(batch: list[tuple[Job, NDArray[np.float32]]], images: NDArray[np.uint8]) -> None:
    """Give each job its images of a batch, and its answer once nothing is left to draw."""
    ends = np.cumsum([len(part) for _, part in batch])
    for (job, _), own in zip(batch, np.split(images, ends[:-1]), strict=True):
        job.parts.append(own)
        if not len(job.remaining) and not job.done.done():
            job.done.set_result(np.concatenate(job.parts))


def fail_job(job: Job, error: Exception) -> None:
    """Answer a job with what went wrong."""
    if not job.done.done():
        job.done.set_exception(error)
