"""A disk that is full, a folder that cannot be written, and files that are replaced whole."""

import errno
import os
import resource
import signal
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image
from webserver import FAST, Answer, Web, manifest_lines, saved_images, scrape, small_site

from kit.atomic import replacing, write_text
from scraper.crawl import ScrapeSettings, crawl
from scraper.errors import ScrapeError


def in_a_child(function: Any) -> str:
    """Run ``function`` in a forked process, where limits and rights may be given up; the error that it met."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            function()
            message = "no error"
        except BaseException as error:
            message = f"{type(error).__name__}: {error}"
        os.write(writing, message.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        message = pipe.read()
    os.waitpid(child, 0)
    return message


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a forked process")


@needs_fork
def test_a_disk_that_fills_is_a_clear_error_and_the_same_command_goes_on(site: Web, tmp_path: Path) -> None:
    noise = os.urandom(64 * 64 * 3)
    large = tmp_path / "large.png"
    Image.frombytes("RGB", (64, 64), noise).save(large)
    site.answers["/up/b-1.png"] = Answer(large.read_bytes())

    def on_a_small_disk() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (8000, 8000))  # no file may grow beyond, as on a full disk
        scrape(site, tmp_path / "raw", workers=1)

    message = in_a_child(on_a_small_disk)
    assert message.startswith("ScrapeError: cannot write ")
    assert "make room" in message
    assert not list((tmp_path / "raw").rglob("*.partial"))
    saved = {line["url"] for line in manifest_lines(tmp_path / "raw") if line["name"]}
    # How far the pictures beside the large one have come by then is chance; that each has its line is not.
    assert len(saved) == len(saved_images(tmp_path / "raw")) < 6
    assert scrape(site, tmp_path / "raw").saved == 6 - len(saved)


@needs_fork
def test_a_manifest_that_cannot_grow_is_a_clear_error_and_stays_readable(tmp_path: Path) -> None:
    with small_site("a", count=40) as web:

        def on_a_small_disk() -> None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (12_000, 12_000))
            scrape(web, tmp_path, workers=1)

        assert in_a_child(on_a_small_disk).startswith("ScrapeError: cannot write ")
        kept = len(saved_images(tmp_path))
        summary = scrape(web, tmp_path)
        assert summary.saved + summary.unchanged == 40
        assert summary.unchanged >= kept - 3


def test_a_folder_that_is_taken_away_ends_the_crawl_with_its_summary(tmp_path: Path) -> None:
    def take_away(done: int, _total: int | None, _text: str) -> None:
        if done == 1:
            (tmp_path / "images").rename(tmp_path / "away")
            (tmp_path / "images").touch()

    with small_site("a", count=40) as web:
        settings = ScrapeSettings(base_url=web.url, out=tmp_path, delay_seconds=0, limits=FAST)
        with pytest.raises(ScrapeError, match=r"cannot write .*the same command goes on") as stop:
            crawl(settings, take_away)
    assert stop.value.summary
    assert 1 <= stop.value.summary.saved < 40


@needs_fork
def test_a_folder_without_permission_is_a_clear_error(site: Web, tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o555)

    def as_nobody() -> None:
        if os.geteuid() == 0:
            os.seteuid(65534)
        scrape(site, locked / "raw")

    for parent in [tmp_path, *tmp_path.parents[:2]]:
        parent.chmod(parent.stat().st_mode | 0o055)
    message = in_a_child(as_nobody)
    assert message.startswith("ScrapeError: cannot write ")
    assert "Permission denied" in message
    assert not site.hits


def test_an_out_folder_that_is_a_file_is_a_clear_error(site: Web, tmp_path: Path) -> None:
    (tmp_path / "raw").write_text("a file")
    with pytest.raises(ScrapeError, match=r"--out .*raw: is a file, not a folder; choose another") as error:
        scrape(site, tmp_path / "raw")
    assert error.value.exit_code == 2


@pytest.mark.skipif(os.name == "nt", reason="an open file cannot be replaced there")
def test_who_reads_a_file_that_is_replaced_reads_the_old_one_to_its_end(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    with (tmp_path / "file").open() as reader:
        write_text(tmp_path / "file", "new")
        assert reader.read() == "old"
    assert (tmp_path / "file").read_text() == "new"


@pytest.mark.parametrize(("refusals", "output"), [(2, "new"), (1000, "old")])
def test_what_another_program_holds_on_windows_is_replaced_as_soon_as_it_lets_go(
    refusals: int, output: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("old")
    tries: list[Path] = []

    def replace(source: Path, target: Path) -> None:
        tries.append(source)
        if len(tries) <= refusals:
            raise PermissionError(errno.EACCES, "Access is denied", str(source))
        os.replace(source, target)  # noqa: PTH105 (the method is this one)

    monkeypatch.setattr(Path, "replace", replace)
    monkeypatch.setattr("kit.atomic.HELD_SECONDS", 0.3)
    monkeypatch.setattr("kit.atomic.os", SimpleNamespace(**{**vars(os), "name": "nt"}))
    with nullcontext() if output == "new" else pytest.raises(PermissionError, match="denied"):
        write_text(tmp_path / "file", "new")
    assert [path.read_text() for path in tmp_path.iterdir()] == [output]


def test_two_processes_that_replace_one_file_do_not_meet(tmp_path: Path) -> None:
    other = "import sys, pathlib, kit.atomic as a; a.write_text(pathlib.Path(sys.argv[1]), 'b')"
    with replacing(tmp_path / "file") as partial:
        partial.write_text("a")
        subprocess.run([sys.executable, "-c", other, str(tmp_path / "file")], check=True)
        assert (tmp_path / "file").read_text() == "b"
    assert (tmp_path / "file").read_text() == "a"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.skipif(os.name == "nt", reason="no such limits there")
def test_what_a_full_disk_could_not_take_is_named_and_the_old_one_kept(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    code = (
        "import resource, signal, sys, pathlib, kit.atomic as a\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (9, 9))\n"
        "a.write_text(pathlib.Path(sys.argv[1]), 'much too long')"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "file")], capture_output=True, text=True, check=False
    )
    assert f"File too large: '{tmp_path / 'file'}'" in run.stderr
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]
