"""Scores of features against answers known by hand."""

import numpy as np
import pytest
import torch

from gan.evaluation.metrics import (
    density_coverage,
    floor_scores,
    frechet_distance,
    kernel_distance,
    precision_recall,
    scores,
    trace_of_few,
    trace_of_many,
    typicality,
)

ALL = frozenset({"kid", "fid", "prdc"})


def normal(count: int, seed: int, width: int = 4) -> torch.Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed))


def with_moments(mean: list[float], covariance: np.ndarray, count: int, seed: int) -> torch.Tensor:
    """Points whose mean and covariance are exactly these."""
    raw = normal(count, seed, len(mean)).double()
    raw = raw - raw.mean(0)
    white = torch.linalg.inv(torch.linalg.cholesky(raw.T @ raw / (count - 1))) @ raw.T
    root = torch.linalg.cholesky(torch.tensor(covariance, dtype=torch.float64))
    return ((root @ white).T + torch.tensor(mean, dtype=torch.float64)).float()


def test_typicality_counts_the_neighbourhoods_that_a_picture_lies_in_and_then_tells_the_nearer_one():
    # Real pictures at 0, 1, …, 9 on a line: that at 0 reaches to its fifth nearest at 5, that at 5 over 3.
    reals = torch.arange(10.0)[:, None]
    inside = torch.floor(typicality(torch.tensor([[4.5], [-4.0], [-5.5]]), reals))
    # 4.5 is within 5 of 0, 4 of 1, 3 of 2 to 7, 4 of 8 and 5 of 9; -4 within 5 of 0 alone; -5.5 within none.
    assert inside.tolist() == [10, 1, 0]
    near, far = typicality(torch.tensor([[-6.0], [-60.0]]), reals)
    assert 1 > near > far > 0


def test_the_frechet_distance_of_two_gaussians_is_the_closed_form():
    # Diagonal covariances: |difference of means|^2 + sum of (difference of standard deviations)^2.
    one = with_moments([0.0, 1.0, 0.0], np.diag([1.0, 4.0, 9.0]), 300, 1)
    other = with_moments([3.0, 1.0, 4.0], np.diag([4.0, 4.0, 0.25]), 200, 2)
    assert frechet_distance(one, other) == pytest.approx(25 + 1 + 0 + 2.5**2, rel=1e-4)


def test_the_frechet_distance_of_correlated_gaussians_is_torch_fidelitys():
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

    one = with_moments([0.0, 0.0], np.array([[2.0, 1.0], [1.0, 2.0]]), 50, 3)
    other = with_moments([1.0, -1.0], np.array([[1.0, -0.5], [-0.5, 3.0]]), 60, 4)
    theirs = fid_statistics_to_metric(
        fid_features_to_statistics(one.double()), fid_features_to_statistics(other.double()), verbose=False
    )
    assert frechet_distance(one, other) == pytest.approx(theirs["frechet_inception_distance"], rel=1e-6)


def test_with_fewer_pictures_than_features_the_frechet_distance_of_a_set_to_itself_is_nothing():
    few = normal(20, 5, width=64)
    assert 0 <= frechet_distance(few, few.flip(0)) < 1e-3


def test_the_frechet_distance_is_the_same_by_a_matrix_of_pictures_or_of_features():
    one, other = normal(20, 5, width=64), 2 * normal(30, 6, width=64) + 1
    given = (one, one.mean(0).double(), other, other.mean(0).double())
    assert trace_of_few(*given) == pytest.approx(trace_of_many(*given), rel=1e-6)
    expected = float((given[1] - given[3]).square().sum()) + trace_of_many(*given)
    assert frechet_distance(one, other) == pytest.approx(expected, rel=1e-5)


def test_the_kernel_distance_is_nothing_for_one_distribution_and_the_kernels_value_for_two_points():
    mean, deviation = kernel_distance(normal(400, 1), normal(400, 2))
    assert abs(mean) < 2 * deviation
    # All fakes at 0, all reals at (1, 1): (0 + 1)^3 + (1 + 1)^3 - 2 (0 + 1)^3 = 7, whatever the subset.
    assert kernel_distance(torch.zeros(50, 2), torch.ones(50, 2)) == (7.0, 0.0)


def test_identical_sets_are_perfect_and_disjoint_ones_share_nothing():
    points = normal(200, 1)
    same = scores(points, points.clone(), ALL)
    assert [same[name] for name in ("precision", "recall", "coverage")] == [1, 1, 1]
    assert same["fid"] == pytest.approx(0, abs=1e-4)
    apart = scores(points + 1000, points, ALL)
    assert [apart[name] for name in ("precision", "recall", "density", "coverage")] == [0, 0, 0, 0]
    assert apart["fid"] == pytest.approx(4e6, rel=1e-3)
    assert apart["kid"] > 1e6


def test_a_dropped_mode_lowers_recall_and_coverage_by_its_share_and_leaves_precision():
    # Three quarters of the reals lie at 0, a quarter at 100; the fakes know the first place only.
    reals = torch.cat([normal(300, 1), normal(100, 2) + 100])
    fakes = normal(400, 3)
    precision, recall = precision_recall(fakes, reals)
    density, coverage = density_coverage(fakes, reals)
    assert precision > 0.9
    # No real picture of the second place is reached; of the first, the outermost few are not.
    assert 0.65 < recall <= 0.75
    assert 0.7 < coverage <= 0.75
    # 400 fakes where 300 reals are: each ball that held 5 neighbours holds 4/3 times as many.
    assert density == pytest.approx(4 / 3 * 0.75, abs=0.1)


def test_blocks_change_nothing(monkeypatch):
    fakes, reals = normal(90, 1), normal(110, 2)
    whole = scores(fakes, reals, ALL)
    monkeypatch.setattr("gan.evaluation.metrics.ROWS_AT_ONCE", 16)
    for name, value in scores(fakes, reals, ALL).items():
        assert value == pytest.approx(whole[name], rel=1e-5), name


def test_the_floor_of_a_set_is_what_two_sets_of_its_distribution_score():
    reals = normal(400, 1)
    floor = floor_scores(reals, ALL)
    assert floor["precision"] > 0.8
    assert floor["coverage"] > 0.9
    assert abs(floor["kid"]) < 0.2
    assert floor == floor_scores(reals, ALL)
