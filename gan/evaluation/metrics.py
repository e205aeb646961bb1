"""How close generated images are to real ones: metrics of their features."""

import torch
from torch import Tensor

KID_SUBSETS = 100
MAX_KID_SUBSET = 1000
"""As in most papers."""
PRECISION_NEIGHBOURS = 3
COVERAGE_NEIGHBOURS = 5
ROWS_AT_ONCE = 1024
"""Rows of a distance table in memory at once: with 50,000 pictures, 200 MB."""


def kernel_distance(fakes: Tensor, reals: Tensor, seed: int = 0) -> tuple[float, float]:
    """KID: the squared maximum mean discrepancy under the kernel (x·y / D + 1)³, without bias.

    Args:
        fakes: [N, D] float32 features, on the CPU as all here.
        reals: [M, D] float32.
        seed: of the subsets.

    Returns:
        Mean and standard deviation over subsets; 0 on average where both are of one distribution, so that it
        may come out a little below. The subsets are at most half of the smaller set, for larger ones would be
        nearly the same ones and their deviation nearly 0.

    Source: Bińkowski et al. 2018, arXiv:1801.01401, section 4; torch-fidelity's code.
    """
    from torch_fidelity.metric_kid import (  # noqa: PLC0415
        KEY_METRIC_KID_MEAN,
        KEY_METRIC_KID_STD,
        kid_features_to_metric,
    )

    size = kid_subset_size(len(fakes), len(reals))
    values = kid_features_to_metric(
        fakes, reals, kid_subsets=KID_SUBSETS, kid_subset_size=size, rng_seed=seed % 2**32, verbose=False
    )
    return values[KEY_METRIC_KID_MEAN], values[KEY_METRIC_KID_STD]


