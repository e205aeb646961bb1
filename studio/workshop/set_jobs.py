"""Sets that a page has made: by the very commands that it shows, in processes, one job at a time."""

import json
import re
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import asdict, dataclass, replace
from typing import Any, BinaryIO

import psutil
from pydantic import BaseModel

from kit.atomic import write_text
from kit.printable import printable
from kit.typed_json import read_fields, read_object
from studio.workshop.folders import BusyError, Root, WorkshopError
from studio.workshop.unzip import Refused
from studio.workshop.vgc_process import LOG_MARK, ask_to_end, failure_of, find, is_alive, start, was_told_to_end

FOLDER = ".vgc-studio"
"""Below the root: the job at work, and what its commands say."""
MAX_LINES = 200
MAX_LINE_CHARS = 500
STOP_SECONDS = 20.0
"""For a command to save what it has, once it is told to stop."""
LOOK_SECONDS = 0.1
"""Between two looks at what a command says."""
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
    """The commands, to copy, and what they said; the last of it."""
    refused: list[RefusedFile] = []
    ok: bool = False
    """It has ended well."""
    message: str = ""
    """Why it has not."""


@dataclass(frozen=True)
class SetJob:
    """Commands one after the other, and what comes before."""

    kind: str
    name: str
    folder: str
    commands: Callable[[Any], list[list[str]]]
    """Of what ``around`` gives: each command's words after ``vgc``."""
    around: Callable[[], AbstractContextManager[Any]] = nullcontext
    prepare: Callable[[], list[Refused]] = list


@dataclass(frozen=True)
class Begun:
    """A job as it is written down, for the next studio."""

    kind: str
    name: str
    folder: str
    commands: tuple[tuple[str, ...], ...]
    """That at work, and what comes after it."""


class JobRunner:
    """Does one job at a time; whoever closes the page finds it going on, and so does the next studio."""

    def __init__(self, root: Root) -> None:
        self.state = JobState()
        self._root = root.folder
        self._begun, self._log = root.folder / FOLDER / "job.json", root.folder / FOLDER / "job.log"
        self._lock = threading.Lock()
        self._process: psutil.Process | None = None
        self._stopped = False

    def start(self, job: SetJob) -> None:
        """Begin; BusyError where another is at work, that of an earlier studio too."""
        self.resume()
        with self._lock:
            if self.state.running:
                raise BusyError(f"{self.state.name} is being made; wait for it, or stop it")
            self._stopped = False
            self.state = JobState(kind=job.kind, name=job.name, folder=job.folder, running=True, step="unpack")
        self._in_background(lambda: self._run(job))

    def resume(self) -> None:
        """Follow the command that an earlier studio left at work, and what comes after it."""
        with self._lock:
            if self.state.running or not (begun := self._read_begun()):
                return
            first = list(begun.commands[0])
            if not (process := find(self._root, lambda words: words[-len(first) :] == first)):
                return
            self._stopped = False
            self.state = JobState(kind=begun.kind, name=begun.name, folder=begun.folder, running=True)
        self._in_background(lambda: self._run_all(begun, process))

    def stop(self) -> None:
        """Have the command at work save what it has, and end; it goes on when the job is started again."""
        with self._lock:
            self._stopped = True
            if self._process:
                threading.Thread(target=_end, args=(self._process,), daemon=True).start()

    def _in_background(self, work: Callable[[], str]) -> None:
        threading.Thread(target=self._to_the_end, args=(work,), daemon=True, name="set job").start()

    def _to_the_end(self, work: Callable[[], str]) -> None:
        state, message = self.state, "it failed; the studio's terminal says why"
        try:
            message = work()
        except (WorkshopError, OSError) as error:
            message = str(error)
        finally:
            state.message, state.ok = message, not message
            state.running = False

    def _run(self, job: SetJob) -> str:
        self.state.refused = [RefusedFile(**each._asdict()) for each in job.prepare()]
        with job.around() as around:
            commands = tuple(tuple(words) for words in job.commands(around))
            self._log.parent.mkdir(exist_ok=True)
            self._log.write_bytes(b"")
            return self._run_all(Begun(job.kind, job.name, job.folder, commands))

    def _run_all(self, begun: Begun, at_work: psutil.Process | None = None) -> str:
        """Run the commands, of which the first may be at work already; returns why that ended before its time."""
        with self._log.open("rb") as said:
            for index, words in enumerate(begun.commands):
                left = replace(begun, commands=begun.commands[index:])
                write_text(self._begun, json.dumps(asdict(left)))
                self.state.step, self.state.done, self.state.total = words[0], 0, 0
                process = at_work or self._start(words)
                at_work = None
                message = self._follow(process, said) if process else ""
                if message or self._stopped:
                    break
        self._begun.unlink(missing_ok=True)
        return "stopped" if self._stopped else message

    def _start(self, words: tuple[str, ...]) -> psutil.Process | None:
        with self._lock:
            return None if self._stopped else start(words, self._root, self._log)

    def _follow(self, process: psutil.Process, said: BinaryIO) -> str:
        """Note what a command says until it ends; returns why it failed, or nothing."""
        self._process, rest, lives = process, b"", True
        while lives:
            time.sleep(LOOK_SECONDS)
            lives = is_alive(process)  # asked first: what it says before it ends is read
            *lines, rest = (rest + said.read()).split(b"\n")
            for line in lines:
                self._note(printable(line.decode(errors="replace").rstrip("\r"))[:MAX_LINE_CHARS])
        self._process = None
        heard = self._heard()
        self._stopped = self._stopped or was_told_to_end(heard)
        return failure_of(heard, process.wait(0))

    def _heard(self) -> str:
        """What the last command said, without its progress."""
        starts = [index for index, line in enumerate(self.state.lines) if line.startswith(LOG_MARK)]
        return "\n".join(self.state.lines[starts[-1] + 1 if starts else 0 :])

    def _note(self, line: str) -> None:
        state = self.state
        if progress := PROGRESS.fullmatch(line):
            state.done, state.total = _number(progress[1]), _number(progress[2] or "0")
            state.doing = progress[3]
        else:
            state.lines = [*state.lines, line][-MAX_LINES:]

    def _read_begun(self) -> Begun | None:
        try:
            return read_fields(Begun, read_object(self._begun))
        except (OSError, ValueError):
            return None


def _end(process: psutil.Process) -> None:
    ask_to_end(process)
    with suppress(psutil.Error):  # it has ended
        try:
            process.wait(STOP_SECONDS)
        except psutil.TimeoutExpired:
            process.terminate()


def _number(text: str) -> int:
    """The other way round from `screen.compact`."""
    return round(float(text.removesuffix("k")) * (1000 if text.endswith("k") else 1))
