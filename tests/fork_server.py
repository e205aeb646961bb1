"""Processes of Python that need not load PyTorch, which takes each of them four seconds of processor time.

One process loads it, does nothing else, and forks the others. They have an id, arguments, a folder, variables,
signals and output of their own, so they are stopped, killed and waited for like any.
"""

import functools
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

TESTS = Path(__file__).parent
PYTHONPATH = os.pathsep.join(map(str, (TESTS.parent, TESTS / "gan")))
PRELOADED = (
    *("cli", "dataset.build", "gan.training.loop"),
    *("pydantic.type_adapter", "torch.utils.tensorboard", "torch._dynamo"),
)
"""Of the last three, the first is what a command's options load, the last what an optimizer does."""
AVAILABLE = sys.platform == "linux"
"""Elsewhere processes do not fork, or not safely."""


@functools.cache
def fork_server() -> tuple[socket.socket, subprocess.Popen[bytes]]:
    """What takes requests, and its process, which ends when the socket closes."""
    ours, its = socket.socketpair()
    with its:
        environment = {**os.environ, "PYTHONPATH": PYTHONPATH}
        return ours, subprocess.Popen([sys.executable, __file__], env=environment, stdin=its)


class ForkedProcess:
    """Python with the arguments of its command line, such as ``-m cli``; a part of `subprocess.Popen`."""

    def __init__(
        self,
        arguments: Sequence[str],
        cwd: Path,
        environment: Mapping[str, str] | None = None,
        server: socket.socket | None = None,
    ) -> None:
        self.returncode: int | None = None
        self._output: list[IO[str]] = [tempfile.TemporaryFile("w+", encoding="utf-8") for _ in range(2)]  # noqa: SIM115
        read, write = os.pipe()
        self._status = os.fdopen(read)
        request = {
            "arguments": arguments,
            "cwd": str(cwd),
            "environment": dict(os.environ if environment is None else environment),
            "ignores_hangup": signal.getsignal(signal.SIGHUP) == signal.SIG_IGN,
        }
        descriptors = [*(file.fileno() for file in self._output), write]
        socket.send_fds(server or fork_server()[0], [json.dumps(request).encode()], descriptors)
        os.close(write)
        self.pid = int(self._status.readline())

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def poll(self) -> int | None:
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            if not select.select([self._status], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("vgc", timeout or 0)
            self.returncode = int(self._status.readline())
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        self.wait(timeout)
        for file in self._output:
            file.seek(0)
        output, errors = (file.read() for file in self._output)
        return output, errors


def start_python(
    arguments: Sequence[str], cwd: Path, environment: Mapping[str, str] | None = None
) -> "subprocess.Popen[str] | ForkedProcess":
    """What ``subprocess.Popen([sys.executable, *arguments])`` gives; forks have PyTorch from the start."""
    if AVAILABLE:
        return ForkedProcess(arguments, cwd, environment)
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=cwd, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def run_python(
    arguments: Sequence[str], cwd: Path, environment: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """The same, once it has ended."""
    process = start_python(arguments, cwd, environment)
    output, errors = process.communicate(timeout=600)
    return subprocess.CompletedProcess(arguments, process.wait(), output, errors)


def wait_for(
    condition: Callable[[], object], process: "subprocess.Popen[str] | ForkedProcess", seconds: float = 600
) -> None:
    """Wait for what a process brings about; AssertionError if it ends before, or if that does not come."""
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def write_python(path: Path) -> int:
    """Write a program to be called in place of Python, by a script for instance, which forks as well.

    Returns:
        A file descriptor that the script has to inherit.
    """
    requests = fork_server()[0].fileno()
    path.write_text(
        f"#!{sys.executable} -S\nimport sys\nsys.path.insert(0, {str(TESTS)!r})\n"
        f"import fork_server\nfork_server.answer_as_python({requests})\n"
    )
    path.chmod(0o755)
    return requests


def answer_as_python(requests: int) -> None:
    """What a program of `write_python` does."""
    with socket.socket(fileno=requests) as server:
        process = ForkedProcess(sys.argv[1:], Path.cwd(), server=server)
    output, errors = process.communicate()
    print(output, end="", flush=True)
    print(errors, end="", file=sys.stderr)
    sys.exit(process.returncode)


def next_process() -> list[str]:
    """Fork a process for each request; returns in that process alone, with the arguments of its command line."""
    with socket.socket(fileno=0) as requests:
        while True:
            message, descriptors, _, _ = socket.recv_fds(requests, 2**16, 3)
            if not message:
                os._exit(0)
            if os.fork() == 0:
                break
            for descriptor in descriptors:
                os.close(descriptor)
    output, errors, status = descriptors
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if pid := os.fork():
        with os.fdopen(status, "w") as file:
            print(pid, file=file, flush=True)
            print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), file=file, flush=True)
        os._exit(0)
    request = json.loads(message)
    os.close(status)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(errors, 2)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_IGN if request["ignores_hangup"] else signal.SIG_DFL)
    return request["arguments"]


if __name__ == "__main__":
    gc.disable()  # what is loaded here stays
    for module in PRELOADED:
        importlib.import_module(module)
    gc.freeze()  # a collection in a process would copy the memory that all share
    gc.enable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # whoever forks the processes is not waited for
    match next_process():
        case ["-m", module, *arguments]:
            sys.argv[1:] = arguments
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        case ["-c", code, *arguments]:
            sys.argv = ["-c", *arguments]
            exec(code, {"__name__": "__main__"})
        case [script, *arguments]:
            sys.argv = [script, *arguments]
            runpy.run_path(script, run_name="__main__")
