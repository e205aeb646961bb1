"""Processes that take apart what comes from outside: a call in one has a deadline, and can be ended in its midst.

Not `multiprocessing`: processes of its "spawn" and "forkserver" import the caller's script again, which without
``if __name__ == "__main__"`` would start once more in each of them; in its pools, as in `concurrent.futures`, a
process that is killed while it writes is waited for for ever, or fails what others were asked. Here each process
has pipes of its own, and its death is their end. The first answer of a process that renders comes after 190 ms,
of a fork after 12 ms; with "spawn" after 355 ms, with "forkserver" after 424 ms and then 27 ms each. We fork only
where one thread runs, as "fork" of `multiprocessing` would have to; Python 3.12 and 3.13 do so without a warning.
"""

import atexit
import faulthandler
import gc
import os
import pickle
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from threading import BoundedSemaphore, Lock
from typing import IO, Any, Self

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

SECONDS = 30.0
"""A call may take so long."""
MEMORY_BYTES = 3 * 2**30
"""A process may take so much, where the system lets us say so."""
OVERDUE = -signal.SIGALRM if hasattr(signal, "SIGALRM") else 1
"""Exit code of a process whose time was up."""
WINDOWS_PROCESSES = 61
"""Windows cannot wait for more."""


class WorkerError(Exception):
    """A call brought no answer. That is no property of what it was given: another try may bring one."""


class WorkerClosedError(WorkerError):
    """The pool was closed meanwhile."""


def available_cores() -> int:
    """The CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class WorkerPool:
    """Calls functions in processes of their own; safe to use from several threads.

    Args:
        size: at most so many processes at once. They start when they are needed, and outlive the pool: the next
            one goes on with them.
    """

    def __init__(self, size: int) -> None:
        self.size = min(size, WINDOWS_PROCESSES)
        self._free = BoundedSemaphore(self.size)
        self._running: set[_Process] = set()
        self._lock = Lock()
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def prepare(self, *functions: Callable[..., Any]) -> None:
        """Have the processes start, and load what ``functions`` need, while the caller goes on."""
        with self._lock:
            for _ in range(self.size - len(_spare)):
                process = _Process()
                for function in functions:
                    list(process.answers(function, [], SECONDS))
                _spare.append(process)

    def call(self, function: Callable[..., Any], *arguments: Any, seconds: float = SECONDS) -> Any:
        """Give what ``function``, which other processes can import, makes of ``arguments``.

        Raises:
            WorkerError: the time was up, the memory did not suffice, or the process was ended.
            Exception: what the function raised.
        """
        (answer,) = self.map(_Applied(function), [arguments], seconds)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def map(
        self, function: Callable[[Any], Any], items: Sequence[Any], seconds: float = SECONDS
    ) -> list[Any | Exception]:
        """Call ``function`` with each item, one after another in one process.

        An item that ends the process is tried once more, alone: the system may have been short of memory.

        Args:
            function: one that other processes can import.
            items: what it is called with.
            seconds: what each call may take.

        Returns:
            For each item what the function gave, or the exception that it raised, or a `WorkerError`.

        Raises:
            WorkerClosedError: `close` was called.
        """
        answers: list[Any | Exception] = []
        has_died = False
        while len(answers) < len(items):
            rest = items[len(answers) :]
            try:
                with self._process(fresh=has_died) as process:
                    for answer in process.answers(function, rest[:1] if has_died else rest, seconds):
                        answers.append(answer)
                        has_died = False
            except _EndedError as ended:
                if ended.overdue:
                    answers.append(WorkerError(f"takes more than {seconds:g} seconds"))
                elif has_died:
                    answers.append(WorkerError("its process was killed (out of memory?)"))
                has_died = not (ended.overdue or has_died)
        return answers

    def close(self) -> None:
        """End the calls under way, in whatever they are doing, and refuse others."""
        with self._lock:
            self._closed = True
            for process in self._running:
                process.kill()

    @contextmanager
    def _process(self, fresh: bool) -> Iterator["_Process"]:
        with self._free:
            with self._lock:
                if self._closed:
                    raise WorkerClosedError
                process = (None if fresh else _spare_process()) or _Process()
                self._running.add(process)
            try:
                yield process
            except BaseException as error:
                with self._lock:
                    self._running.discard(process)
                process.end()
                if self._closed and isinstance(error, _EndedError):
                    raise WorkerClosedError from None
                raise
            # In one step: a spare process may be run by another thread at once, and `close` kills what is noted.
            with self._lock:
                self._running.discard(process)
                if not self._closed:
                    _spare.append(process)


class _Applied:
    """Calls a function with a tuple of arguments."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, arguments: tuple[Any, ...]) -> Any:
        return self._function(*arguments)


class _EndedError(Exception):
    def __init__(self, overdue: bool) -> None:
        super().__init__()
        self.overdue = overdue


