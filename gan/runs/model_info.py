"""What is known about a generator, without loading PyTorch."""

from dataclasses import dataclass
from pathlib import Path

from gan.pretrained import TRAINED_ON
from kit.channels import RGB
from kit.printable import printable

LICENCE_BUILT_IN = "Learned from CC0 1.0 pictures only: what it draws may be used freely, in games for sale too."
LICENCE_UNKNOWN = (
    "Who owns the pictures that a generator learned from may have a say in what it draws: for your own study, "
    "unless you have their leave."
)


@dataclass(frozen=True)
class ModelInfo:
    """What is known about a generator; no letter of its texts turns the order of those around it."""

    model: str
    """Its name, for people."""
    hash: str
    """64 hexadecimal digits; share codes carry the first 8."""
    latent_dim: int
    size_px: int
    """Side of its pictures, pixels."""
    trained_on: str
    """A few words on the pictures."""
    channels: int = RGB
    """RGB or RGBA."""

    def __post_init__(self) -> None:
        for name in ("model", "trained_on"):  # of a stranger's file
            object.__setattr__(self, name, printable(getattr(self, name)))

    @property
    def licence(self) -> str:
        """How its images may be used, in a sentence or two."""
        return LICENCE_BUILT_IN if self.trained_on == TRAINED_ON else LICENCE_UNKNOWN


def model_name(path: Path) -> str:
    """The name of a model: its run's, or its file's."""
    return path.parent.name if path.stem == "generator" else path.stem
