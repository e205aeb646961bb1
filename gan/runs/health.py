"""Detects noise, mode collapse, and a discriminator that has won; warns once."""

import copy
import logging
from collections import deque
from collections.abc import Sequence

import torch
from PIL import Image
from torch import Tensor, nn

from gan.images import to_tensor
from gan.runs.checkpoint import GeneratorHeader, save_generator
from gan.runs.model_files import BEFORE_COLLAPSE_FILE
from gan.runs.run_folder import RunFolder
from gan.runs.verdicts import CRISP
from kit.quoting import quoted

log = logging.getLogger(__name__)

COLLAPSED = 0.15
"""Diversity below which all images are variations of one or a few. Healthy runs have .3 to 1."""
DIVERSE = 0.3
"""Diversity that must have been reached before a fall counts as a collapse, and at which it has recovered."""
IMAGES_TO_START = 50_000
"""From this number of images on, a generator that has only ever drawn one image counts as collapsed too."""
WON = 0.98
"""Mean sign of the scores on real images from which the discriminator counts as never wrong."""
LINES_BEFORE_WON = 20


class HealthMonitor:
    """What was detected in a run, including before it was resumed."""

    def __init__(self, folder: RunFolder, images: Tensor, samples: int) -> None:
        """Read the earlier metrics.

        Args:
            folder: of the run, its metrics already cut to where it goes on.
            images: [N, C, H, W] uint8, the whole set, any device.
            samples: number of generated images checked each time; the same number of real ones is the reference.
        """
        self._folder = folder
        chosen = torch.linspace(0, len(images) - 1, min(samples, len(images))).long()
        real = images[chosen.to(images.device)].cpu()
        self._real_distance, self._real_crispness = median_nearest_distance(real), median_crispness(real)
        metrics = folder.read_metrics()
        self._highest = max((line["diversity"] for line in metrics if "diversity" in line), default=0.0)
        self._collapsed = bool(next((line["collapsed"] for line in reversed(metrics) if "collapsed" in line), 0))
        signs = [line["sign_real"] for line in metrics if "sign_real" in line]
        self._sign_history = deque(signs, maxlen=LINES_BEFORE_WON)
        self._won = any("discriminator_won" in line for line in metrics)
        self._last_diverse: tuple[nn.Module, GeneratorHeader] | None = None

    def check_samples(
        self, samples: Sequence[Image.Image], generator_ema: nn.Module, header: GeneratorHeader
    ) -> None:
        """Measure and log the diversity of the samples; warn if they have collapsed.

        The last generator from before a collapse is saved.

        Args:
            samples: drawn by ``generator_ema``.
            generator_ema: copied while the samples are diverse.
            header: of its file.
        """
        diversity, crispness = self.measure(samples)
        values = {"diversity": diversity, "crispness": crispness}
        self._highest = max(self._highest, diversity)
        began = self._highest >= DIVERSE or header.images >= IMAGES_TO_START
        if diversity < COLLAPSED and began and not self._collapsed:
            self._collapsed, values["collapsed"] = True, 1.0
            self._report_collapse(header.images)
        elif diversity >= DIVERSE and self._collapsed:
            self._collapsed, values["collapsed"] = False, 0.0
            log.warning("%s: the pictures differ again", self._folder.path.name)
        if diversity >= DIVERSE:
            self._last_diverse = copy.deepcopy(generator_ema), header
        self._folder.log(header.images, values)

    def measure(self, samples: Sequence[Image.Image]) -> tuple[float, float]:
        """Diversity and crispness of samples, each over that of as many real images."""
        pixels = torch.stack([to_tensor(image) for image in samples])
        diversity = median_nearest_distance(pixels) / self._real_distance if self._real_distance else 1.0
        return diversity, median_crispness(pixels) / self._real_crispness

    def is_noise(self, samples: Sequence[Image.Image]) -> bool:
        """Whether samples are grain, blur, or all the same."""
        diversity, crispness = self.measure(samples)
        return diversity < COLLAPSED or crispness < CRISP

    def _report_collapse(self, images: int) -> None:
        message = (
            f"{self._folder.path.name} has collapsed at {images:,} images: nearly all its pictures are one. "
            "It rarely recovers; start again with another --seed, a larger --batch or the preset dcgan"
        )
        if self._last_diverse:
            generator_ema, header = self._last_diverse
            path = self._folder.path / BEFORE_COLLAPSE_FILE
            save_generator(path, generator_ema, header)
            message += f". The generator from before, at {header.images:,} images, is kept: --model {quoted(path)}"
        log.warning("%s", message)

    def check_scores(self, sign_real: float, augmenting: bool) -> dict[str, float]:
        """Warn if the discriminator has been right about all real images for long, and nothing counters it yet.

        Args:
            sign_real: mean sign of the scores on real images, -1 to 1, since the last call.
            augmenting: whether the augmentation is still growing, which makes its task harder.

        Returns:
            Values to add to the line of metrics.
        """
        if augmenting:
            self._sign_history.clear()
            return {}
        self._sign_history.append(sign_real)
        if self._won or len(self._sign_history) < LINES_BEFORE_WON or min(self._sign_history) < WON:
            return {}
        self._won = True
        log.warning(
            "%s: the discriminator has been right about every real picture for long: it may know them by heart, "
            "and teaches the generator little. More pictures help, or a preset that augments, such as dcgan",
            self._folder.path.name,
        )
        return {"discriminator_won": 1.0}


def median_crispness(images: Tensor) -> float:
    """How much the edges stand out: root mean square over mean of the differences between neighbouring pixels.

    High where few pixels are edges, as in drawings; near 1 where all differ alike, as in noise and in blur.

    Args:
        images: [N, C, H, W] uint8.

    Returns:
        The median over the images, > 0.
    """
    values = images.float()
    differences = torch.cat([values.diff(dim=3).flatten(1), values.diff(dim=2).flatten(1)], 1).abs()
    rms = differences.square().mean(1).sqrt()
    return float((rms / differences.mean(1).clamp(min=1e-9)).clamp(min=1).median())


def median_nearest_distance(images: Tensor) -> float:
    """How much images differ: the median distance from one to its nearest other one.

    The mean distance of all pairs would stay high where a few pictures are drawn again and again.

    Args:
        images: [N, …] uint8, at least 2.
    """
    rows = images.flatten(1).float()
    distances = torch.cdist(rows, rows)
    distances.fill_diagonal_(torch.inf)
    return float(distances.amin(1).median())
