"""A ``vgc`` command as a process that outlives the studio: started, found again, asked to end; its last word."""

import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from studio.workshop import vgc_command

STOP_SIGNAL = getattr(signal, "CTRL_BREAK_EVENT", signal.SIGINT)
"""Ctrl-C; on Windows what a group of processes can be sent."""
LOG_MARK = "$ vgc "
"""Begins a line of the log: what follows was said by this command."""
DONE = (0, 3)
"""Exit codes: a scrape that is done but for some addresses, worth another try, has the second."""
TOLD_TO_END = ("vgc: stopped and saved", "vgc: interrupted", "KeyboardInterrupt")
"""How the last line begins of a command that was; the last two of one that had not begun."""


def start(arguments: Sequence[str], folder: Path, log: Path) -> psutil.Popen:
    """Begin a command in a session of its own: no terminal that closes ends it.

    Args:
        arguments: after ``vgc``.
        folder: in which it works.
        log: what it says is added here, after a line with the command.
    """
    # On Windows, where signals reach whole groups of processes, a group of its own.
    apart: dict[str, Any] = {"start_new_session": True} if os.name == "posix" else {"creationflags": 0x200}
    with log.open("ab") as output:
        output.write(f"$ {vgc_command.as_text(arguments)}\n".encode())
        output.flush()
        return psutil.Popen(
            vgc_command.full_command(arguments),
            cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUTF8": "1"}, **apart,
        )  # fmt: skip


def find(folder: Path, is_it: Callable[[list[str]], bool]) -> psutil.Process | None:
    """The living process that works in a folder and whose command line is the one, whoever started it."""
    for process in psutil.process_iter():
        try:
            if is_it(process.cmdline()) and is_alive(process) and Path(process.cwd()) == folder.resolve():
                return process
        except (psutil.Error, OSError):  # it has ended, or is somebody else's
            continue
    return None


def is_alive(process: psutil.Process) -> bool:
    """Whether a process still runs."""
    try:
        process.wait(0)  # of a child of this process, nothing is left then
    except psutil.TimeoutExpired:
        try:
            return bool(process.status() != psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return False
    return False


def ask_to_end(process: psutil.Process) -> None:
    """Have a command save and end, as Ctrl-C does."""
    with suppress(psutil.NoSuchProcess):  # it has just ended by itself
        process.send_signal(STOP_SIGNAL)


def failure_of(said: str, code: int | None = None) -> str:
    """The last word of a command that has failed by itself: the cause and the remedy; nothing of another.

    Args:
        said: all that it said.
        code: its exit code; of the process of an earlier studio none is told, and its last word decides.
    """
    lines = [line for line in said.splitlines() if line.strip()]
    last = lines[-1] if lines else ""
    if code is None:
        has_failed = last.startswith("vgc: ") or any(line.startswith("Traceback") for line in lines)
    else:
        has_failed = code not in DONE
    if not has_failed or was_told_to_end(said):
        return ""
    is_told = code is None or last.startswith("vgc: ")  # else killed, or broken
    return last.removeprefix("vgc: ") if is_told else f"{last} (exit code {code})".strip()


def was_told_to_end(said: str) -> bool:
    """Whether a command ended because it was told to, by whomever."""
    return said.rstrip().rpartition("\n")[2].startswith(TOLD_TO_END)
