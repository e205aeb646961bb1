"""What there is to know of a generator, for those who draw with it: none of this loads PyTorch."""

from dataclasses import dataclass
from pathlib import Path

from gan.pretrained import TRAINED_ON

LICENCE_BUILT_IN = "Learned from CC0 1.0 pictures only: what it draws may be used freely, in games for sale too."
LICENCE_UNKNOWN = (
    "Who owns the pictures that a generator learned from may have a say in what it draws: for your own study, "
    "unless you have their leave."
)


@dataclass(frozen=True)
class ModelInfo:
    """What there is to know of a generator."""

    model: str
    """Its name, for people."""
    hash: str
    """64 hexadecimal digits; share codes carry the first 8."""
    latent_dim: int
    size_px: int
    """Side of its pictures, pixels."""
    trained_on: str

    @property
    def licence(self) -> str:
        """What may be done with its drawings, in a sentence or two."""
        return LICENCE_BUILT_IN if self.trained_on == TRAINED_ON else LICENCE_UNKNOWN


def model_name(path: Path) -> str:
    """What people call a model: its run, or its file."""
    return path.parent.name if path.stem == "generator" else path.stem
