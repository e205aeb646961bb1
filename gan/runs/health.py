"""Detects noise, mode collapse, and a discriminator that has won; warns once."""

import copy
import logging
from collections import deque
from collections.abc import Sequence

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from gan.images import to_tensor
from gan.runs.checkpoint import GeneratorHeader, save_generator
from gan.runs.model_files import BEFORE_COLLAPSE_FILE
from gan.runs.run_folder import RunFolder
from gan.runs.verdicts import is_noise
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
        self._real_distance = median_nearest_distance(real)
        self._real_crispness, self._real_coherence = median_crispness(real), median_coherence(real)
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
        """Measure and log the samples; warn if they have collapsed.

        The last generator from before a collapse is saved.

        Args:
            samples: drawn by ``generator_ema``.
            generator_ema: copied while the samples are diverse.
            header: of its file.
        """
        values = self.measure(samples)
        diversity = values["diversity"]
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

    def measure(self, samples: Sequence[Image.Image]) -> dict[str, float]:
        """Diversity, crispness and coherence of samples, each over that of as many real images."""
        pixels = torch.stack([to_tensor(image) for image in samples])
        return {
            "diversity": median_nearest_distance(pixels) / self._real_distance if self._real_distance else 1.0,
            "crispness": median_crispness(pixels) / self._real_crispness,
            "coherence": median_coherence(pixels) / self._real_coherence if self._real_coherence else 1.0,
        }

    def is_noise(self, samples: Sequence[Image.Image]) -> bool:
        """Whether samples are grain, blur, or all the same."""
        values = self.measure(samples)
        return values["diversity"] < COLLAPSED or is_noise(values)

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


def median_coherence(images: Tensor) -> float:
    """How much the edges are lines: the coherence of the structure tensor over 5x5 pixels, weighted by its energy.

    1 where all differences around a pixel point one way, as along a drawn line; low where they point everywhere,
    as in grain, also that of figures on an even ground, which `median_crispness` takes for crisp.

    Source: Bigün & Granlund 1987, "Optimal orientation detection of linear symmetry".

    Args:
        images: [N, C, H, W] uint8, at least 6 pixels a side.

    Returns:
        The median over the images, 0 to 1; 0 for images of one colour.
    """
    values = images.float().mean(1, keepdim=True)
    right, down = values.diff(dim=3), values.diff(dim=2)
    x, y = (right[..., 1:, :] + right[..., :-1, :]) / 2, (down[..., 1:] + down[..., :-1]) / 2
    xx, yy, xy = (avg_pool2d(each, 5, 1) for each in (x * x, y * y, x * y))
    aligned = ((xx - yy).square() + 4 * xy.square()).sqrt()
    return float((aligned.flatten(1).sum(1) / (xx + yy).flatten(1).sum(1).clamp(min=1e-9)).median())


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
