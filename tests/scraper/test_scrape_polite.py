"""robots.txt, pace, waiting, giving up: what the site's owner sees of a crawl."""

import logging
import re
import socket
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from webserver import FAST, HASTY, HUB, Answer, Request, Web, encoded_image, scrape, small_site

from scraper.crawl import ScrapeSettings, crawl
from scraper.errors import ScrapeBlockedError, ScrapeError
from scraper.net.fetch import Fetcher, Host, user_agent
from scraper.summary import ScrapeSummary


def robots(*lines: str) -> Answer:
    return Answer("\n".join(lines).encode(), headers={"Content-Type": "text/plain"})


def test_robots_txt_is_asked_for_once_and_first(site: Web, tmp_path: Path) -> None:
    assert scrape(site, tmp_path).saved == 6
    assert site.hits["/robots.txt"] == 1
    assert site.requests[0][1] == "/robots.txt"


def test_what_robots_txt_forbids_is_not_asked_for_and_recorded_like_a_404(site: Web, tmp_path: Path) -> None:
    site.answers["/robots.txt"] = robots("User-agent: *", "Disallow: /up/b-")
    summary = scrape(site, tmp_path)
    assert (summary.saved, summary.skipped, summary.forbidden, summary.exit_code) == (3, 3, 3, 0)
    assert not any(path.startswith("/up/b-") for path in site.hits)


def test_rules_for_this_program_win_over_those_for_all(site: Web, tmp_path: Path) -> None:
    site.answers["/robots.txt"] = robots(
        "User-agent: *", "Disallow: /", "", "User-agent: vgc", "Disallow: /up/a-1"
    )
    assert scrape(site, tmp_path).saved == 5


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_forbidden_hub_ends_the_crawl_with_code_4(mark: str, site: Web, tmp_path: Path) -> None:
    site.answers["/robots.txt"] = robots(f"{mark}User-agent: vgc", "Disallow: /")
    with pytest.raises(ScrapeBlockedError, match=r"robots\.txt of .* forbids") as stop:
        scrape(site, tmp_path)
    assert stop.value.exit_code == 4
    assert set(site.hits) == {"/robots.txt"}


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_missing_robots_txt_allows_everything(status: int, site: Web, tmp_path: Path) -> None:
    site.answers["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /", status)
    assert scrape(site, tmp_path).saved == 6


def hang(request: Request) -> None:
    time.sleep(HASTY.total_seconds + 0.5)


@pytest.mark.parametrize("answer", [Answer(b"", 500), Answer(b"", 503), hang], ids=["500", "503", "time-out"])
def test_a_robots_txt_that_fails_forbids_everything(answer: Any, site: Web, tmp_path: Path) -> None:
    site.answers["/robots.txt"] = answer
    with pytest.raises(ScrapeBlockedError, match="--ignore-robots") as stop:
        scrape(site, tmp_path, limits=HASTY)
    assert stop.value.exit_code == 4
    assert set(site.hits) == {"/robots.txt"}


