"""Grids of real images at the beginning of a run: plain, and as the discriminator sees them."""

import torch
from PIL import Image

from gan.images import to_images
from gan.sampling.image_files import grid
from gan.training.augment import augment
from gan.training.micro_batches import MicroBatch
from gan.training.step_noise import StepNoise
from gan.training.trainer import Trainer


def real_image_previews(trainer: Trainer, count: int) -> dict[str, Image.Image]:
    """Two grids by name: ``real``, and ``real-augmented``, mirrored and augmented with p = 1.

    Draws no random numbers of the trainer's.

    Args:
        trainer: whose training set is shown.
        count: images on a grid, evenly spaced over the set.
    """
    networks, training_set = trainer.networks, trainer.training_set
    device = networks.background.device
    indices = torch.linspace(0, len(training_set) - 1, min(count, len(training_set))).long().to(device)
    rng = torch.Generator(device).manual_seed(trainer.sampler.seed)
    noise = StepNoise.draw(len(indices), networks.recipe.generator.latent_dim, rng)
    shown = networks.real_images(MicroBatch(training_set, indices, noise))
    if networks.recipe.augments:
        shown = augment(shown, networks.background, noise.d_real, torch.ones((), device=device))
    plain = training_set.normalised(indices)
    return {"real": grid(list(to_images(plain))), "real-augmented": grid(list(to_images(shown)))}
