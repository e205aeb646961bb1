"""Power cuts: a command's writes and syncs are recorded; what was not synced is dropped, at random moments.

``python -m benchmarks.power_cut --cuts 40`` needs Linux and strace. A command is traced once. Then, for each cut,
a folder is made as a disk may hold it: of the names (made, moved, deleted) before the cut, all up to some moment
that is not before their folder was last synced; of each file as many writes as chance will, not fewer than were
synced. There the same command is given again, and what it leaves is compared with what an uninterrupted run
leaves. Every fourth cut comes when the command has ended, and there nothing is run again. That the recording is
whole is checked too: all of it gives the files that the command left.
"""

import argparse
import os
import random
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks._interrupted import Case, cases, environment, run

CALLS = (
    "openat,open,creat,write,pwrite64,writev,ftruncate,lseek,rename,renameat,renameat2,unlink,unlinkat,"
    "mkdir,mkdirat,rmdir,fsync,fdatasync,sync,copy_file_range,sendfile"
)
LINE = re.compile(r"(\d+) +(\w+)\((.*)\) += (-?\d+)(?:<.*>)?(?: .*)?$")
UNFINISHED = re.compile(r"(\d+) +(\w+\(.*) <unfinished \.\.\.>$")
RESUMED = re.compile(r"(\d+) +<\.\.\. \w+ resumed>(.*)$")
TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
FILE = re.compile(r"^(\d+|AT_FDCWD)<((?:\\x[0-9a-f]{2})*)>")
TARGET_FOLDER = re.compile(r", (?:\d+|AT_FDCWD)<((?:\\x[0-9a-f]{2})*)>, \"")
COPIED = re.compile(r"\d+<[^>]*>, \d+<([^>]*)>, \[(\d+)\]")


@dataclass
class File:
    """A file's bytes over time: each write as it came, and how many of them were synced."""

    before: bytes = b""
    writes: list[tuple[int, int, bytes]] = field(default_factory=list)
    """Number of the event, where, what; -1 for where cuts the file off at len(what)."""

    def content(self, count: int) -> bytes:
        """What it holds after so many writes."""
        data = bytearray(self.before)
        for _, offset, piece in self.writes[:count]:
            if offset < 0:
                size = int.from_bytes(piece)
                data[size:] = bytes(max(0, size - len(data)))
                continue
            data.extend(bytes(max(0, offset - len(data))))
            data[offset : offset + len(piece)] = piece
        return bytes(data)


@dataclass
class Recording:
    """What a command did below a folder."""

    names: list[tuple[int, str, str, Any]] = field(default_factory=list)
    """Number of the event, what (``make``, ``move``, ``drop``, ``folder``), path, and the file or the target."""
    files: list[File] = field(default_factory=list)
    syncs: list[tuple[int, Any]] = field(default_factory=list)
    """Number of the event, and the file, the folder's path, or None for all there is."""
    events: int = 0


def unescaped(text: str) -> bytes:
    r"""A string as ``strace -xx`` writes it, ``\x2f\x74``."""
    return bytes.fromhex(text.replace("\\x", ""))


