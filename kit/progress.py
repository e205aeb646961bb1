"""How a long stage reports what it is doing, without knowing about terminals."""

from collections.abc import Callable

Progress = Callable[[int, int | None, str], None]
"""Called with the units done, the total (None: not known yet) and a few words on the current step."""

Notify = Callable[[str], None]
"""Called with a line for a person, once."""


def noop(*_: object) -> None:
    """A `Progress` or `Notify` that does nothing."""
