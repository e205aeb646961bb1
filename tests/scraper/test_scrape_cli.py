"""`vgc scrape` as a person types it: words, JSON, exit codes."""

import json
import re
import signal
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner
from webserver import HUB, Answer, Web, cell, encoded_image, letter_path, page, serving, small_site

import cli
from kit.quoting import quoted
from scraper.pages.sites import Site


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("scraper.net.fetch.MAX_BACKOFF_SECONDS", 0.01)


def vgc(*arguments: str, **environment: str) -> Any:
    return CliRunner().invoke(cli.app, ["scrape", *arguments], env=environment)


def test_a_complete_crawl_ends_with_a_summary_the_next_step_and_code_0(site: Web, tmp_path: Path) -> None:
    done = vgc("--base-url", site.url, "--delay", "0")
    assert done.exit_code == 0
    assert done.stdout.startswith(f"6 pictures in {Path('Data/raw/images')}: 6 saved now, 0 from before")
    assert "next: vgc preprocess\n" in done.stderr
    assert len(list((tmp_path / "Data/raw/images").iterdir())) == 6
    elsewhere = vgc("--base-url", site.url, "--delay", "0", "--out", "else where")
    assert f"next: vgc preprocess --raw {quoted(Path('else where'))}\n" in elsewhere.stderr


def test_a_manifest_of_somebody_else_is_named_and_left(site: Web, tmp_path: Path) -> None:
    (tmp_path / "manifest.jsonl").write_text('{"weight": 3}\n')
    done = vgc("--base-url", site.url, "--delay", "0", "--out", str(tmp_path))
    assert done.exit_code == 1
    assert "manifest.jsonl: not of vgc scrape; move it away" in done.stderr
    assert (tmp_path / "manifest.jsonl").read_text() == '{"weight": 3}\n'


def test_json_is_one_object_on_stdout_and_quiet_says_nothing(site: Web, tmp_path: Path) -> None:
    site.answers["/up/a-0.png"] = Answer(b"", 404)
    done = vgc("--base-url", site.url, "--delay", "0", "--json")
    output = json.loads(done.stdout)
    assert (output["saved"], output["failed"], output["exit_code"], done.exit_code) == (5, 1, 0, 0)
    assert output["requests"] == len(site.requests)
    assert output["failures"] == [
        {"url": f"{site.url}/up/a-0.png", "name": "A 0", "reason": "HTTP 404", "retry": False}
    ]
    quiet = vgc("--base-url", site.url, "--delay", "0", "-q")
    assert (quiet.stdout, quiet.stderr, quiet.exit_code) == ("", "", 0)


def test_failures_worth_another_try_end_with_code_3_and_a_count_of_the_reasons(site: Web, tmp_path: Path) -> None:
    whole = encoded_image(1)
    site.answers["/up/a-0.png"] = Answer(whole[: len(whole) // 2])
    site.answers["/up/a-1.png"] = Answer(b"<html>hotlinking is not allowed</html>")
    done = vgc("--base-url", site.url, "--delay", "0")
    assert done.exit_code == 3
    assert "  1 x a cut-off or broken picture\n" in done.stdout
    assert "  1 x a web page in place of a picture\n" in done.stdout
    assert "run the same command again" in done.stdout
    assert "next:" not in done.stderr


def test_a_letter_page_without_characters_ends_with_code_3(site: Web, tmp_path: Path) -> None:
    site.answers[letter_path("b")] = page("<p>soon</p>")
    assert vgc("--base-url", site.url, "--delay", "0").exit_code == 3


def test_a_blocked_crawl_ends_with_code_4_its_summary_and_one_line(site: Web, tmp_path: Path) -> None:
    site.answers["/up/b-0.png"] = Answer(b"", 429, {"Retry-After": "3600"})
    done = vgc("--base-url", site.url, "--delay", "0", "--workers", "1")
    assert done.exit_code == 4
    # How many were saved before the refusal is chance; that the summary tells of just those is not.
    there = [path for path in Path("Data/raw/images").glob("*") if path.suffix == ".png"]
    assert re.search(r"^(\d+) pictures? in", done.stdout, re.M)[1] == str(len(there))
    assert "vgc: http://127.0.0.1" in done.stderr
    assert "run the same command again after" in done.stderr
    assert "Traceback" not in done.stderr


def test_robots_txt_that_forbids_all_ends_with_code_4(site: Web, caplog: pytest.LogCaptureFixture) -> None:
    site.answers["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /")
    assert vgc("--base-url", site.url, "--delay", "0").exit_code == 4
    ignoring = vgc("--base-url", site.url, "--delay", "0", "--ignore-robots")
    assert ignoring.exit_code == 0
    assert "robots.txt is not read" in caplog.text


def test_a_site_out_of_reach_ends_with_code_1_and_names_two_ways_out(tmp_path: Path) -> None:
    done = vgc("--base-url", "http://127.0.0.1:9", "--delay", "0")
    assert done.exit_code == 1
    assert "cannot be reached" in done.stderr
    assert "--wayback" in done.stderr
    assert "vgc demo" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["--letters", "a..c"],
        ["--delay", "-1"],
        ["--workers", "0"],
        ["--wayback-url", "nowhere"],
        ["--nonsense"],
        ["--limit", "x"],
    ],
)
def test_wrong_options_end_with_code_2(arguments: list[str], tmp_path: Path) -> None:
    done = vgc(*arguments)
    assert done.exit_code == 2
    assert arguments[0] in done.stderr
    assert not (tmp_path / "Data").exists()


