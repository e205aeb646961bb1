"""Text from outside, made fit for a terminal."""

JOINERS = "\u200c\u200d"
"""Invisible, but part of the spelling of Persian and Indic names."""


def printable(text: str) -> str:
    """Escape what could steer a terminal, forge a line or turn the order of letters, as in ``\\x1b``."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or char in JOINERS else char.encode("unicode_escape").decode() for char in text
    )
