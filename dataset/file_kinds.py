"""Which image formats are read, and what else is found under an image's name."""

import codecs
import re

MAX_BYTES = 64 * 2**20
"""A larger file is refused before it is read."""
FORMATS = (
    *("PNG", "JPEG", "GIF", "WEBP", "AVIF", "BMP", "TIFF", "ICO", "PPM"),
    *("DDS", "PSD", "PCX", "QOI", "JPEG2000", "SGI", "ICNS", "CUR", "BLP", "TGA"),
)
"""The formats read, recognised by their first bytes. None starts another program, as Pillow's EPS reader would.

TGA has no signature, so it comes last; see `is_doubtful`.
"""

TGA_FOOTER = b"TRUEVISION-XFILE.\0"

OTHER_KINDS: tuple[tuple[bytes, str], ...] = (
    (rb"\x89PNG|\xff\xd8|GIF8|BM|RIFF....WEBP|....ftypavi", "damaged in its first bytes"),
    (rb"II[*+]\0|MM\0[*+]", "a TIFF picture, damaged or of a rare kind; save it as PNG"),
    (rb"\s*(<!--.*?-->\s*)*(<!doctype html|<html|<head|<body)", "a web page, not a picture"),
    (
        rb"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*(<!doctype svg[^>]*>\s*)?<svg",
        "an SVG drawing; save it as PNG",
    ),
    (rb"....ftyp(heic|heix|hevc|mif1|msf1)", "a HEIC picture; save it as PNG or JPEG"),
    (rb"....ftyp|\x1aE\xdf\xa3|RIFF....AVI ", "a video, not a picture"),
    (rb"%PDF", "a PDF document, not a picture"),
    (rb"%!PS", "a PostScript document, not a picture"),
    (rb"\xff\x0a|\0\0\0\x0cJXL ", "a JPEG XL picture; save it as PNG"),
    (rb"II\xbc", "a JPEG XR picture; save it as PNG"),
    (rb"8BPS", "a Photoshop document of a kind that is not read (PSB?); save it as PNG"),
    (rb"gimp xcf", "a GIMP document; export it as PNG"),
    (rb"....\xe0\xa5", "an Aseprite document; export it as PNG"),
    (rb"CSFCHUNK", "a Clip Studio document; export it as PNG"),
    (rb"v/1\x01", "an OpenEXR picture; save it as PNG"),
    (rb"#\?(RADIANCE|RGBE)", "a Radiance HDR picture; save it as PNG"),
    (rb"\xabKTX |PVR\x03|VTF\0", "a GPU texture (KTX, PVR, VTF); save it as PNG"),
    (rb"DDS ", "a DDS texture of a kind that is not read; save it as PNG"),
    (rb"\xd7\xcd\xc6\x9a|\x01\0\0\0.{36} EMF", "a Windows metafile; save it as PNG"),
    (rb"\xd0\xcf\x11\xe0", "an OLE document (Windows' Thumbs.db?), not a picture"),
    (rb"PK\x03\x04.{26}mimetypeapplication/x-krita", "a Krita document; export it as PNG"),
    (rb"PK\x03\x04.{26}mimetypeimage/openraster", "an OpenRaster document; export it as PNG"),
    (rb"PK\x03\x04|\x1f\x8b|Rar!|7z\xbc\xaf|BZh|\xfd7zXZ|.{257}ustar", "an archive, not a picture"),
    (rb"\s*\{\s*\"(frames|textures)\"", "the frames of a sheet, not a picture; see --sheet json"),
    (rb"\s*[{\[]\s*[\"\d{\[}\]]", "a JSON text, not a picture"),
)
"""A pattern for the first bytes (any case), and what such a file is."""


def guess_file_kind(content: bytes) -> str:
    """What a file is that is no readable image, in a few words with what to do."""
    head = content[:1024].removeprefix(codecs.BOM_UTF8)
    for pattern, kind in OTHER_KINDS:
        if re.match(pattern, head, re.IGNORECASE | re.DOTALL):
            return kind
    if not head.strip(b"\0"):
        return "nothing but zeros"
    return "a text, not a picture" if _is_text(head) else "not a picture"


def is_archive(head: bytes) -> bool:
    """Whether a file with these first bytes has to be unpacked."""
    return guess_file_kind(head) == "an archive, not a picture"


def is_doubtful(image_format: str | None, content: bytes) -> bool:
    """Whether the format is a guess: the old TGA has no signature."""
    return image_format == "TGA" and not content.endswith(TGA_FOOTER)


def _is_text(head: bytes) -> bool:
    encoding = "utf-16" if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8"
    try:
        # Incremental: the last character may be cut off.
        text = codecs.getincrementaldecoder(encoding)().decode(head)
    except UnicodeDecodeError:
        return False
    return all(char.isprintable() or char.isspace() for char in text)
