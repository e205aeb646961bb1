"""Share codes: a character as one word, ``vgc1-<model>-<latent and checksum>``."""

import base64
import binascii
import re
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gan.config import SettingsError

PREFIX = "vgc1"
HASH_DIGITS = 8
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


def quantised(latents: NDArray[np.float32]) -> NDArray[np.float32]:
    """Round to what a code holds; the values stay float32."""
    return latents.astype(LATENT_TYPE).astype(np.float32)


def encode(model: str, latent: NDArray[np.float32]) -> str:
    """The code of a character.

    Args:
        model: the model's hash, whole or its beginning.
        latent: [latent_dim] float32, `quantised`, within ± MAX_LATENT.
    """
    short = model[:HASH_DIGITS]
    content = latent.astype(LATENT_TYPE).tobytes()
    return f"{PREFIX}-{short}-{letters_of(content + checksum(short, content))}"


def code_in(shared: str) -> str:
    """The code in what somebody shared: the code itself, a link that ends in it, or the path of a PNG of vgc.

    Raises:
        SettingsError: the file cannot be read, or is no PNG of vgc.
    """
    if not shared.lower().endswith(".png"):
        return shared.rpartition("#")[2].strip()
    try:
        with Image.open(shared, formats=["PNG"]) as picture:
            return str(picture.info["code"])
    except OSError as error:
        raise SettingsError(f"--code {shared}: {error.strerror or 'not a PNG'}") from error
    except KeyError as error:
        raise SettingsError(f"--code {shared}: this picture carries no share code; was it saved anew?") from error


def decode(code: str) -> Character:
    """Read a code, also with space around it.

    Raises:
        SettingsError: it is none, or was not copied whole and unchanged.
    """
    code = code.strip()
    shown = code if len(code) <= 40 else f"{code[:40]}…"
    match = re.fullmatch(rf"{PREFIX}-([0-9a-f]{{{HASH_DIGITS}}})-([\w-]{{8,100000}})", code, re.ASCII)
    if not match:
        raise SettingsError(f"{shown}: not a share code; one looks like {PREFIX}-0123abcd-…")
    damaged = SettingsError(f"{shown}: this share code is damaged; copy it again, from {PREFIX}- to its end")
    short, letters = match.groups()
    try:
        content = base64.urlsafe_b64decode(letters + "=" * (-len(letters) % 4))
    except binascii.Error as error:
        raise damaged from error
    content, given = content[:-CHECKSUM_BYTES], content[-CHECKSUM_BYTES:]
    if given != checksum(short, content) or len(content) % LATENT_TYPE.itemsize:
        raise damaged
    latent = np.frombuffer(content, LATENT_TYPE).astype(np.float32)
    # The comparison also fails on what is not a number.
    if not np.all(np.abs(latent) <= MAX_LATENT) or letters != letters_of(content + checksum(short, content)):
        raise damaged
    return Character(short, latent)


def latent_for(code: str, model: str, latent_dim: int) -> NDArray[np.float32]:
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


def letters_of(content: bytes) -> str:
    """Base64 as addresses take it, without the filling at the end."""
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
