"""What a crawl came to."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Failure:
    """An address that brought nothing."""

    url: str
    name: str | None
    reason: str
    retry: bool
    """Another run may bring it."""


@dataclass
class ScrapeSummary:
    """What a crawl came to; the first four counts are of characters' pictures."""

    out: Path
    saved: int = 0
    unchanged: int = 0
    """Saved by an earlier run, or the same as then."""
    skipped: int = 0
    """Cells without a picture, with one that another cell has, or with one that robots.txt forbids."""
    failed: int = 0
    pages: int = 0
    """Hub and letter pages read."""
    requests: int = 0
    forbidden: int = 0
    """Pages and pictures that robots.txt forbids."""
    to_fetch: int = 0
    """Pictures that a dry run found missing."""
    minutes: float = 0.0
    """What fetching them will take at this pace, as a dry run estimates it."""
    failures: list[Failure] = field(default_factory=list)
    """Pages and pictures that failed, with reasons."""

    @property
    def exit_code(self) -> int:
        """0 done, 3 another run may bring more, 4 robots.txt forbids what was wanted."""
        if self.forbidden:
            return 4
        return 3 if any(failure.retry for failure in self.failures) else 0

    def reasons(self) -> list[tuple[str, int]]:
        """Give the reasons of the failures and how often each came, the most frequent first."""
        return Counter(failure.reason for failure in self.failures).most_common()
