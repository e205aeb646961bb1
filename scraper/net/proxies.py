"""Proxies, which are not used: behind one, the address really connected to cannot be checked."""

import os


def proxy_hint() -> str:
    """Name the proxy variables that are set, and what to do where a network demands one; empty: none is set."""
    variables = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    names = [name for name in variables if os.environ.get(name) or os.environ.get(name.lower())]
    if not names:
        return ""
    return (
        f"{' and '.join(names)} set, but vgc asks sites directly: where the network allows only a proxy, "
        "save the pages in a browser and read them with --pages FOLDER"
    )
