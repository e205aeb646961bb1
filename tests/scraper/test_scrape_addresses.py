"""Which addresses may be asked: names before the request, network addresses as the connection is made."""

import ipaddress
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from webserver import FAST, HUB, Answer, cell, encoded_image, letter_path, page, scrape, serving, small_site

from scraper.crawl import ScrapeSettings, crawl
from scraper.errors import FetchError, ScrapeError, ScrapeSettingsError
from scraper.net.address_policy import AddressPolicy, is_public
from scraper.net.wayback import Wayback
from scraper.pages.sites import GAME_ART_HQ

PRIVATE = """
    127.0.0.1 127.255.0.1 10.0.0.1 172.16.0.1 172.31.255.1 192.168.1.1 169.254.169.254 0.0.0.0 100.64.0.1
    192.0.0.1 198.18.0.1 203.0.113.1 224.0.0.1 239.1.1.1 240.0.0.1 255.255.255.255 ::1 ::
    fe80::1 fe80::1%eth0 fc00::1 fd12::1 ff02::1 2001:db8::1 ::ffff:127.0.0.1 ::ffff:10.0.0.1
    64:ff9b::7f00:1 64:ff9b::a00:1 2002:7f00:1:: 2002:a00:1::
"""
PUBLIC = "93.184.216.34 8.8.8.8 2606:2800:220:1::1 ::ffff:8.8.8.8 64:ff9b::808:808"


@pytest.mark.parametrize("address", PRIVATE.split())
def test_addresses_that_are_not_of_the_open_internet_are_private(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", PUBLIC.split())
def test_addresses_of_the_open_internet_are_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


POLICY = AddressPolicy(frozenset({"example.org", "cdn.example.org"}), given=frozenset({("home", 8080)}))


@pytest.mark.parametrize("url", ["http://example.org/x", "https://CDN.example.org:443/", "http://example.org:80"])
def test_listed_hosts_pass(url: str) -> None:
    POLICY.check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org.evil.net/",
        "http://evil.net/?http://example.org/",
        "http://example.org@evil.net/",
        "http://evil.net#@example.org/",
        "http://evil.net\\@example.org/",
        "http://sub.example.org/",
        "http://example.org:6379/",
        "gopher://example.org/",
        "//example.org/",
        "example.org",
        "http:///x",
        "http://",
        "http://[::1]/",
        "http://0x7f.1/",
        "http://example.org.:80/",
        "",
    ],
)
def test_everything_else_is_turned_away(url: str) -> None:
    with pytest.raises(FetchError):
        POLICY.check_url(url)


def test_only_the_given_host_and_port_may_be_private() -> None:
    POLICY.check_address("home", 8080, "10.0.0.1")
    for host, port in (("home", 80), ("example.org", 8080)):
        with pytest.raises(FetchError, match=f"{host} leads to the private address"):
            POLICY.check_address(host, port, "10.0.0.1")


