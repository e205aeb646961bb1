"""Options → one call → message: the ``vgc`` command."""

import inspect
import json
import logging
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(
    name="vgc",
    help="Scrape a video-game character database, train a GAN on it, create new characters.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"auto_envvar_prefix": "VGC", "help_option_names": ["-h", "--help"]},
)

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130

SECONDS_BETWEEN_PLAIN_LINES = 5.0


@dataclass
class Screen:
    """Where a command's words go: results to stdout, progress and hints to stderr."""

    json: bool = False
    quiet: bool = False
    verbose: bool = False

    def say(self, text: str = "") -> None:
        """Print a line of the result for a person; silent under ``--json`` and ``-q``."""
        if not self.json and not self.quiet:
            print(text, flush=True)

    def result(self, values: dict[str, Any]) -> None:
        """Print the one JSON object of ``--json``."""
        if self.json:
            print(json.dumps(values, ensure_ascii=False, default=str), flush=True)

    def hint(self, text: str) -> None:
        """Print a line for a person to stderr."""
        if not self.quiet:
            print(text, file=sys.stderr, flush=True)

    def progress(self, title: str) -> "LiveLine":
        """A line that moves while a stage works; use it in a ``with`` block."""
        return LiveLine(title, shown=not self.quiet)


class LiveLine:
    """A progress bar on a terminal; elsewhere one plain line every few seconds."""

    def __init__(self, title: str, shown: bool) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        console = Console(stderr=True, quiet=not shown)
        self._plain = shown and not (console.is_terminal and not console.is_dumb_terminal)
        self._title = title
        self._last_line = 0.0
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[words]}", style="dim"),
            console=console,
            disable=self._plain,
            transient=True,
        )
        self._task = self._bar.add_task(title, total=None, words="")

    def __enter__(self) -> "LiveLine":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def __call__(self, done: int, total: int | None, text: str) -> None:
        """Show the state; the signature of `scraper.progress.Progress`."""
        from rich.markup import escape

        self._bar.update(self._task, completed=done, total=total, words=escape(text))
        now = time.monotonic()
        if self._plain and now - self._last_line >= SECONDS_BETWEEN_PLAIN_LINES:
            self._last_line = now
            amount = f"{done}/{total}" if total else f"{done}"
            print(f"{self._title} {amount} {text}", file=sys.stderr, flush=True)


Json = Annotated[bool, typer.Option("--json", show_envvar=False, help="Print one JSON object on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", show_envvar=False, help="Print errors only.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", show_envvar=False, help="Print more, and a traceback on errors.")]


def command(function: Callable[..., int | None]) -> Callable[..., None]:
    """Register ``function(screen, …options)`` as a command.

    Adds ``--json``, ``-q`` and ``-v`` (as ``screen``), turns the stages' errors into one line on stderr, and
    ends with the exit code that the function returns or the error carries.
    """

    @wraps(function)
    def run(json: bool = False, quiet: bool = False, verbose: bool = False, **options: Any) -> None:
        logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, format="vgc: %(message)s")
        screen = Screen(json, quiet, verbose)
        try:
            code = function(screen, **options) or 0
        except KeyboardInterrupt as stop:
            print(f"vgc: {stop}" if str(stop) else "vgc: interrupted", file=sys.stderr)
            code = EXIT_INTERRUPTED
        except Exception as error:
            # A stage's own errors say what to do, and carry an exit code; anything else is a bug or the machine.
            code = getattr(error, "exit_code", None)
            if isinstance(error, OSError) and code is None:
                code = EXIT_FAILED
            if code is None or verbose:
                raise
            print(f"vgc: {error}", file=sys.stderr)
        raise typer.Exit(code)

    options = list(inspect.signature(function).parameters.values())[1:]
    shared = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=kind)
        for name, kind in (("json", Json), ("quiet", Quiet), ("verbose", Verbose))
    ]
    keyword_only = [option.replace(kind=inspect.Parameter.KEYWORD_ONLY) for option in options]
    run.__signature__ = inspect.Signature([*keyword_only, *shared])  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in [*keyword_only, *shared]}
    return app.command()(run)


def main() -> None:
    """The ``vgc`` entry point."""
    app(prog_name="vgc")


def show_version(wanted: bool) -> None:
    """Print the installed version and stop."""
    if wanted:
        from importlib.metadata import version

        print(f"vgc {version('vgc')}")
        raise typer.Exit


@app.callback()
def vgc(
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Scrape a video-game character database, train a GAN on it, create new characters."""


if __name__ == "__main__":
    main()
