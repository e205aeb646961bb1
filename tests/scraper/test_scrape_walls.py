"""What stands before a site's pages: each is told for what it is, with what to do."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
from webserver import (
    FAST,
    HUB,
    Answer,
    Request,
    Web,
    encoded_image,
    manifest_lines,
    page,
    scrape,
    serving,
    small_site,
)

from scraper.crawl import ScrapeSettings, crawl
from scraper.errors import ScrapeBlockedError, ScrapeError, ScrapeSettingsError
from scraper.net.browser_checks import detect_browser_check
from scraper.net.cookies import SiteCookies
from scraper.net.transport import CA_VARIABLES, Response

CHECK = b"<!DOCTYPE html><html><head><title>Just a moment...</title></head></html>"


@pytest.mark.parametrize("status", [200, 403, 503])
def test_a_browser_check_blocks_the_crawl_with_a_way_out(status: int, site: Web, tmp_path: Path) -> None:
    site.answers[HUB] = Answer(CHECK, status, {"cf-mitigated": "challenge"})
    with pytest.raises(ScrapeBlockedError, match=r'checks the browser first \("Just a moment\.\.\.".*--cookies'):
        scrape(site, tmp_path)


@pytest.mark.parametrize(
    ("status", "headers", "body", "is_check"),
    [
        (200, {}, b"<title>DDoS-Guard</title>", True),
        (403, {"X-Amzn-Waf-Action": "challenge"}, b"", True),
        (403, {}, b"<script>window._cf_chl_opt={}</script>", True),
        (200, {}, b"<title>Ryu - Street Fighter</title>", False),
        (404, {}, CHECK, False),
        (200, {"cf-mitigated": "challenge"}, b"\x89PNG", False),
    ],
)
def test_a_check_is_known_by_header_title_or_script(
    status: int, headers: dict[str, str], body: bytes, is_check: bool
) -> None:
    import requests

    response = Response("http://s.test/", status, requests.structures.CaseInsensitiveDict(headers), body)
    assert bool(detect_browser_check(response)) == is_check


@pytest.fixture(autouse=True)
def no_authorities(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment names no authority, whatever this machine's does."""
    for name in CA_VARIABLES:
        monkeypatch.delenv(name, raising=False)


def certificate(folder: Path, name: str) -> Path:
    """A certificate that signs itself, with its key."""
    pem = folder / "site.pem"
    subprocess.run(
        [
            *(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-keyout",
                folder / "key.pem",
                "-out",
                pem,
            ),
            *("-days", "2", "-subj", "/CN=x", "-addext", f"subjectAltName=DNS:{name}"),
        ],
        check=True,
        capture_output=True,
    )
    pem.write_bytes(pem.read_bytes() + (folder / "key.pem").read_bytes())
    return pem


