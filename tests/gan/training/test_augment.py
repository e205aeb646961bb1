"""What the discriminator sees: changes that are known by hand, and a background that stays."""

import pytest
import torch

from gan.images import background_colour
from gan.training.augment import (
    ADA_IMAGES,
    AUGMENT_DRAWS,
    MAX_AUGMENT_P,
    TRANSLATION,
    augment,
    flip_half,
    jitter_colour,
    shift_matrices,
    translate,
    update_augment_p,
)

ALWAYS = torch.ones(())


def test_augmentation_leaves_an_empty_picture_empty():
    background = torch.tensor([-1.0, 0.25, 0.5]).view(3, 1, 1)
    empty = background.expand(32, 3, 16, 16)
    torch.testing.assert_close(augment(empty, background, torch.rand(32, AUGMENT_DRAWS), ALWAYS), empty)


def test_augmentation_moves_a_dot_by_an_eighth_at_most_and_fills_with_background():
    torch.manual_seed(0)
    background = torch.full((3, 1, 1), -1.0)
    images = background.expand(200, 3, 16, 16).clone()
    images[:, :, 8, 8] = 1.0
    seen = augment(images, background, torch.rand(200, AUGMENT_DRAWS), ALWAYS)
    changed = (seen - background).abs().amax(1) > 1e-6
    assert changed.sum((1, 2)).tolist() == [1] * 200
    rows, columns = changed.nonzero()[:, 1], changed.nonzero()[:, 2]
    reach = int(16 * TRANSLATION)
    assert set(rows.tolist()) == set(range(8 - reach, 8 + reach + 1)) == set(columns.tolist())


def test_light_saturation_and_contrast_change_within_their_bounds_and_only_on_the_figure():
    figure = torch.tensor([0.9, 0.3, 0.3]).view(1, 3, 1, 1).expand(1, 3, 1, 2).clone()
    figure[..., 1] = 0  # background
    for uniform, expected in (
        ((0.5, 0.5, 0.5), (0.9, 0.3, 0.3)),
        ((0.0, 0.5, 0.5), (0.7, 0.1, 0.1)),
        ((1.0, 0.5, 0.5), (1.1, 0.5, 0.5)),
        ((0.5, 0.0, 0.5), (0.7, 0.4, 0.4)),
        ((0.5, 1.0, 0.5), (1.1, 0.2, 0.2)),
        ((0.5, 0.5, 0.0), (0.675, 0.225, 0.225)),
        ((0.5, 0.5, 1.0), (1.125, 0.375, 0.375)),
    ):
        seen = jitter_colour(figure, torch.tensor([uniform]))
        torch.testing.assert_close(seen[0, :, 0, 0], torch.tensor(expected))
        assert seen[..., 1].abs().max() == 0


def test_what_moves_a_picture_does_not_colour_it():
    images = torch.zeros(2, 3, 16, 16)
    images[:, 0, 4:12, 4:12] = 1.0
    uniform = torch.full((2, AUGMENT_DRAWS), 0.2)
    uniform[1, 3:5] = 0.9
    one, other = augment(images, torch.zeros(3, 1, 1), uniform, ALWAYS).flatten(1).sort().values
    torch.testing.assert_close(one, other)
    assert not torch.equal(*augment(images, torch.zeros(3, 1, 1), uniform, ALWAYS))


def test_augmentation_has_gradients_of_second_order():
    torch.manual_seed(0)
    images = torch.randn(2, 3, 16, 16, requires_grad=True)
    seen = augment(images, torch.zeros(3, 1, 1), torch.rand(2, AUGMENT_DRAWS), ALWAYS)
    (first,) = torch.autograd.grad(seen.square().sum(), images, create_graph=True)
    first.sum().backward()
    assert images.grad is not None
    assert images.grad.abs().sum() > 0


