"""The queue of latents to draw: one thread draws an image of each client in turn."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Draw = Callable[[NDArray[np.float32]], NDArray[np.uint8]]
"""Latents [N, latent_dim] to RGB images [N, height, width, 3]."""

BATCH_SIZE = 8
"""A new client waits for at most two batches; larger ones are hardly faster on a CPU."""
MAX_WAITING = 2048
"""Images; a request beyond this gets a 503, unless its client has less than its share of them."""


class QueueFull(Exception):
    """More images are waiting than the queue takes."""


@dataclass(eq=False)
class Job:
    """What one request waits for."""

    remaining: NDArray[np.float32]
    """Latents not drawn yet."""
    done: asyncio.Future[NDArray[np.uint8]]
    parts: list[NDArray[np.uint8]] = field(default_factory=list)


class DrawQueue:
    """Draws in turn: an image of each client, of each of its requests. Belongs to one event loop."""

    def __init__(self, draw: Draw) -> None:
        self._draw = draw
        self._jobs: dict[str, deque[Job]] = {}
        """By client; who comes first is next, and so is the first of its jobs."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="draw")
        self._has_jobs = asyncio.Event()
        self._closed = False

    @property
    def waiting(self) -> int:
        """Images that no batch has taken yet."""
        return sum(map(images_of, self._jobs.values()))

    async def draw(self, latents: NDArray[np.float32], client: str) -> NDArray[np.uint8]:
        """The images of some latents; cancel it, and what is not drawn yet never will be.

        Args:
            latents: [N, latent_dim] float32, N at least 1.
            client: whose turn they take; however many requests a client has, it has as many turns as another.

        Raises:
            QueueFull: too many images are waiting, or the queue is closed.
        """
        if self._closed or not self._has_room(len(latents), client):
            raise QueueFull
        job = Job(latents, asyncio.get_running_loop().create_future())
        self._jobs.setdefault(client, deque()).append(job)
        self._has_jobs.set()
        try:
            return await job.done
        finally:
            self._remove(job, client)

    def _has_room(self, images: int, client: str) -> bool:
        """Whether so many more images may wait: in a full queue, as many as make up the client's share."""
        share = MAX_WAITING // len({client, *self._jobs})
        return self.waiting + images <= MAX_WAITING or images_of(self._jobs.get(client, ())) + images <= share

    def _remove(self, job: Job, client: str) -> None:
        jobs = self._jobs.get(client, deque())
        if job in jobs:
            jobs.remove(job)
            if not jobs:
                del self._jobs[client]

    def close(self) -> None:
        """Take no more requests; `run` ends once those that wait are drawn."""
        self._closed = True
        self._has_jobs.set()

    def abort(self) -> None:
        """Take no more requests, and refuse those that wait."""
        self.close()
        for job in [each for jobs in self._jobs.values() for each in jobs]:
            fail_job(job, QueueFull())

    async def run(self) -> None:
        """Draw requests until cancelled, or closed and empty."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                await self._has_jobs.wait()
                batch = self._next_batch()
                if not batch:
                    if self._closed:
                        return
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
        """Take the latents of the next batch, one at a turn; who had a turn goes to the end of the line."""
        taken: Counter[Job] = Counter()
        while self._jobs and taken.total() < BATCH_SIZE:
            client, jobs = next(iter(self._jobs.items()))
            del self._jobs[client]
            job = jobs.popleft()
            taken[job] += 1
            if taken[job] < len(job.remaining):
                jobs.append(job)
            if jobs:
                self._jobs[client] = jobs
        batch = [(job, job.remaining[:images]) for job, images in taken.items()]
        for job, part in batch:
            job.remaining = job.remaining[len(part) :]
        return batch


def images_of(jobs: Iterable[Job]) -> int:
    """Images that some jobs still wait for."""
    return sum(len(job.remaining) for job in jobs)


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
