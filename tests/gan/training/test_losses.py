"""The losses, against answers known by hand."""

import math

import pytest
import torch
from torch import nn

from gan.training import losses


def test_undecided_scores_cost_two_log_two():
    zero = torch.zeros(5)
    assert losses.discriminator_loss(zero, zero).item() == pytest.approx(2 * math.log(2))
    assert losses.generator_loss(zero).item() == pytest.approx(math.log(2))


def test_label_noise_moves_the_cost_by_its_size_times_the_score():
    # With logits s, moving a target by d moves the cross-entropy by exactly d * s: reals down, fakes below 0 up.
    torch.manual_seed(0)
    plain = losses.discriminator_loss(torch.full((99,), 2.0), torch.full((99,), 2.0))
    moves = 0.05 * torch.rand(99, 2)
    noisy = losses.discriminator_loss(torch.full((99,), 2.0), torch.full((99,), 2.0), moves)
    assert (noisy - plain).item() == pytest.approx(2 * moves.mean(0).sum().item(), rel=1e-4)


def test_being_scored_no_better_than_its_counterpart_costs_log_two():
    scores = torch.tensor([3.0, -1.0])
    assert losses.relativistic_loss(scores, scores).item() == pytest.approx(math.log(2))
    assert losses.relativistic_loss(scores + 50, scores).item() == pytest.approx(0, abs=1e-6)
    assert losses.relativistic_loss(scores - 50, scores).item() == pytest.approx(50)


def test_penalty_of_a_linear_critic_is_half_its_squared_weight():
    # D(x) = w . x has gradient w everywhere.
    critic = nn.Sequential(nn.Flatten(), nn.Linear(12, 1), nn.Flatten(0))
    with torch.no_grad():
        critic[1].weight.fill_(0.5)
    real, fake = (torch.randn(7, 3, 2, 2, requires_grad=True) for _ in range(2))
    assert losses.gradient_penalty([critic(real)], [real]).item() == pytest.approx(12 * 0.25 / 2)
    penalty = losses.gradient_penalty([critic(real), critic(fake)], [real, fake])
    assert penalty.item() == pytest.approx(12 * 0.25)
    penalty.backward()
    torch.testing.assert_close(critic[1].weight.grad, torch.full((1, 12), 1.0))


def test_structure_is_where_it_is_light_and_dark_whatever_the_colours_and_the_contrast():
    images = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0)) - 0.5
    images = images.repeat_interleave(4, 2).repeat_interleave(4, 3)
    for same in (images, images.flip(1), images + 0.3, images.mean(1, keepdim=True).expand_as(images)):
        assert losses.structure_loss(images, same).item() == pytest.approx(0, abs=1e-4)
    assert losses.structure_loss(images, 2 * images).item() < 0.1
    assert losses.structure_loss(images, images.flip(0)).item() > 0.5
    assert losses.structure_loss(images, -images).item() > 1.3
    even = torch.zeros_like(images, requires_grad=True)
    losses.structure_loss(even, even.detach()).backward()
    assert even.grad.isfinite().all()
