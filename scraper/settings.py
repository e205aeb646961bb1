"""What to scrape, how fast and where to, checked before anything is asked."""

import re
from dataclasses import dataclass, field, replace
from pathlib import Path

from scraper.errors import FetchError, ScrapeSettingsError
from scraper.net.address_policy import DEFAULT_PORTS, AddressPolicy, host_and_port, is_host_pattern
from scraper.net.cookies import SiteCookies
from scraper.net.transport import Limits
from scraper.net.wayback import WAYBACK_URL, Wayback
from scraper.pages.sites import GAME_ART_HQ, Site, load_site


@dataclass(frozen=True)
class ScrapeSettings:
    """What to scrape, how fast, and where to."""

    base_url: str | None = None
    """Scheme, host and port in place of the site's own; these alone may be private or this machine."""
    letters: str | None = None
    """Such as ``a-c,x``; None: all that the hub lists."""
    limit: int | None = None
    """Maximum number of characters, in the site's order."""
    out: Path = Path("Data/raw")
    delay_seconds: float = 1.0
    """Mean time between two requests to a host, 0 to 3600."""
    workers: int = 4
    """Requests under way at once, 1 to 32, as far as the delay allows."""
    details: bool = False
    """Read each character's own page as well."""
    refresh: bool = False
    """Look again at everything, also at what is saved or was refused for good."""
    wayback: str | None = None
    """Read captures of this time (4 to 14 digits, YYYYMMDDhhmmss) from the Wayback Machine instead."""
    wayback_url: str = WAYBACK_URL
    site: Path | None = None
    """A TOML file that describes another site; None: Game Art HQ."""
    picture_hosts: tuple[str, ...] = ()
    """Further hosts that may serve pictures."""
    cookies: Path | None = None
    """A ``cookies.txt`` in Netscape form; sent to the site's own host only."""
    pages: Path | None = None
    """Pages saved in a browser, a folder or a file, in place of the site's; see `scraper.pages.saved`."""
    contact: str | None = None
    """Goes into the User-Agent: an address where the site's owner can reach whoever runs this."""
    ignore_robots: bool = False
    dry_run: bool = False
    """Read the pages and count, save nothing."""
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if not 0 <= self.delay_seconds <= 3600:
            raise ScrapeSettingsError(f"--delay {self.delay_seconds:g}: choose 0 to 3600 seconds")
        if not 1 <= self.workers <= 32:
            raise ScrapeSettingsError(f"--workers {self.workers}: choose 1 to 32")
        if self.limit is not None and self.limit < 1:
            raise ScrapeSettingsError(f"--limit {self.limit}: choose 1 or more")
        if self.wayback is not None and not re.fullmatch(r"\d{4,14}", self.wayback):
            raise ScrapeSettingsError(f"--wayback {self.wayback}: give 4 to 14 digits, such as 2016 or 20160131")
        if self.contact and not re.fullmatch(r"[ -~]{1,200}", self.contact):
            raise ScrapeSettingsError(f"--contact {self.contact!r}: plain ASCII text, at most 200 characters")
        for option, url in (("--base-url", self.base_url), ("--wayback-url", self.wayback_url)):
            _check_base_url(option, url)
        for name in self.picture_hosts:
            if not is_host_pattern(name):
                raise ScrapeSettingsError(
                    f"--picture-host {name}: write the name alone, like cdn.example.org or i*.wp.com"
                )
        parse_letters(self.letters)
        if self.pages and not self.pages.exists():
            raise ScrapeSettingsError(f"--pages {self.pages}: there is no such folder or file")

    def site_cookies(self, site: Site) -> SiteCookies | None:
        """The cookies to send to ``site``, with or without ``www.``.

        Raises:
            ScrapeSettingsError: the file cannot be read, or has none for it.
        """
        if not self.cookies:
            return None
        cookies = SiteCookies(self.cookies, _hosts_of(site))
        cookies.check()
        return cookies

    def described_site(self) -> Site:
        """Give the site that is meant, at the address that is meant.

        Raises:
            ScrapeSettingsError: its description is wrong.
        """
        site = load_site(self.site) if self.site else GAME_ART_HQ
        return replace(site, base_url=(self.base_url or site.base_url).rstrip("/"))

    def address_policy(self, site: Site) -> AddressPolicy:
        """Give the rules of which addresses may be asked: those of ``site`` and of its pictures' hosts."""
        host, port = host_and_port(site.base_url)
        given = {(host, port)} if self.base_url else set()
        if self.wayback and self.wayback_url != WAYBACK_URL:
            given.add(host_and_port(self.wayback_url))
        names = (*site.picture_hosts, *self.picture_hosts)
        others = {host_and_port(f"http://{name}")[0] for name in names if "*" not in name}
        return AddressPolicy(
            hosts=_hosts_of(site) | others,
            host_patterns=tuple(name.lower() for name in names if "*" in name),
            ports=frozenset({*DEFAULT_PORTS.values(), port}),
            given=frozenset(given),
            wayback=Wayback(self.wayback, self.wayback_url.rstrip("/")) if self.wayback else None,
        )


def _hosts_of(site: Site) -> frozenset[str]:
    host, _ = host_and_port(site.base_url)
    return frozenset({host, host.removeprefix("www.") if host.startswith("www.") else f"www.{host}"})


def _check_base_url(option: str, url: str | None) -> None:
    try:
        if url is not None:
            host_and_port(url)
    except FetchError as error:
        raise ScrapeSettingsError(f"{option} {url}: {error}; write it like http://example.org") from None


def parse_letters(text: str | None) -> frozenset[str] | None:
    """Read ``a-c,x`` as the letters a, b, c and x; None stands for all.

    Raises:
        ScrapeSettingsError: it is not written like that.
    """
    if text is None:
        return None
    letters: set[str] = set()
    for part in text.lower().split(","):
        span = re.fullmatch(r"\s*(\w)\s*-\s*(\w)\s*", part)
        if span and span[1] <= span[2]:
            letters.update(map(chr, range(ord(span[1]), ord(span[2]) + 1)))
        elif re.fullmatch(r"\s*\w+\s*", part):
            letters.add(part.strip())
        else:
            raise ScrapeSettingsError(f"--letters {text}: write letters and spans like a-c,x")
    return frozenset(letters)