def resolving(monkeypatch: pytest.MonkeyPatch, answers: dict[str, list[str]]) -> list[str]:
    """Let names resolve as told, one answer after the other, the last one for good; the names asked for."""
    true, asked = socket.getaddrinfo, []

    def getaddrinfo(host: str, *args: Any, **options: Any) -> Any:
        asked.append(host)
        output = answers.get(host, [host])
        return true(output.pop(0) if len(output) > 1 else output[0], *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


def test_a_listed_picture_host_that_leads_to_this_machine_is_not_connected_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with small_site("a", count=1) as web:
        resolving(monkeypatch, {"cdn.test": ["127.0.0.1"]})
        address = f"http://cdn.test:{web.server_address[1]}"
        web.answers[letter_path("a")] = page(cell("x", f"{address}/up/a-0.png"))
        summary = scrape(web, tmp_path, picture_hosts=("cdn.test",))
        assert [failure.reason for failure in summary.failures] == [
            "cdn.test leads to the private address 127.0.0.1"
        ]
        assert web.hits["/up/a-0.png"] == 0


def test_the_address_checked_is_the_one_connected_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A name that gives a public address when checked and a private one afterwards would need a second question.
    with small_site("a", count=2) as web:
        host, port = "rebinding.test", web.server_address[1]
        asked = resolving(monkeypatch, {host: ["127.0.0.1"]})
        settings = ScrapeSettings(
            base_url=f"http://{host}:{port}", out=tmp_path, delay_seconds=0, workers=1, limits=FAST
        )
        web.answers[HUB] = page(f'<a href="{letter_path("a")}">A</a>')
        assert crawl(settings).saved == 2
        assert asked == [host]  # one kept connection, one question for it


def test_a_default_site_that_resolves_to_a_private_address_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolving(monkeypatch, {"www.game-art-hq.com": ["127.0.0.1"]})
    with pytest.raises(
        ScrapeError, match=r"leads to the private address .*: where that machine is yours, name it with --base-url"
    ):
        crawl(ScrapeSettings(out=tmp_path, delay_seconds=0, limits=FAST))


def test_proxies_and_passwords_of_the_environment_are_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with small_site("a", count=1) as web:
        assert scrape(web, tmp_path).saved == 1
        assert not any("Authorization" in headers for _, _, headers in web.requests)


def test_cookies_are_not_kept(tmp_path: Path) -> None:
    with small_site("a", count=3) as web:
        web.answers["/up/a-0.png"] = Answer(encoded_image(1), headers={"Set-Cookie": "id=1; Path=/"})
        scrape(web, tmp_path, workers=1)
        assert not any("Cookie" in headers for _, _, headers in web.requests)


def test_a_picture_host_is_the_same_in_capitals() -> None:
    settings = ScrapeSettings(picture_hosts=("CDN.Example.org",))
    settings.address_policy(settings.described_site()).check_url("http://cdn.example.ORG/x.png")


@pytest.mark.parametrize("typed", ["http://b\u00fccher.example", "http://xn--bcher-kva.example"])
@pytest.mark.parametrize("linked", ["b\u00fccher.example", "B\u00dcCHER.example", "XN--bcher-kva.example"])
def test_a_name_in_letters_and_in_punycode_is_one_host(typed: str, linked: str) -> None:
    settings = ScrapeSettings(base_url=typed, picture_hosts=("b\u00e4r.example",))
    policy = settings.address_policy(settings.described_site())
    policy.check_url(f"http://{linked}/x.png")
    policy.check_url(f"http://www.{linked}/x.png")
    policy.check_url("http://xn--br-via.example/x.png")
    policy.check_address("xn--bcher-kva.example", 80, "127.0.0.1")
    with pytest.raises(FetchError, match="on another site"):
        policy.check_url("http://b\u00fccherei.example/x.png")


def test_the_site_may_answer_with_and_without_www() -> None:
    policy = ScrapeSettings().address_policy(GAME_ART_HQ)
    for url in ("http://www.game-art-hq.com/", "https://game-art-hq.com/"):
        policy.check_url(url)


def test_the_archive_gives_nothing_but_captures_of_the_site() -> None:
    policy = AddressPolicy(frozenset({"example.org"}), wayback=Wayback("2016", "https://web.archive.org"))
    policy.check_url("https://web.archive.org/web/2016id_/http://example.org/x.png")
    policy.check_url("https://web.archive.org/web/20160101000000id_/http://example.org:80/x.png")
    for url in (
        "http://example.org/x.png",
        "https://web.archive.org/web/2016id_/http://evil.net/x.png",
        "https://web.archive.org/web/2016/http://example.org/",
        "https://web.archive.org/save/http://example.org/",
        "https://web.archive.org/web/2016id_/file:///etc/passwd",
    ):
        with pytest.raises(FetchError):
            policy.check_url(url)


@pytest.mark.parametrize(
    "options",
    [
        {"base_url": "ftp://x"},
        {"base_url": "127.0.0.1:80"},
        {"base_url": "http://me:pw@x"},
        {"letters": ""},
        {"letters": "c-a"},
        {"letters": "a;b"},
        {"limit": 0},
        {"delay_seconds": -1},
        {"delay_seconds": float("nan")},
        {"workers": 0},
        {"workers": 99},
        {"wayback": "yesterday"},
        {"wayback": "201"},
        {"wayback_url": "nowhere"},
        {"picture_hosts": ("https://cdn.example.org",)},
        {"picture_hosts": ("cdn.example.org:8080",)},
        {"picture_hosts": ("",)},
        {"picture_hosts": ("\u00fc_\u0301-.example",)},
        {"contact": "a\r\nX-Header: 1"},
    ],
    ids=str,
)
def test_wrong_settings_are_refused_before_anything_is_asked(options: dict[str, Any]) -> None:
    with pytest.raises(ScrapeSettingsError) as error:
        ScrapeSettings(**options)
    assert error.value.exit_code == 2


def test_a_base_url_with_a_path_and_a_slash_is_a_base(tmp_path: Path) -> None:
    with serving() as web:
        web.answers["/copy" + HUB] = page(f'<a href="{letter_path("a")}">A</a>')
        web.answers[letter_path("a")] = page(cell("x", "/x.png"))
        web.answers["/x.png"] = Answer(encoded_image())
        summary = crawl(ScrapeSettings(base_url=f"{web.url}/copy/", out=tmp_path, delay_seconds=0, limits=FAST))
        assert summary.saved == 1


def test_pictures_may_come_from_the_hosts_that_the_site_and_the_user_name() -> None:
    site = replace(GAME_ART_HQ, base_url="http://www.x.test", picture_hosts=("cdn.test",))
    policy = ScrapeSettings(picture_hosts=("further.test",)).address_policy(site)
    assert policy.hosts == {"www.x.test", "x.test", "cdn.test", "further.test"}
