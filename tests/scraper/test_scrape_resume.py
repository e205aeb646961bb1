"""Runs that are killed, interrupted or repeated: nothing is lost, nothing fetched twice."""

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
from filelock import FileLock
from webserver import (
    FAST,
    HUB,
    Answer,
    Request,
    Web,
    cell,
    encoded_image,
    letter_path,
    manifest_lines,
    page,
    saved_images,
    scrape,
    small_site,
)

from scraper.crawl import ScrapeSettings, crawl
from scraper.errors import ScrapeError
from scraper.manifest import Manifest, Record
from scraper.raw_folder import LOCK_NAME

PROGRAM = """
import sys
from pathlib import Path
from scraper.crawl import ScrapeSettings, crawl
from scraper.net.transport import Limits
base_url, out = sys.argv[1], Path(sys.argv[2])
crawl(ScrapeSettings(base_url=base_url, out=out, delay_seconds=0, workers=4, limits=Limits(tries=1)))
"""
KILLS = 8
FIELDS = {
    *("url", "page", "name", "game", "letter", "file", "sha256", "bytes", "status", "reason", "http"),
    *("etag", "last_modified", "fetched_at"),
}


def facts(out: Path) -> dict[str, Any]:
    """What the manifest says of each picture, but for the moment and whether it was fetched just now."""
    last = {line["url"]: line for line in manifest_lines(out) if line["name"]}
    return {url: {**line, "fetched_at": "", "status": ""} for url, line in last.items()}


def image_hits(web: Web) -> dict[str, int]:
    return {path: hits for path, hits in web.hits.items() if path.startswith("/up/")}


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no kill -9 here")
def test_a_crawl_killed_again_and_again_ends_as_if_undisturbed(tmp_path: Path) -> None:
    with small_site("abc", count=30) as web:
        scrape(web, tmp_path / "undisturbed")
        web.hits.clear()
        for path, answer in list(web.answers.items()):
            if path.startswith("/up/") and isinstance(answer, Answer):
                web.answers[path] = slowly(answer)
        out, kills = tmp_path / "killed", 0
        while kills < KILLS and killed_at_random(web, out):
            kills += 1
            for line in manifest_lines(
                out
            ):  # all whole lines: what they call saved is there, and never asked for again
                if line["name"]:
                    assert (out / line["file"]).stat().st_size == line["bytes"]
            assert kept_are_whole(out)
        subprocess.run([sys.executable, "-c", PROGRAM, web.url, str(out)], check=True)
        assert kills >= 3
        assert saved_images(out) == saved_images(tmp_path / "undisturbed")
        assert facts(out) == facts(tmp_path / "undisturbed")
        assert sum(image_hits(web).values()) <= 90 + kills * 8  # what 8 threads had under way
        assert not list(out.rglob("*.partial"))


def slowly(answer: Answer) -> Any:
    def respond(request: Request) -> None:
        time.sleep(0.02)
        request.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(answer.body))
        request.wfile.write(answer.body)

    return respond


def killed_at_random(web: Web, out: Path) -> bool:
    """Run the crawl in a process of its own and kill -9 it in the midst; False: it was done before that."""
    before = dict(image_hits(web))
    saved = (
        {line["url"] for line in manifest_lines(out) if line["name"]}
        if (out / "manifest.jsonl").exists()
        else set()
    )
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, web.url, str(out)])
    goal = sum(before.values()) + random.randint(1, 12)
    while process.poll() is None and sum(image_hits(web).values()) < goal:
        time.sleep(0.001)
    time.sleep(random.uniform(0, 0.02))
    process.send_signal(signal.SIGKILL)
    code = process.wait()
    again = {path for path, hits in image_hits(web).items() if hits > before.get(path, 0)}
    assert not again & {url.removeprefix(web.url) for url in saved}
    assert code in (0, -signal.SIGKILL)
    return code != 0


def kept_are_whole(out: Path) -> bool:
    """Whether every file under a final name is a whole picture."""
    final = [path for path in (out / "images").iterdir() if path.suffix == ".png"]
    return all(path.read_bytes().endswith(b"IEND\xaeB`\x82") for path in final)


