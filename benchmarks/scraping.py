"""``vgc scrape`` in time and memory beside Scrapy, under 200 kills -9, and on a site of 20,000 characters.

    python -m benchmarks.scraping [--only speed,kills,memory] [--rounds 3] [--kills 200] [--large 20000]

Speed: 1,290 pictures of 2 to 3 kilobytes behind 27 pages, 50 ms latency, no delay, 8 requests at once. The bound
is requests / 8 x latency. Scrapy runs with its images pipeline, robots.txt obeyed, the same concurrency, against
the same server, in turn; it is measured if it is installed (``pip install vgc[bench]``). Both are whole processes,
from their start to their end, so the memory is what each of them really takes.
"""

import argparse
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from scraper.crawl import ScrapeSettings, crawl

CHARACTERS = 1290
LATENCY_MS = 50
WORKERS = 8
KILLED_CHARACTERS = 600
KILLED_WORKERS = 4
SMALL = 2000

SPIDER = """
import scrapy

class Spider(scrapy.Spider):
    name = "characters"
    custom_settings = {
        "ROBOTSTXT_OBEY": True, "CONCURRENT_REQUESTS": WORKERS, "CONCURRENT_REQUESTS_PER_DOMAIN": WORKERS,
        "DOWNLOAD_DELAY": 0, "LOG_LEVEL": "ERROR", "TELNETCONSOLE_ENABLED": False,
        "ITEM_PIPELINES": {"scrapy.pipelines.images.ImagesPipeline": 1}, "IMAGES_STORE": "images",
    }

    async def start(self):
        yield scrapy.Request(self.url + "/52702/the-game-art-hq/")

    def parse(self, response):
        yield from response.follow_all(css='a[href*="video-game-character"]', callback=self.parse_letter)

    def parse_letter(self, response):
        for cell in response.css("div.entry td"):
            address = cell.css("img::attr(src)").get()
            yield {"name": cell.css("strong::text").get(), "image_urls": [response.urljoin(address)]}
""".replace("WORKERS", str(WORKERS))


@dataclass(frozen=True)
class Run:
    """One whole process."""

    seconds: float
    cpu_seconds: float
    peak_mb: float
    images: int


@contextmanager
def site(characters: int, latency_ms: float) -> Iterator[str]:
    """Serve a made-up site from a process of its own; its base URL."""
    command = [sys.executable, "-m", "benchmarks._site", str(characters), str(latency_ms)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def hits(url: str) -> dict[str, int]:
    """What the site was asked for."""
    with urllib.request.urlopen(f"{url}/__hits__") as answer:
        counts: dict[str, int] = json.load(answer)
        return counts


def measured(command: list[str], folder: Path) -> Run:
    """Run ``command`` in ``folder``; its time, its peak memory, and the pictures that it left."""
    root = str(Path(__file__).parent.parent)
    start = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=folder, env={**os.environ, "PYTHONPATH": root}, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if status:
        raise SystemExit(f"{' '.join(command)} failed")
    images = sum(1 for _ in folder.rglob("*.jpg"))
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, images)


def run_vgc(url: str, folder: Path) -> Run:
    """One crawl by this project."""
    arguments = ["scrape", "--base-url", url, "--delay", "0", "--workers", str(WORKERS), "--out", "raw", "-q"]
    return measured([sys.executable, "-m", "cli", *arguments], folder)


def run_scrapy(url: str, folder: Path) -> Run:
    """One crawl by Scrapy."""
    (folder / "spider.py").write_text(SPIDER)
    # On its usual reactor, asyncio, Scrapy 2.19 overruns its own limit by far (392 requests at once were seen).
    reactor = "TWISTED_REACTOR=twisted.internet.selectreactor.SelectReactor"
    arguments = ["runspider", "-s", reactor, "-a", f"url={url}", "spider.py"]
    return measured([sys.executable, "-m", "scrapy", *arguments], folder)


