"""What an exported model says of itself; read without PyTorch and without ONNX."""

import json
from dataclasses import asdict, dataclass
from typing import Any

from kit.channels import RGB

HEADER_KEY = "vgc"
"""The key of the header in the file's ``metadata_props``."""
INPUT, OUTPUT = "latents", "pictures"
"""[N, latent_dim] float32 in; [N, channels, size_px, size_px] float32 in [-1, 1] out, RGBA premultiplied."""
FORMAT = 1


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
            ValueError: it is of another format.
        """
        values: dict[str, Any] = json.loads(text)
        if values.pop("format", None) != FORMAT:
            raise ValueError(f"not a header of format {FORMAT}")
        return cls(**{**values, "directions": tuple(map(tuple, values["directions"]))})
