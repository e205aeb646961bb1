"""A discriminator on pretrained features: the features are the published ones, and stay as they are."""

import math

import pytest
import timm
import torch

from gan.config import PRESETS
from gan.networks.build import build_discriminator
from gan.networks.pretrained_features import CHANNELS, MODEL, STRIDES, PretrainedFeatures, imagenet_weights
from gan.networks.projected import PIXEL_SHARE, over_black_and_white


@pytest.fixture(scope="module")
def features() -> PretrainedFeatures:
    return PretrainedFeatures()


@pytest.mark.parametrize("size", [64, 80, 72])  # of 80 the smallest map is made of an odd one, of 72 two are
def test_the_features_are_those_of_the_published_network(features, size):
    torch.manual_seed(0)
    published = timm.create_model(MODEL, features_only=True, out_indices=(1, 2, 3, 4)).eval()
    published.load_state_dict(imagenet_weights(), strict=False)
    images = torch.rand(2, 3, size, size) * 2 - 1
    with torch.no_grad():
        theirs, ours = published(images), features(images)
    sides = [math.ceil(size / stride) for stride in STRIDES]
    assert [x.shape for x in ours] == [(2, c, side, side) for c, side in zip(CHANNELS, sides, strict=True)]
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-3)


def test_its_gradient_is_that_of_the_published_network(features):
    torch.manual_seed(0)
    published = timm.create_model(MODEL, features_only=True, out_indices=(1, 2, 3, 4)).eval()
    published.load_state_dict(imagenet_weights(), strict=False)
    gradients = []
    for network in (published, features):
        images = (torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1)) * 2 - 1).requires_grad_()
        sum(x.mean() for x in network(images)).backward()
        gradients.append(images.grad)
    torch.testing.assert_close(*gradients, rtol=1e-3, atol=1e-5)


def test_in_autocast_the_features_are_those_of_weights_cast_once(features):
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.no_grad():
        whole = features(images)
        with torch.autocast("cpu", torch.bfloat16):
            once, cast_anew = features(images), features.network(images)
        assert all(torch.equal(a, b) for a, b in zip(once, cast_anew, strict=True))
        assert all(torch.equal(a, b) for a, b in zip(features(images), whole, strict=True))


def test_the_features_are_neither_trained_nor_saved_nor_do_they_change(features):
    discriminator = build_discriminator(PRESETS["projected"].discriminator).train()
    assert not any("features" in name for name in discriminator.state_dict())
    assert not any("features" in name for name, _ in discriminator.named_parameters())
    assert not any(module.training for module in discriminator.features.modules())
    before = {name: value.clone() for name, value in discriminator.features.named_buffers()}
    discriminator.requires_grad_(False).requires_grad_(True)
    discriminator(torch.rand(2, 3, 80, 80)).mean().backward()
    assert all(torch.equal(before[name], value) for name, value in discriminator.features.named_buffers())
    assert not any(value.requires_grad for value in discriminator.features.buffers())


@pytest.mark.parametrize(("size", "logits"), [(16, 117), (80, 117), (160, 325)])
def test_each_head_has_a_map_of_logits_at_every_size(size, logits):
    discriminator = build_discriminator(PRESETS["projected"].at_size(size).discriminator)
    images = torch.rand(2, 3, size, size) * 2 - 1
    with torch.no_grad():
        scores = discriminator(images)
    repeated = round(PIXEL_SHARE * logits)
    assert scores.shape == (2, logits + repeated)
    assert torch.equal(scores[:, logits:], discriminator.pixels(images).expand(repeated, 2).T)


def test_the_finest_waves_are_for_the_part_that_looks_at_pixels_alone():
    discriminator = build_discriminator(PRESETS["projected"].discriminator).eval()
    smooth = torch.linspace(-1, 1, 80).expand(1, 3, 80, 80)
    mesh = torch.ones(80, 80)
    mesh[::2] = -1
    mesh[:, ::2] *= -1
    mesh[:2], mesh[-2:], mesh[:, :2], mesh[:, -2:] = 0, 0, 0, 0  # a border has no other side to be evened out by
    with torch.no_grad():
        seen, even = (discriminator.take_features(image) for image in (smooth + 0.2 * mesh, smooth))
        change = discriminator.pixels(smooth + 0.2 * mesh) - discriminator.pixels(smooth)
    assert change.abs() > 0.01
    for with_mesh, without in zip(seen, even, strict=True):
        assert (with_mesh - without).square().mean() < 0.01 * without.var()


def test_the_random_projections_are_saved_for_the_heads_have_learned_them():
    torch.manual_seed(0)
    first, second = (build_discriminator(PRESETS["projected"].discriminator).eval() for _ in range(2))
    images = torch.rand(2, 3, 80, 80)
    with torch.no_grad():
        assert not torch.equal(first(images), second(images))
        second.load_state_dict(first.state_dict())
        assert torch.equal(first(images), second(images))


def test_the_penalty_is_that_of_the_part_that_looks_at_pixels_and_the_generator_learns_of_both():
    discriminator = build_discriminator(PRESETS["projected"].discriminator).eval()  # the norms stay as they are
    images = torch.rand(2, 3, 80, 80, requires_grad=True)
    features = discriminator.take_features(images)
    scores = discriminator(images, *features)
    torch.testing.assert_close(scores, discriminator(images))
    repeated = round(scores.shape[1] * PIXEL_SHARE / (1 + PIXEL_SHARE))
    (both,) = torch.autograd.grad(scores.sum(), images, retain_graph=True)
    (of_heads,) = torch.autograd.grad(scores[:, :-repeated].sum(), images)
    (pixels,) = torch.autograd.grad(discriminator.pixels(images).sum() * repeated, images)
    torch.testing.assert_close(both, pixels + of_heads, rtol=1e-3, atol=1e-4)
    alone = discriminator(images, *(x.detach() for x in features))
    (learning,) = torch.autograd.grad(alone.sum(), images)
    torch.testing.assert_close(learning, pixels)


def test_transparent_images_are_scored_over_black_and_over_white_by_turns():
    half_clear_red = torch.tensor([0.0, -1.0, -1.0, 0.0]).view(1, 4, 1, 1)  # premultiplied
    seen = over_black_and_white(half_clear_red.expand(3, -1, -1, -1))
    assert seen.flatten(1).tolist() == [[0, -1, -1], [1, 0, 0], [0, -1, -1]]