@pytest.mark.parametrize("ignore_robots", [False, True])
def test_a_certificate_is_refused_for_its_reason_or_trusted_by_the_environment(
    ignore_robots: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pem = certificate(tmp_path, "localhost")
    with serving(pem) as web:
        web.answers[HUB] = page("")
        with pytest.raises(ScrapeError, match=r"verify failed: self-signed certificate.*SSL_CERT_FILE"):
            scrape(web, tmp_path / "raw", ignore_robots=ignore_robots)
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        with pytest.raises(ScrapeError, match="links to no pages"):
            scrape(web, tmp_path / "raw", ignore_robots=ignore_robots)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none.pem"))
        with pytest.raises(ScrapeSettingsError, match=r"REQUESTS_CA_BUNDLE: .*cannot be read"):
            scrape(web, tmp_path / "raw")


def test_a_certificate_for_another_name_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pem = certificate(tmp_path, "other.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    with serving(pem) as web, pytest.raises(ScrapeError, match=r"[Hh]ostname mismatch"):
        scrape(web, tmp_path / "raw")


def redirect(address: str) -> Answer:
    return Answer(b"", 302, {"Location": address})


def test_a_robots_txt_that_leads_on_is_followed_five_times_and_then_taken_for_none(
    site: Web, tmp_path: Path
) -> None:
    for hop in range(8):
        site.answers[f"/r{hop}"] = redirect(f"/r{hop + 1}")
    site.answers["/robots.txt"] = redirect("/r4")
    site.answers["/r8"] = Answer(b"User-agent: *\nDisallow: /")
    with pytest.raises(ScrapeBlockedError, match=r"robots\.txt of .* forbids"):
        scrape(site, tmp_path)
    site.answers["/robots.txt"] = redirect("/r0")
    assert scrape(site, tmp_path).saved == 6


def test_a_robots_txt_that_leads_into_a_private_network_is_told_of_as_such(site: Web, tmp_path: Path) -> None:
    with serving() as other:
        site.answers["/robots.txt"] = redirect(f"{other.url}/robots.txt")
        with pytest.raises(ScrapeBlockedError, match=r"robots\.txt leads to .*could not be read"):
            scrape(site, tmp_path)
        assert not other.hits


def test_a_huge_robots_txt_is_read_as_far_as_rfc_9309_asks(site: Web, tmp_path: Path) -> None:
    site.answers["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /up/a-\n" + b"# more\n" * 1_000_000)
    assert scrape(site, tmp_path).forbidden == 3


def test_an_encoding_that_nobody_can_read_is_named(site: Web, tmp_path: Path) -> None:
    site.answers[HUB] = Answer(b"\x1b\x00", headers={"Content-Encoding": "dcb"})
    with pytest.raises(ScrapeError, match="sent in the encoding dcb"):
        scrape(site, tmp_path)


def test_a_proxy_in_the_environment_is_named_where_the_site_cannot_be_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.test:3128")
    settings = ScrapeSettings(base_url="http://127.0.0.1:9", out=tmp_path, delay_seconds=0, limits=FAST)
    with pytest.raises(ScrapeError, match="HTTP_PROXY set, but vgc asks sites directly"):
        crawl(settings)


# Cookies

COOKIES = (
    "# Netscape HTTP Cookie File\n{host}\tFALSE\t/\tFALSE\t0\tpass\tyes\n"
    "#HttpOnly_{host}\tFALSE\t/up/\tFALSE\t0\tup\t1\n"
)


def test_cookies_go_to_the_sites_own_host_and_are_bound_to_their_paths(tmp_path: Path) -> None:
    seen: dict[str, Any] = {}

    def walled(request: Request) -> None:
        seen[request.path] = request.headers.get("Cookie")
        body = encoded_image(1)
        request.wfile.write(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    cookies = tmp_path / "cookies.txt"
    cookies.write_bytes(b"\xef\xbb\xbf" + COOKIES.format(host="127.0.0.1").encode())
    with small_site("a", count=1) as site:
        site.answers["/up/a-0.png"] = walled
        assert scrape(site, tmp_path / "raw", cookies=cookies).saved == 1
        assert {headers.get("Cookie") for _, path, headers in site.requests if path == HUB} == {"pass=yes"}
    assert sorted(seen["/up/a-0.png"].split("; ")) == ["pass=yes", "up=1"]
    import requests

    jar = SiteCookies(cookies, frozenset({"s.test"}))
    assert jar.header(requests.Request("GET", "http://127.0.0.1/").prepare()) is None


def test_a_cookie_goes_out_in_utf_8_as_from_a_browser(tmp_path: Path) -> None:
    cookies = tmp_path / "cookies.txt"
    cookies.write_text(COOKIES.format(host="127.0.0.1").replace("yes", "\u65e5\u672c"), "utf-8")
    with small_site("a", count=1) as site:
        assert scrape(site, tmp_path / "raw", cookies=cookies).saved == 1
        sent = {headers.get("Cookie") for _, path, headers in site.requests if path == HUB}
    assert sent == {"pass=\u65e5\u672c".encode().decode("latin-1")}


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe"])
def test_a_file_that_holds_no_cookies_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "cookies.txt"
    path.write_bytes(content)
    with pytest.raises(ScrapeSettingsError, match="--cookies"):
        SiteCookies(path, frozenset())


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (".other.test\tTRUE\t/\tFALSE\t0\tpass\tyes", "none of its cookies is for 127.0.0.1"),
        ("127.0.0.1\tFALSE\t/\tFALSE\t1\tpass\tyes", "those for 127.0.0.1 have expired"),
    ],
)
def test_cookies_that_the_site_would_not_get_are_refused(line: str, message: str, tmp_path: Path) -> None:
    cookies = tmp_path / "cookies.txt"
    cookies.write_text(f"{line}\n")
    with serving() as web, pytest.raises(ScrapeSettingsError, match=message):
        scrape(web, tmp_path / "raw", cookies=cookies)


def test_a_site_that_refuses_programs_may_be_read_from_saved_pages(tmp_path: Path) -> None:
    with serving() as web:
        web.answers[HUB] = Answer(b"<h1>Access Denied</h1>", 403)
        with pytest.raises(ScrapeError, match=r"HTTP 403\): .*--pages FOLDER"):
            scrape(web, tmp_path)


# Saved pages


def test_pages_saved_in_a_browser_are_read_with_the_pictures_beside_them(tmp_path: Path) -> None:
    saved, raw = tmp_path / "saved", tmp_path / "raw"
    (saved / "A_files").mkdir(parents=True)
    (saved / "A_files/ann.png").write_bytes(encoded_image(1))
    (tmp_path / "outside.png").write_bytes(encoded_image(2))
    with serving() as web:
        web.answers["/a/up/bob.png"] = Answer(encoded_image(3))
        cells = "".join(
            f'<td><img src="{source}"><strong>{name}</strong></td>'
            for name, source in (("Ann", "A_files/ann.png"), ("Bob", "up/bob.png"), ("Eve", "../outside.png"))
        )
        text = (
            f'<!-- saved from url=(0030){web.url}/a/ --><div class="entry"><table><tr>{cells}</tr></table></div>'
        )
        (saved / "A.html").write_text(text)
        summary = scrape(web, raw, pages=saved)
        assert (summary.saved, summary.failed, summary.pages) == (2, 1, 1)
        assert web.hits["/a/"] == 0 and HUB not in web.hits
        assert scrape(web, raw, pages=saved / "A.html").unchanged == 2
    by_name = {line["name"]: line for line in manifest_lines(raw)}
    assert (raw / by_name["Ann"]["file"]).read_bytes() == encoded_image(1)
    assert by_name["Eve"]["reason"] == "HTTP 404"


def test_a_saved_page_without_a_character_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "ab.html").write_text("<p>nothing</p>")
    with serving() as web:
        summary = scrape(web, tmp_path / "raw", pages=tmp_path)
    assert summary.exit_code == 1 and "area and cells" in summary.lines()[-1]
    (line,) = manifest_lines(tmp_path / "raw")
    assert (line["letter"], line["reason"]) == ("ab", "no character on the page")


@pytest.mark.parametrize("name", ["a.mhtml", "A.MHT", "a.webarchive"])
def test_a_web_archive_is_named_with_what_to_save_in_its_place(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"MIME-Version: 1.0")
    for pages in (tmp_path, tmp_path / name):
        with serving() as web, pytest.raises(ScrapeSettingsError, match="complete web page"):
            scrape(web, tmp_path / "raw", pages=pages)


def test_a_folder_without_pages_is_refused(tmp_path: Path) -> None:
    with serving() as web, pytest.raises(ScrapeSettingsError, match=r"no \.html file"):
        scrape(web, tmp_path / "raw", pages=tmp_path)
    with pytest.raises(ScrapeSettingsError, match="no such folder"):
        ScrapeSettings(pages=tmp_path / "none")
