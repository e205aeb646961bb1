"""What a run's metrics say about its health."""

from collections.abc import Mapping, Sequence

CRISP = 0.75
"""Crispness below which samples are noise or blur: 10,000 images of drawings bring `dcgan` from .4 to here."""
COHERENT = 0.85
"""Coherence below which they are grain: that of 5,000 images from nothing is .7 to .8, of good generators 1."""


FEWEST_IMAGES = 1_000
"""Shown images below which next to nothing is learned: a run from a model draws that one's characters."""


def is_noise(values: Mapping[str, float]) -> bool:
    """Tell by a line of metrics with `gan.runs.health`'s measures whether samples are noise or blur."""
    # Runs of earlier versions have no coherence.
    return values["crispness"] < CRISP or values.get("coherence", 1.0) < COHERENT


def is_too_short(images: int, noise: bool) -> bool:
    """Tell whether a training is over before it has learned to draw, by the images shown and its last samples."""
    return noise or images < FEWEST_IMAGES


def verdicts(metrics: Sequence[dict[str, float]]) -> dict[str, int]:
    """What is wrong, and since how many pictures shown.

    Args:
        metrics: of a run, in order; see `gan.runs.run_files.read_metrics`.

    Returns:
        Of ``collapsed``, ``discriminator_won`` and ``noise`` those that hold; see `gan.runs.health`.
    """
    result = {}
    collapses = [line for line in metrics if "collapsed" in line]
    if collapses and collapses[-1]["collapsed"]:
        result["collapsed"] = int(collapses[-1]["images"])
    if won := [line for line in metrics if "discriminator_won" in line]:
        result["discriminator_won"] = int(won[0]["images"])
    crispness = [line for line in metrics if "crispness" in line]
    if crispness and is_noise(crispness[-1]):
        result["noise"] = int(crispness[-1]["images"])
    return result
