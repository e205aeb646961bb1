"""The nearest pictures, and what they tell of copies."""

import pytest
import torch

from gan.evaluation.neighbours import (
    EmbeddedImages,
    EmbeddedTrainingSet,
    Nearest,
    NearestNeighbours,
    k_nearest,
    memorisation_ratios,
)


def noise(count: int, seed: int) -> torch.Tensor:
    return torch.randint(0, 256, (count, 3, 8, 8), generator=torch.Generator().manual_seed(seed)).byte()


def embedded(images: torch.Tensor) -> EmbeddedImages:
    return EmbeddedImages(images, images.flatten(1).float())


def test_the_nearest_are_found_across_blocks_and_a_picture_is_not_its_own(monkeypatch):
    monkeypatch.setattr("gan.evaluation.neighbours.ROWS_AT_ONCE", 2)
    line = torch.tensor([[0.0], [1.0], [3.0], [7.0], [7.5]])
    result = k_nearest(torch.tensor([[2.9], [7.1]]), [line], None, k=2)
    assert result.indices.tolist() == [[2, 1], [3, 4]]
    torch.testing.assert_close(result.distances, torch.tensor([[0.1, 1.9], [0.1, 0.4]]))
    alone = k_nearest(line, [line], torch.arange(5)[:, None], k=1)
    assert alone.indices.flatten().tolist() == [1, 0, 1, 4, 3]


def test_copies_have_no_distance_even_mirrored_and_new_pictures_that_of_new_real_ones():
    training = noise(60, 1)
    known = EmbeddedTrainingSet(embedded(training), training.flip(3).flatten(1).float())
    others = known.neighbours_of(embedded(noise(60, 2)))
    new = memorisation_ratios(known.neighbours_of(embedded(noise(60, 3))), others)
    copied = memorisation_ratios(known.neighbours_of(embedded(training.flip(3))), others)
    for space in ("features", "pixels"):
        assert new[space] == pytest.approx(1, abs=0.05)
        assert copied[space] < 0.01
    mirrored = known.neighbours_of(embedded(training.flip(3))).by_pixels.indices[:, 0]
    assert mirrored.tolist() == list(range(60, 120))
    itself, count = known.neighbours_within()
    assert count == 60
    assert memorisation_ratios(itself, others)["pixels"] == pytest.approx(1, abs=0.05)


def test_a_symmetric_picture_is_not_the_nearest_other_one_of_itself():
    halves = noise(30, 4)[..., :8]
    symmetric = embedded(torch.cat([halves, halves.flip(3)], 3))
    itself, _ = EmbeddedTrainingSet(symmetric, symmetric.features).neighbours_within()
    assert itself.by_pixels.distances.min() > 0
    assert itself.by_features.distances.min() > 0


def test_real_pictures_that_are_all_one_are_no_measure_of_copies_but_no_failure():
    zero = Nearest(torch.zeros(3, 1), torch.zeros(3, 1, dtype=torch.long))
    assert memorisation_ratios(NearestNeighbours(zero, zero), NearestNeighbours(zero, zero)) == {
        "features": 0.0,
        "pixels": 0.0,
    }
