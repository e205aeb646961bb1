"""Damaged image files that lack no pixel, as every browser shows them."""

import io
import struct
import zlib

from PIL import Image

from kit.image_cost import passing_over_damage

JPEG_START, JPEG_END = b"\xff\xd8", b"\xff\xd9"
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
FILLERS = (b"\x00" * 64, b"\xaa" * 64)
"""Different bits to continue with: rows that are missing decode to different pixels, complete ones to the same."""


def repair_image(content: bytes) -> tuple[bytes, str] | None:
    """A file that decodes, made of one that does not, and what was wrong; None where pixels are missing.

    Mended are a JPEG without its end marker and a PNG with a wrong checksum in a chunk that holds no pixels. The
    image that `content` announces must be small enough to be decoded twice.
    """
    if content.startswith(JPEG_START):
        return _with_jpeg_end(content.removesuffix(b"\xff"))
    if content.startswith(PNG_SIGNATURE):
        return _without_broken_chunks(content)
    return None


def _with_jpeg_end(content: bytes) -> tuple[bytes, str] | None:
    with passing_over_damage():
        first, second = (_pixels(content + filler + JPEG_END) for filler in FILLERS)
        return (content + JPEG_END, "the end marker was missing") if first == second else None
    return None


def _pixels(content: bytes) -> bytes:
    with Image.open(io.BytesIO(content), formats=("JPEG",)) as image:
        return image.tobytes()


def _without_broken_chunks(content: bytes) -> tuple[bytes, str] | None:
    """Drop ancillary chunks with a wrong checksum, as libpng does."""
    kept, dropped = [PNG_SIGNATURE], []
    position = len(PNG_SIGNATURE)
    while position + 12 <= len(content):
        (length,) = struct.unpack_from(">I", content, position)
        chunk = content[position : position + 12 + length]
        kind, checksum = chunk[4:8], chunk[-4:]
        # A small first letter: decoders need not know the chunk.
        if kind[:1].islower() and zlib.crc32(chunk[4:-4]) != int.from_bytes(checksum, "big"):
            dropped.append(kind.decode("ascii", "replace"))
        else:
            kept.append(chunk)
        position += len(chunk)
    return (b"".join(kept), f"wrong checksum in {', '.join(dropped)}") if dropped else None