def test_a_dry_run_tells_pages_pictures_and_minutes(site: Web, tmp_path: Path) -> None:
    done = vgc("--base-url", site.url, "--dry-run", "--delay", "0.1")
    assert done.exit_code == 0
    assert "3 pages read, 0 pictures here already, 6 to fetch: less than a minute" in done.stdout
    assert "next:" not in done.stderr
    assert not (tmp_path / "Data").exists()


def test_a_dry_run_names_what_its_exit_code_is_about(site: Web) -> None:
    site.answers[letter_path("a")] = Answer(b"", 500)
    done = vgc("--base-url", site.url, "--dry-run", "--delay", "0")
    assert done.exit_code == 3
    assert "  1 x HTTP 500\n" in done.stdout
    assert "another try" in done.stdout
    assert "manifest" not in done.stdout
    site.answers["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /1/")
    done = vgc("--base-url", site.url, "--dry-run", "--delay", "0")
    assert done.exit_code == 4
    assert "robots.txt forbids 2 addresses" in done.stdout


def test_contact_and_archive_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scraper.crawl.MIN_DELAY_SECONDS", 0.0)
    home = "http://www.game-art-hq.com"
    with serving() as web:
        web.answers[f"/web/2016id_/{home}{HUB}"] = page(f'<a href="{letter_path("a")}">A</a>')
        web.answers[f"/web/2016id_/{home}{letter_path('a')}"] = page(cell("Ann", "/ann.png"))
        web.answers[f"/web/2016id_/{home}/ann.png"] = Answer(encoded_image())
        done = vgc(
            *("--wayback", "2016", "--delay", "0"),
            VGC_WAYBACK_URL=web.url,
            VGC_CONTACT="ann@example.org",
        )
        assert done.exit_code == 0
        assert all("ann@example.org" in headers["User-Agent"] for _, _, headers in web.requests)
        assert len(web.requests) == 4


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is no signal there")
def test_ctrl_c_ends_with_code_130_and_a_word_on_how_to_go_on(tmp_path: Path) -> None:
    with small_site("a", count=60) as web:
        command = [sys.executable, "-m", "cli", "scrape", "--base-url", web.url, "--delay", "0.1"]
        root = str(Path(cli.__file__).parent)
        process = subprocess.Popen(command, env={"PYTHONPATH": root}, stderr=subprocess.PIPE, text=True)
        while web.hits["/up/a-2.png"] == 0:
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, message = process.communicate(timeout=240)
        assert process.returncode == 130
        assert "the same command goes on" in message
        assert "Traceback" not in message


def test_the_docs_name_every_option_and_every_key_of_a_site() -> None:
    docs = (Path(cli.__file__).parent / "docs/scraping.md").read_text("utf-8")
    message = CliRunner().invoke(cli.app, ["scrape", "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"}).stdout
    options = set(re.findall(r"--[a-z]+(?:-[a-z]+)*", message)) - {
        "--help",
        "--quiet",
        "--verbose",
        "--wayback-url",
        "--some-name",
    }
    assert len(options) >= 14
    assert {option for option in options if f"`{option}" not in docs} == set()
    assert {
        key.name for key in fields(Site) if f"`{key.name}`" not in docs and f"\n{key.name} = " not in docs
    } == set()
