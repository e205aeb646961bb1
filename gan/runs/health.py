"""Whether a run still learns: a collapse or a discriminator that has won is noticed and said, once."""

import copy
import logging
from collections import deque
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from gan.runs.checkpoint import GeneratorHeader, save_generator
from gan.runs.run_folder import BEFORE_COLLAPSE_FILE, RunFolder

log = logging.getLogger(__name__)

COLLAPSED = 0.15
"""Diversity below which all pictures are one, or a few, with small changes. Runs that learn have .3 to 1."""
DIVERSE = 0.3
"""Diversity that a generator must have reached before its fall is a collapse, or from which it has recovered."""
IMAGES_TO_START = 50_000
"""A generator that has drawn one picture ever since is called collapsed after so many images too."""
WON = 0.98
"""Mean sign of the scores on real pictures from which the discriminator is never wrong about them."""
LINES_TO_WIN = 20


class Health:
    """What has been noticed in a run, before and since it was resumed."""

    def __init__(self, folder: RunFolder, pictures: Tensor, samples: int) -> None:
        """Look up what the metrics say already.

        Args:
            folder: of the run, its metrics already cut to where it goes on.
            pictures: [N, 3, H, W] uint8, the whole set, any device.
            samples: generated pictures that will be looked at each time; as many real ones are their measure.
        """
        self._folder = folder
        chosen = torch.linspace(0, len(pictures) - 1, min(samples, len(pictures))).long()
        self._real = spread(pictures[chosen.to(pictures.device)].cpu())
        lines = folder.read_metrics()
        self._widest = max((line["diversity"] for line in lines if "diversity" in line), default=0.0)
        self._collapsed = bool(next((line["collapsed"] for line in reversed(lines) if "collapsed" in line), 0))
        signs = [line["sign_real"] for line in lines if "sign_real" in line]
        self._signs = deque(signs, maxlen=LINES_TO_WIN)
        self._won = any("discriminator_won" in line for line in lines)
        self._good: tuple[nn.Module, GeneratorHeader] | None = None

    def look(self, samples: Sequence[Image.Image], average: nn.Module, header: GeneratorHeader) -> None:
        """Measure how much the samples differ; write it down, and say so if they hardly do any more.

        The last generator from before a collapse is written beside the others.

        Args:
            samples: drawn by ``average``.
            average: copied while it is good.
            header: of its file.
        """
        pixels = torch.from_numpy(np.stack([np.asarray(picture) for picture in samples]))
        diversity = spread(pixels) / self._real if self._real else 1.0
        values = {"diversity": diversity}
        self._widest = max(self._widest, diversity)
        began = self._widest >= DIVERSE or header.images >= IMAGES_TO_START
        if diversity < COLLAPSED and began and not self._collapsed:
            self._collapsed, values["collapsed"] = True, 1.0
            self._keep_and_tell(header.images)
        elif diversity >= DIVERSE and self._collapsed:
            self._collapsed, values["collapsed"] = False, 0.0
            log.warning("%s: the pictures differ again", self._folder.path.name)
        if diversity >= DIVERSE:
            self._good = copy.deepcopy(average), header
        self._folder.log(header.images, values)

    def _keep_and_tell(self, images: int) -> None:
        told = (
            f"{self._folder.path.name} has collapsed at {images:,} images: nearly all its pictures are one. "
            "It rarely recovers; start again with another --seed, a larger --batch or the preset dcgan"
        )
        if self._good:
            average, header = self._good
            path = self._folder.path / BEFORE_COLLAPSE_FILE
            save_generator(path, average, header)
            told += f". The generator from before, at {header.images:,} images, is kept: --model {path}"
        log.warning("%s", told)

    def note(self, sign_real: float) -> dict[str, float]:
        """Say it if the discriminator has not been wrong about real pictures for long.

        Args:
            sign_real: mean sign of the scores on real pictures, -1 to 1, since the last call.

        Returns:
            What to add to the line of metrics.
        """
        self._signs.append(sign_real)
        if self._won or len(self._signs) < LINES_TO_WIN or min(self._signs) < WON:
            return {}
        self._won = True
        log.warning(
            "%s: the discriminator knows every real picture by heart and teaches the generator little; "
            "more pictures help, or a preset that augments, such as dcgan",
            self._folder.path.name,
        )
        return {"discriminator_won": 1.0}


def spread(pictures: Tensor) -> float:
    """How much pictures differ: the median distance from one to its nearest other one.

    The mean distance of all pairs would stay high where a few pictures are drawn again and again.

    Args:
        pictures: [N, …] uint8, at least 2.
    """
    rows = pictures.flatten(1).float()
    distances = torch.cdist(rows, rows)
    distances.fill_diagonal_(torch.inf)
    return float(distances.amin(1).median())
