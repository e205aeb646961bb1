"""What a person sees in a terminal while a command works, and what a program reads."""

import json
import logging
import sys
import time
import traceback
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Self

from kit.printable import printable

SECONDS_BETWEEN_PLAIN_LINES = 5.0
SECONDS_BETWEEN_MOVES = 0.1
BAR_COLUMNS = 10
"""So narrow that a line of training fits into 80 columns."""


@dataclass
class Screen:
    """Where a command's words go: results to stdout, progress and hints to stderr."""

    json: bool = False
    quiet: bool = False

    def say(self, text: str = "") -> None:
        """Print a line of the result for a person; silent under ``--json`` and ``-q``."""
        if not self.json and not self.quiet:
            print(printable(text), flush=True)

    def result(self, values: dict[str, Any]) -> None:
        """Print the one JSON object of ``--json``; ASCII, which every pipe can carry."""
        if self.json:
            print(json.dumps(values, default=str), flush=True)

    def hint(self, text: str) -> None:
        """Print a line for a person to stderr."""
        if not self.quiet:
            _to_stderr(printable(text))

    def progress(self, title: str) -> "LiveLine":
        """A line that moves while a stage works; use it in a ``with`` block."""
        return LiveLine(title, shown=not self.quiet)


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def print_error(error: BaseException, otherwise: str = "") -> None:
    """Print an error's message to stderr, or ``otherwise`` where it has none."""
    _to_stderr(printable(f"vgc: {str(error) or otherwise}"))


def print_traceback(error: BaseException) -> None:
    """Print what Python itself would, fit for a terminal."""
    for line in "".join(traceback.format_exception(error)).splitlines():
        _to_stderr(printable(line))


class StderrLog(logging.Handler):
    """Writes to what stderr is at the moment: a live line stands in for it, and makes room above itself."""

    def emit(self, record: logging.LogRecord) -> None:
        _to_stderr(printable(self.format(record)))


class LiveLine:
    """A progress bar on a terminal; elsewhere one plain line every few seconds."""

    def __init__(self, title: str, shown: bool) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        console = Console(stderr=True, quiet=not shown)
        # In a notebook rich draws by ipywidgets, which not every notebook has.
        moves = console.is_terminal and not console.is_dumb_terminal
        moves = moves or (console.is_jupyter and find_spec("ipywidgets") is not None)
        self._plain = shown and not moves
        self._title = title
        self._columns = console.width
        self._last_time = 0.0
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(BAR_COLUMNS),
            TextColumn("{task.fields[amount]}"),
            TextColumn("{task.fields[text]}", style="dim", markup=False),
            console=console,
            disable=self._plain,
            transient=True,
            auto_refresh=False,  # by a thread: beside one, `kit.worker_pool` cannot fork
        )
        self._task = self._bar.add_task(title, total=None, amount="", text="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def __call__(self, done: int, total: int | None, text: str) -> None:
        """Show the state, if it is time; the signature of `kit.progress.Progress`."""
        now = time.monotonic()
        if now - self._last_time < (SECONDS_BETWEEN_PLAIN_LINES if self._plain else SECONDS_BETWEEN_MOVES):
            return
        self._last_time = now
        text = printable(text)
        amount = compact(done) + (f"/{compact(total)}" if total else "")
        # Left to itself, a terminal too narrow for all cuts every part of the line, the amount too.
        room = max(self._columns - len(f"{self._title} {amount} ") - BAR_COLUMNS - 2, 0)
        if self._plain:
            _to_stderr(f"{self._title} {amount} {text}")
        else:
            self._bar.update(
                self._task, completed=done, total=total, refresh=True, amount=amount, text=text[:room]
            )


def compact(number: int) -> str:
    """``950``, ``1290``, ``21k``: short enough for a line that moves."""
    return f"{number / 1000:.0f}k" if number >= 10_000 else str(number)
