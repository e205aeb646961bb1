"""Whether bytes are a whole picture, and of which kind."""

import base64
import io
import warnings
from urllib.parse import unquote_to_bytes

from PIL import Image, ImageSequence

from kit.image_cost import MAX_SCANS, has_too_many_scans, is_lack_of_memory, passing_over_damage
from kit.image_repair import repair_image
from scraper.errors import FetchError

SUFFIXES = {
    "JPEG": ".jpg",
    "MPO": ".jpg",
    "PNG": ".png",
    "GIF": ".gif",
    "WEBP": ".webp",
    "BMP": ".bmp",
    "AVIF": ".avif",
}
SIGNATURES = (b"\xff\xd8", b"\x89PNG", b"GIF8", b"RIFF", b"BM", b"\0\0\0")
"""How the formats begin: bytes like these that do not decode were a picture once."""

FRAME_PIXELS = 2500
"""A further frame counts as at least this many pixels: its own cost outweighs that of its pixels."""

Image.init()
_FORMATS = [name for name in SUFFIXES if name in Image.OPEN]
"""What this Pillow was built to read."""

# The pixels are counted below, before Pillow would warn.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


def checked_image_suffix(body: bytes, cap_pixels: int) -> str:
    """Decode the whole picture and give the suffix of its true format.

    Args:
        body: the file, whatever its name or Content-Type say.
        cap_pixels: the most pixels, over all frames, that its header may announce; see `FRAME_PIXELS`.

    Raises:
        FetchError: no picture, too many pixels or scans, or (worth another try) a cut-off one.
        MemoryError: there is too little memory to decode it now.
    """
    if not body:
        raise FetchError("an empty answer", retry=True)
    if has_too_many_scans(body):
        raise FetchError(f"a picture bomb: more than {MAX_SCANS} scans")
    try:
        return _suffix(body, cap_pixels)
    except FetchError:
        raise
    except Image.DecompressionBombError:
        raise FetchError("a picture bomb: far too many pixels") from None
    except Exception as error:
        if is_lack_of_memory(error):
            raise MemoryError from error
        # Pillow's decoders raise a dozen kinds of errors on broken bytes, and none says which kind of bytes.
        if repair := repair_image(body):
            with passing_over_damage():
                return _suffix(repair[0], cap_pixels)
        raise _what_else(body) from error


def _suffix(body: bytes, cap_pixels: int) -> str:
    with Image.open(io.BytesIO(body), formats=_FORMATS) as image:
        _decode(image, cap_pixels)
        return SUFFIXES[image.format or ""]


def decode_data_url(url: str, cap_bytes: int) -> bytes:
    """Unpack a ``data:`` address.

    Raises:
        FetchError: it is broken, or larger than ``cap_bytes``.
    """
    kind, _, data = url.partition(",")
    try:
        body = unquote_to_bytes(data)
        if kind.lower().rstrip().endswith(";base64"):
            body = base64.b64decode(body.translate(None, b" \t\r\n") + b"==")
    except ValueError as error:
        raise FetchError("a broken data: address") from error
    if len(body) > cap_bytes:
        raise FetchError(f"larger than {cap_bytes / 1e6:g} MB")
    return body


def _decode(image: Image.Image, cap_pixels: int) -> None:
    area = image.width * image.height
    frames = getattr(image, "n_frames", 1) if area <= cap_pixels else 1
    if area * frames > cap_pixels or FRAME_PIXELS * (frames - 1) > cap_pixels:
        raise FetchError(f"a picture bomb: {image.width} x {image.height} pixels, {frames} frames")
    for frame in ImageSequence.Iterator(image):
        frame.load()


def _what_else(body: bytes) -> FetchError:
    start = body[:1000].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if b"<svg" in start:
        return FetchError("an SVG drawing, not a raster picture")
    if start.startswith(b"<"):
        return FetchError("a web page in place of a picture")
    if body.startswith(SIGNATURES):
        return FetchError("a cut-off or broken picture", retry=True)
    return FetchError("not a picture")
