"""Scores of a run while it trains: lines of metrics, and the best generator so far."""

import math

import torch
from torch import Tensor, nn

from gan.evaluation.features import FeatureNetwork, cached_features, load_feature_network
from gan.evaluation.metrics import scores
from gan.images import GROUNDS, over_ground
from gan.runs.checkpoint import GeneratorHeader, save_generator
from gan.runs.model_files import BEST_FILE
from gan.runs.run_folder import RunFolder
from gan.runs.score_names import score_name
from gan.sampling.sample import draw_batches, latents_from_seeds
from kit.progress import Progress, noop

MOST_DRAWN = 1000
"""Pictures drawn for a score; always those of the same seeds, so that scores differ by the weights alone."""
WANTED = frozenset({"kid", "fid", "prdc"})


class Evaluator:
    """Scores the EMA generator of a run, transparent pictures over mid-grey.

    Draws nothing from the global random state.
    """

    def __init__(self, folder: RunFolder, images: Tensor, device: torch.device) -> None:
        """Compute nothing yet.

        Args:
            folder: of the run, its metrics already cut to where it resumes.
            images: [N, C, H, W] uint8, the whole set, any device.
            device: on which features are computed.
        """
        self._folder, self._images, self._device = folder, images, device
        self._network: FeatureNetwork | None = None
        self._real = torch.empty(0)
        self._best = math.inf

    def __call__(self, generator_ema: nn.Module, header: GeneratorHeader, progress: Progress = noop) -> str:
        """Append a line of metrics, and replace ``best.safetensors`` if KID is the lowest so far.

        Args:
            generator_ema: in eval mode.
            header: of its file, should it be the best.
            progress: called with the images seen.

        Returns:
            A message on the score.
        """
        network = self._start(progress)
        count = min(len(self._images), MOST_DRAWN)
        latents = latents_from_seeds(range(count), header.architecture.latent_dim)
        flat = (over_ground(batch, GROUNDS["grey"]) for batch in draw_batches(generator_ema, latents))
        fakes = network(flat, count, "generated", progress)
        result = {score_name(network.name, key): value for key, value in scores(fakes, self._real, WANTED).items()}
        name = score_name(network.name, "kid")
        kid = result[name]
        message = f"{header.images:,} images: {name} {kid:.3f}"
        if kid < self._best:
            message += f", the lowest so far, kept as {BEST_FILE}"
            self._best = kid
            save_generator(self._folder.path / BEST_FILE, generator_ema, header)
        self._folder.log(header.images, result)
        return message

    def _start(self, progress: Progress) -> FeatureNetwork:
        """At the first call, load the network, embed the real images, and look up the best score so far."""
        if self._network is None:
            self._network = load_feature_network(None, self._device)
            flat = over_ground(self._images.cpu(), GROUNDS["grey"])
            self._real = cached_features(self._network, flat, progress=progress)
            key = score_name(self._network.name, "kid")
            self._best = min((line[key] for line in self._folder.read_metrics() if key in line), default=math.inf)
        return self._network