def test_ctrl_c_keeps_what_is_saved_and_says_how_to_go_on(tmp_path: Path) -> None:
    with small_site("a", count=40) as web:

        def interrupt(done: int, _total: int | None, _text: str) -> None:
            if done == 10:
                raise KeyboardInterrupt

        settings = ScrapeSettings(base_url=web.url, out=tmp_path, delay_seconds=0, workers=2, limits=FAST)
        with pytest.raises(
            KeyboardInterrupt, match="pictures were saved in this run, and the same command goes on"
        ):
            crawl(settings, interrupt)
        kept = {line["url"] for line in manifest_lines(tmp_path) if line["name"]}
        assert 10 <= len(kept) == len(saved_images(tmp_path)) < 40
        summary = crawl(settings)
        assert (summary.saved, summary.unchanged) == (40 - len(kept), len(kept))
        assert set(image_hits(web).values()) <= {1, 2}
        assert all(image_hits(web)[url.removeprefix(web.url)] == 1 for url in kept)


class DeafQueue(SimpleQueue[Any]):
    """As on Windows: Ctrl-C does not end a wait, it is heard only after it."""

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        heard: list[int] = []
        before = signal.signal(signal.SIGINT, lambda number, _: heard.append(number))
        try:
            return super().get(block, timeout)
        finally:
            signal.signal(signal.SIGINT, before)
            if heard:
                raise KeyboardInterrupt


@pytest.mark.parametrize("queue", [SimpleQueue, DeafQueue])
def test_ctrl_c_does_not_wait_for_a_site_that_hangs(
    queue: type[SimpleQueue[Any]], site: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scraper.task_pool.SimpleQueue", queue)
    asked = threading.Event()

    def hang(request: Request) -> None:
        asked.set()
        time.sleep(20)

    site.answers["/up/a-1.png"] = hang

    def press_ctrl_c() -> None:
        asked.wait()
        time.sleep(0.5)  # until nothing else is under way
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=press_ctrl_c, daemon=True).start()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt, match="the same command goes on"):
        crawl(ScrapeSettings(base_url=site.url, out=tmp_path, delay_seconds=0))  # a read may last 15 seconds
    assert time.monotonic() - started < 14
    assert not [line for line in manifest_lines(tmp_path) if line["status"] == "failed"]


def test_a_rerun_asks_for_the_pages_but_for_no_picture(site: Web, tmp_path: Path) -> None:
    scrape(site, tmp_path)
    before = saved_images(tmp_path)
    site.hits.clear()
    summary = scrape(site, tmp_path)
    assert (summary.saved, summary.unchanged, summary.exit_code) == (0, 6, 0)
    assert set(site.hits) == {"/robots.txt", HUB, letter_path("a"), letter_path("b")}
    assert saved_images(tmp_path) == before


def with_validators(answer: Answer, etag: str | None, date: str | None) -> Any:
    def respond(request: Request) -> None:
        known = (etag and request.headers["If-None-Match"] == etag) or (
            date and request.headers["If-Modified-Since"] == date
        )
        request.send_response(304 if known else 200)
        for name, value in (("ETag", etag), ("Last-Modified", date)):
            if value:
                request.send_header(name, value)
        request.send_header("Content-Length", str(len(answer.body)))
        request.end_headers()
        request.wfile.write(b"" if known else answer.body)

    return respond


@pytest.mark.parametrize(("etag", "date"), [('W/"1"', None), (None, "Sat, 21 Nov 2026 10:00:00 GMT")])
def test_a_page_that_has_not_changed_is_read_from_its_copy(
    etag: str | None, date: str | None, site: Web, tmp_path: Path
) -> None:
    for path in (HUB, letter_path("a"), letter_path("b")):
        answer = site.answers[path]
        assert isinstance(answer, Answer)
        site.answers[path] = with_validators(answer, etag, date)
    scrape(site, tmp_path)
    (tmp_path / manifest_lines(tmp_path)[-1]["file"]).unlink()
    summary = scrape(site, tmp_path)
    assert (summary.saved, summary.unchanged) == (1, 5)
    letter_lines = [line for line in manifest_lines(tmp_path) if line["url"].endswith(letter_path("a"))]
    assert [(line["status"], line["http"]) for line in letter_lines] == [("saved", 200), ("unchanged", 304)]


