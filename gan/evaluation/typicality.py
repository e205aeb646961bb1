"""How typical images are of a folder of real ones: what ``vgc generate --best-of`` chooses by."""

from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor

from dataset.reader import load_images
from gan.evaluation.features import cached_features, load_feature_network, require_scorable
from gan.evaluation.metrics import typicality
from gan.images import GROUNDS, over_ground
from kit.progress import Progress, noop


def rate_typicality(
    images: Iterable[Tensor],
    count: int,
    real_folder: Path,
    device: torch.device,
    progress: Progress = noop,
) -> Tensor:
    """How densely real images lie around each of some images; see `gan.evaluation.metrics.typicality`.

    Args:
        images: batches [n, C, H, W] uint8; transparent ones are rated over mid-grey.
        count: images in all batches.
        real_folder: the training images of the generator.
        device: where the features are computed.
        progress: called with the number of images processed.

    Returns:
        [count] float32; higher is more typical.

    Raises:
        GanError: the extra ``evaluate`` is not installed, or there are too few real images.
        DatasetError: the folder cannot be read.
    """
    reals = over_ground(load_images(real_folder), GROUNDS["grey"])
    require_scorable(reals, real_folder)
    network = load_feature_network(None, device)
    flat = (over_ground(batch, GROUNDS["grey"]) for batch in images)
    features = network(flat, count, "candidate", progress)
    return typicality(features, cached_features(network, reals, progress=progress))
