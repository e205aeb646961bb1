"""What decoding an image may cost, estimated from its bytes; and out-of-memory errors under all their names."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

MAX_SCANS = 100
"""Encoders make some twenty scans of a progressive JPEG; each costs as much as a whole picture."""

_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])")
"""In compressed data: FF 00 stands for a byte FF, and the restart markers are part of it."""


def has_too_many_scans(content: bytes) -> bool:
    """Whether a file is a JPEG of more than `MAX_SCANS` scans, which costs nobody but its decoder anything."""
    # The bytes of the marker also occur in thumbnails, profiles and whatever follows the image.
    return (
        content.startswith(b"\xff\xd8") and content.count(b"\xff\xda") > MAX_SCANS and _scans(content) > MAX_SCANS
    )


def _scans(content: bytes) -> int:
    scans, position = 0, 2
    while scans <= MAX_SCANS and (marker := _MARKER.search(content, position)):
        kind, position = marker[1][0], marker.end()
        if kind == _END_OF_IMAGE:
            break
        scans += kind == _START_OF_SCAN
        if kind not in _WITHOUT_LENGTH:
            position += int.from_bytes(content[position : position + 2], "big")
    return scans


def is_lack_of_memory(error: Exception) -> bool:
    """Whether a decoder failed for want of memory, which is no property of the image."""
    return isinstance(error, MemoryError) or "memory" in str(error).lower()


@contextmanager
def passing_over_damage() -> Iterator[None]:
    """Suppress what decoders raise on wild bytes, anything from OSError to struct.error, but no lack of memory."""
    try:
        yield
    except Exception as error:
        if is_lack_of_memory(error):
            raise MemoryError from error