def test_a_lost_or_shortened_file_is_fetched_again(site: Web, tmp_path: Path) -> None:
    scrape(site, tmp_path)
    first, second, *_ = sorted((tmp_path / "images").iterdir())
    whole = first.read_bytes(), second.read_bytes()
    first.unlink()
    second.write_bytes(whole[1][:10])
    summary = scrape(site, tmp_path)
    assert (summary.saved, summary.unchanged) == (2, 4)
    assert (first.read_bytes(), second.read_bytes()) == whole


def test_a_rerun_tries_again_what_may_succeed_and_nothing_else(site: Web, tmp_path: Path) -> None:
    good = site.answers["/up/a-0.png"]
    site.answers["/up/a-0.png"] = Answer(b"", 500)
    site.answers["/up/a-1.png"] = Answer(b"", 404)
    assert scrape(site, tmp_path).exit_code == 3
    site.answers["/up/a-0.png"] = good
    site.hits.clear()
    summary = scrape(site, tmp_path)
    assert (summary.saved, summary.unchanged, summary.failed, summary.exit_code) == (1, 4, 1, 0)
    assert summary.failures[0].reason == "HTTP 404"
    assert set(image_hits(site)) == {"/up/a-0.png"}


def test_a_letter_page_that_is_gone_is_worth_another_try(site: Web, tmp_path: Path) -> None:
    there = site.answers[letter_path("a")]
    site.answers[letter_path("a")] = Answer(b"gone", 404)
    summary = scrape(site, tmp_path)
    assert (summary.saved, summary.exit_code) == (3, 3)
    site.answers[letter_path("a")] = there
    assert scrape(site, tmp_path).saved == 3


def test_progress_ends_where_every_cell_is_done(site: Web, tmp_path: Path) -> None:
    output: list[tuple[int, int | None, str]] = []
    crawl(ScrapeSettings(base_url=site.url, out=tmp_path, delay_seconds=0), lambda *state: output.append(state))
    assert output[-1] == (6, 6, "6 saved, 0 failed")


def test_refresh_looks_at_everything_again(site: Web, tmp_path: Path) -> None:
    site.answers["/up/a-0.png"] = with_validators(Answer(encoded_image(1)), '"1"', None)
    site.answers["/up/a-1.png"] = Answer(b"", 404)
    scrape(site, tmp_path)
    site.answers["/up/a-1.png"] = Answer(encoded_image(2))
    site.answers["/up/a-2.png"] = Answer(encoded_image(3, "JPEG"))
    site.hits.clear()
    summary = scrape(site, tmp_path, refresh=True)
    assert (summary.saved, summary.unchanged, summary.failed) == (2, 4, 0)
    assert set(image_hits(site).values()) == {1}
    assert len(saved_images(tmp_path)) == 6
    assert sum(name.endswith(".jpg") for name in saved_images(tmp_path)) == 1


def test_every_line_of_the_manifest_has_every_field_and_the_true_digest(site: Web, tmp_path: Path) -> None:
    scrape(site, tmp_path)
    for line in manifest_lines(tmp_path):
        assert set(line) >= FIELDS
        content = (tmp_path / line["file"]).read_bytes()
        assert (hashlib.sha256(content).hexdigest(), len(content)) == (line["sha256"], line["bytes"])


def test_a_second_scrape_in_the_same_folder_is_turned_away(site: Web, tmp_path: Path) -> None:
    tmp_path.joinpath("raw").mkdir()
    with FileLock(tmp_path / "raw" / LOCK_NAME), pytest.raises(ScrapeError, match="another vgc scrape is at work"):
        scrape(site, tmp_path / "raw")
    assert not site.hits
    assert scrape(site, tmp_path / "raw").saved == 6


