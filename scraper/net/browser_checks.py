"""Pages that want to see a browser before they give the real one."""

import re

from scraper.net.transport import Response

MAX_LOOKED_AT = 30_000
HEADERS = {
    "cf-mitigated": "challenge",
    "x-vercel-mitigated": "challenge",
    "x-amzn-waf-action": "",
    "x-datadome": "protected",
}
"""Headers of such answers; an empty value stands for any."""
_TITLE = re.compile(rb"<title[^>]{0,200}>([^<]{0,200})", re.IGNORECASE)
_TITLES = re.compile(
    r"just a (?:moment|second)|attention required|ddos-guard|checking your browser|please wait\.\.\. \|"
    r"|one moment, please|verify(?:ing)? (?:that )?you(?:'re| are)? (?:a )?human|human verification"
    r"|are you (?:a )?(?:human|robot)|robot check|bot verification|security check(?:point)?$|captcha"
    r"|pardon our interruption|making sure you(?:'|&#39;)re not a bot|client challenge",
    re.IGNORECASE,
)
_MARKS = (
    b"_cf_chl_opt",
    b"orchestrate/chl_page",
    b"_Incapsula_Resource",
    b"captcha-delivery.com",
    b"px-captcha",
    b"ddos-guard.net/check",
    b"awsWafCookieDomainList",
    b"sucuri_cloudproxy_js",
)
BROWSER_CHECK_STATUS = (200, 202, 403, 405, 429, 503)


def detect_browser_check(response: Response) -> str:
    """Name the check that an answer is in place of the page; empty: it is none."""
    if response.status not in BROWSER_CHECK_STATUS:
        return ""
    body = response.body[:MAX_LOOKED_AT]
    title = _TITLE.search(body)
    text = " ".join(title[1].decode("utf-8", "replace").split()) if title else ""
    text = "".join(each for each in text if each.isprintable())
    is_page = body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")
    headers = ((response.headers.get(name), sign) for name, sign in HEADERS.items())
    by_header = any(value is not None and sign in value.lower() for value, sign in headers)
    by_content = _TITLES.search(text) or any(mark in body for mark in _MARKS)
    if (by_header and (is_page or response.status != 200)) or (is_page and by_content):
        return f'"{text}"' if text else "a challenge"
    return ""
