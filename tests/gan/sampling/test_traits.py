"""Traits of made-up models, whose measures are known functions of the latent."""

import numpy as np
import pytest

from gan.sampling.traits import FITTED, HUE, LEAST_CORRELATION, STEP, TRAITS, fit_traits, left_of, trait_latents

DIM = 20


def measures(**known):
    """Noise for what is not given."""
    rng = np.random.default_rng(1)
    names = {*TRAITS, "hue_x", "hue_y"} - {HUE}
    noise = {name: rng.normal(size=len(trait_latents(DIM))).astype(np.float32) for name in sorted(names)}
    return noise | {name: np.asarray(values, np.float32) for name, values in known.items()}


def fitted(**known):
    return {trait.name: trait for trait in fit_traits(trait_latents(DIM), measures(**known))}


def axis(trait):
    return trait.vector / np.linalg.norm(trait.vector)


def test_a_measure_that_the_latent_says_is_found_and_noise_is_not():
    z = trait_latents(DIM)
    result = fitted(brightness=0.5 + 0.1 * z[:, 3], size=-z[:, 5])
    assert list(result) == ["Brightness", "Size"]
    np.testing.assert_allclose(axis(result["Brightness"]), np.eye(DIM)[3], atol=0.02)
    np.testing.assert_allclose(axis(result["Size"]), -np.eye(DIM)[5], atol=0.02)
    assert np.linalg.norm(result["Size"].vector) == pytest.approx(STEP)
    assert result["Size"].correlation == pytest.approx(1, abs=0.001)


def test_hue_is_followed_around_its_circle():
    z = trait_latents(DIM)
    angle = np.pi + 0.8 * z[:, 7]  # across the cut at 180 degrees, where an angle's number jumps
    result = fitted(hue_x=np.cos(angle), hue_y=np.sin(angle))
    assert list(result) == ["Hue"]
    np.testing.assert_allclose(np.abs(axis(result["Hue"])), np.eye(DIM)[7], atol=0.05)
    assert result["Hue"].correlation > 0.9


def test_what_is_mixed_up_is_told_apart_by_directions_at_right_angles():
    z = trait_latents(DIM)
    result = fitted(size=z[:, 0] + 0.3 * z[:, 1], width=z[:, 1] + 0.3 * z[:, 0])
    assert list(result) == ["Size", "Width"]
    assert axis(result["Size"]) @ axis(result["Width"]) == pytest.approx(0, abs=1e-6)
    assert axis(result["Size"])[0] > 0.9 < axis(result["Width"])[1]


def test_one_change_with_two_names_has_the_better_one():
    z = trait_latents(DIM)
    noise = np.random.default_rng(2).normal(size=len(z))
    assert list(fitted(brightness=z[:, 0] + noise, outline=z[:, 0])) == ["Outline"]


def test_what_does_not_verify_on_fresh_latents_is_left_out():
    z = trait_latents(DIM)
    only_fitted = z[:, 0].copy()
    only_fitted[FITTED:] = np.random.default_rng(3).normal(size=len(z) - FITTED)
    weak = 0.3 * z[:, 1] + np.random.default_rng(4).normal(size=len(z))
    assert np.corrcoef(weak, z[:, 1])[0, 1] < LEAST_CORRELATION
    assert fitted(brightness=only_fitted, size=weak) == {}


def test_a_model_that_always_draws_the_same_has_no_traits():
    still = {name: np.ones(len(trait_latents(DIM))) for name in measures()}
    assert fitted(**still) == {}


def test_more_traits_than_the_latent_has_numbers_are_not_told_apart():
    z = trait_latents(1)
    known = dict.fromkeys(measures(), z[:, 0])
    assert len(fit_traits(z, known)) == 1


def test_free_directions_keep_what_the_named_ones_leave_of_them():
    z = trait_latents(DIM)
    named = fit_traits(z, measures(brightness=z[:, 0], size=z[:, 1]))
    free = np.zeros((3, DIM), np.float32)
    free[0, 0] = 2  # named already
    free[1, [0, 2]] = 3, 4
    free[2, [2, 3]] = 1, 1
    rest = left_of(free, named)
    assert list(rest) == [1, 2]
    vectors = np.stack([*(trait.vector for trait in named), *rest.values()])
    lengths = np.linalg.norm(vectors, axis=1)
    np.testing.assert_allclose(vectors @ vectors.T, np.diag(lengths**2), atol=1e-4)
    np.testing.assert_allclose(lengths[2:], [5, 2**0.5], atol=1e-4)