@pytest.mark.parametrize("torn", [1, 20, 200])
def test_a_torn_last_line_is_mended(torn: int, site: Web, tmp_path: Path) -> None:
    scrape(site, tmp_path)
    manifest = tmp_path / "manifest.jsonl"
    whole = manifest.read_bytes()
    manifest.write_bytes(whole[:-torn])
    site.hits.clear()
    scrape(site, tmp_path)
    assert sum(image_hits(site).values()) == (0 if torn == 1 else 1)
    assert len({line["url"] for line in manifest_lines(tmp_path)}) == 9


def test_lines_that_are_no_records_are_passed_over(site: Web, tmp_path: Path) -> None:
    scrape(site, tmp_path)
    manifest = tmp_path / "manifest.jsonl"
    manifest.write_bytes(
        b'\0\0\0\n[1]\nnull\n"x"\n{"url": 7}\n{"url": "x", "status": []}\n' + manifest.read_bytes()
    )
    assert scrape(site, tmp_path).unchanged == 6


def test_the_last_line_for_an_address_counts(tmp_path: Path) -> None:
    with Manifest(tmp_path) as manifest:
        for reason in ("first", "second"):
            manifest.write(Record("http://x/1", "failed", reason=reason))
        manifest.write(Record("http://x/2", "failed", name="\u2028 \ud800 \u0645"))
        assert (manifest.get("http://x/1") or Record("", "saved")).reason == "second"
    with Manifest(tmp_path) as manifest:
        assert (manifest.get("http://x/1") or Record("", "saved")).reason == "second"
        assert (manifest.get("http://x/2") or Record("", "saved")).name == "\u2028 ? \u0645"
        assert manifest.get("http://x/3") is None


def test_what_an_interrupted_write_left_is_overwritten_by_the_next_line(tmp_path: Path) -> None:
    with Manifest(tmp_path) as manifest:
        manifest.write(Record("http://x/1", "saved"))
        with (tmp_path / "manifest.jsonl").open("a") as torn:
            torn.write('{"url": "http://x/2", "name": "' + "n" * 1000)
        manifest.write(Record("http://x/2", "saved"))
    assert [line["url"] for line in manifest_lines(tmp_path)] == ["http://x/1", "http://x/2"]


def test_a_server_on_this_machine_may_come_back_on_another_port(tmp_path: Path) -> None:
    for saved in (3, 0):
        with small_site("a", count=3) as web:
            assert scrape(web, tmp_path).saved == saved
    before = saved_images(tmp_path)
    assert len(before) == 3
    with small_site("a", count=3) as web:
        assert scrape(web, tmp_path, refresh=True).unchanged == 3
    assert saved_images(tmp_path) == before


def test_a_server_on_another_port_is_not_asked_what_has_changed_since_the_first(tmp_path: Path) -> None:
    for count in (1, 2):
        with small_site("a", count=count) as web:
            letter_page = web.answers[letter_path("a")]
            assert isinstance(letter_page, Answer)
            web.answers[letter_path("a")] = with_validators(letter_page, '"1"', None)
            assert scrape(web, tmp_path).saved == 1
    assert len(saved_images(tmp_path)) == 2


def test_a_limit_takes_the_first_characters_and_reads_no_page_in_vain(site: Web, tmp_path: Path) -> None:
    for _ in range(2):
        scrape(site, tmp_path, limit=2)
        assert sorted(image_hits(site)) == ["/up/a-0.png", "/up/a-1.png"]
    assert letter_path("b") not in site.hits
    scrape(site, tmp_path, limit=4)
    assert set(image_hits(site).values()) == {1}
    assert len(saved_images(tmp_path)) == 4


def test_a_letter_page_that_loses_its_characters_is_a_failure_and_keeps_the_pictures(
    site: Web, tmp_path: Path
) -> None:
    scrape(site, tmp_path)
    site.answers[letter_path("b")] = page("<p>We have moved!</p>")
    summary = scrape(site, tmp_path)
    assert (summary.unchanged, summary.exit_code) == (3, 3)
    assert [failure.reason for failure in summary.failures] == ["no character on the page"]
    assert len(saved_images(tmp_path)) == 6
    site.add_characters("b", 3)
    assert scrape(site, tmp_path).exit_code == 0


