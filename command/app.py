"""The typer application, and how a function becomes a command of it."""

import inspect
import logging
import os
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import fields, is_dataclass
from functools import partial, wraps
from typing import Annotated, Any, cast, get_args

import typer
from typer.core import TyperGroup

from command.options import Json, Quiet, Verbose
from kit.exit_codes import FAILED, INTERRUPTED
from kit.printable import printable
from screen import Screen, StderrLog, print_error

UsageError = typer.BadParameter.__base__
"""Click's, or that of the copy in newer versions of typer."""


@contextmanager
def printable_usage_errors() -> Iterator[None]:
    """Escape what an argument, such as a file's name that the shell filled in, would do to the terminal."""
    try:
        yield
    except UsageError as error:  # type: ignore[misc]
        error.message = printable(error.message)
        raise


class Commands(TyperGroup):
    """All commands; typer shows their usage errors."""

    def parse_args(self, *arguments: Any) -> list[str]:
        """Read the options before the command's name."""
        with printable_usage_errors():
            return super().parse_args(*arguments)

    def invoke(self, *arguments: Any) -> Any:
        """Call the command."""
        with printable_usage_errors():
            return super().invoke(*arguments)


app = typer.Typer(
    name="vgc",
    cls=Commands,
    help="Scrape a video-game character database, train a GAN on it, create new characters.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"auto_envvar_prefix": "VGC", "help_option_names": ["-h", "--help"]},
)

Command = Callable[..., int | None]


def command(panel: str | None = None, hidden: Collection[str] = ()) -> Callable[[Command], Command]:
    """Register ``function(screen, …options)`` as a command. An option may be a dataclass of several.

    Adds ``--json`` and ``-q`` (as ``screen``) and ``-v``; see `run` for what becomes of its errors.

    Args:
        panel: the panel of ``vgc --help`` that lists it; None: the first.
        hidden: options that are accepted, and not shown.
    """

    def register(function: Command) -> Command:
        parameters = list(inspect.signature(function).parameters.values())[1:]
        groups: dict[str, Any] = {
            each.name: each.annotation for each in parameters if is_dataclass(each.annotation)
        }

        @wraps(function)
        def entry(json: bool = False, quiet: bool = False, verbose: bool = False, **options: Any) -> None:
            for name, group in groups.items():
                options[name] = group(**{each.name: options.pop(each.name) for each in fields(group)})
            raise typer.Exit(run(partial(function, **options), json, quiet, verbose))

        shared = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=kind)
            for name, kind in (("json", Json), ("quiet", Quiet), ("verbose", Verbose))
        ]
        own = [
            each.replace(
                kind=inspect.Parameter.KEYWORD_ONLY,
                annotation=hide_option(each.annotation) if each.name in hidden else each.annotation,
            )
            for parameter in parameters
            for each in one_by_one(parameter)
        ]
        entry.__signature__ = inspect.Signature([*own, *shared])  # type: ignore[attr-defined]
        entry.__annotations__ = {each.name: each.annotation for each in [*own, *shared]}
        variable = f"VGC_{function.__name__.upper()}_"
        epilog = f"Any option may also be set in the environment: --some-name as {variable}SOME_NAME."
        app.command(rich_help_panel=panel, epilog=epilog)(entry)
        return function

    return register


def one_by_one(parameter: inspect.Parameter) -> list[inspect.Parameter]:
    """The options of a parameter that is a dataclass of them; else itself."""
    if is_dataclass(parameter.annotation):
        return list(inspect.signature(cast(type, parameter.annotation)).parameters.values())
    return [parameter]


def hide_option(annotation: Any) -> Any:
    """The same option, accepted and not shown."""
    kind, info = get_args(annotation)
    info = copy(info)
    info.hidden = True
    return Annotated[kind, info]


def run(function: Callable[[Screen], int | None], json: bool, quiet: bool, verbose: bool) -> int:
    """Call a command and give its exit code, or that of its error, which becomes one line on stderr."""
    # Of several processes that train together, the first prints; the others print errors only.
    rank = os.environ.get("RANK", "0")
    follower = rank.isdecimal() and int(rank) > 0
    json, quiet = json and not follower, quiet or follower
    level = logging.ERROR if quiet else logging.INFO if verbose else logging.WARNING
    logging.basicConfig(level=level, format="vgc: %(message)s", handlers=[StderrLog()])
    try:
        return function(Screen(json, quiet)) or 0
    except KeyboardInterrupt as stop:
        if not follower:
            print_error(stop, "interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our words has gone (`| head`): nothing is left to say, and nobody to say it to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        # A stage's own errors say what to do, and carry an exit code; anything else is a bug or the machine.
        code = getattr(error, "exit_code", FAILED if isinstance(error, OSError) else None)
        if code is None or verbose:
            raise
        print_error(error)
        return int(code)


def show_version(wanted: bool) -> None:
    """Print the installed version and stop."""
    if wanted:
        from importlib.metadata import version

        print(f"vgc {version('vgc')}")
        raise typer.Exit


@app.callback()
def vgc(
    version: Annotated[
        bool,
        typer.Option("--version", callback=show_version, is_eager=True, help="Print the version and stop."),
    ] = False,
) -> None:
    """Scrape a video-game character database, train a GAN on it, create new characters."""
