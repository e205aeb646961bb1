"""Images and pages that would take all time or memory."""

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from odd_images import with_scans
from webserver import Answer, Web, manifest_lines, scrape

from scraper.crawl import ScrapeSettings, crawl
from scraper.errors import ScrapeError
from scraper.pages.characters import characters
from scraper.pages.html import parse_html
from scraper.pages.images import checked_image_suffix
from scraper.pages.links import letter_pages
from scraper.pages.sites import GAME_ART_HQ, Site

IMAGE = "/up/a-1.png"


def lack_memory(body: bytes, cap_pixels: int) -> str:
    if b"heavy" in body:
        raise MemoryError
    return checked_image_suffix(body, cap_pixels)


def die(body: bytes, cap_pixels: int) -> str:
    if b"heavy" in body:
        os.kill(os.getpid(), signal.SIGKILL)
    return checked_image_suffix(body, cap_pixels)


def sleep(_body: bytes, _cap_pixels: int) -> str:
    time.sleep(60)
    return ""


@pytest.mark.skipif(os.name == "nt", reason="signals of Unix")
@pytest.mark.parametrize(
    ("check", "reason"),
    [(lack_memory, "not enough memory"), (die, "its process was killed (out of memory?)")],
)
def test_an_image_that_cannot_be_looked_at_now_is_not_called_damaged_and_the_next_run_has_it(
    check: Callable[[bytes, int], str], reason: str, site: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = site.answers[IMAGE]
    assert isinstance(answer, Answer)
    site.answers[IMAGE] = Answer(answer.body + b"heavy")
    with monkeypatch.context() as patch:
        patch.setattr("scraper.collect.checked_image_suffix", check)
        for runs in (1, 2):
            summary = scrape(site, tmp_path)
            (record,) = [line for line in manifest_lines(tmp_path) if line["status"] == "failed"][runs - 1 :]
            assert (record["reason"], record["retry"]) == (f"not read this time: {reason}", True)
            assert record["sha256"] is None
            assert summary.exit_code == 3
            assert site.hits[IMAGE] == runs
    assert scrape(site, tmp_path).saved == 1


def test_a_jpeg_of_many_scans_is_refused_for_good(site: Web, tmp_path: Path) -> None:
    site.answers[IMAGE] = Answer(with_scans(101))
    assert scrape(site, tmp_path).failed == 1
    (record,) = [line for line in manifest_lines(tmp_path) if line["status"] == "failed"]
    assert record["reason"] == "a picture bomb: more than 100 scans"
    assert not record.get("retry")


def test_a_sites_own_pattern_is_stopped_where_it_would_never_end(
    site: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scraper.collect.PAGE_SECONDS", 2)
    site.answers["/"] = Answer(f"<a href='/{'a' * 60}!'>all</a>".encode())
    described = tmp_path / "site.toml"
    described.write_text(f"name = 'a site'\nbase_url = '{site.url}'\nletter_pattern = '((a+)+)$'\n")
    with pytest.raises(ScrapeError, match="not read this time: takes more than 2 seconds"):
        crawl(ScrapeSettings(base_url=site.url, site=described, out=tmp_path / "raw", delay_seconds=0))


@pytest.mark.skipif(os.name == "nt", reason="signals of Unix")
def test_ctrl_c_does_not_wait_for_an_image_that_is_being_decoded(
    site: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scraper.collect.checked_image_suffix", sleep)

    pressed = []

    def press_ctrl_c() -> None:
        while not site.hits[IMAGE]:
            time.sleep(0.05)
        time.sleep(0.5)
        pressed.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=press_ctrl_c, daemon=True).start()
    with pytest.raises(KeyboardInterrupt, match="the same command goes on"):
        crawl(ScrapeSettings(base_url=site.url, out=tmp_path, delay_seconds=0))
    assert time.monotonic() - pressed[0] < 25  # an image may last 30 seconds
    assert not [line for line in manifest_lines(tmp_path) if line["status"] == "failed"]


@pytest.mark.parametrize("part", ["/", "a", ".a", "a_", "-from-", " 1w,", "%"])
def test_a_page_with_an_address_of_a_megabyte_is_read_in_time_that_grows_no_faster_than_it(part: str) -> None:
    long = part * (2**20 // len(part))
    page = (
        f"<div class=entry><table><tr><td><a href='/x-from-a{long}b'><img src='/a.png' srcset='{long}'"
        f" data-src='{long}' style='{long}'></a><strong>{long}</strong></td></tr></table></div>"
        f"<a href='/x-from-a{long}!'>video-game-character</a>"
    )
    site = Site("a site", "http://site.test", game_pattern=GAME_ART_HQ.game_pattern)
    for described in (site, GAME_ART_HQ):
        letter_pages(described, parse_html(page), "http://site.test/")
        assert len(list(characters(described, parse_html(page), "http://site.test/", "a"))) == 1


def test_a_cell_of_thousands_of_images_and_sources_is_read_by_its_first_ones() -> None:
    sources = "<source srcset='/a.png 1x'><img src='/b.png'>" * 3000
    (one,) = characters(
        GAME_ART_HQ,
        parse_html(f"<div class=entry><table><tr><td><picture>{sources}</picture></td></tr></table></div>"),
        "http://site.test/",
        "a",
    )
    assert one.image == "http://site.test/b.png"


@pytest.mark.parametrize(
    ("address", "letter"),
    [("/a", "a"), ("/list/b.html", "b"), ("/x-y_z=c//", "c"), ("/a.b.c", "b"), ("/page.", None), ("/", None)],
)
def test_a_letter_is_found_at_the_end_of_an_address(address: str, letter: str | None) -> None:
    pages = letter_pages(Site("s", "http://s.test"), parse_html(f"<a href='{address}'>x</a>"), "http://s.test/")
    assert [page.letter for page in pages] == ([letter] if letter else [])
