"""Palettes as Adobe's programs write them."""

import struct


def ase_colour(model: bytes, *shares: float) -> bytes:
    body = (
        struct.pack(">H", 2)
        + "a\0".encode("utf-16-be")
        + model
        + struct.pack(f">{len(shares)}f", *shares)
        + b"\0\0"
    )
    return struct.pack(">HI", 1, len(body)) + body


def ase(*blocks: bytes) -> bytes:
    return b"ASEF\0\1\0\0" + struct.pack(">I", len(blocks)) + b"".join(blocks)
