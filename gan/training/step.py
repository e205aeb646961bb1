"""One training step, whole: losses, penalties, what is augmented, what is paired with what.

Notation: real images x, latents z, generator G, discriminator D (logits), augmentation T.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gan.training import losses
from gan.training.augment import update_augment_p
from gan.training.distributed import DistributedContext
from gan.training.micro_batches import MicroBatch
from gan.training.networks import Networks, View, frozen
from gan.training.stats import STATS


@dataclass(frozen=True)
class Judged:
    """A micro-batch after D's update, for G's."""

    fake: Tensor
    """G(z); with its graph if the batch is whole, for of micro-batches the graphs would not fit."""
    view: View | None
    """T(G(z)) with its graph, as D saw it, if the batch is whole and G's update is to judge it too."""
    real_scores: Tensor
    """D(T(x)), detached, as they were before the update."""


def train_step(
    nets: Networks, batches: Sequence[MicroBatch], penalise: bool, distributed: DistributedContext
) -> Tensor:
    """Update D, ADA's p and G once each; returns [len(STATS)] float32, detached."""
    recipe = nets.recipe
    nets.optimizer_d.zero_grad(set_to_none=True)
    judged, stats = accumulate_discriminator_gradients(nets, batches, penalise)
    nets.update_discriminator(distributed)
    if recipe.augment_target:
        sign_real = stats[STATS.index("sign_real")].clone()
        distributed.all_reduce_mean([sign_real])
        update_augment_p(nets.augment_p, sign_real, recipe.augment_target, recipe.batch)
    augment_p = nets.augment_p.clone()
    nets.optimizer_g.zero_grad(set_to_none=True)
    loss_g = accumulate_generator_gradients(nets, batches, judged)
    nets.update_generator(distributed)
    return torch.cat([stats, augment_p.view(1), loss_g.view(1)])


def accumulate_discriminator_gradients(
    nets: Networks, batches: Sequence[MicroBatch], penalise: bool
) -> tuple[list[Judged], Tensor]:
    """Add up D's gradients over the micro-batches; returns those after it, and the first of `STATS`, [4]."""
    judged, stats = [], torch.zeros(4, device=nets.augment_p.device)
    for batch in batches:
        is_whole = len(batches) == 1
        with torch.set_grad_enabled(is_whole):
            fake = nets.generator(batch.noise.latents)
        is_reused = is_whole and not nets.recipe.fresh_views
        with torch.set_grad_enabled(is_reused):
            view = nets.view(fake, batch.noise.d_fake)
        objective, real_scores, batch_stats = discriminator_objective(nets, batch, view.detach(), penalise)
        (objective / len(batches)).backward()  # type: ignore[no-untyped-call]
        judged.append(Judged(fake, view if is_reused else None, real_scores))
        stats += batch_stats
    return judged, stats.div_(len(batches))


def discriminator_objective(
    nets: Networks, batch: MicroBatch, fake: View, penalise: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """What D minimises: the loss of D(T(x)) and D(T(G(z))), plus lazy R1 at T(x), and R2 at T(G(z)).

    Args:
        fake: T(G(z)), without a graph.

    Returns:
        [] float32; and detached D(T(x)), [n] or [n, L] float32, and [4] float32: loss, penalty, sign_real,
        sign_fake.
    """
    recipe, noise = nets.recipe, batch.noise
    real = nets.view(nets.real_images(batch), noise.d_real)
    penalised = [real.images, fake.images][: 1 + recipe.r2] if penalise else []
    for images in penalised:
        images.requires_grad_()
    scores = real_scores, fake_scores = nets.score_both(real, fake)
    if recipe.relativistic:
        loss = losses.relativistic_loss(real_scores, fake_scores)
        margins = real_scores - fake_scores, fake_scores - real_scores
    else:
        label_noise = recipe.label_noise * noise.labels if recipe.label_noise else None
        loss = losses.discriminator_loss(real_scores, fake_scores, label_noise)
        margins = scores
    penalty = losses.gradient_penalty(scores[: len(penalised)], penalised) if penalise else torch.zeros_like(loss)
    objective = loss + recipe.r1_gamma * recipe.r1_interval * penalty
    stats = torch.stack([loss, penalty, *(margin.sign().mean() for margin in margins)])
    return objective, real_scores.detach(), stats.detach()


def accumulate_generator_gradients(
    nets: Networks, batches: Sequence[MicroBatch], judged: Sequence[Judged]
) -> Tensor:
    """Add up G's gradients over the micro-batches, through a frozen D; returns the loss, [], detached."""
    shares = []
    with frozen(nets.discriminator):
        for batch, each in zip(batches, judged, strict=True):
            share = generator_objective(nets, batch, each) / len(batches)
            share.backward()  # type: ignore[no-untyped-call]
            shares.append(share.detach())
    return torch.stack(shares).sum(0)


def generator_objective(nets: Networks, batch: MicroBatch, judged: Judged) -> Tensor:
    """What G minimises: its adversarial loss, plus the weighted loss of structure; [] float32."""
    fake = judged.fake if judged.fake.requires_grad else nets.generator(batch.noise.latents)
    objective = adversarial_loss(nets, batch, judged, fake)
    if nets.source_generator is None:
        return objective
    with torch.no_grad():
        reference = nets.source_generator(batch.noise.latents)
    return objective + nets.structure_weight * losses.structure_loss(fake, reference)


def adversarial_loss(nets: Networks, batch: MicroBatch, judged: Judged, fake: Tensor) -> Tensor:
    """The loss of D(T(G(z))) for G, with relativistic pairing against D(T(x)); [] float32.

    Args:
        fake: G(z) with its graph.
    """
    view = judged.view or nets.view(fake, batch.noise.g_fake if nets.recipe.fresh_views else batch.noise.d_fake)
    fake_scores = nets.score(view)
    if not nets.recipe.relativistic:
        return losses.generator_loss(fake_scores)
    real_scores = judged.real_scores
    if nets.recipe.rescore_real:
        with torch.no_grad():
            real_scores = nets.score(nets.view(nets.real_images(batch), batch.noise.g_real))
    return losses.relativistic_loss(fake_scores, real_scores)
