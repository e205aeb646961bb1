"""Reading a site as the Wayback Machine kept it."""

import re
from dataclasses import dataclass

from scraper.errors import FetchError

WAYBACK_URL = "https://web.archive.org"
MIN_DELAY_SECONDS = 2.5
"""The archive bans callers who ask much faster than 0.4 times a second."""

DEFAULT_PORT = re.compile(r"^(http://[^/:]+):80(?=/|$)")
"""The archive adds it to addresses that had none."""


@dataclass(frozen=True)
class Wayback:
    """Raw captures: ``id_`` behind the timestamp gives the bytes as they were, links untouched."""

    timestamp: str
    """Four to fourteen digits, YYYYMMDDhhmmss; the archive answers with the nearest capture."""
    url: str = WAYBACK_URL

    def capture(self, url: str) -> str:
        """Give the archive's address for ``url``."""
        return f"{self.url}/web/{self.timestamp}id_/{url}"

    def original(self, capture: str) -> str:
        """Give the address that ``capture`` holds.

        Raises:
            FetchError: ``capture`` is no raw capture, as when the archive redirects to a page of its own.
        """
        match = re.match(re.escape(self.url) + r"/web/\d{4,14}id_/(.+)", capture)
        if not match:
            raise FetchError("not a raw capture of the archive")
        return DEFAULT_PORT.sub(r"\1", match[1])
