"""How many threads of a CPU compute, so that a training beside other programs does not stand still.

PyTorch divides every operation among its threads and waits for the last of them. Where another program holds one
of the cores, each operation waits until that thread has its turn: many times slower than one thread alone.
"""

import math
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from statistics import fmean
from typing import Self, TypeVar

import torch

from kit.progress import Notify, noop

Item = TypeVar("Item")
Result = TypeVar("Result")

FIXED_BY = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""A user who sets one of these in the environment has chosen the number of threads."""
MOST_WORKERS = 8
"""Each holds the intermediate results of a pass of its own."""
TRIALS_SHARE = 0.008
"""Share of the time that trials may take."""
ROUNDS = 3
HOPELESS = 2.0
"""What takes so many times as long as the fastest is tried once only."""
MUST_WIN_BY = 1.1
"""Less is chance, and would be switched to and fro."""
STEPS = 4
"""The fastest of so many shows the speed: others wait for what is done between steps."""
CHANGED_BY = 1.4
"""Where steps are so many times slower or faster than right after the trials, the load has changed."""


def map_on_threads(
    function: Callable[[Item], Result], items: Iterable[Item], device: torch.device
) -> Iterator[Result]:
    """``map``, on a CPU with as many items in work as PyTorch has threads, each item on one of them; in order.

    No operation is divided, so no thread waits for another, and results do not depend on how many there are. A few
    items are taken ahead, not all of them.
    """
    threads = torch.get_num_threads()
    workers = min(threads, MOST_WORKERS)
    if device.type != "cpu" or workers == 1:
        yield from map(function, items)
        return
    pool = ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,))
    waiting: deque[Future[Result]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)  # what a worker sets, threads to come would have too


@contextmanager
def single_thread() -> Iterator[None]:
    """PyTorch computes on one thread while the block runs: what is timed there depends less on other programs."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


class ThreadTuner:
    """Lets PyTorch compute on all of its threads, on half of them or on one: what is fastest in trials.

    They are repeated at intervals, and early where the speed of the steps shows that the load has changed. Use it
    in a ``with`` block, which leaves the number of threads as it was. Where the environment names a number, it
    does nothing.
    """

    def __init__(
        self,
        trial: Callable[[], object],
        notify: Notify = noop,
        enabled: bool = True,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Try nothing yet.

        Args:
            trial: work like that to come, a fraction of a second of it, without effects.
            notify: told when fewer threads than all turn out faster, and when that changes.
            enabled: whether to try anything at all.
            clock: gives seconds.
        """
        self._trial, self._notify, self._clock = trial, notify, clock
        self._most = self._threads = torch.get_num_threads()
        self._enabled = enabled and self._most > 1 and not any(name in os.environ for name in FIXED_BY)
        self._choices = sorted({1, (self._most + 1) // 2, self._most})
        self._due = self._due_early = -math.inf
        self._step_start = clock()
        self._first_steps: list[float] = []
        self._last_steps: deque[float] = deque(maxlen=STEPS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._enabled:
            torch.set_num_threads(self._most)

    def check(self) -> None:
        """Hold trials, if it is time for them; to be called between two steps."""
        if not self._enabled:
            return
        now = self._clock()
        has_changed = self._load_has_changed(now - self._step_start)
        if now >= (self._due_early if has_changed else self._due):
            self._hold_trials()
        self._step_start = self._clock()

    def _load_has_changed(self, seconds: float) -> bool:
        """Whether steps, the last of which took so long, have another speed than right after the trials."""
        if len(self._first_steps) < STEPS:
            self._first_steps.append(seconds)
            return False
        self._last_steps.append(seconds)
        before, now = min(self._first_steps), min(self._last_steps)
        return len(self._last_steps) == STEPS and max(before, now) > CHANGED_BY * min(before, now)

    def _hold_trials(self) -> None:
        start = self._clock()
        seconds = self._try_all()
        fastest = min(self._choices, key=seconds.__getitem__)
        if seconds[self._threads] > MUST_WIN_BY * seconds[fastest]:
            self._threads = fastest
            which = f"{fastest} of {self._most}" if fastest < self._most else f"all {fastest}"
            self._notify(f"computing on {which} CPU threads, the fastest beside what else runs here")
        torch.set_num_threads(self._threads)
        self._first_steps.clear()
        self._last_steps.clear()
        end = self._clock()
        # Trials that are held early are paid for as well: the next early ones wait until these were due.
        self._due_early = max(end, self._due)
        self._due = self._due_early + (end - start) / TRIALS_SHARE

    def _try_all(self) -> dict[int, float]:
        """Mean seconds of a trial by number of threads, taken in turn; the slowest, as when cold, left out."""
        seconds: dict[int, list[float]] = {threads: [] for threads in self._choices}
        hopeful = self._choices
        for _ in range(ROUNDS):
            for threads in hopeful:
                seconds[threads].append(self._seconds_on(threads))
            limit = HOPELESS * min(map(min, seconds.values()))
            hopeful = [threads for threads in hopeful if min(seconds[threads]) < limit]
        return {threads: fmean(sorted(times)[:-1] or times) for threads, times in seconds.items()}

    def _seconds_on(self, threads: int) -> float:
        torch.set_num_threads(threads)
        start = self._clock()
        self._trial()
        return self._clock() - start
