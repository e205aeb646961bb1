"""Rendering on several cores, in order, with a bounded number of pictures in memory."""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing.connection import wait

from dataset.errors import DatasetError
from dataset.render import Job, Outcome, render, render_all

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


def rendered(jobs: Iterator[Job], count: int, workers: int) -> Iterator[Rendered]:
    """Give `dataset.render.render` of each of ``count`` jobs, in their order.

    Raises:
        DatasetError: a process died.
        OSError: a clean picture cannot be written.
    """
    if workers == 1 or count < WORTH_A_POOL:
        yield from map(render, jobs)
        return
    pool = ProcessPoolExecutor(min(workers, MAX_PROCESSES), mp_context=_context(), initializer=_obey_parent)
    try:
        yield from _in_order(pool, jobs, workers)
    except BrokenProcessPool:
        raise DatasetError(
            "a process died while it decoded pictures (out of memory?); try again with --workers 1"
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _in_order(pool: ProcessPoolExecutor, jobs: Iterator[Job], workers: int) -> Iterator[Rendered]:
    waiting: deque[Future[list[Rendered]]] = deque()
    for first in jobs:
        size = min(max(1, CHUNK_PIXELS // first.size_px**2), MAX_CHUNK)
        waiting.append(pool.submit(render_all, [first, *islice(jobs, size - 1)]))
        if len(waiting) > CHUNKS_AHEAD * workers:
            yield from waiting.popleft().result()
    while waiting:
        yield from waiting.popleft().result()


def _context() -> multiprocessing.context.BaseContext:
    """Never plain fork: the caller's progress bar has a thread, and a forked lock may never open again."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([render.__module__])
    return context


def _obey_parent() -> None:
    """Leave Ctrl-C to the parent, and end with it: otherwise a killed parent's processes wait for ever."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)
