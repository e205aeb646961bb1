"""Commands of vgc that a page starts: the very ones that it shows, in processes, one job at a time."""

import os
import re
import signal
import subprocess
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from kit.printable import printable
from studio.workshop.folders import WorkshopError
from studio.workshop.unzip import Refused
from studio.workshop.vgc_command import COMMAND, as_text

MAX_LINES = 200
MAX_LINE_CHARS = 500
STOP_SECONDS = 20.0
"""For a command to save what it has, once it is told to stop."""
WORTH_ANOTHER_TRY = 3
"""Exit code of a scrape that is done but for some addresses."""
PROGRESS = re.compile(r"(?:scrape|preprocess) ([\d.]+k?)(?:/([\d.]+k?))? ?(.*)")
"""A command's line of progress, as `screen.LiveLine` writes it where there is no terminal."""


class RefusedFile(BaseModel):
    """What was not taken, and why."""

    name: str
    reason: str


class JobState(BaseModel):
    """How far the last job is that a page started."""

    kind: str = ""
    """``make``, or ``estimate``."""
    name: str = ""
    """Of the set."""
    folder: str = ""
    """The set's, below the root."""
    running: bool = False
    step: str = ""
    """``unpack``, ``scrape`` or ``preprocess``."""
    done: int = 0
    total: int = 0
    doing: str = ""
    """The command's own words on its progress."""
    lines: list[str] = []
    """What the commands said, the last of it."""
    commands: list[str] = []
    """To copy."""
    refused: list[RefusedFile] = []
    ok: bool = False
    """It has ended well."""
    message: str = ""
    """Why it has not."""


@dataclass(frozen=True)
class Job:
    """Commands one after the other, and what comes before."""

    kind: str
    name: str
    folder: str
    commands: Callable[[Any], list[list[str]]]
    """Of what ``around`` gives: each command's words after ``vgc``."""
    around: Callable[[], AbstractContextManager[Any]]
    prepare: Callable[[], list[Refused]]


@dataclass
class JobRunner:
    """Does one job at a time; whoever closes the page finds it going on."""

    state: JobState = field(default_factory=JobState)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _process: subprocess.Popen[str] | None = None
    _stopped: bool = False

    def start(self, job: Job) -> bool:
        """Begin; False where another is at work."""
        with self._lock:
            if self.state.running:
                return False
            self._stopped = False
            self.state = JobState(kind=job.kind, name=job.name, folder=job.folder, running=True, step="unpack")
        threading.Thread(target=self._run, args=(job,), daemon=True).start()
        return True

    def stop(self) -> None:
        """Have the command at work save what it has, and end; it goes on when the job is started again."""
        with self._lock:
            self._stopped = True
            if self._process:
                threading.Thread(target=_end, args=(self._process,), daemon=True).start()

    def _run(self, job: Job) -> None:
        state, message = self.state, "it failed; the studio's terminal says why"
        try:
            state.refused = [RefusedFile(**each._asdict()) for each in job.prepare()]
            with job.around() as around:
                message = self._run_all(job.commands(around))
        except (WorkshopError, OSError) as error:
            message = str(error)
        finally:
            state.message, state.ok = message, not message
            state.running = False

    def _run_all(self, commands: list[list[str]]) -> str:
        self.state.commands = [as_text(words) for words in commands]
        for words in commands:
            self.state.step, self.state.done, self.state.total = words[0], 0, 0
            code = self._call(words)
            if self._stopped:
                return "stopped"
            if code not in (0, WORTH_ANOTHER_TRY):
                return self.state.lines[-1] if self.state.lines else f"vgc {words[0]} ended with exit code {code}"
        return ""

    def _call(self, words: list[str]) -> int:
        with self._lock:
            if self._stopped:
                return 0
            process = self._process = _start(words)
        assert process.stdout
        with process:
            for line in process.stdout:
                self._note(printable(line.rstrip("\n"))[:MAX_LINE_CHARS])
        with self._lock:
            self._process = None
        return process.returncode

    def _note(self, line: str) -> None:
        state = self.state
        if progress := PROGRESS.fullmatch(line):
            state.done, state.total = _number(progress[1]), _number(progress[2] or "0")
            state.doing = progress[3]
        else:
            state.lines = [*state.lines, line][-MAX_LINES:]


def _start(words: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "PYTHONUTF8": "1"},
        encoding="utf-8",
        errors="replace",
    )


def _end(process: subprocess.Popen[str]) -> None:
    if os.name == "posix":
        process.send_signal(signal.SIGINT)
        try:
            process.wait(STOP_SECONDS)
            return
        except subprocess.TimeoutExpired:
            pass
    process.terminate()


def _number(text: str) -> int:
    """The other way round from `screen.compact`."""
    return round(float(text.removesuffix("k")) * (1000 if text.endswith("k") else 1))
