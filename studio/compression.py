"""Pages, programs and JSON go compressed; pixels do not, for a slider would wait for them."""

from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

GZIP_LEVEL = 4
"""Half of the time of the highest, for a few bytes more."""
PICTURES = ("/draw", "/sprites", "/image", "/raw", "/sample")
"""Whose answers are pixels, or compressed in themselves."""


class TextCompression(GZipMiddleware):
    """Compresses answers of text where the client takes that."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(app, compresslevel=GZIP_LEVEL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        is_text = scope["type"] == "http" and not scope["path"].endswith(PICTURES)
        await (super().__call__ if is_text else self.app)(scope, receive, send)
