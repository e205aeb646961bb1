"""Why a page shows nothing: what stands before its content, and what helps."""

import re

from bs4 import BeautifulSoup

from scraper.pages.html import clean_text

MAX_WALL_CHARACTERS = 3000
"""A page of more text is no wall before the real one."""
FEW_CHARACTERS = 300
SAVE_THE_PAGE = "save it in a browser and read the file with --pages FOLDER"
SEND_COOKIES = f"send your browser's cookies with --cookies FILE, or {SAVE_THE_PAGE}"
_CONSENT = re.compile(
    r"\b(?:cookies?|consent|gdpr|einwilligung|zustimm\w+|consentement|18 years|over 18|your age)\b", re.I
)


def explain_empty_page(tree: BeautifulSoup) -> str:
    """Say what a page without characters or links seems to be, and what to do; empty: no wall is recognised.

    The tree is taken apart.
    """
    frame = tree.select_one("frameset frame[src]")
    if frame:
        address = clean_text(str(frame["src"]))[:200]
        return f"it is made of frames: name the one with the pictures as hub, such as {address}"
    needs_password = tree.select_one('input[type="password" i]') is not None
    asks_for_scripts = any("javascript" in tag.get_text().lower() for tag in tree.select("noscript"))
    has_scripts = tree.select_one("script") is not None
    for tag in tree.select("script, style, noscript, template, head"):
        tag.decompose()
    text = clean_text(tree.get_text(" "))
    if needs_password:
        return f"it asks to log in: {SEND_COOKIES}"
    if len(text) < MAX_WALL_CHARACTERS // 2 and _CONSENT.search(text):
        return f"it asks for consent or an age first: {SEND_COOKIES}"
    if has_scripts and (len(text) < FEW_CHARACTERS or asks_for_scripts):
        return f"it is drawn by scripts, which vgc does not run: {SAVE_THE_PAGE}"
    return ""
