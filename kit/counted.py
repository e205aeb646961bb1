"""Numbers of things, in words."""


def counted(number: int, one: str, many: str = "") -> str:
    """``1 picture``, ``2,000 pictures``; ``many`` where the plural is not ``one`` and an s."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