def test_robots_txt_can_be_left_aside_with_a_warning(
    site: Web, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    site.answers["/robots.txt"] = robots("User-agent: *", "Disallow: /")
    with caplog.at_level(logging.WARNING):
        assert scrape(site, tmp_path, ignore_robots=True).saved == 6
    assert "robots.txt is not read" in caplog.text
    assert "/robots.txt" not in site.hits


def test_a_crawl_delay_is_kept_by_all_workers(site: Web, tmp_path: Path) -> None:
    site.answers["/robots.txt"] = robots("User-agent: *", "Crawl-delay: 0.2")
    scrape(site, tmp_path, letters="a", workers=8)
    times = [at for at, path, _ in site.requests if path != "/robots.txt"]
    assert len(times) == 5
    assert times[-1] - times[0] >= 0.6


def test_the_delay_is_kept_by_all_workers(site: Web, tmp_path: Path) -> None:
    scrape(site, tmp_path, delay_seconds=0.1, workers=8)
    times = [at for at, _, _ in site.requests]
    assert len(times) == 10
    assert times[-1] - times[0] >= 0.5


def test_turns_come_at_the_delay_with_jitter_and_never_below_a_crawl_delay() -> None:
    host = Host("http://x")
    turns = [host.take_turn(10.0) for _ in range(200)]
    gaps = [later - turn for turn, later in pairwise(turns)]
    assert sum(gaps) / len(gaps) == pytest.approx(10, abs=0.7)
    assert 7.4 <= min(gaps) < 9
    assert 11 < max(gaps) <= 12.6
    host.least_delay_seconds = 20.0
    turns = [host.take_turn(10.0) for _ in range(10)]
    assert all(19.9 <= later - turn <= 20.1 for turn, later in pairwise(turns))


def test_idle_time_is_not_made_up_for() -> None:
    host = Host("http://x", next_turn=time.monotonic() - 100)
    assert host.take_turn(10.0) == pytest.approx(0, abs=0.1)
    assert host.take_turn(10.0) > 7


def test_a_short_pause_does_not_end_a_long_one() -> None:
    host = Host("http://x")
    host.pause(100)
    host.pause(1)
    assert host.take_turn(0.0) == pytest.approx(100, abs=1)


def test_the_user_agent_names_program_version_and_contact(site: Web, tmp_path: Path) -> None:
    scrape(site, tmp_path, contact="me@example.org")
    agents = {headers["User-Agent"] for _, _, headers in site.requests}
    assert agents == {user_agent("me@example.org")}
    assert agents.pop().startswith("vgc/")
    assert "me@example.org" in user_agent("me@example.org")
    assert "no contact given" in user_agent(None)


def refusing_once(status: int, **headers: str) -> Any:
    def answer(request: Request) -> None:
        first = request.server.hits[request.path] == 1
        request.send_response(status if first else 200)
        body = b"" if first else encoded_image(5)
        for name, value in {"Content-Length": str(len(body)), **(headers if first else {})}.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(body)

    return answer


def test_retry_after_in_seconds_is_waited_for_by_all_workers(site: Web, tmp_path: Path) -> None:
    site.answers["/up/a-0.png"] = refusing_once(429, Retry_After="1")
    assert scrape(site, tmp_path, letters="a", workers=1).saved == 3
    first, second = (at for at, path, _ in site.requests if path == "/up/a-0.png")
    assert second - first >= 0.7


def test_a_pause_takes_back_the_turns_that_other_workers_had(tmp_path: Path) -> None:
    with small_site("a", count=8) as web:
        web.answers["/up/a-0.png"] = refusing_once(429, Retry_After="2")
        assert scrape(web, tmp_path, delay_seconds=0.2, workers=8).saved == 8
        refused = next(at for at, path, _ in web.requests if path == "/up/a-0.png")
        assert (
            len([at for at, _, _ in web.requests if refused + 0.1 < at < refused + 1.8]) <= 1
        )  # on its way already


@pytest.mark.parametrize("delay", ["nan", "-1", "soon", "", "-inf"])
def test_a_senseless_crawl_delay_is_passed_over(delay: str, site: Web, tmp_path: Path) -> None:
    site.answers["/robots.txt"] = robots("User-agent: *", f"Crawl-delay: {delay}")
    assert scrape(site, tmp_path).saved == 6


def test_an_endless_crawl_delay_is_a_day_and_is_told(caplog: pytest.LogCaptureFixture) -> None:
    host = Host("http://x")
    host.obey_crawl_delay(float("inf"))
    assert host.least_delay_seconds == 86_400
    assert "http://x asks for 86400 seconds between two requests" in caplog.text


def test_retry_after_as_a_date_is_waited_for(site: Web, tmp_path: Path) -> None:
    when = format_datetime(datetime.now(UTC) + timedelta(seconds=3), usegmt=True)
    site.answers["/up/a-0.png"] = refusing_once(503, Retry_After=when)
    started = time.monotonic()
    assert scrape(site, tmp_path, letters="a").saved == 3
    assert time.monotonic() - started >= 1


@pytest.mark.parametrize(
    "value",
    ["121", "9" * 400, format_datetime(datetime.now(UTC) + timedelta(days=2), usegmt=True)],
    ids=["seconds", "absurd", "date"],  # the date differs by process, and ids must not
)
def test_a_retry_after_beyond_two_minutes_ends_the_crawl_and_says_when_to_come_back(
    value: str, site: Web, tmp_path: Path
) -> None:
    site.answers["/up/a-0.png"] = Answer(b"", 503, {"Retry-After": value})
    with pytest.raises(ScrapeBlockedError, match="run the same command again after 2") as stop:
        scrape(site, tmp_path, letters="a", workers=1)
    assert stop.value.exit_code == 4
    assert site.requests[-1][1] == "/up/a-0.png"


def test_nobody_asks_while_it_is_not_yet_known_that_the_site_has_sent_us_away(
    site: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow_check(_: object) -> None:
        time.sleep(0.05)

    monkeypatch.setattr("scraper.net.fetch.detect_browser_check", slow_check)
    site.answers["/up/a-0.png"] = Answer(b"", 503, {"Retry-After": "121"})
    with pytest.raises(ScrapeBlockedError):
        scrape(site, tmp_path, letters="a", workers=1)
    assert site.requests[-1][1] == "/up/a-0.png"


def test_nobody_asks_before_a_short_wait_has_begun(
    site: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Fetcher, "_back_off", lambda *_: time.sleep(0.1))
    site.answers["/up/a-0.png"] = refusing_once(503, Retry_After="1")
    assert scrape(site, tmp_path, letters="a", workers=1).saved == 3
    refused = next(at for at, path, _ in site.requests if path == "/up/a-0.png")
    assert not [at for at, _, _ in site.requests if refused < at < refused + 0.9]


def test_a_site_that_asks_to_wait_again_and_again_ends_the_crawl(tmp_path: Path) -> None:
    with small_site("a", count=1) as web:  # another picture's answer between the two would start the wait anew
        web.answers["/up/a-0.png"] = Answer(b"", 503, {"Retry-After": "1"})
        with pytest.raises(ScrapeBlockedError, match="asks to be left alone"):
            scrape(web, tmp_path, limits=replace(FAST, waiting_seconds=0.5))
        assert web.hits["/up/a-0.png"] == 2


@pytest.mark.parametrize(
    "value",
    ["", "soon", "-3", "Thu, 01 Jan 1970 00:00:00 GMT", "Thu, 01 Jan 1970 00:00:00 +99999999999999"],
)
def test_a_senseless_retry_after_is_taken_for_a_short_wait(value: str, site: Web, tmp_path: Path) -> None:
    site.answers["/up/a-0.png"] = refusing_once(503, Retry_After=value)
    assert scrape(site, tmp_path, letters="a").saved == 3


@pytest.mark.parametrize("status", [403, 429])
def test_three_refusals_in_a_row_end_the_crawl_and_the_rest_is_kept(status: int, tmp_path: Path) -> None:
    with small_site("a", count=6) as web:
        refusing = [f"/up/a-{number}.png" for number in (3, 4, 5)]
        web.answers.update(dict.fromkeys(refusing, Answer(b"", status)))
        with pytest.raises(ScrapeBlockedError, match=f"3 requests in a row.*HTTP {status}") as stop:
            scrape(web, tmp_path, workers=1)
        assert stop.value.exit_code == 4
        assert stop.value.summary is not None
        assert stop.value.summary.saved == 3
        assert sum(web.hits[path] for path in refusing) in (3, 4)


def test_refusals_that_are_not_in_a_row_are_single_failures(site: Web, tmp_path: Path) -> None:
    for path in ("/up/a-0.png", "/up/a-2.png", "/up/b-1.png"):
        site.answers[path] = Answer(b"", 403)
    summary = scrape(site, tmp_path, workers=1)
    assert (summary.saved, summary.failed, summary.exit_code) == (3, 3, 0)


def test_a_404_is_asked_for_once_and_a_500_four_times(site: Web, tmp_path: Path) -> None:
    site.answers["/up/a-0.png"] = Answer(b"", 404)
    site.answers["/up/a-1.png"] = Answer(b"", 500)
    summary = scrape(site, tmp_path, letters="a", limits=replace(FAST, tries=4))
    assert (site.hits["/up/a-0.png"], site.hits["/up/a-1.png"]) == (1, 4)
    assert summary.exit_code == 3


def test_a_site_that_goes_away_in_the_midst_ends_the_crawl_soon(tmp_path: Path) -> None:
    with small_site("a", count=40) as web:

        def hang_up(request: Request) -> None:
            request.connection.shutdown(socket.SHUT_RDWR)

        for number in range(10, 40):
            web.answers[f"/up/a-{number}.png"] = hang_up
        with pytest.raises(ScrapeError, match=r"8 addresses in a row.*the same command") as stop:
            scrape(web, tmp_path, workers=1, limits=replace(FAST, tries=2))
        assert stop.value.exit_code == 1
        assert web.hits["/up/a-30.png"] == 0


def test_a_site_that_is_silent_now_and_then_is_asked_to_the_end(tmp_path: Path) -> None:
    def hang_up(request: Request) -> None:
        request.connection.close()

    with small_site("a", count=12) as web:
        for number in range(0, 12, 2):
            web.answers[f"/up/a-{number}.png"] = hang_up
        summary = scrape(web, tmp_path, workers=1, limits=replace(FAST, tries=1, unanswered_in_row=3))
        assert (summary.saved, summary.failed) == (6, 6)


def test_no_more_requests_are_under_way_than_workers(tmp_path: Path) -> None:
    under_way: list[int] = []
    counting = threading.Lock()

    def slow(request: Request) -> None:
        with counting:
            under_way.append(1 + (under_way[-1] if under_way else 0))
        time.sleep(0.05)
        with counting:
            under_way.append(under_way[-1] - 1)
        request.send_response(404)
        request.end_headers()

    with small_site("a", count=12) as web:
        web.answers.update({f"/up/a-{number}.png": slow for number in range(12)})
        scrape(web, tmp_path, workers=2)
    assert max(under_way) == 2


def test_a_429_without_a_time_is_a_pause_for_all_workers(tmp_path: Path) -> None:
    with small_site("a", count=15) as web:
        web.answers["/up/a-0.png"] = refusing_once(429)
        assert scrape(web, tmp_path, delay_seconds=0.04, limits=replace(FAST, backoff_seconds=0.6)).saved == 15
        refused = next(at for at, path, _ in web.requests if path == "/up/a-0.png")
        # One may be on its way already.
        assert len([at for at, _, _ in web.requests if refused + 0.1 < at < refused + 0.4]) <= 1


def test_a_dry_run_counts_what_is_missing_and_writes_nothing(site: Web, tmp_path: Path) -> None:
    scrape(site, tmp_path / "raw", letters="a")
    before = (tmp_path / "raw/manifest.jsonl").read_bytes()
    summary = scrape(site, tmp_path / "raw", dry_run=True, delay_seconds=0.1)
    assert (summary.to_fetch, summary.unchanged, summary.pages) == (3, 3, 3)
    assert summary.minutes == pytest.approx(3 * 0.1 / 60, rel=0.5)
    assert (tmp_path / "raw/manifest.jsonl").read_bytes() == before
    # Without a delay it is the site's own pace that counts.
    assert (scrape(site, tmp_path / "new", dry_run=True).minutes or 0) > 0
    assert not (tmp_path / "new").exists()
    assert not any(path.startswith("/up/b-") for path in site.hits)


def test_a_long_crawl_says_beforehand_how_long_it_will_take(
    site: Web, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    site.add_characters("a", 400)
    settings = ScrapeSettings(base_url=site.url, out=tmp_path, letters="a", delay_seconds=0.3, limits=FAST)

    def stop_at_first_image(done: int, _total: int | None, _text: str) -> None:
        if done == 1:
            raise KeyboardInterrupt

    with caplog.at_level(logging.WARNING), pytest.raises(KeyboardInterrupt, match="the same command goes on"):
        crawl(settings, stop_at_first_image)
    output = r"2 pages read; the 400 pictures still to fetch will take about (a minute|\d minutes)"
    assert re.search(output, caplog.text)


def test_what_is_not_to_be_fetched_any_more_is_told_beside_the_estimate(
    site: Web, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    scrape(site, tmp_path, letters="a", limit=2)
    site.add_characters("a", 400)
    settings = ScrapeSettings(base_url=site.url, out=tmp_path, letters="a", delay_seconds=0.3, limits=FAST)

    def stop_after_the_estimate(_done: int, _total: int | None, _text: str) -> None:
        if "still to fetch" in caplog.text:
            raise KeyboardInterrupt

    with caplog.at_level(logging.WARNING), pytest.raises(KeyboardInterrupt):
        crawl(settings, stop_after_the_estimate)
    assert re.search(r"still to fetch will take .*\(the others of \d+: 2 here already\)", caplog.text)


def test_a_dry_run_counts_the_pages_that_it_has_read(site: Web, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None, str]] = []
    settings = ScrapeSettings(base_url=site.url, out=tmp_path / "raw", delay_seconds=0, limits=FAST, dry_run=True)
    crawl(settings, lambda *state: seen.append(state))
    assert [(done, total) for done, total, _ in seen] == [(1, 3), (2, 3), (3, 3)]
    assert seen[-1][2] == "3 pages read, 6 to fetch"


def test_a_dry_run_over_what_failed_for_good_and_cells_without_a_picture_adds_up(tmp_path: Path) -> None:
    summary = ScrapeSummary(tmp_path, unchanged=1_254, failed=36, skipped=1, pages=1, to_fetch=2, minutes=0.6)
    rest = "1 page read, 1,254 pictures here already, 36 that failed for good, 1 cell to skip"
    assert summary.lines()[0] == f"{rest}, 2 to fetch: about 1 minute"
    assert replace(summary, to_fetch=0, minutes=0.0).lines()[0] == f"{rest}, 0 to fetch"


def test_a_site_that_cannot_be_reached_is_named_with_two_ways_out(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    settings = ScrapeSettings(base_url=f"http://127.0.0.1:{port}", out=tmp_path, delay_seconds=0, limits=FAST)
    with pytest.raises(ScrapeError, match=r"cannot be reached .*--wayback.*vgc demo") as stop:
        crawl(settings)
    assert stop.value.exit_code == 1


def test_a_hub_that_is_gone_is_named_with_two_ways_out(site: Web, tmp_path: Path) -> None:
    del site.answers[HUB]
    with pytest.raises(ScrapeError, match=r"cannot be read \(HTTP 404\).*--wayback.*vgc demo"):
        scrape(site, tmp_path)