class Recorder:
    """Reads what strace wrote; see `Recording`."""

    def __init__(self, root: Path) -> None:
        self.root, self.log = root, Recording()
        self.open: dict[str, File] = {}
        self.offsets: dict[tuple[str, str], int] = {}
        for path in sorted(root.rglob("*")):
            if path.is_dir():
                self._name("folder", str(path), None)
            else:
                self._make(str(path), path.read_bytes())
        self._sync(None)

    def _event(self) -> int:
        self.log.events += 1
        return self.log.events

    def _name(self, kind: str, path: str, value: Any) -> None:
        self.log.names.append((self._event(), kind, path, value))

    def _sync(self, value: Any) -> None:
        self.log.syncs.append((self._event(), value))

    def _make(self, path: str, before: bytes = b"") -> None:
        self.open[path] = File(before)
        self.log.files.append(self.open[path])
        self._name("make", path, self.open[path])

    def read(self, trace: Path) -> Recording:
        """All calls of a trace."""
        waiting: dict[str, str] = {}
        for line in trace.read_text("latin-1").splitlines():
            if match := UNFINISHED.match(line):
                waiting[match[1]] = match[2]
                continue
            if (match := RESUMED.match(line)) and match[1] in waiting:
                line = f"{match[1]} {waiting.pop(match[1])}{match[2]}"  # noqa: PLW2901
            if (match := LINE.match(line)) and int(match[4]) >= 0:
                self._call(match[2], match[3], int(match[4]))
        return self.log

    def _call(self, name: str, arguments: str, result: int) -> None:
        texts = [unescaped(text) for text in TEXT.findall(arguments)]
        fd, path = "", ""
        if match := FILE.match(arguments):
            fd, path = match[1], os.fsdecode(unescaped(match[2]))
        if name == "sync":
            self._sync(None)
        elif name in ("open", "openat", "creat"):
            self._opened(self._at(path, texts[0]), arguments, result)
        elif name in ("rename", "renameat", "renameat2"):
            target = TARGET_FOLDER.search(arguments)
            folder = os.fsdecode(unescaped(target[1])) if target else ""
            self._renamed(self._at(path, texts[0]), self._at(folder, texts[1]))
        elif name in ("unlink", "unlinkat", "rmdir"):
            self._dropped(self._at(path, texts[0]))
        elif name in ("mkdir", "mkdirat"):
            if self._is_inside(folder := self._at(path, texts[0])):
                self._name("folder", folder, None)
        elif self._is_inside(path):
            self._on_file(name, fd, path, arguments, texts, result)

    def _on_file(self, name: str, fd: str, path: str, arguments: str, texts: list[bytes], result: int) -> None:
        file, at = self.open.get(path), self.offsets.get((fd, path), 0)
        if name in ("fsync", "fdatasync"):
            self._sync(file or path)
        elif file is None:
            return
        elif name == "lseek":
            self.offsets[fd, path] = result
        elif name == "ftruncate":
            size = int(arguments.rsplit(",", 1)[1])
            file.writes.append((self._event(), -1, size.to_bytes(8)))
        elif name == "pwrite64":
            file.writes.append((self._event(), int(arguments.rsplit(",", 1)[1]), texts[0][:result]))
        elif name in ("write", "writev"):
            file.writes.append((self._event(), at, b"".join(texts)[:result]))
            self.offsets[fd, path] = at + result
        elif name == "sendfile":
            source, offset = COPIED.match(arguments).groups()  # type: ignore[union-attr]
            content = Path(os.fsdecode(unescaped(source))).read_bytes()
            file.writes.append((self._event(), at, content[int(offset) :][:result]))
            self.offsets[fd, path] = at + result
        elif name == "copy_file_range":
            raise NotImplementedError(f"{name} to {path}")

    def _is_inside(self, path: str) -> bool:
        return Path(path).is_relative_to(self.root) and not path.endswith("-shm")

    def _at(self, folder: str, text: bytes) -> str:
        return os.path.normpath(Path(folder or self.root) / os.fsdecode(text))

    def _opened(self, path: str, arguments: str, fd: int) -> None:
        if not self._is_inside(path) or "O_DIRECTORY" in arguments:
            return
        if path not in self.open:
            if "O_CREAT" not in arguments:
                return
            self._make(path)
        file = self.open[path]
        if "O_TRUNC" in arguments:
            file.writes.append((self._event(), -1, bytes(8)))
        self.offsets[str(fd), path] = len(file.content(len(file.writes))) if "O_APPEND" in arguments else 0

    def _renamed(self, source: str, target: str) -> None:
        if not self._is_inside(source):
            return
        self._name("move", source, target)
        for path in list(self.open):
            if path == source or path.startswith(f"{source}/"):
                self.open[target + path[len(source) :]] = self.open.pop(path)

    def _dropped(self, path: str) -> None:
        if self._is_inside(path):
            self._name("drop", path, None)
            self.open.pop(path, None)


def record(case: Case, folder: Path, trace: Path) -> Recording:
    """Run a case's command under strace; AssertionError if the recording does not give the files it left."""
    case.prepare(folder)
    recorder = Recorder(folder)
    strace = ["strace", "-f", "-qq", "-y", "-xx", "-s", "100000000", "-e", f"trace={CALLS}", "-o", str(trace)]
    command = [*strace, *case.command(folder)]
    subprocess.run(command, cwd=folder, env=environment(), capture_output=True, check=True)
    log = recorder.read(trace)
    trace.unlink()
    result = state_at(log, log.events, None)
    for path in folder.rglob("*"):
        if path.is_file() and not path.name.endswith("-shm"):
            assert result.get(str(path)) == path.read_bytes(), f"{path}: not recorded whole"
    return log