class _Process:
    """A process that runs `serve`: a new one, or where that is safe a fork of this one, which has all loaded."""

    def __init__(self) -> None:
        self.origin = _origin()
        code = f"import sys; sys.path[:] = {sys.path!r}; from {__name__} import serve; serve()"
        # One thread for numpy: several processes take all cores as it is.
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        forks = _may_fork()
        # Python 3.12 warns of OpenBLAS's threads too, which are prepared for it.
        with warnings.catch_warnings(action="ignore") if forks else nullcontext():
            self._popen = subprocess.Popen(
                [sys.executable, "-c", code],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=environment,
                preexec_fn=_serve_as_fork if forks else None,  # noqa: PLW1509
            )

    def answers(self, function: Callable[[Any], Any], items: Sequence[Any], seconds: float) -> Iterator[Any]:
        assert self._popen.stdin and self._popen.stdout
        try:
            pickle.dump((function, items, seconds), self._popen.stdin, pickle.HIGHEST_PROTOCOL)
            self._popen.stdin.flush()
            for _ in items:
                yield pickle.load(self._popen.stdout)
        except (EOFError, BrokenPipeError, pickle.UnpicklingError):  # between two answers, or in the midst of one
            raise _EndedError(self._popen.wait() == OVERDUE) from None

    def is_alive(self) -> bool:
        return self._popen.poll() is None

    def kill(self) -> None:
        """End it; whoever waits for its answers is told so by their end."""
        self._popen.kill()
        self._popen.wait()

    def end(self) -> None:
        """Kill it, and close the pipes, where nobody waits for answers."""
        self.kill()
        for pipe in (self._popen.stdin, self._popen.stdout):
            with suppress(OSError):  # of a call that was not written to its end
                pipe.close()  # type: ignore[union-attr]


def _may_fork() -> bool:
    """Whether a fork is safe, as no thread holds a lock, and PyTorch does not take all of `MEMORY_BYTES`."""
    return sys.platform == "linux" and threading.active_count() == 1 and "torch" not in sys.modules


def _serve_as_fork() -> None:
    """`serve` in a process that is about to become another program, and does not."""
    try:
        gc.freeze()  # what the parent holds, such as a database, is not to be closed here
        for number in signal.valid_signals():
            if callable(signal.getsignal(number)):
                signal.signal(number, signal.SIG_DFL)
        for file in list(Path("/proc/self/fd").iterdir()):  # or the parent's locks and pipes would outlive it
            if int(file.name) > 2:
                with suppress(OSError):  # the listing's own
                    os.close(int(file.name))
        # New ones: the old may hold what the parent is yet to write, or a file that is closed now.
        sys.stdout = sys.stderr = os.fdopen(2, "w", 1, errors="backslashreplace", closefd=False)
        serve(os.fdopen(0, "rb"))
    finally:
        os._exit(1)


_spare: list[_Process] = []
"""Processes that wait for the next pool."""


def _spare_process() -> _Process | None:
    """A process that is as good as a new one: alive, of this very process and working directory."""
    with suppress(IndexError):
        while True:
            process = _spare.pop()
            if process.origin == _origin() and process.is_alive():
                return process
            process.end()
    return None


def _origin() -> tuple[int, ...]:
    folder = Path().stat()
    return os.getpid(), folder.st_dev, folder.st_ino


@atexit.register
def _end_spare_processes() -> None:
    for process in _spare:
        if process.origin[0] == os.getpid():
            process.end()


def serve(calls: IO[bytes] | None = None) -> None:
    """Answer calls, of stdin, until nobody asks any more, however the parent ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's affair
    _bound_memory()
    calls, answers = calls or sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    with suppress(EOFError, BrokenPipeError):
        while True:
            function, items, seconds = pickle.load(calls)
            for item in items:
                _set_deadline(seconds)
                answers.write(_pickled(_outcome(function, item)))
                answers.flush()
            _set_deadline(0)


def _set_deadline(seconds: float) -> None:
    """Have the system end this process after so many seconds, whatever it is doing; 0: not any more."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds)
    elif seconds:  # Windows
        faulthandler.dump_traceback_later(seconds, exit=True)
    else:
        faulthandler.cancel_dump_traceback_later()


def _outcome(function: Callable[[Any], Any], item: Any) -> Any:
    try:
        return function(item)
    except MemoryError:
        return WorkerError("not enough memory")
    except Exception as error:
        return error


def _pickled(answer: Any) -> bytes:
    try:
        return pickle.dumps(answer, pickle.HIGHEST_PROTOCOL)
    except Exception as error:
        return pickle.dumps(RuntimeError(f"{answer!r} cannot be handed on: {error}"))


def _bound_memory() -> None:
    """Have this process, not its parent, come to an end where memory does."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")
    if resource:
        with suppress(OSError, ValueError):
            hard = resource.getrlimit(resource.RLIMIT_AS)[1]
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, hard))
