"""The names of scores in ``metrics.jsonl`` and ``scores.json``."""

INCEPTION = "inception-v3"
"""torch-fidelity's features, the only ones whose scores may be called FID and KID."""
LITE0 = "efficientnet-lite0"
SCORES_FILE = "scores.json"
"""What ``vgc evaluate`` writes, into its own folder and into that of the run whose generator it scored."""


def score_name(features: str, score: str) -> str:
    """The name of a score made of certain features.

    ``kid``, ``kid_std``, ``fid`` and the rest stay as they are for torch-fidelity's Inception; of other features
    they are ``kd_efficientnet_lite0``, ``precision_efficientnet_lite0`` and so on.
    """
    if features == INCEPTION:
        return score
    own = {"kid": "kd", "kid_std": "kd_std", "fid": "fd"}.get(score, score)
    return f"{own}_{features.replace('-', '_')}"
