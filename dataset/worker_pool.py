"""Rendering on several cores, in order, with a bounded number of pictures in memory."""

import multiprocessing
import signal
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from queue import SimpleQueue
from typing import Any

from dataset.errors import DatasetError
from dataset.render import Outcome, RenderJob, render

Rendered = tuple[Outcome, bytes]

WORTH_A_POOL = 64
"""Fewer jobs are done before the first process has started."""
MAX_PROCESSES = 61
"""Windows cannot wait for more."""
CHUNK_PIXELS = 16 * 80 * 80
"""About as much goes to a process at once…"""
MAX_CHUNK = 32
"""… but not more pictures, however small."""
CHUNKS_AHEAD = 4
"""Chunks for each process that may wait to be fetched: this bounds the memory."""


def render_all(jobs: Iterator[RenderJob], count: int, workers: int) -> Iterator[Rendered]:
    """Give `dataset.render.render` of each of ``count`` jobs, in their order.

    Raises:
        DatasetError: a process died.
        OSError: a clean picture cannot be written.
    """
    if workers == 1 or count < WORTH_A_POOL:
        yield from map(render, jobs)
        return
    pool = WorkerPool(min(workers, MAX_PROCESSES))
    try:
        yield from _in_order(pool, jobs)
    finally:
        pool.shutdown()


class WorkerPool:
    """Processes that render, each with a thread here that waits for it.

    Not `concurrent.futures.ProcessPoolExecutor`: its processes share one pipe, and where one is killed while it
    writes, the pool waits for the rest of its message for ever. Here every process has a pipe of its own, and its
    death is the end of that pipe.
    """

    def __init__(self, size: int) -> None:
        context = _context()
        self.size = size
        self._threads = ThreadPoolExecutor(size)
        self._processes: list[Any] = []
        self._idle: SimpleQueue[Connection] = SimpleQueue()
        for _ in range(size):
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs,), daemon=True)  # type: ignore[attr-defined]
            process.start()
            # Or the pipe would never end.
            theirs.close()
            self._processes.append(process)
            self._idle.put(ours)

    def submit(self, jobs: list[RenderJob]) -> "Future[list[Rendered]]":
        """Have the jobs rendered by whichever process is idle first."""
        return self._threads.submit(self._run, jobs)

    def _run(self, jobs: list[RenderJob]) -> list[Rendered]:
        pipe = self._idle.get()
        try:
            pipe.send(jobs)
            answer = pipe.recv()
        except (EOFError, OSError):  # between two messages, or in the midst of one
            raise DatasetError(
                "a process died while it decoded pictures (out of memory?); try again with --workers 1"
            ) from None
        finally:
            self._idle.put(pipe)
        if isinstance(answer, OSError):
            raise answer
        return answer  # type: ignore[no-any-return]

    def shutdown(self) -> None:
        """End the processes, in the middle of a picture if need be: one counts only once it is recorded."""
        for process in self._processes:
            process.kill()
        self._threads.shutdown(cancel_futures=True)
        for process in self._processes:
            process.join()


def _in_order(pool: WorkerPool, jobs: Iterator[RenderJob]) -> Iterator[Rendered]:
    waiting: deque[Future[list[Rendered]]] = deque()
    for first in jobs:
        size = min(max(1, CHUNK_PIXELS // first.settings.size_px**2), MAX_CHUNK)
        waiting.append(pool.submit([first, *islice(jobs, size - 1)]))
        if len(waiting) > CHUNKS_AHEAD * pool.size:
            yield from waiting.popleft().result()
    while waiting:
        yield from waiting.popleft().result()


def _serve(pipe: Connection) -> None:
    """Render what comes until nobody asks any more; Ctrl-C is the parent's affair."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The pipe ends with the parent, however that ended.
    with suppress(EOFError, ConnectionError):
        while True:
            jobs = pipe.recv()
            answer: list[Rendered] | OSError
            try:
                answer = [render(job) for job in jobs]
            except OSError as error:
                answer = error
            pipe.send(answer)


def _context() -> BaseContext:
    """Never plain fork: the caller's progress bar has a thread, and a forked lock may never open again."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([render.__module__])
    return context