def state_at(log: Recording, cut: int, chance: random.Random | None) -> dict[str, bytes | None]:
    """Bytes by path, None for a folder, as a disk may hold them after a cut; without ``chance``, all of them."""
    synced = [(number, what) for number, what in log.syncs if number <= cut]
    everything = max((number for number, what in synced if what is None), default=0)
    names = [entry for entry in log.names if entry[0] <= cut]
    folders = {what: number for number, what in synced if isinstance(what, str)}
    kept = [
        entry[0]
        for entry in names
        if entry[0]
        <= max(everything, folders.get(str(Path(entry[3] if entry[1] == "move" else entry[2]).parent), 0))
    ]
    last = cut if chance is None else chance.choice([cut, chance.randint(max(kept, default=0), cut)])
    tree: dict[str, Any] = {}
    for number, kind, path, value in names:
        if number > last:
            break
        if kind == "move":
            for below in [each for each in tree if each == path or each.startswith(f"{path}/")]:
                tree[value + below[len(path) :]] = tree.pop(below)
        elif kind == "drop":
            tree.pop(path, None)
        else:
            tree[path] = value
    return {
        path: None if file is None else _bytes(file, synced, cut, everything, chance)
        for path, file in tree.items()
    }


def _bytes(
    file: File, synced: list[tuple[int, Any]], cut: int, everything: int, chance: random.Random | None
) -> bytes:
    done = sum(number <= cut for number, *_ in file.writes)
    if chance is None:
        return file.content(done)
    safe_until = max([everything, *(number for number, what in synced if what is file)])
    safe = sum(number <= safe_until for number, *_ in file.writes)
    return file.content(chance.choice([safe, done, chance.randint(safe, done)]))


def disk_after(log: Recording, cut: int, chance: random.Random, root: Path, folder: Path) -> None:
    """Lay out `state_at` in ``folder``, with the times of the files in ``root``: databases know them by these."""
    state = state_at(log, cut, chance)
    folder.mkdir()
    for path, content in sorted(state.items(), key=lambda item: (item[0].endswith("report.json"), item[0])):
        target = folder / Path(path).relative_to(root)
        if content is None:
            target.mkdir(exist_ok=True, parents=True)
            continue
        target.parent.mkdir(exist_ok=True, parents=True)
        target.write_bytes(content)
        original = final_name(path, root)
        if original.exists():
            times = original.stat()
            os.utime(target, ns=(times.st_atime_ns, times.st_mtime_ns))


def final_name(path: str, root: Path) -> Path:
    """Where a file of a build went in the end."""
    parts = Path(path).relative_to(root).parts
    for index, part in enumerate(parts):
        if part.startswith("building-"):
            return root.joinpath(*parts[: index - 1], *parts[index + 1 :])
    return Path(path)


def cut_again_and_again(case: Case, cuts: int, seed: int, work: Path) -> Iterator[str]:
    """What was found, a line a cut that did harm."""
    root = work / "recorded"
    log = record(case, root, work / "trace")
    chance = random.Random(seed)
    for number in range(cuts):
        after_its_end = number % 4 == 0  # what the command has said to be done is done
        begun = log.syncs[0][0]  # what is there before the command is on the disk
        cut = log.events if after_its_end else chance.randint(begun, log.events)
        folder = work / "cut"
        disk_after(log, cut, chance, root, folder)
        harmed = work / "harmed"
        shutil.copytree(folder, harmed, symlinks=True)
        try:
            if not after_its_end:
                run(case.command(folder), folder)
            case.check(folder, root)
        except (AssertionError, OSError, ValueError) as error:
            keep = Path(tempfile.mkdtemp(prefix="vgc-power-cut-")) / "disk"
            shutil.copytree(harmed, keep)
            yield f"cut {number} at {cut} of {log.events}: {str(error)[:400]} (the disk: {keep})"
        shutil.rmtree(folder)
        shutil.rmtree(harmed)


def main(cuts: int, seed: int, only: str) -> None:
    """Every command in turn, and what came of its cuts."""
    with tempfile.TemporaryDirectory(prefix="vgc-cuts-") as folder, cases(Path(folder) / "materials") as all_cases:
        for case in all_cases:
            if only in case.name and not case.client:  # a server keeps nothing
                work = Path(folder) / "work"
                work.mkdir()
                harm = list(cut_again_and_again(case, cuts, seed, work))
                print(f"{case.name}: {cuts} power cuts, {len(harm)} did harm", *harm, sep="\n  ", flush=True)
                shutil.rmtree(work)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cuts", type=int, default=20, help="of each command")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="commands whose name has this in it")
    chosen = parser.parse_args()
    main(chosen.cuts, chosen.seed, chosen.only)
