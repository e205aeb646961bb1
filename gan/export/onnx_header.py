"""What an exported model says of itself; read without PyTorch and without ONNX."""

import json
import re
from dataclasses import asdict, dataclass

from gan.config import MAX_SIZE_PX, MAX_WIDTH, MIN_SIZE_PX
from kit.channels import RGB, RGBA
from kit.typed_json import parse_object, read_fields

HEADER_KEY = "vgc"
"""The key of the header in the file's ``metadata_props``."""
INPUT, OUTPUT = "latents", "pictures"
"""[N, latent_dim] float32 in; [N, channels, size_px, size_px] float32 in [-1, 1] out, RGBA premultiplied."""
FORMAT = 1
MAX_CHARS, MAX_DIRECTIONS = 1_000_000, 64
SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class OnnxHeader:
    """All that a page needs beside the network."""

    hash: str
    """`gan.runs.checkpoint.model_hash` of the generator."""
    latent_dim: int
    size_px: int
    trained_on: str
    directions: tuple[tuple[float, ...], ...]
    """`gan.sampling.directions.find_directions`: a tuple a direction."""
    made_from: str
    """SHA-256 of the generator file."""
    channels: int = RGB
    """RGB, which files do not name, or RGBA."""

    def __post_init__(self) -> None:
        if not SHA256.fullmatch(self.hash) or not SHA256.fullmatch(self.made_from):
            raise ValueError("hash and made_from: 64 hexadecimal digits each")
        if not 1 <= self.latent_dim <= MAX_WIDTH or not MIN_SIZE_PX <= self.size_px <= MAX_SIZE_PX:
            raise ValueError("latent_dim and size_px: of no generator")
        if self.channels not in (RGB, RGBA):
            raise ValueError("channels: 3 or 4")
        if len(self.directions) > MAX_DIRECTIONS or any(len(each) != self.latent_dim for each in self.directions):
            raise ValueError(f"directions: up to {MAX_DIRECTIONS}, of {self.latent_dim} values each")

    def to_json(self) -> str:
        """One object; `from_json` reads it."""
        values = asdict(self)
        if self.channels == RGB:
            del values["channels"]
        return json.dumps({"format": FORMAT, **values}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "OnnxHeader":
        """Read what `to_json` wrote.

        Raises:
            ValueError: it is of another format, or damaged.
        """
        values = parse_object(text) if len(text) <= MAX_CHARS else {}
        if values.pop("format", None) != FORMAT:
            raise ValueError(f"not a header of format {FORMAT}")
        return read_fields(cls, values)
