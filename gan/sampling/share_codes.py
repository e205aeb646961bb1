"""Share codes: a character as one word, ``vgc1-<model>-<latent and checksum>``."""

import base64
import binascii
import os
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gan.errors import SettingsError
from kit.png import read_png_info

PREFIX = "vgc1"
HASH_DIGITS = 8
CODE_START = re.compile(rf"{PREFIX}-[0-9a-f]{{{HASH_DIGITS}}}-")
CODE = re.compile(rf"{PREFIX}-([0-9a-f]{{{HASH_DIGITS}}})-([A-Za-z0-9_-]{{8,100000}})")
PIECE = re.compile(r"([A-Za-z0-9_-]+)(?:=?[\s>|]+)?")
PREFIX_LETTERS = len(PREFIX) + HASH_DIGITS + 2
MAX_LETTERS = 10_000
"""Of a code in a text, read on from where one seems to begin."""
MAX_STARTS = 50
CHECKSUM_BYTES = 4
LATENT_TYPE = np.dtype("<f2")
"""What a code holds: 16-bit floats, so a character's latent is rounded to them when it is made."""
MAX_LATENT = 16.0
"""Largest absolute value in a latent; a Gaussian never gets there, a generator has never been there."""


@dataclass(frozen=True)
class Character:
    """What a code says."""

    model: str
    """The first HASH_DIGITS digits of the model's hash."""
    latent: NDArray[np.float32]
    """[latent_dim] float32, each value one that 16 bits hold exactly."""


def quantise(latents: NDArray[np.float32]) -> NDArray[np.float32]:
    """Round to what a code holds; the values stay float32."""
    return latents.astype(LATENT_TYPE).astype(np.float32)


def encode(model: str, latent: NDArray[np.float32]) -> str:
    """The code of a character.

    Args:
        model: the model's hash, whole or its beginning.
        latent: [latent_dim] float32, `quantise`, within ± MAX_LATENT.
    """
    short = model[:HASH_DIGITS]
    content = latent.astype(LATENT_TYPE).tobytes()
    return f"{PREFIX}-{short}-{to_base64url(content + checksum(short, content))}"


def code_in(shared: str) -> str:
    """The code in what somebody shared: a PNG of vgc by its path, or a text with a code or link in it.

    Raises:
        SettingsError: the picture cannot be read, or carries no code.
    """
    # Of a text too long for a path, Path.is_file raises.
    if os.path.isfile(shared) or shared.lower().endswith(".png"):  # noqa: PTH113
        return code_of_image(shared)
    return find_code(shared) or shared


def code_of_image(path: str) -> str:
    """The code that a PNG of vgc carries; SettingsError if there is none."""
    try:
        return str(read_png_info(Path(path))["code"])
    except KeyError as error:
        raise SettingsError(
            f"--code {path}: carries no share code; chat programs and photo editors remove it. "
            "--like with this picture draws the character most like it"
        ) from error
    except OSError as error:
        raise SettingsError(f"--code {path}: {error.strerror or 'cannot be read'}") from error


def find_code(text: str) -> str | None:
    """The share code in a text as people paste it: with words and quotes around it, wrapped, escaped.

    The first whose checksum fits; else what looks like one; else None. The page has the same
    (``studio/page/model/share_codes.js``), tested with the same texts.
    """
    first = None
    plain = re.sub(PREFIX, PREFIX, unescaped(text), flags=re.IGNORECASE)
    for start in islice(re.finditer(PREFIX, plain), MAX_STARTS):
        for reading in readings(plain[start.start() :]):
            if character_of(reading):
                return reading
            if first is None and CODE.fullmatch(reading):
                first = reading
    return first


def unescaped(text: str) -> str:
    """A text as it was before programs changed it: no invisible letters, escapes and other dashes as they were."""
    text = re.sub("[\u00ad\u180e\u200b-\u200f\u2060-\u2064\ufeff]", "", text)
    text = re.sub("%2d|[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]", "-", text, flags=re.IGNORECASE)
    return re.sub("%5f", "_", text, flags=re.IGNORECASE)


def readings(text: str) -> Iterator[str]:
    """What may be the code at the start of a text, line by line longer: mail wraps and quotes lines."""
    joined, index = "", 0
    while piece := PIECE.match(text, index):
        joined, index = joined + piece[1], piece.end()
        is_like = len(joined) < PREFIX_LETTERS or CODE_START.match(joined)
        if not is_like or len(joined) > MAX_LETTERS:
            return
        yield joined
        yield joined.rstrip("-_")  # of the text around it


def decode(code: str) -> Character:
    """Read a code, also with space around it.

    Raises:
        SettingsError: it is none, or was not copied whole and unchanged.
    """
    code = code.strip()
    shown = code if len(code) <= 40 else f"{code[:40]}…"
    if not CODE.fullmatch(code):
        raise SettingsError(f"{shown}: not a share code; one looks like {PREFIX}-0123abcd-…")
    character = character_of(code)
    if character is None:
        raise SettingsError(f"{shown}: this share code is damaged; copy it again, from {PREFIX}- to its end")
    return character


def character_of(code: str) -> Character | None:
    """What a code says; None if it is none, or not whole and unchanged."""
    match = CODE.fullmatch(code)
    if not match:
        return None
    short, letters = match.groups()
    try:
        content = base64.urlsafe_b64decode(letters + "=" * (-len(letters) % 4))
    except binascii.Error:
        return None
    content, given = content[:-CHECKSUM_BYTES], content[-CHECKSUM_BYTES:]
    if given != checksum(short, content) or len(content) % LATENT_TYPE.itemsize:
        return None
    latent = np.frombuffer(content, LATENT_TYPE).astype(np.float32)
    # The comparison also fails on what is not a number.
    if not np.all(np.abs(latent) <= MAX_LATENT) or letters != to_base64url(content + checksum(short, content)):
        return None
    return Character(short, latent)


def decode_latent(code: str, model: str, latent_dim: int) -> NDArray[np.float32]:
    """The latent that a code means for one model: [latent_dim] float32.

    Args:
        code: what somebody shared.
        model: the hash of the model that is to draw.
        latent_dim: the length of its latents.

    Raises:
        SettingsError: no code, a damaged one, or one of another model.
    """
    character = decode(code)
    if character.model != model[:HASH_DIGITS]:
        raise SettingsError(
            f"this share code is of model {character.model}, this model is {model[:HASH_DIGITS]}: "
            "name the one it was made with by --model"
        )
    if len(character.latent) != latent_dim:
        raise SettingsError(f"this share code has {len(character.latent)} values, the model takes {latent_dim}")
    return character.latent


def checksum(short: str, content: bytes) -> bytes:
    """CRC-32 over the model's digits and the latent's bytes."""
    return zlib.crc32(short.encode() + content).to_bytes(CHECKSUM_BYTES, "little")


def to_base64url(content: bytes) -> str:
    """Base64 as addresses take it, without the filling at the end."""
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
