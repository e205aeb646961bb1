"""The two networks as a training step sees them: with their optimizers, the recipe and the augmentation."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gan.config import Recipe
from gan.training.augment import augment, flip_half
from gan.training.distributed import DistributedContext
from gan.training.micro_batches import MicroBatch


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

    def real_images(self, batch: MicroBatch) -> Tensor:
        """x: [n, C, H, W] float32 in [-1, 1], half of them mirrored if the recipe says so."""
        real = batch.real_images()
        return flip_half(real, batch.noise.flips) if self.recipe.flips else real

    def augment(self, images: Tensor, uniform: Tensor) -> Tensor:
        """T(images), by the random numbers ``uniform``, a field of `gan.training.step_noise.StepNoise`."""
        if not self.recipe.augments:
            return images
        return augment(images, self.background, uniform, self.augment_p, self.recipe.augment_colour_share)

    def score(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """D(real) and D(fake), [n] float32 logits each, in one pass unless a layer would mix the two."""
        architecture = self.recipe.discriminator
        if architecture.batch_norm or len(real) % max(architecture.minibatch_std_group, 1):
            return self.discriminator(real), self.discriminator(fake)
        real_scores, fake_scores = self.discriminator(torch.cat([real, fake])).chunk(2)
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