def test_augmentation_with_p_of_one_half_changes_half_of_the_colours_and_independently_half_of_the_positions():
    torch.manual_seed(0)
    background = torch.full((3, 1, 1), -1.0)
    images = background.expand(1000, 3, 16, 16).clone()
    images[:, :, 8, 8] = torch.tensor([0.9, 0.1, -0.5])
    never = augment(images, background, torch.rand(1000, AUGMENT_DRAWS), torch.zeros(()))
    torch.testing.assert_close(never, images)
    seen = augment(images, background, torch.rand(1000, AUGMENT_DRAWS), torch.tensor(0.5))
    moved = (seen[:, :, 8, 8] == -1).all(1)
    recoloured = ~torch.isclose(seen.flatten(2).amax(2), images.flatten(2).amax(2)).all(1)
    # A move of nothing is one of 25, which hides a few.
    assert moved.float().mean() == pytest.approx(0.5 * 24 / 25, abs=0.05)
    assert recoloured.float().mean() == pytest.approx(0.5, abs=0.05)
    assert (moved & recoloured).float().mean() == pytest.approx(0.25 * 24 / 25, abs=0.05)
    seldom = augment(images, background, torch.rand(1000, AUGMENT_DRAWS), torch.tensor(0.5), colour_share=0.2)
    recoloured = ~torch.isclose(seldom.flatten(2).amax(2), images.flatten(2).amax(2)).all(1)
    assert recoloured.float().mean() == pytest.approx(0.1, abs=0.05)
    assert (seldom[:, :, 8, 8] == -1).all(1).float().mean() == pytest.approx(0.5 * 24 / 25, abs=0.05)


def test_p_goes_up_and_down_a_step_and_stays_where_nothing_leaks():
    p = torch.tensor(0.0)
    step = 50 / ADA_IMAGES
    for sign, expected in ((0.9, step), (0.61, 2 * step), (0.2, step), (-1.0, 0.0), (-1.0, 0.0)):
        update_augment_p(p, torch.tensor(sign), target=0.6, batch=50)
        assert float(p) == pytest.approx(expected)
    p.fill_(MAX_AUGMENT_P)
    update_augment_p(p, torch.tensor(0.9), target=0.6, batch=50)
    assert float(p) == pytest.approx(MAX_AUGMENT_P)


def test_flips_mirror_about_half_of_the_pictures_and_change_no_pixel():
    images = torch.arange(4.0).expand(1000, 1, 1, 4)
    flipped = flip_half(images, torch.linspace(0, 0.999, 1000))
    mirrored = flipped[:, 0, 0, 0] == 3
    assert mirrored.sum() == 500
    torch.testing.assert_close(flipped[mirrored], images[mirrored].flip(3))
    torch.testing.assert_close(flipped[~mirrored], images[~mirrored])


def test_background_is_the_median_border_colour():
    images = torch.full((9, 3, 8, 8), 255, dtype=torch.uint8)
    images[:, :, 1:7, 1:7] = 77
    images[:4] = 0
    assert background_colour(images).flatten().tolist() == [1, 1, 1]
    assert background_colour(torch.zeros(2, 3, 8, 8, dtype=torch.uint8)).flatten().tolist() == [-1, -1, -1]


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_a_shift_by_blocks_and_its_gradients_are_those_of_the_matrices_bit_for_bit(memory_format):
    torch.manual_seed(0)
    images = torch.randn(6, 3, 16, 24).to(memory_format=memory_format).requires_grad_()
    uniform = torch.rand(6, 2)
    rows, columns = shift_matrices(uniform[:, 0], 16), shift_matrices(uniform[:, 1], 24)
    results = []
    for moved in (rows @ images @ columns.transpose(2, 3), translate(images, uniform)):
        (first,) = torch.autograd.grad(moved.sin().sum(), images, create_graph=True)
        (second,) = torch.autograd.grad(first.square().sum(), images)
        results.append((moved, first, second))
    for one, other in zip(*results, strict=True):
        assert torch.equal(one, other)
    assert results[0][0].stride() == results[1][0].stride()
