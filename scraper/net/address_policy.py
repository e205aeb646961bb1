"""Which addresses may be contacted at all."""

import ipaddress
import re
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from scraper.errors import FetchError, PrivateAddressError
from scraper.net.wayback import Wayback
from scraper.summary import OTHER_HOST

DEFAULT_PORTS = {"http": 80, "https": 443}
MAX_URL_CHARACTERS = 2000
NAT64 = ipaddress.ip_network("64:ff9b::/96")
"""IPv4 addresses as networks without IPv4 write them (RFC 6052)."""

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True)
class AddressPolicy:
    """Lets http(s) addresses of the listed hosts pass, and public network addresses behind them.

    Names are checked before a request and at each redirect (`check_url`), network addresses when the
    connection is made, on the very address connected to (`check_address`), so that a name that changes
    its mind in between gains nothing.
    """

    hosts: frozenset[str]
    """Host names that may be asked, in lower case."""
    host_patterns: tuple[str, ...] = ()
    """More of them, with ``*`` for any characters."""
    ports: frozenset[int] = frozenset(DEFAULT_PORTS.values())
    given: frozenset[tuple[str, int]] = frozenset()
    """Hosts and ports that the user typed: these alone may be private or this machine."""
    wayback: Wayback | None = None
    """The archive that is asked in place of the hosts."""

    def check_url(self, url: str) -> None:
        """Refuse everything except plain addresses of the listed hosts, or captures of them.

        Raises:
            FetchError: the reason, never worth another try.
        """
        self.check_host(url)
        if self.wayback:
            replace(self, wayback=None).check_host(self.wayback.original(url))

    def check_robots(self, url: str) -> None:
        """Refuse what a robots.txt may not lead to: it may be another site's, but at a usual port.

        Raises:
            FetchError: the reason, never worth another try.
        """
        if self.wayback:
            self.check_host(url)
        host, port = host_and_port(url)
        if port not in self.ports:
            raise FetchError(f"on an unusual port: {host}:{port}")

    def check_host(self, url: str) -> None:
        """Refuse everything except plain addresses of the hosts really contacted: a listed one, or the archive.

        Raises:
            FetchError: the reason, never worth another try.
        """
        host, port = host_and_port(url)
        if self.wayback:
            if (host, port) != host_and_port(self.wayback.url):
                raise FetchError(f"leads out of the archive, to {host}")
        elif host not in self.hosts and not any(fnmatchcase(host, pattern) for pattern in self.host_patterns):
            raise FetchError(f"{OTHER_HOST}{host}")
        elif port not in self.ports:
            raise FetchError(f"on an unusual port: {host}:{port}")

    def check_address(self, host: str, port: int, address: str) -> None:
        """Refuse loopback, private, link-local and otherwise non-public network addresses.

        Raises:
            PrivateAddressError: the reason, never worth another try.
        """
        if (host.lower(), port) not in self.given and not is_public(ipaddress.ip_address(address)):
            raise PrivateAddressError(f"{host} leads to the private address {address}")


def host_and_port(url: str) -> tuple[str, int]:
    """Split off the host, in lower case and as ASCII, and the port that ``url`` asks for.

    Raises:
        FetchError: ``url`` is not a plain http(s) address.
    """
    if len(url) > MAX_URL_CHARACTERS:
        raise FetchError("address too long")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        if host and not host.isascii():  # bücher.example and xn--bcher-kva.example are one
            host = parse_url(f"//{host}").host
    except (ValueError, LocationParseError):
        raise FetchError("not an address") from None
    if parts.scheme not in DEFAULT_PORTS or not host:
        raise FetchError(f"not an http address: {url[:40]}")
    if parts.username is not None:
        raise FetchError("an address with a user name in it")
    return host, DEFAULT_PORTS[parts.scheme] if port is None else port


def is_host_name(text: str) -> bool:
    """Tell whether ``text`` names a host and says no more, such as a scheme or a port."""
    try:
        host_and_port(f"http://{text}")
    except FetchError:
        return False
    return re.fullmatch(r"[\w.-]+", text) is not None


def is_host_pattern(text: str) -> bool:
    """Tell whether ``text`` names a host, or several by ``*`` in front of the last two labels (``i*.wp.com``)."""
    plain = text.replace("*", "x")
    return is_host_name(plain) and "*" not in "".join(text.split(".")[-2:])


def is_public(address: IPAddress) -> bool:
    """Tell whether ``address`` belongs to the open internet, also where it wraps an IPv4 address."""
    if isinstance(address, ipaddress.IPv6Address):
        wrapped = address.ipv4_mapped or address.sixtofour
        if address in NAT64:
            wrapped = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if wrapped:
            return is_public(wrapped)
    return address.is_global and not address.is_multicast
