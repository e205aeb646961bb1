"""Where the program ``vgc`` begins and ends: Ctrl-C ends it within a second, also before its command is loaded."""

import atexit
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress

from kit.exit_codes import FAILED, INTERRUPTED


def main() -> None:
    """The ``vgc`` entry point: `cli.main` in a process of its own."""
    exit_code = FAILED
    atexit.register(lambda: leave(exit_code))  # the first to be registered is called last
    try:
        load_command_line()()
        exit_code = 0
    except SystemExit as end:
        exit_code = end.code if isinstance(end.code, int) else FAILED if end.code else 0
        raise
    except KeyboardInterrupt:
        exit_code = INTERRUPTED
        sys.exit(exit_code)


def load_command_line() -> Callable[[], None]:
    """`cli.main`; Ctrl-C while it is loaded ends the process, without a traceback."""
    hears = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # not in the background of a shell
    if hears:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from cli import main as command_line  # noqa: PLC0415

    if hears:
        signal.signal(signal.SIGINT, interrupt)
    return command_line


def interrupt(_number: int, _frame: object) -> None:
    """Raise KeyboardInterrupt; but while PyTorch is loaded, whose C++ parts would lose it or abort, end here."""
    if getattr(getattr(sys.modules.get("torch"), "__spec__", None), "_initializing", False):
        os.write(2, b"vgc: interrupted\n")
        os._exit(INTERRUPTED)
    raise KeyboardInterrupt


def leave(exit_code: int) -> None:
    """End the process here: to take PyTorch down, Python needs more than half a second."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(exit_code)


if __name__ == "__main__":
    main()
