"""Commands that are interrupted on purpose, and what must be true after the same command was given again."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import numpy as np

from gan.runs.checkpoint import load_checkpoint, read_generator_header
from scraper.demosite.server import serve

VGC = [sys.executable, "-m", "cli"]
REPOSITORY = Path(__file__).parents[1]
SIZE_PX = 16
LATENT_DIM = 100
"""Of the built-in generator."""
PIECE_BYTES = 1024
"""Less than the page sends at once, so that a small picture has several."""
TOGETHER = 5
"""Files that are sent in one request."""
OCTETS = "application/octet-stream"
NOT_COMPARED = (".vgc", ".lock", "manifest.jsonl", "events.out", "metrics.jsonl", "report.html", "config.json")
"""What differs from run to run: times, logs and databases."""


@dataclass(frozen=True)
class Case:
    """A command that works in a folder of its own."""

    name: str
    prepare: Callable[[Path], object]
    """Makes what the folder holds before."""
    command: Callable[[Path], list[str]]
    """What is run, and run again, in the folder."""
    check: Callable[[Path, Path], None]
    """AssertionError unless the folder, after the second run, is as one of a run that nothing interrupted."""
    client: Callable[[Path], None] | None = None
    """What is done while the command, a server, runs; then that gets Ctrl-C."""
    exit_code: int = 0


def environment() -> dict[str, str]:
    """Of a command: this checkout, one thread, and nobody's home."""
    return {**os.environ, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1", "HOME": "/nonexistent"}


def run(arguments: list[str], folder: Path) -> None:
    """Run a command to its end; AssertionError shows what it said, where it failed."""
    done = subprocess.run(arguments, cwd=folder, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"exit {done.returncode}: {done.stderr[-600:]}"


def files_in(folder: Path) -> dict[str, bytes]:
    """All files that a rerun must make alike."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(word in path.relative_to(folder).as_posix() for word in NOT_COMPARED)
    }


def leftovers(folder: Path) -> list[str]:
    """What no command may leave behind."""
    marks = (".partial", "building-", ".probe", ".tmp")
    return [str(path) for path in folder.rglob("*") if any(mark in path.name for mark in marks)]


def same_files(folder: Path, whole: Path) -> None:
    """The files are those of a run that nothing interrupted, and nothing is left behind."""
    result, expected = files_in(folder), files_in(whole)
    other = sorted(name for name in result.keys() | expected.keys() if result.get(name) != expected.get(name))
    assert not other, f"other files: {other[:5]}"
    assert not leftovers(folder), f"left behind: {leftovers(folder)[:5]}"


def same_crawl(folder: Path, whole: Path) -> None:
    """The same pictures, and a manifest of whole lines that names each of them."""
    same_files(folder, whole)
    named = set()
    for line in (folder / "raw/manifest.jsonl").read_text("utf-8").splitlines():
        named.add(json.loads(line).get("file"))
    assert named >= {name.removeprefix("raw/") for name in files_in(folder) if "/images/" in name}


def whole_run(folder: Path, _whole: Path) -> None:
    """The run has ended, both its files load, and nothing is left behind."""
    runs = folder / "train_output/r"
    assert load_checkpoint(runs / "checkpoint.pt")["steps"] > 0
    assert read_generator_header(runs / "generator.safetensors").images > 0
    for line in (runs / "metrics.jsonl").read_text("utf-8").splitlines():
        json.loads(line)
    assert not leftovers(folder), f"left behind: {leftovers(folder)[:5]}"


def train_command(folder: Path) -> list[str]:
    """Begin the run, or go on with it where it has begun."""
    run = folder / "train_output/r"
    generator = run / "generator.safetensors"
    images = read_generator_header(generator).images if generator.exists() else 0
    length = ["--kimg", str(max(0.2, images / 1000 + 0.1)), "--device", "cpu"]
    if (run / "config.json").exists():
        return [*VGC, "train", "--resume", "r", *length]
    return [
        *VGC,
        "train",
        "--data",
        "set/rgb_images",
        "--batch",
        "16",
        "--run",
        "r",
        "--save-minutes",
        "0.01",
        *length,
    ]


def ask(port: int, path: str, body: bytes, content_type: str = "application/json") -> bytes:
    """The studio's answer, once it is up; HTTPError for a refusal."""
    request = Request(f"http://127.0.0.1:{port}/api/{path}", body or None, {"Content-Type": content_type})
    while True:
        try:
            with urlopen(request) as answer:
                content: bytes = answer.read()
                return content
        except HTTPError:
            raise
        except (URLError, ConnectionError):
            time.sleep(0.05)


def draw_and_pack(port: int, folder: Path) -> None:
    """Have the studio draw latents and pack sprites, and keep its answers."""
    latents = np.random.default_rng(0).normal(size=(4, LATENT_DIM)).astype(np.float16).tolist()
    for name in ("draw", "sprites"):
        (folder / name).write_bytes(ask(port, name, json.dumps({"latents": latents}).encode()))


def upload(port: int, pictures: Path, is_together: bool, folder: Path) -> None:
    """Drop pictures for a new set, as the page does, each from where the last drop ended, and have it made."""
    wait_for_job(port)  # of an earlier studio, which may have been killed amid it
    if (folder / "Data/x/rgb_images/metadata.jsonl").exists():
        return
    files = sorted(pictures.iterdir())
    wanted = {"source": "upload", "name": "x", "size_px": SIZE_PX}
    all_bytes = sum(path.stat().st_size for path in files)
    ask(port, "workshop/upload", json.dumps({**wanted, "files": len(files), "bytes": all_bytes}).encode())
    for begin in range(0, len(files), TOGETHER):
        if is_together:
            send_together(port, files[begin : begin + TOGETHER])
        else:
            send_in_pieces(port, files[begin : begin + TOGETHER])
    ask(port, "workshop/new/start", json.dumps(wanted).encode())
    wait_for_job(port)


def send_in_pieces(port: int, files: list[Path]) -> None:
    """Send files one after the other, each from where the studio has it."""
    for file in files:
        content, modified_ms = file.read_bytes(), file.stat().st_mtime_ns // 10**6
        named = {"name": "x", "file": file.name, "size": len(content), "modified_ms": modified_ms}
        offset = json.loads(ask(port, f"workshop/upload/piece?{urlencode(named)}", b""))["received"]
        while offset < len(content):
            path = f"workshop/upload/piece?{urlencode({**named, 'offset': offset})}"
            answer = ask(port, path, content[offset : offset + PIECE_BYTES], OCTETS)
            offset = json.loads(answer)["received"]


def send_together(port: int, files: list[Path]) -> None:
    """Send files whole, in one request."""
    listed = [
        {"name": file.name, "size": file.stat().st_size, "modified_ms": file.stat().st_mtime_ns // 10**6}
        for file in files
    ]
    body = b"\n".join([json.dumps(listed).encode(), b"".join(file.read_bytes() for file in files)])
    assert not json.loads(ask(port, "workshop/upload/files?name=x", body, OCTETS))["refused"]


def wait_for_job(port: int) -> None:
    """Until the workshop makes no set."""
    while json.loads(ask(port, "workshop/new/state", b""))["running"]:
        time.sleep(0.05)


@contextmanager
def cases(materials: Path) -> Iterator[list[Case]]:
    """Every command that writes, with tiny inputs made in ``materials``, while the built-in site is served."""
    with serve() as url, socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        reserved.close()
        studio = [*VGC, "studio", "--port", str(port), "--no-browser"]
        scrape = [*VGC, "scrape", "--base-url", url, "--limit", "20", "--delay", "0"]
        preprocess = [*VGC, "preprocess", "--raw", str(materials / "raw"), "--size", str(SIZE_PX)]
        materials.mkdir(parents=True)
        run([*scrape, "--out", "raw"], materials)
        run([*preprocess, "--out", "set"], materials)
        shutil.copytree(materials / "raw", materials / "less")
        for path in sorted((materials / "less/images").iterdir())[::3]:
            path.unlink()
        run([*VGC, "preprocess", "--raw", "less", "--size", str(SIZE_PX), "--out", "grown/set"], materials)
        yield [
            Case("scrape", Path.mkdir, lambda _: [*scrape, "--out", "raw"], same_crawl),
            Case("preprocess", Path.mkdir, lambda _: [*preprocess, "--out", "set"], same_files),
            Case(
                "preprocess a grown set",
                lambda folder: shutil.copytree(materials / "grown", folder),
                lambda _: [*preprocess, "--out", "set"],
                same_files,
            ),
            Case(
                "train",
                lambda folder: shutil.copytree(materials / "set", folder / "set"),
                train_command,
                whole_run,
            ),
            Case("generate", Path.mkdir, lambda _: [*VGC, "generate", "-n", "8", "--device", "cpu"], same_files),
            Case("export --onnx", Path.mkdir, lambda _: [*VGC, "export", "--onnx", "x.onnx"], same_files),
            Case("export --web", Path.mkdir, lambda _: [*VGC, "export", "--web", "site"], same_files),
            Case("sprites", Path.mkdir, lambda _: [*VGC, "sprites", "-n", "4", "--device", "cpu"], same_files),
            Case("studio", Path.mkdir, lambda _: studio, same_files, partial(draw_and_pack, port), exit_code=130),
            *(
                Case(
                    name,
                    Path.mkdir,
                    lambda _: [*studio, "--root", "."],
                    same_files,
                    partial(upload, port, materials / "raw/images", is_together),
                    exit_code=130,
                )
                for name, is_together in (("studio uploads", False), ("studio uploads together", True))
            ),
        ]
