"""How a long stage tells what it is doing, without knowing about terminals."""

from collections.abc import Callable

Progress = Callable[[int, int | None, str], None]
"""Called with the units done, the units in all (None: not known yet) and a few words about now."""


def silent(_done: int, _total: int | None, _text: str) -> None:
    """Report nothing."""


Tell = Callable[[str], None]
"""Called with a line for a person, told once."""


def unheard(_line: str) -> None:
    """Tell nobody."""
