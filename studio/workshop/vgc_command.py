"""The command ``vgc``: how a page's wish is started, and how a person types it."""

import sys
from collections.abc import Iterable

from kit.quoting import quoted

# By this very path: a folder that somebody works in may hold a cli.py too.
COMMAND = (sys.executable, "-c", f"import sys; sys.path[:] = {sys.path!r}; from cli import main; main()")
"""What ``vgc`` is here."""


def full_command(arguments: Iterable[str]) -> list[str]:
    """A command to run, by its arguments after ``vgc``."""
    return [*COMMAND, *arguments]


def as_text(words: Iterable[str]) -> str:
    """A command as a person types it, by its words after ``vgc``."""
    return " ".join(["vgc", *map(quoted, words)])
