"""``--details``: what a character's own page says, through reruns, failures and kills."""

from pathlib import Path
from typing import Any

from webserver import (
    Answer,
    Web,
    cell,
    encoded_image,
    letter_path,
    manifest_lines,
    page,
    scrape,
    serving,
    small_site,
)


def test_details_go_into_the_manifest_and_are_read_once(tmp_path: Path) -> None:
    with small_site("a", count=2) as web:
        web.answers[letter_path("a")] = page(
            cell("Ann", "/up/a-0.png").replace("/9/x-from-y/", "/9/ann/") + cell("Bob", "/up/a-1.png")
        )
        web.answers["/9/ann/"] = Answer(
            b'<h2 class="page-title">Ann of Green from the Gables in the GA-HQ DB</h2>'
            b'<div class="entry"><p>Red hair.</p>'
            b"<table><tr><td>Year first seen</td><td>1908</td></tr></table></div>"
        )
        assert scrape(web, tmp_path).saved == 2
        for _ in range(2):
            summary = scrape(web, tmp_path, details=True)
            assert (summary.unchanged, summary.failed) == (2, 0)
        assert (web.hits["/9/ann/"], web.hits["/up/a-0.png"]) == (1, 1)
        last = {line["url"]: line for line in manifest_lines(tmp_path)}
        ann = last[f"{web.url}/up/a-0.png"]
        assert (ann["name"], ann["game"], ann["description"]) == ("Ann of Green", "Gables", "Red hair.")
        assert ann["fields"] == {"Year first seen": "1908"}
        assert (tmp_path / ann["file"]).exists()
        assert last[f"{web.url}/9/x-from-y/"]["reason"] == "HTTP 404"


def test_details_and_picture_of_one_run_share_a_line(tmp_path: Path) -> None:
    with small_site("a", count=1) as web:
        web.answers["/9/x-from-y/"] = page("<p>Long ago.</p>")
        scrape(web, tmp_path, details=True)
        images = [line for line in manifest_lines(tmp_path) if "images/" in (line["file"] or "")]
        output = [(line["name"], line["description"]) for line in images]
        assert output == [("A 0", "Long ago.")]  # the page has no title: the name is the cell's


def test_details_that_failed_are_asked_for_again_and_those_of_a_refresh_too(tmp_path: Path) -> None:
    with small_site("a", count=1) as web:
        for status in (500, 304):
            web.answers["/9/x-from-y/"] = Answer(b"", status)
            assert scrape(web, tmp_path, details=True).exit_code == 3
        for message, refresh in (("Long ago.", False), ("And now.", True)):
            web.answers["/9/x-from-y/"] = page(f"<p>{message}</p>")
            assert scrape(web, tmp_path, details=True, refresh=refresh).exit_code == 0
            output = [line["description"] for line in manifest_lines(tmp_path) if line.get("description")]
            assert output[-1] == message
        assert scrape(web, tmp_path, refresh=True).exit_code == 0
        last = manifest_lines(tmp_path)[-1]
        assert (last["url"], last["description"]) == (f"{web.url}/up/a-0.png", "And now.")


def ann_and_her_page(web: Web) -> None:
    web.add_letters({"a": cell("Ann", "/up/ann.png").replace("/9/x-from-y/", "/9/ann-from-the-gables/")})
    web.answers["/up/ann.png"] = Answer(encoded_image())
    web.answers["/9/ann-from-the-gables/"] = page(
        "<h2 class=post-title>Ann Green from Gables</h2><p>Red hair.</p>"
    )


def ann(out: Path) -> tuple[Any, ...]:
    last = [line for line in manifest_lines(out) if line["url"].endswith("/up/ann.png")][-1]
    return tuple(last.get(key) for key in ("status", "name", "game", "description"))


def test_what_a_characters_page_said_outlasts_a_picture_that_came_later(tmp_path: Path) -> None:
    with serving() as web:
        ann_and_her_page(web)
        web.answers["/up/ann.png"] = Answer(status=503)
        assert scrape(web, tmp_path, details=True).failed == 1
        web.answers["/up/ann.png"] = Answer(encoded_image())
        assert scrape(web, tmp_path, details=True).saved == 1
        assert ann(tmp_path) == ("saved", "Ann Green", "Gables", "Red hair.")


def test_a_kill_between_any_two_lines_loses_nothing_of_a_characters_page(tmp_path: Path) -> None:
    with serving() as web:
        ann_and_her_page(web)
        scrape(web, tmp_path, details=True)
        manifest = tmp_path / "manifest.jsonl"
        whole = manifest.read_bytes().splitlines(keepends=True)
        for kept in range(len(whole)):
            manifest.write_bytes(b"".join(whole[:kept]))
            scrape(web, tmp_path, details=True)
            assert ann(tmp_path)[1:] == ("Ann Green", "Gables", "Red hair.")


def test_a_characters_page_that_was_skipped_is_asked_for_when_it_may_be(tmp_path: Path) -> None:
    with serving() as web:
        ann_and_her_page(web)
        web.answers["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /9/")
        assert [scrape(web, tmp_path, details=True).exit_code for _ in range(2)] == [0, 0]
        del web.answers["/robots.txt"]
        assert scrape(web, tmp_path, details=True).exit_code == 0
        assert ann(tmp_path) == ("unchanged", "Ann Green", "Gables", "Red hair.")
