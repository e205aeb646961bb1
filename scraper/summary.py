"""What a crawl came to."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

MOST_REASONS_SHOWN = 12


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
    to_fetch: int | None = None
    """Pictures that a dry run found missing; None: it was no dry run."""
    minutes: float | None = None
    """What fetching them will take at this pace, as a dry run estimates it."""
    failures: list[Failure] = field(default_factory=list)
    """Pages and pictures that failed, with reasons."""

    @property
    def exit_code(self) -> int:
        """0 done, 3 another run may bring more, 4 robots.txt forbids what was wanted."""
        if self.forbidden:
            return 4
        return 3 if any(failure.retry for failure in self.failures) else 0

    def lines(self) -> list[str]:
        """Say all this to a person."""
        lines = self._amounts() if self.to_fetch is None else [self._dry_run_amounts()]
        reasons = Counter(failure.reason for failure in self.failures)
        lines += [f"  {count:,} x {reason}" for reason, count in reasons.most_common(MOST_REASONS_SHOWN)]
        if self.failures and self.to_fetch is None:
            lines.append(f"  each one is named in {self.out / 'manifest.jsonl'}")
        if any(failure.retry for failure in self.failures):
            lines.append("some are worth another try: run the same command again")
        if self.forbidden:
            lines.append(f"robots.txt forbids {self.forbidden:,} addresses; they were not asked for")
        return lines

    def _amounts(self) -> list[str]:
        kept = f"{self.saved + self.unchanged:,} pictures in {self.out / 'images'}"
        lines = [f"{kept}: {self.saved:,} saved now, {self.unchanged:,} from before"]
        if self.skipped or self.failures:
            lines.append(f"{self.failed:,} pictures failed, {self.skipped:,} cells skipped")
        return lines

    def _dry_run_amounts(self) -> str:
        return (
            f"{self.pages} pages read, {self.unchanged:,} pictures here already, {self.to_fetch:,} to fetch: "
            f"about {self.minutes or 0:.0f} minutes"
        )
