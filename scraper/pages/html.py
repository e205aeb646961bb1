"""Pages as trees, however broken, deep or large they are."""

import codecs
import re
from contextlib import suppress
from typing import Any

from bs4 import BeautifulSoup
from bs4.dammit import EncodingDetector

from kit.printable import JOINERS
from scraper.errors import FetchError
from scraper.net.urls import join_url

MAX_TAGS = 200_000
"""A letter page of the real site has about 2,000."""
MAX_TEXT_CHARACTERS = 2000
NO_PAGE_ENCODINGS = ("idna", "punycode", "unicode_escape", "raw-unicode-escape", "utf-7")
"""Python's codecs that no page is written in; some take hours for a large one."""
PROBE = b"meta"
MAX_HEAD_CHARACTERS = 20_000
REFRESH_SECONDS = 30
"""A page that waits longer before it sends browsers on is to be read itself."""
_REFRESH = re.compile(r"\s*(\d{1,6})[\d.]*\s*[;,]?\s*(?:url\s*=\s*)?[\"']?([^\"']*)", re.IGNORECASE)


class _BoundedSoup(BeautifulSoup):
    """Stops a page that is nothing but tags before its tree fills the memory."""

    tags = 0

    def handle_starttag(self, *args: Any, **options: Any) -> Any:
        self.tags += 1
        if self.tags > MAX_TAGS:
            raise FetchError(f"a page of more than {MAX_TAGS:,} tags")
        return super().handle_starttag(*args, **options)


def parse_html(text: str) -> BeautifulSoup:
    """Read a page, taking whatever sense it makes.

    Raises:
        FetchError: more than `MAX_TAGS` tags.
    """
    # The parser would take a NUL for the end of the page.
    return _BoundedSoup(text.replace("\0", "\ufffd"), "lxml")


def base_url(tree: BeautifulSoup, url: str) -> str:
    """What the relative addresses of a page at ``url`` start from: its ``<base href>``, if it has one."""
    base = tree.select_one("base[href]")
    address = join_url(url, str(base["href"])) if base else ""
    return address if address.startswith(("http://", "https://")) else url


def refresh_target(text: str, url: str) -> str:
    """Where a page sends browsers at once, by ``<meta http-equiv=refresh>``; empty: it does not."""
    head = text[:MAX_HEAD_CHARACTERS]
    if "http-equiv" not in head.lower():
        return ""
    tree = parse_html(head)
    meta = tree.select_one('meta[http-equiv="refresh" i][content]')
    if not meta or meta.find_parent("noscript"):
        return ""
    match = _REFRESH.match(str(meta["content"])[:MAX_TEXT_CHARACTERS])
    if not match or int(match[1]) > REFRESH_SECONDS:
        return ""
    target = join_url(base_url(tree, url), match[2])
    return target if target.startswith(("http://", "https://")) and target != url else ""


def page_text(body: bytes, content_type: str) -> str:
    """Decode a page as it or its header declares, else as UTF-8, else with marks for what is broken."""
    body, marked = EncodingDetector.strip_byte_order_mark(body)  # type: ignore[no-untyped-call]
    header = re.search(r"charset=[\"']?([\w.:-]{1,40})", content_type, re.IGNORECASE)
    names = [name for name in (marked, header[1] if header else None) if name and _is_page_encoding(name)]
    within = EncodingDetector.find_declared_encoding(body, is_html=True)
    if within and _is_page_encoding(within, ascii_too=True):  # or it could not have been read
        names.append(within)
    for name in [*names, "utf-8"]:
        with suppress(UnicodeError):
            return body.decode(name)
    return body.decode([*names, "windows-1252"][0], "replace")


def _is_page_encoding(name: str, ascii_too: bool = False) -> bool:
    """Tell whether Python can read text in it, and (``ascii_too``) reads ASCII in it as such."""
    try:
        # Codecs that are for no text, such as base64, say so only where there is something to decode.
        text = PROBE.decode(name, "replace")
        return codecs.lookup(name).name not in NO_PAGE_ENCODINGS and (not ascii_too or text == PROBE.decode())
    except (LookupError, ValueError):
        return False


def clean_text(text: str) -> str:
    """Put text on one line: single spaces, no control or direction marks, at most 2,000 characters."""
    kept = [
        each for each in text[: 4 * MAX_TEXT_CHARACTERS] if each.isprintable() or each.isspace() or each in JOINERS
    ]
    return " ".join("".join(kept).split())[:MAX_TEXT_CHARACTERS].rstrip()
