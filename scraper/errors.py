"""What can go wrong: with one address (`FetchError`), or with the whole crawl (`ScrapeError`)."""

from kit.exit_codes import BLOCKED, FAILED, USAGE
from scraper.summary import ScrapeSummary


class FetchError(Exception):
    """One address brought nothing; it is recorded with its reason, and the crawl goes on.

    Args:
        reason: a few words for a person.
        http: the status code, if there was an answer.
        retry: whether asking again, now or in a later run, may help.
        retry_later: whether a later run may bring it, though asking again now would not.
        unanswered: there was no answer at all, so the whole host may be away.
        forbidden: robots.txt does not allow the address.
        wait_seconds: how long the site asks to wait before the next try.
    """

    def __init__(
        self,
        reason: str,
        *,
        http: int | None = None,
        retry: bool = False,
        retry_later: bool = False,
        unanswered: bool = False,
        forbidden: bool = False,
        wait_seconds: float | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.http = http
        self.retry = retry
        self.retry_later = retry_later
        self.unanswered = unanswered
        self.forbidden = forbidden
        self.wait_seconds = wait_seconds


class ConnectError(FetchError):
    """No connection could be made."""

    def __init__(self, reason: str, *, retry: bool = True) -> None:
        super().__init__(reason, retry=retry, unanswered=True)


class PrivateAddressError(FetchError):
    """A host that the user did not name leads into a private network, or to this machine."""


class TooManyRedirectsError(FetchError):
    """An address leads on and on."""


class ScrapeError(Exception):
    """The crawl cannot continue; everything saved is kept."""

    exit_code = FAILED
    summary: ScrapeSummary | None = None
    """What came of the crawl until then, if it had begun."""


class ScrapeSettingsError(ScrapeError):
    """A setting is wrong; nothing was asked of any site."""

    exit_code = USAGE


class ScrapeBlockedError(ScrapeError):
    """The site does not want to be asked (now)."""

    exit_code = BLOCKED
