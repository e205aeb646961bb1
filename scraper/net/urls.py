"""Addresses as browsers read them."""

import re
from urllib.parse import urldefrag, urljoin, urlsplit

CONTROLS_AND_SPACE = "".join(map(chr, range(0x21)))
_ESCAPED_DOTS = re.compile(r"(?<=/)(?:\.|%2e){1,2}(?=/|$)", re.IGNORECASE)
_SCHEME = re.compile(r"(https?):", re.IGNORECASE)


def join_url(base: str, reference: str) -> str:
    """What a browser makes of ``reference`` on a page at ``base``, without the fragment.

    As the WHATWG URL standard has it for http(s): controls and spaces around it and line ends within are passed
    over, a backslash is a slash, any number of slashes may stand before the host, ``http:x`` is relative, and
    ``..`` is resolved, escaped or not. Any other scheme, and what is no address at all, is returned as it is.
    """
    text = re.sub(r"[\t\n\r]", "", reference.strip(CONTROLS_AND_SPACE))
    if not text:
        return ""
    try:
        joined = urldefrag(urljoin(base, _with_plain_slashes(text, urlsplit(base).scheme))).url
        parts = urlsplit(joined)
        if parts.scheme not in ("http", "https"):
            return joined
        if not parts.netloc:
            return text
        path = _ESCAPED_DOTS.sub(lambda dots: dots[0].lower().replace("%2e", "."), parts.path)
        if "/." in path:
            joined = parts._replace(path=urlsplit(urljoin("http://host/", path.lstrip("/"))).path).geturl()
        return joined
    except ValueError:
        return text


def _with_plain_slashes(text: str, base_scheme: str) -> str:
    if re.match(r"[a-z][a-z0-9+.-]*:", text, re.IGNORECASE) and not _SCHEME.match(text):
        return text
    end = re.search(r"[?#]|$", text)
    assert end
    path, rest = text[: end.start()].replace("\\", "/"), text[end.start() :]
    if scheme := _SCHEME.match(path):
        path = path[scheme.end() :]
        if scheme[1].lower() != base_scheme or path.startswith("//"):
            return f"{scheme[1].lower()}://{path.lstrip('/')}{rest}"
        if re.match(r"[^/]*:", path):  # or it would be taken for a scheme
            path = f"./{path}"
    elif path.startswith("//"):
        path = f"//{path.lstrip('/')}"
    return path + rest


def is_http_url(text: str) -> bool:
    """Whether ``text`` can be taken apart as an address of some kind."""
    try:
        return bool(urlsplit(text).scheme)
    except ValueError:
        return False


def url_path(address: str) -> str:
    """What follows the host: path and query; empty where ``address`` is none."""
    try:
        return urlsplit(address)._replace(scheme="", netloc="").geturl()
    except ValueError:
        return ""