def kid_subset_size(fakes: int, reals: int) -> int:
    """Pictures in a subset of `kernel_distance`."""
    return min(MAX_KID_SUBSET, min(fakes, reals) // 2)


def frechet_distance(fakes: Tensor, reals: Tensor) -> float:
    """FID: the Fréchet distance of two normal distributions with the features' means and covariances.

    |μ₁ - μ₂|² + tr(C₁) + tr(C₂) - 2 tr((C₁ C₂)^½); biased upwards for few pictures, so only scores of equal
    numbers may be compared.

    Args:
        fakes: [N, D] float32 features.
        reals: [M, D] float32.

    Source: Heusel et al. 2017, arXiv:1706.08500, equation 6.
    """
    mean_1, mean_2 = (features.mean(0, dtype=torch.float64) for features in (fakes, reals))
    trace = trace_of_few if max(len(fakes), len(reals)) < fakes.shape[1] else trace_of_many
    distance = float((mean_1 - mean_2).square().sum()) + trace(fakes, mean_1, reals, mean_2)
    return max(distance, 0.0)  # of equal sets, rounding alone would leave a little less


def trace_of_few(fakes: Tensor, mean_1: Tensor, reals: Tensor, mean_2: Tensor) -> float:
    """tr(C₁ + C₂ - 2 (C₁ C₂)^½) without a [D, D] matrix.

    With centred rows as A in C = AᵀA, the last trace is the sum of the singular values of A₁ A₂ᵀ, [N, M].
    """
    one, other = (
        (features.double() - mean) / (len(features) - 1) ** 0.5
        for features, mean in ((fakes, mean_1), (reals, mean_2))
    )
    return float(one.square().sum() + other.square().sum() - 2 * torch.linalg.svdvals(one @ other.T).sum())


def trace_of_many(fakes: Tensor, mean_1: Tensor, reals: Tensor, mean_2: Tensor) -> float:
    """tr(C₁ + C₂ - 2 (C₁ C₂)^½) with memory for the covariances, [D, D], however many rows there are.

    The last trace is that of the symmetric (C₁^½ C₂ C₁^½)^½, several times faster to find than by the eigenvalues
    of C₁ C₂.
    """
    one, other = covariance(fakes, mean_1), covariance(reals, mean_2)
    values, vectors = torch.linalg.eigh(one)
    root = (vectors * values.clamp(min=0).sqrt()) @ vectors.T
    cross = torch.linalg.eigvalsh(root @ other @ root).clamp(min=0).sqrt().sum()
    return float(one.trace() + other.trace() - 2 * cross)


def covariance(features: Tensor, mean: Tensor) -> Tensor:
    """[D, D] in float64, a block of rows at a time."""
    squares = torch.zeros(features.shape[1], features.shape[1], dtype=torch.float64)
    for block in features.split(ROWS_AT_ONCE):  # type: ignore[no-untyped-call]
        centred = block.double() - mean
        squares += centred.T @ centred
    return squares / (len(features) - 1)


def precision_recall(fakes: Tensor, reals: Tensor) -> tuple[float, float]:
    """Share of fakes within the reals' manifold, and of reals within the fakes'; k = 3.

    Args:
        fakes: [N, D] float32 features.
        reals: [M, D] float32.

    Source: Kynkäänniemi et al. 2019, arXiv:1904.06991, section 2; torch-fidelity's code.
    """
    from torch_fidelity.metric_prc import (  # noqa: PLC0415
        KEY_METRIC_PRECISION,
        KEY_METRIC_RECALL,
        prc_features_to_metric,
    )

    values = prc_features_to_metric(
        fakes,
        reals,
        prc_neighborhood=PRECISION_NEIGHBOURS,
        prc_batch_size=ROWS_AT_ONCE,
        save_cpu_ram=True,
        verbose=False,
    )
    return values[KEY_METRIC_PRECISION], values[KEY_METRIC_RECALL]


def density_coverage(fakes: Tensor, reals: Tensor) -> tuple[float, float]:
    """How deep the fakes lie among the reals, and the share of reals that have a fake nearby; k = 5.

    Args:
        fakes: [N, D] float32 features.
        reals: [M, D] float32.

    Returns:
        Density, 0 to beyond 1; coverage, 0 to 1.

    Source: Naeem et al. 2020, arXiv:2002.09797, equations 3 and 4.
    """
    inside = covered = 0
    radii = neighbourhood_radii(reals)
    for block, reach in zip(reals.split(ROWS_AT_ONCE), radii.split(ROWS_AT_ONCE), strict=True):  # type: ignore[no-untyped-call]
        within = torch.cdist(block, fakes) <= reach[:, None]
        inside += int(within.sum())
        covered += int(within.any(1).sum())
    return inside / (COVERAGE_NEIGHBOURS * len(fakes)), covered / len(reals)


def neighbourhood_radii(reals: Tensor) -> Tensor:
    """Distance of each picture's features, [M, D] float32, to its fifth nearest other one: [M]."""
    blocks = reals.split(ROWS_AT_ONCE)  # type: ignore[no-untyped-call]
    # The nearest of all is the picture itself.
    return torch.cat([torch.cdist(block, reals).kthvalue(COVERAGE_NEIGHBOURS + 1).values for block in blocks])


def typicality(features: Tensor, reals: Tensor) -> Tensor:
    """The number of real images in whose neighbourhood each image lies: its contribution to the density.

    Args:
        features: [N, D] float32.
        reals: [M, D] float32.

    Returns:
        [N] float32; the fraction orders equal counts by the mean distance to the five nearest real images.

    Source: Naeem et al. 2020, arXiv:2002.09797, equation 3.
    """
    radii = neighbourhood_radii(reals)
    merits = []
    for block in features.split(ROWS_AT_ONCE):  # type: ignore[no-untyped-call]
        distances = torch.cdist(block, reals)
        nearest = distances.topk(COVERAGE_NEIGHBOURS, largest=False).values.mean(1)
        merits.append((distances <= radii).sum(1) + 1 / (1 + nearest))
    return torch.cat(merits)


def scores(fakes: Tensor, reals: Tensor, metrics: frozenset[str], seed: int = 0) -> dict[str, float]:
    """Those of ``kid``, ``fid`` and ``prdc`` that are wanted, by plain name (``kid``, ``kid_std``, …).

    Args:
        fakes: [N, D] float32 features.
        reals: [M, D] float32.
        metrics: some of the three.
        seed: of KID's subsets.
    """
    values: dict[str, float] = {}
    if "kid" in metrics:
        values["kid"], values["kid_std"] = kernel_distance(fakes, reals, seed)
    if "fid" in metrics:
        values["fid"] = frechet_distance(fakes, reals)
    if "prdc" in metrics:
        values["precision"], values["recall"] = precision_recall(fakes, reals)
        values["density"], values["coverage"] = density_coverage(fakes, reals)
    return values


def floor_scores(reals: Tensor, metrics: frozenset[str], seed: int = 0) -> dict[str, float]:
    """`scores` of one random half of the real pictures against the other: what a perfect generator would get."""
    order = torch.randperm(len(reals), generator=torch.Generator().manual_seed(seed))
    half = len(reals) // 2
    return scores(reals[order[:half]], reals[order[half:]], metrics, seed)
