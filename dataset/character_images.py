"""A folder of pictures as a torchvision data set; `dataset.reader` gives it to those who ask for it."""

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from PIL import Image

from dataset.errors import DatasetError
from dataset.image_folder import image_channels, image_files, open_image

try:
    from torchvision.datasets import VisionDataset
except RuntimeError as error:  # "operator torchvision::nms does not exist"
    raise DatasetError(
        f"torch {version('torch')} and torchvision {version('torchvision')} are not built for each other: "
        "pip install --force-reinstall torch torchvision, both at once and from one place"
    ) from error


class CharacterImages(VisionDataset):  # type: ignore[misc] # torchvision is not typed
    """The pictures of a folder, opened one by one and in the caller's own process, for a torch ``DataLoader``.

    An item is an RGB ``PIL.Image`` (RGBA from ``rgba_images``), or what ``transform`` makes of it; there are no
    labels. Sizes are not checked.
    """

    def __init__(
        self,
        root: str | Path,
        transform: Callable[[Image.Image], Any] | None = None,
        channels: int | None = None,
    ) -> None:
        """List the folder.

        Args:
            root: holds the pictures themselves, such as ``Data/train_data/rgb_images``.
            transform: applied to each picture, such as ``torchvision.transforms.v2.PILToTensor()``.
            channels: 3 for RGB, 4 for RGBA; None: those of `image_channels`.

        Raises:
            DatasetError: there is no such folder, or no picture in it.
        """
        super().__init__(root, transform=transform)
        self.files = image_files(Path(root))
        self.channels = channels or image_channels(Path(root))

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Any:
        image = open_image(self.files[index], self.channels)
        return self.transform(image) if self.transform else image


CharacterPictures = CharacterImages
"""The name until 0.1.0, which the cards of older sets show."""
