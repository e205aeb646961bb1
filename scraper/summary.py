"""What a crawl came to."""

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from kit.counted import counted
from kit.exit_codes import BLOCKED, FAILED, UNFINISHED

OTHER_HOST = "on another site: "
"""How a failure's reason begins where the host is not listed; its name follows."""
NO_CHARACTER = "no character on the page"
MOST_REASONS_SHOWN = 12
MOST_HOSTS_NAMED = 3


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
    """The hub and pages of characters read."""
    requests: int = 0
    forbidden: int = 0
    """Pages and pictures that robots.txt forbids."""
    nameless: int = 0
    """Pictures saved without a name."""
    repeated: int = 0
    """Cells left out because another one has the same address."""
    placeholders: dict[str, int] = field(default_factory=dict)
    """Addresses left out because many characters share them, and how many do."""
    same_bytes: dict[str, int] = field(default_factory=dict)
    """Files that many characters have byte for byte, from addresses of their own, and how many do."""
    to_fetch: int | None = None
    """Pictures that a dry run found missing; None: it was no dry run."""
    minutes: float | None = None
    """What fetching them will take at this pace, as a dry run estimates it."""
    failures: list[Failure] = field(default_factory=list)
    """Pages and pictures that failed, with reasons."""

    @property
    def exit_code(self) -> int:
        """0 done, 1 nothing was saved, 3 another run may bring more, 4 nothing was, for robots.txt forbids it."""
        if any(failure.retry for failure in self.failures):
            return UNFINISHED
        if self._is_empty:
            return BLOCKED if self.forbidden and not self.failures else FAILED
        return 0

    @property
    def _is_empty(self) -> bool:
        return not self.saved + self.unchanged + (self.to_fetch or 0)

    def lines(self) -> list[str]:
        """Say all this to a person."""
        lines = self._amounts() if self.to_fetch is None else [self._dry_run_amounts()]
        reasons = Counter(failure.reason for failure in self.failures)
        lines += [f"  {count:,} x {reason}" for reason, count in reasons.most_common(MOST_REASONS_SHOWN)]
        if self.failures and self.to_fetch is None:
            lines.append(f"  each one is named in {self.out / 'manifest.jsonl'}")
        lines += self._remarks()
        if self._is_empty and (self._lacks_characters or self.exit_code in (FAILED, BLOCKED)):
            lines.append(f"nothing was saved: {self._remedy()}".removesuffix(": "))
        elif any(failure.retry for failure in self.failures):
            lines.append("some are worth another try: run the same command again")
        return lines

    def _amounts(self) -> list[str]:
        kept = f"{counted(self.saved + self.unchanged, 'picture')} in {self.out / 'images'}"
        lines = [f"{kept}: {self.saved:,} saved now, {self.unchanged:,} from before"]
        pages_failed = len(self.failures) - self.failed
        parts = [f"{counted(self.failed, 'picture')} failed"] if self.failed else []
        parts += [f"{counted(pages_failed, 'page')} failed"] if pages_failed else []
        parts += [f"{counted(self.skipped, 'cell')} skipped"] if self.skipped else []
        return [*lines, ", ".join(parts)] if parts else lines

    def _dry_run_amounts(self) -> str:
        amounts = [f"{counted(self.pages, 'page')} read", f"{counted(self.unchanged, 'picture')} here already"]
        amounts += [f"{self.failed:,} that failed for good"] if self.failed else []
        amounts += [f"{counted(self.skipped, 'cell')} to skip"] if self.skipped else []
        minutes = round(self.minutes or 0)
        time = f"about {counted(minutes, 'minute')}" if minutes else "less than a minute"
        return f"{', '.join(amounts)}, {self.to_fetch:,} to fetch" + (f": {time}" if self.to_fetch else "")

    def _remarks(self) -> list[str]:
        lines = []
        if self.repeated:
            lines.append(f"  {counted(self.repeated, 'cell')} of them with a picture that another cell has")
        for url, count in self.placeholders.items():
            lines.append(
                f"  left out: {url}, a placeholder under {count:,} characters; where their own pictures stand, "
                "picture_attribute in the site's description tells (docs/scraping.md)"
            )
        for file, count in self.same_bytes.items():
            lines.append(
                f"  {count:,} characters have the same picture, {file}: vgc preprocess takes one of them; if it "
                "is a placeholder, leave that one out (docs/dataset.md, Curation)"
            )
        if self.nameless:
            lines.append(
                f"  {counted(self.nameless, 'picture')} without a name: see character_name in docs/scraping.md"
            )
        if hosts := self._other_hosts():
            options = " ".join(f"--picture-host '{host}'" for host in host_patterns(hosts)[:MOST_HOSTS_NAMED])
            lines.append(f"pictures on other hosts are fetched only with {options}")
        if self.forbidden:
            lines.append(f"robots.txt forbids {counted(self.forbidden, 'address', 'addresses')}; not asked for")
        return lines

    def _other_hosts(self) -> list[str]:
        reasons = {failure.reason for failure in self.failures if failure.reason.startswith(OTHER_HOST)}
        return sorted(reason.removeprefix(OTHER_HOST) for reason in reasons)

    @property
    def _lacks_characters(self) -> bool:
        return bool(self.failures) and all(each.reason.startswith(NO_CHARACTER) for each in self.failures)

    def _remedy(self) -> str:
        """What helps where nothing was saved; empty where the crawl ended before that can be told."""
        is_explained = any(failure.reason != NO_CHARACTER for failure in self.failures)
        remedies = (
            (self._lacks_characters and is_explained, "what helps is said above"),
            (
                self._lacks_characters,
                "area and cells of the site's description find nothing there; see docs/scraping.md",
            ),
            (self._other_hosts(), "allow the host of the pictures, as said above"),
            (self.placeholders, "all that was found is a placeholder, see above"),
            (self.failures, "look at an address above in a browser"),
            (self.forbidden, "ask the site's owner; --ignore-robots is for those who have leave"),
            (self.skipped, "no cell has a picture; see picture and picture_attribute in docs/scraping.md"),
        )
        return next((remedy for applies, remedy in remedies if applies), "")


def no_character(why: str) -> str:
    """Say that a page has no character, and what it seems to be, where that is known."""
    return f"{NO_CHARACTER}; {why}" if why else NO_CHARACTER


def host_patterns(hosts: list[str]) -> list[str]:
    """Host names, those that differ only by a number in their first label as one pattern: ``i*.wp.com``."""
    groups: dict[str, list[str]] = {}
    for host in hosts:
        label, dot, rest = host.partition(".")
        pattern = f"{re.sub(r'[0-9]+', '*', label)}{dot}{rest}" if rest.count(".") else host
        groups.setdefault(pattern, []).append(host)
    return [pattern if len(group) > 1 else group[0] for pattern, group in groups.items()]
