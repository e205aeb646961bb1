"""The two networks as a training step sees them: with their optimizers, the recipe and the augmentation."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from gan.config import Recipe
from gan.networks.projected import ProjectedDiscriminator
from gan.training.augment import augment, flip_half
from gan.training.distributed import DistributedContext
from gan.training.micro_batches import MicroBatch


class View(NamedTuple):
    """What D sees of a batch."""

    images: Tensor
    """[n, C, H, W] float32, augmented."""
    features: tuple[Tensor, ...] = ()
    """Of a projected D: what its heads judge, which does not change as it learns."""

    def detach(self) -> "View":
        """The same without a graph."""
        return View(self.images.detach(), tuple(features.detach() for features in self.features))


@dataclass
class Networks:
    """Generator G and discriminator D, and all that a step changes or needs beside the data."""

    recipe: Recipe
    generator: nn.Module
    discriminator: nn.Module
    optimizer_g: torch.optim.Optimizer
    optimizer_d: torch.optim.Optimizer
    background: Tensor
    """[C, 1, 1] float32 in [-1, 1], which augmentation leaves as it is."""
    augment_p: Tensor
    """[] float32, 0 to 1: ADA's p."""
    structure_weight: Tensor
    """[] float32: the weight of `gan.training.losses.structure_loss` in this step."""
    source_generator: nn.Module | None = None
    """The generator as it was when the training began, whose images' structure G's are to keep; None: none."""

    def real_images(self, batch: MicroBatch) -> Tensor:
        """x: [n, C, H, W] float32 in [-1, 1], half of them mirrored if the recipe says so."""
        real = batch.real_images()
        return flip_half(real, batch.noise.flips) if self.recipe.flips else real

    def view(self, images: Tensor, uniform: Tensor) -> View:
        """T(images), by the random numbers ``uniform``, a field of `gan.training.step_noise.StepNoise`."""
        recipe, augment_p = self.recipe, self.augment_p
        if recipe.augments:
            images = augment(images, self.background, uniform, augment_p, recipe.augment_colour_share)
        if isinstance(self.discriminator, ProjectedDiscriminator):
            return View(images, self.discriminator.take_features(images))
        return View(images)

    def score(self, view: View) -> Tensor:
        """D's logits, [n] or [n, L] float32."""
        scores: Tensor = self.discriminator(view.images, *view.features)
        return scores

    def score_both(self, real: View, fake: View) -> tuple[Tensor, Tensor]:
        """D's logits of both, in one pass unless a layer would mix the two."""
        architecture = self.recipe.discriminator
        if architecture.batch_norm or len(real.images) % max(architecture.minibatch_std_group, 1):
            return self.score(real), self.score(fake)
        features = tuple(torch.cat(pair) for pair in zip(real.features, fake.features, strict=True))
        real_scores, fake_scores = self.score(View(torch.cat([real.images, fake.images]), features)).chunk(2)
        return real_scores, fake_scores

    def update_discriminator(self, distributed: DistributedContext) -> None:
        """Apply the accumulated gradients of D."""
        self._update(self.discriminator, self.optimizer_d, distributed)

    def update_generator(self, distributed: DistributedContext) -> None:
        """Apply the accumulated gradients of G."""
        self._update(self.generator, self.optimizer_g, distributed)

    def _update(
        self, network: nn.Module, optimizer: torch.optim.Optimizer, distributed: DistributedContext
    ) -> None:
        distributed.all_reduce_gradients(network)
        if self.recipe.clip_gradient is not None:
            torch.nn.utils.clip_grad_value_(network.parameters(), self.recipe.clip_gradient)
        optimizer.step()


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Inside the block no gradients of the weights are computed."""
    network.requires_grad_(False)
    try:
        yield
    finally:
        network.requires_grad_(True)