def in_new_folder(run: Callable[[str, Path], Run], url: str) -> Run:
    """Run in a folder that is empty before and gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        return run(url, Path(folder))


def speed(rounds: int) -> Table:
    """Time and memory beside Scrapy, in turn."""
    programs = {"vgc scrape": run_vgc}
    if find_spec("scrapy"):
        programs["Scrapy"] = run_scrapy
    runs: dict[str, list[Run]] = {name: [] for name in programs}
    most_at_once = dict.fromkeys(programs, 0)
    with site(CHARACTERS, LATENCY_MS) as url:
        for _ in range(rounds):
            for name, run in programs.items():
                runs[name].append(in_new_folder(run, url))
                most_at_once[name] = max(hits(url)["most at once"], most_at_once[name])
        requests = sum(count for path, count in hits(url).items() if path.startswith("/")) / rounds / len(programs)
    bound = requests / WORKERS * LATENCY_MS / 1000
    table = Table(
        title=f"{requests:,.0f} requests, {LATENCY_MS} ms latency, {WORKERS} at once: {bound:.2f} s at best"
    )
    for heading in ("", "pictures", "seconds", "of the best", "CPU seconds", "peak MB", "most at once"):
        table.add_column(heading, justify="right")
    for name, taken in runs.items():
        seconds, cpu, peak = (
            statistics.median(getattr(run, figure) for run in taken)
            for figure in ("seconds", "cpu_seconds", "peak_mb")
        )
        cells = (f"{taken[0].images:,}", f"{seconds:.2f}", f"{seconds / bound:.2f}", f"{cpu:.2f}", f"{peak:.0f}")
        table.add_row(name, *cells, str(most_at_once[name]))
    return table


def settings(url: str, out: Path) -> ScrapeSettings:
    """A crawl that is to be killed."""
    return ScrapeSettings(base_url=url, out=out, delay_seconds=0, workers=KILLED_WORKERS)


def kept(out: Path) -> dict[str, Any]:
    """Picture files with their bytes, and what the manifest says of them but for the moment."""
    content: dict[str, Any] = {path.name: path.read_bytes() for path in (out / "images").iterdir()}
    for line in (out / "manifest.jsonl").read_text("utf-8").splitlines():
        record = json.loads(line)
        if record["name"]:
            content[record["url"]] = {**record, "fetched_at": ""}
    return content


def saved(out: Path) -> set[str]:
    """The pictures' addresses in a manifest that a kill may have left unfinished."""
    path = out / "manifest.jsonl"
    whole = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    return {record["url"] for line in whole if (record := json.loads(line))["name"]}


def killed_run(url: str, out: Path) -> bool:
    """Start a crawl and kill it -9 in the midst; False: it came to its end before."""
    child = os.fork()
    if child == 0:
        crawl(settings(url, out))
        os._exit(0)
    if random.random() < 0.2:
        time.sleep(random.uniform(0, 0.5))  # while it reads the pages, or before
    else:
        goal = images_requested(url) + random.randint(1, 2 * KILLED_CHARACTERS // 200)
        while (
            images_requested(url) < goal
            and os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
        ):
            time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def images_requested(url: str) -> int:
    """How many pictures the site was asked for."""
    return sum(count for path, count in hits(url).items() if "uploads" in path)


def kills(number: int) -> Table:
    """A crawl killed again and again beside an undisturbed one."""
    with tempfile.TemporaryDirectory() as folder, site(KILLED_CHARACTERS, 5) as url:
        undisturbed, killed = Path(folder, "undisturbed"), Path(folder, "killed")
        crawl(settings(url, undisturbed))
        first = hits(url)
        again, done = 0, 0
        while done < number:
            before, known = hits(url), {address.removeprefix(url) for address in saved(killed)}
            if not killed_run(url, killed):
                break
            done += 1
            after = hits(url)
            again += sum(
                after[path] - before.get(path, 0) for address in known for path in [address.removeprefix(url)]
            )
        crawl(settings(url, killed))
        twice = sum(count - first[path] - 1 for path, count in hits(url).items() if "uploads" in path)
        same = kept(undisturbed) == kept(killed)
        unfinished = sum(1 for _ in killed.rglob("*.partial"))
    table = Table(
        title=f"{KILLED_CHARACTERS} pictures, {KILLED_WORKERS} at once, killed {done} times and run once more"
    )
    table.add_column("question")
    table.add_column("answer", justify="right")
    table.add_row("folder and manifest equal those of an undisturbed crawl", "yes" if same else "NO")
    table.add_row("requests for a picture that the manifest had as saved", str(again))
    table.add_row("pictures asked for twice: under way at a kill", str(twice))
    table.add_row("unfinished files left", str(unfinished))
    return table


def memory(large: int) -> Table:
    """Peak memory on a small and on a large site."""
    table = Table(title=f"Memory of vgc scrape, {WORKERS} requests at once")
    for heading in ("characters", "pictures", "seconds", "peak memory"):
        table.add_column(heading, justify="right")
    for characters in (SMALL, large):
        with site(characters, 0) as url:
            run = in_new_folder(run_vgc, url)
        table.add_row(f"{characters:,}", f"{run.images:,}", f"{run.seconds:.0f}", f"{run.peak_mb:.0f} MB")
    return table


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="speed,kills,memory")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--large", type=int, default=20_000)
    options = parser.parse_args()
    parts = {
        "speed": lambda: speed(options.rounds),
        "kills": lambda: kills(options.kills),
        "memory": lambda: memory(options.large),
    }
    for name in options.only.split(","):
        Console().print(parts[name]())


if __name__ == "__main__":
    main()
