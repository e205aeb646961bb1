"""Words of a command line that a person can copy from a message."""

import os
import shlex
from pathlib import Path
from subprocess import list2cmdline


def quoted(word: Path | str) -> str:
    """A path or name as one word of a command line of this system."""
    return list2cmdline([str(word)]) if os.name == "nt" else shlex.quote(str(word))
