"""An HTML page that needs nothing else: template, style, images inside."""

import base64
import io
import re

from PIL import Image

WEBP_QUALITY = 90

PAGE_TEMPLATE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
{refresh}<title>{title}</title>
<style>
:root { color-scheme: dark; --ink: #f4f4f5; --faint: #a1a1aa; --line: #2e2e33; --warm: #fbbf24; }
* { box-sizing: border-box; }
body { margin: 0; background: #18181b; color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 1360px; margin: 0 auto; padding: 40px 24px 80px; }
h1 { font-size: clamp(28px, 5vw, 56px); line-height: 1.1; letter-spacing: -0.02em; margin: 0 0 8px; }
h2 { font-size: 22px; margin: 56px 0 4px; }
h3 { font-size: 15px; margin: 20px 0 6px; color: var(--faint); font-weight: 500; }
p { margin: 0 0 16px; color: var(--faint); max-width: 70ch; }
i { display: block; aspect-ratio: 1; border-radius: 4px; }
.figures { display: flex; flex-wrap: wrap; gap: 12px; margin: 28px 0 0; padding: 0; list-style: none; }
.figures li { flex: 1 1 150px; padding: 14px 18px; border: 1px solid var(--line); border-radius: 10px; }
.figures li { color: var(--faint); }
.figures b { display: block; font-size: 30px; line-height: 1.2; color: var(--ink); }
.wall { display: grid; grid-template-columns: repeat(auto-fill, minmax(56px, 1fr)); gap: 4px; }
.wall i { transition: transform 0.12s; }
.wall i:hover { transform: scale(2); z-index: 1; position: relative; box-shadow: 0 6px 24px #000; }
.pixels { image-rendering: pixelated; width: 240px; max-width: 44%; border-radius: 8px; }
.row { display: flex; flex-wrap: wrap; gap: 24px; align-items: flex-start; }
.eight { display: grid; grid-template-columns: repeat(8, minmax(0, 88px)); gap: 4px; }
svg { display: block; width: 100%; height: 150px; border-bottom: 1px solid var(--line); }
.curves polygon { mix-blend-mode: screen; fill-opacity: 0.55; }
.strip { display: flex; height: 64px; border-radius: 8px; overflow: hidden; margin-bottom: 20px; }
.axis { display: flex; justify-content: space-between; color: var(--faint); font-size: 13px; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(210px, 1fr)); gap: 14px; }
.cards figure { margin: 0; padding: 12px; border: 1px solid var(--line); border-radius: 10px; }
.cards i { width: 88px; }
.cards div { display: flex; gap: 6px; }
figcaption { margin-top: 8px; font-size: 13px; line-height: 1.4; overflow-wrap: anywhere; color: var(--faint); }
figcaption b { color: var(--ink); font-weight: 500; }
.glyph { width: 88px; height: 88px; padding: 6px; overflow: hidden; border-radius: 4px; background: #27272a; }
.glyph { color: var(--warm); font: 9px/1.25 ui-monospace, monospace; overflow-wrap: anywhere; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 400; color: var(--faint); padding: 2px 16px 2px 0; white-space: nowrap; }
.bars { width: 100%; max-width: 640px; }
.bars td:nth-child(2) { width: 100%; }
.bars td b { display: block; height: 14px; min-width: 2px; border-radius: 3px; background: var(--warm); }
.bars td:last-child { text-align: right; padding-left: 12px; }
{style}
</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""


def html_page(title: str, body: str, style: str, refresh_seconds: int | None = None) -> str:
    """A whole page that asks the network for nothing.

    Args:
        title: in HTML.
        body: content of the page, in HTML.
        style: rules beyond the template's own, in CSS.
        refresh_seconds: after which a browser loads the page again; None: never.
    """
    parts = {
        "refresh": f'<meta http-equiv="refresh" content="{refresh_seconds}">\n' if refresh_seconds else "",
        "style": style,
        "title": title,
        "body": body,
    }
    # In one pass: braces in what is filled in are left alone.
    return re.sub(r"\{(refresh|style|title|body)\}", lambda match: parts[match[1]], PAGE_TEMPLATE)


def data_uri(image: Image.Image) -> str:
    """The image itself as an address: WebP at a quality good enough to look at."""
    out = io.BytesIO()
    image.save(out, "WEBP", quality=WEBP_QUALITY)
    return "data:image/webp;base64," + base64.b64encode(out.getvalue()).decode()
