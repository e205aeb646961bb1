"""One training step, whole: losses, penalties, what is augmented, what is paired with what.

Notation: real images x, latents z, generator G, discriminator D (logits), augmentation T.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gan.config import Recipe
from gan.training import losses
from gan.training.augment import augment, flip_half, update_augment_p
from gan.training.distributed import DistributedContext
from gan.training.micro_batches import MicroBatch
from gan.training.stats import STATS


@dataclass
class Networks:
    """The two networks and all that a step changes or needs beside the data."""

    recipe: Recipe
    generator: nn.Module
    discriminator: nn.Module
    optimizer_g: torch.optim.Optimizer
    optimizer_d: torch.optim.Optimizer
    background: Tensor
    """[3, 1, 1] float32 in [-1, 1], which augmentation leaves as it is."""
    augment_p: Tensor
    """[] float32, 0 to 1: ADA's p."""


def train_step(
    nets: Networks, batches: Sequence[MicroBatch], penalise: bool, distributed: DistributedContext
) -> Tensor:
    """Update the discriminator, ADA's p and the generator once each; [len(STATS)] float32, detached."""
    nets.optimizer_d.zero_grad(set_to_none=True)
    fakes, stats = accumulate_discriminator_gradients(nets, batches, penalise)
    update(nets.discriminator, nets.optimizer_d, nets.recipe, distributed)
    if nets.recipe.augment_target:
        sign_real = stats[STATS.index("sign_real")].clone()
        distributed.all_reduce_mean([sign_real])
        update_augment_p(nets.augment_p, sign_real, nets.recipe.augment_target, nets.recipe.batch)
    augment_p = nets.augment_p.clone()
    nets.optimizer_g.zero_grad(set_to_none=True)
    loss_g = accumulate_generator_gradients(nets, batches, fakes)
    update(nets.generator, nets.optimizer_g, nets.recipe, distributed)
    return torch.cat([stats, augment_p.view(1), loss_g.view(1)])


def accumulate_discriminator_gradients(
    nets: Networks, batches: Sequence[MicroBatch], penalise: bool
) -> tuple[list[Tensor], Tensor]:
    """Add up D's gradients over the micro-batches; returns G(z) of each, and the first of `STATS`, [4]."""
    fakes, stats = [], torch.zeros(4, device=nets.augment_p.device)
    for batch in batches:
        # G's graph is kept for its own update only if the batch is whole; of micro-batches it would not fit.
        with torch.set_grad_enabled(len(batches) == 1):
            fakes.append(nets.generator(batch.noise.latents))
        objective, batch_stats = discriminator_objective(nets, batch, fakes[-1].detach(), penalise)
        (objective / len(batches)).backward()  # type: ignore[no-untyped-call]
        stats += batch_stats
    return fakes, stats.div_(len(batches))


def discriminator_objective(
    nets: Networks, batch: MicroBatch, fake: Tensor, penalise: bool
) -> tuple[Tensor, Tensor]:
    """What D minimises: loss of D(T(x)) and D(T(G(z))), plus lazy R1 (and R2) at T(x) (and T(G(z))).

    Returns:
        [] float32, and [4] float32, detached: loss, penalty, sign_real, sign_fake.
    """
    recipe = nets.recipe
    real = seen_by_discriminator(nets, real_images(nets, batch), batch.noise.d_real)
    fake = seen_by_discriminator(nets, fake, batch.noise.d_fake)
    penalised = [real, fake][: 1 + recipe.r2] if penalise else []
    for images in penalised:
        images.requires_grad_()
    scores = real_scores, fake_scores = score_real_and_fake(nets, real, fake)
    if recipe.relativistic:
        loss = losses.relativistic_loss(real_scores, fake_scores)
        margins = real_scores - fake_scores, fake_scores - real_scores
    else:
        loss = losses.discriminator_loss(real_scores, fake_scores, label_noise(recipe, batch))
        margins = scores
    penalty = torch.zeros_like(loss)
    if penalise:
        penalty = losses.gradient_penalty(scores[: len(penalised)], penalised)
    objective = loss + recipe.r1_gamma * recipe.r1_interval * penalty
    return objective, torch.stack([loss, penalty, *(margin.sign().mean() for margin in margins)]).detach()


def accumulate_generator_gradients(
    nets: Networks, batches: Sequence[MicroBatch], fakes: Sequence[Tensor]
) -> Tensor:
    """Add up G's gradients over the micro-batches, through a frozen D; returns the loss, [], detached."""
    shares = []
    with frozen(nets.discriminator):
        for batch, fake in zip(batches, fakes, strict=True):
            drawn = fake if fake.requires_grad else nets.generator(batch.noise.latents)
            share = generator_objective(nets, batch, drawn) / len(batches)
            share.backward()  # type: ignore[no-untyped-call]
            shares.append(share.detach())
    return torch.stack(shares).sum(0)


def generator_objective(nets: Networks, batch: MicroBatch, fake: Tensor) -> Tensor:
    """What G minimises: loss of D(T(G(z))), with relativistic pairing against D(T(x)); [] float32."""
    fake_scores = nets.discriminator(seen_by_discriminator(nets, fake, batch.noise.g_fake))
    if not nets.recipe.relativistic:
        return losses.generator_loss(fake_scores)
    with torch.no_grad():
        real = seen_by_discriminator(nets, real_images(nets, batch), batch.noise.g_real)
        real_scores = nets.discriminator(real)
    return losses.relativistic_loss(fake_scores, real_scores)


def real_images(nets: Networks, batch: MicroBatch) -> Tensor:
    """x: half of the images mirrored, if the recipe says so."""
    real = batch.real_images()
    return flip_half(real, batch.noise.flips) if nets.recipe.flips else real


def seen_by_discriminator(nets: Networks, images: Tensor, uniform: Tensor) -> Tensor:
    """T(images), with the random numbers ``uniform`` of `StepNoise`."""
    return augment(images, nets.background, uniform, nets.augment_p) if nets.recipe.augments else images


def score_real_and_fake(nets: Networks, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """D(real) and D(fake), in one pass unless a layer would mix the two."""
    architecture = nets.recipe.discriminator
    if architecture.batch_norm or len(real) % max(architecture.minibatch_std_group, 1):
        return nets.discriminator(real), nets.discriminator(fake)
    real_scores, fake_scores = nets.discriminator(torch.cat([real, fake])).chunk(2)
    return real_scores, fake_scores


def label_noise(recipe: Recipe, batch: MicroBatch) -> Tensor | None:
    """How far the targets move, [n, 2], if they do."""
    return recipe.label_noise * batch.noise.labels if recipe.label_noise else None


def update(
    network: nn.Module, optimizer: torch.optim.Optimizer, recipe: Recipe, distributed: DistributedContext
) -> None:
    """Average the gradients over the processes, clip them if the recipe says so, step."""
    distributed.all_reduce_gradients(network)
    if recipe.clip_gradient is not None:
        torch.nn.utils.clip_grad_value_(network.parameters(), recipe.clip_gradient)
    optimizer.step()


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Inside the block no gradients of the weights are computed."""
    network.requires_grad_(False)
    try:
        yield
    finally:
        network.requires_grad_(True)
