"""A browser's cookies, sent to the site itself and to nobody else."""

from pathlib import Path

from requests import PreparedRequest
from requests.cookies import RequestsCookieJar, create_cookie, get_cookie_header

from scraper.errors import ScrapeSettingsError
from scraper.net.address_policy import host_and_port

HTTP_ONLY = "#HttpOnly_"


class SiteCookies:
    """The cookies of a ``cookies.txt`` in Netscape form, for some hosts.

    Args:
        path: the file.
        hosts: those that get them, as far as the cookies' own domains, paths and dates allow.

    Raises:
        ScrapeSettingsError: it cannot be read, or has no cookie.
    """

    def __init__(self, path: Path, hosts: frozenset[str]) -> None:
        self._path = path
        self._hosts = hosts
        self._jar = RequestsCookieJar()
        try:
            lines = path.read_text("utf-8-sig").splitlines()
        except (OSError, UnicodeError) as error:
            raise ScrapeSettingsError(f"--cookies {path}: {error}") from None
        for line in lines:
            self._add(line)
        if not len(self._jar):
            raise ScrapeSettingsError(
                f"--cookies {path}: no cookie in it; export cookies.txt in Netscape form from your browser"
            )

    def _add(self, line: str) -> None:
        fields = line.removeprefix(HTTP_ONLY).split("\t")
        if len(fields) != 7 or (line.startswith("#") and not line.startswith(HTTP_ONLY)):
            return
        domain, _, path, secure, expires, name, value = fields
        seconds = int(expires) if expires.isdecimal() and len(expires) < 12 else 0
        cookie = create_cookie(  # type: ignore[no-untyped-call]
            name, value, domain=domain, path=path, secure=secure == "TRUE", expires=seconds or None
        )
        self._jar.set_cookie(cookie)

    def check(self) -> None:
        """Look whether the site gets any of them.

        Raises:
            ScrapeSettingsError: none is for its hosts, or all of those have expired.
        """
        fitting = [cookie for cookie in self._jar if any(_is_for(cookie.domain, host) for host in self._hosts)]
        if all(cookie.is_expired() for cookie in fitting):
            what = "those for {} have expired" if fitting else "none of its cookies is for {}"
            site = min(self._hosts, key=len)
            raise ScrapeSettingsError(
                f"--cookies {self._path}: {what.format(site)}; export them anew while the site is open in "
                "your browser"
            )

    def header(self, request: PreparedRequest) -> str | None:
        """The ``Cookie`` header of a request; None: it gets none."""
        host, _ = host_and_port(request.url or "")
        if host not in self._hosts:
            return None
        header: str | None = get_cookie_header(self._jar, request)  # type: ignore[no-untyped-call]
        return header and header.encode().decode("latin-1")  # UTF-8 goes out as it is, as from a browser


def _is_for(domain: str, host: str) -> bool:
    name = domain.lower().lstrip(".")
    return host == name or (domain.startswith(".") and host.endswith(f".{name}"))
