"""``kill -9`` at random moments of every command that writes: the same command goes on, and all is whole.

``python -m benchmarks.kills --kills 100`` needs Linux or macOS. Each command is killed one to five times in a
row, with the processes it started, then runs to its end and is compared with a run that nothing interrupted. A
server is killed together with the client that uploads to it.
"""

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import cli
from benchmarks._interrupted import VGC, Case, cases

MAX_IN_A_ROW = 5
END_SECONDS = 1800
"""More than a tiny command takes on any machine, however busy."""
LOADED = (
    "dataset.build",
    "dataset.report.page",
    "gan.export.onnx",
    "gan.sampling.generate",
    "gan.training.loop",
    "scraper.crawl",
    "sprites.sprite_export",
    "studio.launch",
    "studio.site",
)
"""What commands import when they need it: it is loaded once, not again for each kill."""


@dataclass
class Outcome:
    """What came of a case's kills."""

    kills: int = 0
    """That met a command at work."""
    ends: int = 0
    """Runs to the end, each checked."""


def started(case: Case, folder: Path) -> int:
    """Run a case's command in a fork of this process, which has loaded all that it needs; returns the process."""
    arguments = case.command(folder)
    child = os.fork()
    if child:
        return child
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job of a shell ignores it
    server = os.getpid()
    if case.client and not os.fork():
        try:
            case.client(folder)
        finally:  # also where it fails: what it did not do is seen in the folder
            os.kill(server, signal.SIGINT)
            os._exit(0)
    os.chdir(folder)
    silence = os.open(folder.parent / "said", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    sys.argv = ["vgc", *arguments[len(VGC) :]]
    code = 1
    try:
        cli.main()
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    finally:
        os._exit(code)


def killed(child: int, seconds: float) -> bool:
    """End a command and all its processes after so long; False where it had ended by itself."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if os.waitpid(child, os.WNOHANG) != (0, 0):
            return False
        time.sleep(0.01)
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def run_to_end(case: Case, folder: Path) -> float:
    """Run the case's command once more; returns its seconds; AssertionError if it fails."""
    begin = time.monotonic()
    child = started(case, folder)
    while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0):
        time.sleep(0.02)
        if time.monotonic() > begin + END_SECONDS:
            killed(child, 0)
            raise AssertionError(f"not at its end after {END_SECONDS} seconds")
    code = os.waitstatus_to_exitcode(ended[1])
    assert code == case.exit_code, f"exit {code}: {(folder.parent / 'said').read_text('utf-8', 'replace')[-600:]}"
    return time.monotonic() - begin


def kill_again_and_again(
    case: Case, work: Path, kills: int, chance: random.Random, outcome: Outcome
) -> Iterator[str]:
    """Kill a case's command that many times at least; gives what was found, a line each."""
    whole = work / "whole"
    case.prepare(whole)
    seconds = run_to_end(case, whole)
    while outcome.kills < kills:
        folder = work / "killed"
        case.prepare(folder)
        moments = []
        for _ in range(chance.randint(1, MAX_IN_A_ROW)):
            moments.append(chance.uniform(0, seconds))
            outcome.kills += killed(started(case, folder), moments[-1])
        try:
            run_to_end(case, folder)
            case.check(folder, whole)
            outcome.ends += 1
        except (AssertionError, OSError, ValueError) as error:
            keep = Path(tempfile.mkdtemp(prefix="vgc-killed-")) / "folder"
            shutil.copytree(folder, keep)
            yield f"killed after {', '.join(f'{moment:.2f}' for moment in moments)} s: {str(error)[:400]} ({keep})"
        shutil.rmtree(folder)


def main(kills: int, seed: int, only: str) -> None:
    """Every command its share of the kills, and what came of them."""
    for module in LOADED:
        import_module(module)
    chance = random.Random(seed)
    with (
        tempfile.TemporaryDirectory(prefix="vgc-kills-") as folder,
        cases(Path(folder) / "materials") as all_cases,
    ):
        chosen = [case for case in all_cases if only in case.name]
        for case in chosen:
            work, outcome = Path(folder) / "work", Outcome()
            work.mkdir()
            harm = list(kill_again_and_again(case, work, -(-kills // len(chosen)), chance, outcome))
            counts = f"{outcome.kills} kills, {outcome.ends} runs whole in the end, {len(harm)} not"
            print(f"{case.name}: {counts}", *harm, sep="\n  ", flush=True)
            shutil.rmtree(work)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100, help="in all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="commands whose name has this in it")
    chosen_options = parser.parse_args()
    main(chosen_options.kills, chosen_options.seed, chosen_options.only)
