"""Threads that do the work, and one that settles what they have done."""

from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any

LISTEN_SECONDS = 0.2
"""On Windows Ctrl-C ends no wait, and is heard only after it: so long at most."""

Settle = Callable[[Future[Any]], None]


class TaskPool:
    """Runs tasks in threads; what comes of each is settled by the thread that owns the pool."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="scrape")
        self._running: dict[Future[Any], Settle] = {}
        self._finished: SimpleQueue[Future[Any]] = SimpleQueue()

    def submit(self, settle: Settle, task: Callable[..., Any], *args: Any, **options: Any) -> None:
        """Run ``task`` in a thread; `settle_next` will call ``settle`` with its future."""
        future = self._executor.submit(task, *args, **options)
        self._running[future] = settle
        future.add_done_callback(self._finished.put)

    @property
    def is_full(self) -> bool:
        """Whether another task would only wait."""
        return len(self._running) > self._threads

    def settle_next(self, on_wait: Callable[[], None]) -> bool:
        """Wait for a task and settle it; False: none is running. ``on_wait`` is called now and then meanwhile."""
        if not self._running:
            return False
        while True:
            with suppress(Empty):
                future = self._finished.get(timeout=LISTEN_SECONDS)
                break
            on_wait()
        try:
            self._running[future](future)
        except Exception:
            del self._running[future]
            raise
        del self._running[future]  # one that Ctrl-C cut short stays for `settle_rest`
        return True

    def close(self) -> None:
        """Drop what has not begun, and wait for what has."""
        self._executor.shutdown(cancel_futures=True)

    def settle_rest(self, *ignored: type[BaseException]) -> None:
        """After `close`: settle what had come by then; what failed with ``ignored`` is passed over."""
        for future, settle in self._running.items():
            with suppress(CancelledError, *ignored):
                settle(future)
