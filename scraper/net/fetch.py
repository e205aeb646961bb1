"""One polite, bounded, safe GET: robots.txt, pace, retries, redirects."""

import logging
import random
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from importlib.metadata import PackageNotFoundError, version
from types import MappingProxyType
from urllib.parse import urlsplit

from protego import Protego

from scraper.errors import ConnectError, FetchError, ScrapeBlockedError, ScrapeError, TooManyRedirectsError
from scraper.net.address_policy import DEFAULT_PORTS, AddressPolicy, host_and_port
from scraper.net.browser_checks import detect_browser_check
from scraper.net.transport import Limits, Response, Transport
from scraper.net.urls import is_http_url, join_url

ROBOTS_TOKEN = "vgc"
ROBOTS_BYTES = 512_000
"""What of a robots.txt is read (RFC 9309 asks for at least 500 KiB)."""
JITTER = (0.75, 1.25)
MAX_BACKOFF_SECONDS = 30.0
DAY_SECONDS = 86_400.0
YEAR_SECONDS = 365 * DAY_SECONDS
TOLD_CRAWL_DELAY_SECONDS = 10.0
"""A robots.txt that asks for more is worth a word."""
OK, NOT_MODIFIED = 200, 304
REDIRECTS = (301, 302, 303, 307, 308)
REFUSING = (403, 429)
PASSING = (408, 425, 429)
"""Client errors that another try may cure; so may every 5xx."""


NO_HEADERS: Mapping[str, str] = MappingProxyType({})


log = logging.getLogger(__name__)


class Stopped(Exception):
    """The crawl is ending; this address is left for the next run."""


def user_agent(contact: str | None) -> str:
    """Name this program, its version and whom to write to, as sites ask of crawlers."""
    try:
        number = version("vgc")
    except PackageNotFoundError:
        number = "0"
    whom = f"contact: {contact}" if contact else "run by hand, no contact given"
    return f"{ROBOTS_TOKEN}/{number} (video game character scraper; {whom})"


@dataclass
class Host:
    """What is known of one scheme, host and port."""

    origin: str
    robots_lock: threading.Lock = field(default_factory=threading.Lock)
    robots: Protego | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)
    least_delay_seconds: float = 0.0
    next_turn: float = 0.0
    pauses: int = 0
    refusals_in_row: int = 0
    waiting_since: float | None = None
    """When it first asked to wait, since it last gave what it was asked for."""
    unanswered_in_row: int = 0

    def take_turn(self, delay_seconds: float) -> float:
        """Reserve the next free moment for a request; give the seconds until then."""
        interval = max(delay_seconds * random.uniform(*JITTER), self.least_delay_seconds)
        with self.lock:
            turn = max(time.monotonic(), self.next_turn)
            self.next_turn = turn + interval
        return turn - time.monotonic()

    def obey_crawl_delay(self, seconds: float) -> None:
        """Keep the distance that robots.txt asks for, however long; nonsense (negative, NaN) is passed over."""
        if seconds > self.least_delay_seconds:
            self.least_delay_seconds = min(seconds, DAY_SECONDS)
        if seconds >= TOLD_CRAWL_DELAY_SECONDS:
            log.warning("%s asks for %.0f seconds between two requests", self.origin, self.least_delay_seconds)

    def pause(self, seconds: float) -> None:
        """Leave the host alone for a while."""
        with self.lock:
            self.pauses += 1
            self.next_turn = max(self.next_turn, time.monotonic() + seconds)