def test_two_cells_of_one_picture_are_fetched_once_and_two_of_one_name_both(site: Web, tmp_path: Path) -> None:
    site.answers[letter_path("a")] = page(
        cell("Ryu", "/up/a-0.png")
        + cell("RYU", "/up/a-1.png")
        + cell("Ryu", "/up/a-2.png")
        + cell("Ken", "/up/a-0.png")
    )
    summary = scrape(site, tmp_path, letters="a")
    assert (summary.saved, summary.skipped) == (3, 1)
    assert len({name.lower() for name in saved_images(tmp_path)}) == 3
    assert site.hits["/up/a-0.png"] == 1


def test_pictures_are_fetched_before_the_last_page_is_read_where_many_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scraper.crawl.READ_AHEAD", 2)
    with small_site("abcdefgh", count=3) as web:
        assert scrape(web, tmp_path, workers=1).saved == 24
        asked = [path for _, path, _ in web.requests]
    assert sum(path.startswith("/up/") for path in asked[: asked.index(letter_path("h"))]) > 9


def test_the_folder_can_be_moved_between_runs(site: Web, tmp_path: Path) -> None:
    scrape(site, tmp_path / "here")
    shutil.move(tmp_path / "here", tmp_path / "there")
    assert scrape(site, tmp_path / "there").unchanged == 6


@pytest.mark.parametrize(
    "file", ["../victim.txt", "{}/victim.txt", "images/../../victim.txt", "images\\..", "pages/..", 7]
)
def test_a_strangers_manifest_harms_no_file_outside(file: object, site: Web, tmp_path: Path) -> None:
    raw, victim = tmp_path / "raw", tmp_path / "victim.txt"
    victim.write_bytes(b"mine")
    raw.mkdir()
    name = file.format(tmp_path) if isinstance(file, str) else file
    lines = [
        {"url": site.url + path, "status": "saved", "file": name, "bytes": 4} for path in (HUB, "/up/a-0.png")
    ]
    ours = {"url": f"{site.url}/x", "status": "failed", "reason": "HTTP 404"}
    (raw / "manifest.jsonl").write_text("".join(json.dumps(line) + "\n" for line in [ours, *lines]))
    assert scrape(site, raw, refresh=True).saved == 6
    assert victim.read_bytes() == b"mine"


@pytest.mark.skipif(os.name == "nt", reason="links need a right on Windows")
def test_a_link_in_place_of_a_saved_file_is_not_followed(site: Web, tmp_path: Path) -> None:
    scrape(site, tmp_path)
    (victim := tmp_path / "victim").write_bytes(b"x" * 8)
    name, content = next(iter(saved_images(tmp_path).items()))
    victim.write_bytes(content)
    linked = tmp_path / "images" / name
    linked.unlink()
    linked.symlink_to(victim)
    assert scrape(site, tmp_path).saved == 1
    assert not linked.is_symlink()
    assert victim.read_bytes() == content


@pytest.mark.skipif(os.name == "nt", reason="links need a right on Windows")
def test_what_lies_behind_a_linked_folder_is_not_deleted(site: Web, tmp_path: Path) -> None:
    raw, other = tmp_path / "raw", tmp_path / "other"
    raw.mkdir()
    other.mkdir()
    (raw / "images").symlink_to(other)
    for name in ("victim.txt", "x.png.1.partial"):
        (other / name).write_bytes(b"mine")
    line = {"url": f"{site.url}/up/a-0.png", "status": "saved", "file": "images/victim.txt", "bytes": 4}
    (raw / "manifest.jsonl").write_text(json.dumps(line) + "\n")
    assert scrape(site, raw, refresh=True).saved == 6
    assert {path.read_bytes() for path in other.glob("*[tl]")} == {b"mine"}
    assert len(list(other.iterdir())) == 8
