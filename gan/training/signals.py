"""Signals that reach a training: those that end it, and the one after it was stopped for a while."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

Handler = Callable[[int, object], None]

HEARD = b"\nvgc: finishing this step and saving; once more ends at once, without saving\n"
"""What a terminal is told: a step may take seconds."""


@dataclass
class StopRequest:
    """Whether the end was asked for.

    Not a `threading.Event`: a signal amid the handling of another one would wait for its lock for ever.
    """

    made: bool = False


@contextmanager
def stop_signals(patient: bool) -> Iterator[StopRequest]:
    """A request that SIGINT, SIGTERM and SIGHUP (on Windows SIGBREAK) make, so that a step is never interrupted.

    Args:
        patient: ignore further signals, as a launcher passes Ctrl-C on to processes that already had it from the
            terminal; else a second SIGINT or SIGTERM ends at once.
    """
    stop = StopRequest()
    terminals = [stream.fileno() for stream in (sys.__stdout__, sys.__stderr__) if stream and stream.isatty()]

    def request(_number: int, _frame: object) -> None:
        stop.made = True
        for terminal in () if patient else terminals[-1:]:
            with suppress(OSError):
                os.write(terminal, HEARD)  # print could be in the midst of another line
        for number in () if patient else (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, before[number])

    def hang_up(_number: int, _frame: object) -> None:
        # The terminal is gone: what is written there from now on would be an error in the midst of saving. A shell
        # that closes and the system send the signal each, so it never ends the process at once.
        stop.made = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for terminal in terminals:
            os.dup2(nowhere, terminal)
        os.close(nowhere)

    handlers: dict[int, Handler] = {signal.SIGINT: request, signal.SIGTERM: request}
    if sys.platform == "win32":
        handlers[signal.SIGBREAK] = request  # the one that another program there can send
    elif signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # nohup has it ignored, for good reason
        handlers[signal.SIGHUP] = hang_up
    with handling(handlers) as before:
        yield stop


@contextmanager
def after_stop(function: Callable[[], None]) -> Iterator[None]:
    """Call ``function`` when the process goes on after SIGSTOP or Ctrl-Z."""
    numbers = () if sys.platform == "win32" else (signal.SIGCONT,)
    with handling(dict.fromkeys(numbers, lambda _number, _frame: function())):
        yield


@contextmanager
def handling(handlers: dict[int, Handler]) -> Iterator[dict[int, Any]]:
    """Handle signals while the block runs, where they may be (in the main thread); gives the handlers before."""
    if threading.current_thread() is not threading.main_thread():
        yield {}
        return
    before = {number: signal.getsignal(number) for number in handlers}
    for number, handler in handlers.items():
        signal.signal(number, handler)
    try:
        yield before
    finally:
        for number, handler_before in before.items():
            signal.signal(number, handler_before)