class Fetcher:
    """Fetches addresses for a crawl, from several threads at once.

    Args:
        policy: what may be asked.
        limits: bounds of each request.
        transport: sends the requests; closed with the fetcher.
        delay_seconds: mean time between two requests to a host.
        least_delay_seconds: no two requests to a host come closer together.
        workers: maximum number of concurrent requests, for any number of calling threads.
        ignore_robots: do not read robots.txt.
    """

    def __init__(
        self,
        policy: AddressPolicy,
        limits: Limits,
        transport: Transport,
        *,
        delay_seconds: float,
        least_delay_seconds: float,
        workers: int,
        ignore_robots: bool = False,
    ) -> None:
        self.requests = 0
        self._policy = policy
        self._limits = limits
        self._delay_seconds = delay_seconds
        self._least_delay_seconds = least_delay_seconds
        self._ignore_robots = ignore_robots
        self._transport = transport
        self._slots = threading.BoundedSemaphore(workers)
        self._stop = threading.Event()
        self._hosts: dict[str, Host] = {}
        self._lock = threading.Lock()

    def get(
        self,
        url: str,
        cap_bytes: int,
        headers: Mapping[str, str] = NO_HEADERS,
        accept: Callable[[Response], None] | None = None,
    ) -> Response:
        """Fetch ``url`` with as many tries as the limits allow.

        Args:
            url: any text that claims to be an address.
            cap_bytes: the largest body that is taken.
            headers: sent beside the usual ones, as for conditional requests.
            accept: looks at each answer of status 200 and may raise `FetchError`; one worth a retry gets it.

        Returns:
            The answer, status 200, or 304 if ``headers`` asked for that; its ``url`` is where the redirects led.

        Raises:
            FetchError: why this address brought nothing.
            ScrapeBlockedError: the host does not want to be asked any more.
            ScrapeError: the host has stopped answering.
            Stopped: `stop` was called.
        """
        wayback = self._policy.wayback
        address = wayback.capture(url) if wayback else url

        def follow() -> Response:
            response = self._follow(address, cap_bytes, headers, self._check)
            if accept and response.status == OK:
                accept(response)
            return response

        self._check(address)
        response = self._with_retries(address, follow)
        if response.status == NOT_MODIFIED and not headers:
            raise FetchError("HTTP 304 to a plain question", http=NOT_MODIFIED, retry=True)
        return replace(response, url=wayback.original(response.url)) if wayback else response

    def seconds_between_requests(self, url: str) -> float:
        """Give the mean time between two requests to the host of ``url``, its Crawl-delay included."""
        wayback = self._policy.wayback
        return max(self._delay_seconds, self._host(wayback.url if wayback else url).least_delay_seconds)

    def stop(self) -> None:
        """Cut the requests under way, and let all calls from now on end with `Stopped`."""
        self._stop.set()
        self._transport.stop()

    def close(self) -> None:
        """Close the kept connections."""
        self._transport.close()

    def _check(self, address: str) -> None:
        self._policy.check_url(address)
        if not self._ignore_robots and not self._robots(address).can_fetch(address, ROBOTS_TOKEN):
            raise FetchError("robots.txt forbids it", forbidden=True)

    def _with_retries(self, address: str, ask: Callable[[], Response]) -> Response:
        for attempt in range(1, self._limits.tries):
            try:
                return ask()
            except FetchError as error:
                if not error.retry:
                    raise
                self._back_off(address, error, attempt)
        try:
            return ask()
        except FetchError as error:
            if error.unanswered:
                self._count_unanswered(address, error)
            raise

    def _follow(
        self,
        address: str,
        cap_bytes: int,
        headers: Mapping[str, str],
        check: Callable[[str], None],
        *,
        cut: bool = False,
    ) -> Response:
        for _ in range(self._limits.redirects + 1):
            response = self._ask(address, cap_bytes, headers, cut)
            if response.status not in REDIRECTS:
                return response
            address = join_url(address, _location(response))
            if not is_http_url(address):
                raise FetchError("a redirect to no address", http=response.status)
            check(address)
        raise TooManyRedirectsError(f"more than {self._limits.redirects} redirects", http=response.status)

    def _ask(self, address: str, cap_bytes: int, headers: Mapping[str, str], cut: bool) -> Response:
        host = self._host(address)
        with self._slots:
            self._wait_for_turn(host)
            with self._lock:
                self.requests += 1
            try:
                response = self._transport.get(address, headers, cap_bytes, cut=cut)
            except FetchError:
                if self._stop.is_set():
                    raise Stopped from None  # cut by `stop`, not by the site
                raise
            with host.lock:
                host.unanswered_in_row = 0
                host.refusals_in_row = host.refusals_in_row + 1 if response.status in REFUSING else 0
                if response.status in (OK, NOT_MODIFIED):
                    host.waiting_since = None
                elif "Retry-After" in response.headers and host.waiting_since is None:
                    host.waiting_since = time.monotonic()
            # While the slot is held: whoever waits for it must not ask a site that has just sent us away.
            if response.status not in REDIRECTS:
                self._raise_for_browser_check(response)
                self._raise_for_status(response)
        return response

    def _wait_for_turn(self, host: Host) -> None:
        pauses = -1
        while pauses != host.pauses:  # a pause takes back the turns that were given out before it
            pauses = host.pauses
            if self._stop.wait(max(host.take_turn(self._delay_seconds), 0.0)):
                raise Stopped

    def _raise_for_browser_check(self, response: Response) -> None:
        check = detect_browser_check(response)
        if not check:
            return
        if self._policy.wayback:
            raise FetchError("the archive kept a browser check in place of the page", http=response.status)
        raise self._ended(
            ScrapeBlockedError,
            f"{self._host(response.url).origin} checks the browser first ({check}, HTTP {response.status}): "
            "pass the check in your browser and send its cookies with --cookies FILE, or save the pages there and "
            "read them with --pages FOLDER",
        )

    def _raise_for_status(self, response: Response) -> None:
        """Let 200 and 304 pass; turn every other status into its consequence."""
        if response.status in (OK, NOT_MODIFIED):
            return
        host = self._host(response.url)
        wait_seconds = _retry_after_seconds(response.headers.get("Retry-After", ""))
        is_endless = time.monotonic() - (host.waiting_since or time.monotonic()) > self._limits.waiting_seconds
        if wait_seconds is not None and (wait_seconds > self._limits.retry_after_seconds or is_endless):
            when = datetime.now().astimezone() + timedelta(seconds=wait_seconds)
            raise self._ended(
                ScrapeBlockedError,
                f"{host.origin} asks to be left alone (HTTP {response.status}): run the same command again "
                f"after {when:%Y-%m-%d %H:%M %Z}",
            )
        if host.refusals_in_row >= self._limits.refusals_in_row:
            raise self._ended(
                ScrapeBlockedError,
                f"{host.origin} refused {host.refusals_in_row} requests in a row (last: HTTP {response.status}): "
                "wait some hours, then run the same command with a longer --delay",
            )
        retry = response.status in PASSING or response.status >= 500
        if retry and wait_seconds is not None:
            host.pause(wait_seconds)  # the site means this client, not this address
        raise FetchError(f"HTTP {response.status}", http=response.status, retry=retry, wait_seconds=wait_seconds)

    def _back_off(self, url: str, error: FetchError, attempt: int) -> None:
        if error.wait_seconds is not None:
            return  # the whole host pauses already
        seconds = min(self._limits.backoff_seconds * 2 ** (attempt - 1), MAX_BACKOFF_SECONDS)
        seconds *= random.uniform(*JITTER)
        if error.http == 429:
            self._host(url).pause(seconds)
        elif self._stop.wait(seconds):
            raise Stopped

    def _count_unanswered(self, address: str, error: FetchError) -> None:
        host = self._host(address)
        with host.lock:
            host.unanswered_in_row += 1
        if host.unanswered_in_row >= self._limits.unanswered_in_row:
            raise self._ended(
                ScrapeError,
                f"{host.origin} has not answered for {host.unanswered_in_row} addresses in a row "
                f"(last: {error.reason}): look at the connection, then run the same command to go on",
            )

    def _ended(self, kind: type[ScrapeError], message: str) -> ScrapeError:
        """End all requests at once, not only when the crawl hears of it."""
        self._stop.set()
        return kind(message)

    def _host(self, address: str) -> Host:
        hostname, port = host_and_port(address)
        # One host behind http and https is asked no faster for having two schemes.
        key = hostname if port in DEFAULT_PORTS.values() else f"{hostname}:{port}"
        origin = f"{urlsplit(address).scheme}://{urlsplit(address).netloc}"
        with self._lock:
            return self._hosts.setdefault(key, Host(origin, least_delay_seconds=self._least_delay_seconds))

    def _robots(self, address: str) -> Protego:
        host = self._host(address)
        with host.robots_lock:
            if host.robots is None:
                host.robots = Protego.parse(self._robots_text(f"{host.origin}/robots.txt"))
                host.obey_crawl_delay(host.robots.crawl_delay(ROBOTS_TOKEN) or 0.0)
            return host.robots

    def _robots_text(self, address: str) -> str:
        """Read a host's rules as RFC 9309 has it.

        A 4xx, and more than five redirects, allow everything; an outage forbids everything. Redirects may lead to
        another site.
        """
        hops: list[str] = []

        def check(url: str) -> None:
            hops.append(url)
            self._policy.check_robots(url)

        self._policy.check_host(address)
        try:
            response = self._with_retries(
                address, lambda: self._follow(address, ROBOTS_BYTES, NO_HEADERS, check, cut=True)
            )
        except TooManyRedirectsError:
            return ""
        except FetchError as error:
            if error.http is not None and 400 <= error.http < 500:
                return ""
            if not hops and (isinstance(error, ConnectError) or (error.http is None and not error.retry)):
                raise  # that is no word on robots, but what the address itself will come to
            led = f" leads to {hops[-1][:200]}, which" if hops else ""
            raise self._ended(
                ScrapeBlockedError,
                f"{address}{led} could not be read ({error.reason}), and that forbids the whole site: "
                "run the same command later, or add --ignore-robots if you may",
            ) from error
        # With a byte order mark in front, Protego would pass over the first line.
        return response.body.decode("utf-8-sig", "replace")


def _location(response: Response) -> str:
    """Give where a redirect leads: headers are read as Latin-1, but sites write their addresses in UTF-8."""
    location = response.headers.get("Location", "")
    with suppress(UnicodeError):
        return location.encode("latin-1").decode("utf-8")
    return location


def _retry_after_seconds(value: str) -> float | None:
    """Read a Retry-After header: seconds, or a date, at most a year away; None where it is neither."""
    if value.strip().isdecimal():
        return min(float(value), YEAR_SECONDS)
    try:
        when = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return min(max((when - datetime.now(UTC)).total_seconds(), 0.0), YEAR_SECONDS)
