"""Latent directions for what a person sees, such as brightness or size, fitted to measured pictures."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FITTED, FRESH = 1000, 400
"""Pictures that directions are fitted to, and others that they are verified on."""
RIDGE = 30
"""Of the regression, in the unit of its number of pictures: stills directions that little speaks for."""
LEAST_CORRELATION = 0.4
"""Between a trait's position and what is measured, for it to be shown. From one end of its slider to the other,
7.2 standard deviations of the latent, it then changes by 2.9 of its own, which is seen; of sliders at 0.3 it was
not. Chance alone gives `FRESH` pictures 0.05."""
SAME = np.cos(np.pi / 4)
"""Cosine from which two directions are one change with two names, of which the better one stays."""
STEP = 1.2
"""Standard deviations of the latent; three such steps either way lead to what is rare, and hardly beyond it."""
LEAST_LEFT = 0.5
"""Share of a free direction's length that the named ones must leave of it."""
HUE = "hue"
TRAITS = {
    "brightness": "Brightness",
    HUE: "Hue",
    "warmth": "Warmth",
    "colourfulness": "Colourfulness",
    "size": "Size",
    "width": "Width",
    "height": "Height",
    "symmetry": "Symmetry",
    "outline": "Outline",
    "detail": "Detail",
}
"""In the order of the sliders: a key of `gan.sampling.measures.measure` or HUE, and its name."""

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Trait:
    """A direction that was found for what it is named."""

    name: str
    vector: Floats
    """[latent_dim]: one step."""
    correlation: float
    """Between the position along it and what is measured, on pictures it was not fitted to; 0 to 1. Of the hue, a
    circle, the correlation of a line with its cosine and sine (Mardia 1976)."""


def trait_latents(latent_dim: int) -> Floats:
    """What is to be drawn and measured: [FITTED + FRESH, latent_dim] float32 from N(0, 1), always the same."""
    return np.random.default_rng(0).standard_normal((FITTED + FRESH, latent_dim), np.float32)


def fit_traits(latents: Floats, measures: Mapping[str, Floats]) -> list[Trait]:
    """The traits that can be told apart and verified, in the order of `TRAITS`.

    Each measure is regressed on the latents; where two measures are one change to this model, as warmth and hue
    may be, the one that is predicted better stays. Of those directions the nearest ones at right angles to each
    other are taken (Löwdin 1950), so that what the model mixes up, such as size and width, is shared out evenly
    and a slider leaves the others where they are. While the worst does not verify, it is dropped, with its share.

    Args:
        latents: [FITTED + FRESH, latent_dim] float32 from N(0, 1).
        measures: of their pictures, as `gan.sampling.measures.measure` returns them.
    """
    targets = {name: target(measures, name) for name in TRAITS}
    fitted = {
        name: regression(latents[:FITTED], values[:FITTED]) for name, values in targets.items() if varies(values)
    }

    def verify(directions: Mapping[str, Doubles]) -> dict[str, float]:
        return {
            name: correlation(latents[FITTED:] @ each, targets[name][FITTED:]) for name, each in directions.items()
        }

    names = told_apart(fitted, verify(fitted))
    while names:
        directions = nearest_orthogonal(np.stack([fitted[name] for name in names]))
        correlations = verify(dict(zip(names, directions, strict=True)))
        worst = min(correlations, key=correlations.__getitem__)
        if correlations[worst] >= LEAST_CORRELATION:
            steps = (STEP * directions).astype(np.float32)
            return [Trait(TRAITS[name], step, correlations[name]) for name, step in zip(names, steps, strict=True)]
        names.remove(worst)
    return []


def told_apart(directions: Mapping[str, Doubles], correlations: Mapping[str, float]) -> list[str]:
    """The names, in their order, of which none is the same change as a better one."""
    kept: list[str] = []
    for name in sorted(directions, key=correlations.__getitem__, reverse=True):
        if all(abs(directions[name] @ directions[better]) < SAME for better in kept):
            kept.append(name)
    most = len(next(iter(directions.values()), ()))  # so many can stand at right angles
    return [name for name in directions if name in kept[:most]]


def target(measures: Mapping[str, Floats], name: str) -> Doubles:
    """What is to be predicted: [N, 1], or of the hue [N, 2], the unit circle."""
    if name != HUE:
        return measures[name].astype(float)[:, None]
    angle = np.arctan2(measures["hue_y"].astype(float), measures["hue_x"].astype(float))
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def varies(values: Doubles) -> bool:
    """Whether there is anything to predict, in what is fitted and in what is verified."""
    return bool(min(values[:FITTED].std(0).max(), values[FITTED:].std(0).max()) > 1e-6)


def regression(latents: Floats, values: Doubles) -> Doubles:
    """The direction of length 1 that predicts values [N, K] best: [latent_dim].

    Ridge regression; of several values the direction that explains most of them all (reduced-rank regression).
    """
    z = latents.astype(float)
    gram = z.T @ z + RIDGE * np.eye(z.shape[1])
    weights = np.linalg.solve(gram, z.T @ (values - values.mean(0)))
    directions, _, towards = np.linalg.svd(weights, full_matrices=False)
    sign = np.sign(towards[0, np.abs(towards[0]).argmax()])
    first: Doubles = sign * directions[:, 0]
    return first


def nearest_orthogonal(directions: Doubles) -> Doubles:
    """The orthonormal rows nearest to the given ones, [K, D] with K <= D, by least squares."""
    left, _, right = np.linalg.svd(directions, full_matrices=False)
    nearest: Doubles = left @ right
    return nearest


def correlation(positions: Doubles, values: Doubles) -> float:
    """Of positions [N] with values [N, K]: the multiple correlation, signed where there is one value only."""
    if values.shape[1] == 1:
        return float(np.corrcoef(positions, values[:, 0])[0, 1])
    centred = values - values.mean(0)
    predicted = centred @ np.linalg.lstsq(centred, positions - positions.mean(), rcond=None)[0]
    return float(predicted.std() / positions.std())


def left_of(free: Floats, named: list[Trait]) -> dict[int, Floats]:
    """What named traits leave of other directions [K, latent_dim], by their number from 0, each as long as it was.

    All are at right angles to each other and to the named ones. A direction of which less than LEAST_LEFT remains
    is left out.
    """
    taken = [trait.vector / np.linalg.norm(trait.vector) for trait in named]
    rest: dict[int, Floats] = {}
    for number, direction in enumerate(free):
        length = np.linalg.norm(direction)
        remains = direction - sum(((direction @ unit) * unit for unit in taken), np.zeros_like(direction))
        remaining = np.linalg.norm(remains)
        if remaining >= LEAST_LEFT * length > 0:
            taken.append(remains / remaining)
            rest[number] = (remains * (length / remaining)).astype(np.float32)
    return rest
