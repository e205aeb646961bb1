"""Rendering on several cores, in order, with a bounded number of pictures in memory."""

from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any

from PIL import Image

from dataset.errors import DatasetError
from dataset.render import (
    NOT_THIS_TIME,
    OpaqueCopy,
    Rendered,
    RenderJob,
    measure,
    render,
    write_opaque_rgba,
)
from dataset.trim import Box
from kit.worker_pool import SECONDS, WorkerError, WorkerPool

WORTH_A_PROCESS = 64
"""Fewer jobs are done before a second process has started."""
CHUNK_PIXELS = 16 * 80 * 80
"""About as much goes to a process at once…"""
MAX_CHUNK = 32
"""… but not more pictures, however small."""
CHUNKS_AHEAD = 4
"""Chunks for each process that may wait to be fetched: this bounds the memory."""


def measure_all(jobs: Iterator[RenderJob], count: int, workers: int) -> Generator[Box | None, None, None]:
    """Give `dataset.render.measure` of each of ``count`` jobs, in their order; None of one that takes too long."""
    for _, answer in _in_order(measure, jobs, count, workers):
        yield None if isinstance(answer, WorkerError) else answer


def render_all(jobs: Iterator[RenderJob], count: int, workers: int) -> Generator[Rendered, None, None]:
    """Give `dataset.render.render` of each of ``count`` jobs, in their order.

    A picture that takes too long, or ends its process, is left out with that for its reason.

    Raises:
        OSError: a clean picture cannot be written.
    """
    for job, answer in _in_order(render, jobs, count, workers):
        yield _answered(job, answer)


def write_all_opaque_rgba(copies: Iterator[OpaqueCopy], count: int, workers: int) -> Generator[bytes, None, None]:
    """Give `dataset.render.write_opaque_rgba` of each of ``count`` pictures, in their order.

    Raises:
        OSError: a picture cannot be read or written.
        DatasetError: one takes too long, or ends its process.
    """
    for copy, answer in _in_order(write_opaque_rgba, copies, count, workers):
        if isinstance(answer, WorkerError):
            raise DatasetError(f"{copy.rgba}: not written this time: {answer}; the same command goes on")
        if isinstance(answer, Exception):
            raise answer
        yield answer


def _in_order(
    function: Callable[[Any], Any], jobs: Iterator[Any], count: int, workers: int
) -> Generator[tuple[Any, Any], None, None]:
    """Each job with what became of it, or the exception, in their order."""
    size = min(workers, -(-count // WORTH_A_PROCESS))
    if not size:
        return
    # The processes are ended before the threads that wait for them.
    with ThreadPoolExecutor(size) as threads, WorkerPool(size) as processes:
        Image.preinit()  # once, rather than in each fork of this process
        processes.prepare()  # in this thread, while it is the only one
        waiting: deque[Future[list[tuple[Any, Any]]]] = deque()
        for first in jobs:
            length = min(max(1, CHUNK_PIXELS // first.size_px**2), MAX_CHUNK)
            chunk = [first, *islice(jobs, length - 1)]
            waiting.append(threads.submit(_answers, processes, function, chunk))
            if len(waiting) > CHUNKS_AHEAD * size:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()


def _answers(processes: WorkerPool, function: Callable[[Any], Any], jobs: list[Any]) -> list[tuple[Any, Any]]:
    return list(zip(jobs, processes.map(function, jobs, SECONDS), strict=True))


def _answered(job: RenderJob, answer: Any) -> Rendered:
    if isinstance(answer, WorkerError):
        return Rendered(job.refused(f"{NOT_THIS_TIME}{answer}"))
    if isinstance(answer, Exception):
        raise answer
    return answer  # type: ignore[no-any-return]
