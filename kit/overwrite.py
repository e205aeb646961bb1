"""What somebody else made is never overwritten."""

from collections.abc import Callable
from pathlib import Path


def refuse_foreign(
    path: Path, is_ours: bool, error: Callable[[str], Exception], remedy: str = "choose another --out"
) -> None:
    """Raise ``error`` if something stands at ``path``, where vgc is to write, that it did not make.

    Args:
        path: a file or a folder; nothing there is fine.
        is_ours: whether vgc made the existing file.
        error: the caller's own exception.
        remedy: what a person can do.
    """
    if path.exists() and not is_ours:
        raise error(f"{path}: vgc did not make this and will not overwrite it; {remedy}")
