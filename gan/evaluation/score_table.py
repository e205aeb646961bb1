"""An evaluation in words: a table that a person can read."""

from collections.abc import Iterator

from gan.evaluation.evaluate import SCORES_FILE, EvaluateSettings, Evaluation
from gan.evaluation.metrics import KID_SUBSETS
from gan.runs.score_names import INCEPTION

NAMES = {
    "kid": ("KID", "lower is better; 0: the same distribution"),
    "fid": ("FID", "lower is better; falls with the number of pictures"),
    "precision": ("precision", "generated pictures that could be real ones"),
    "recall": ("recall", "real pictures that the generator could draw"),
    "density": ("density", "generated pictures in typical real neighbourhoods"),
    "coverage": ("coverage", "real pictures with a generated one nearby"),
}
COLUMN = 17


def score_table(evaluation: Evaluation, settings: EvaluateSettings) -> Iterator[str]:
    """The lines of the table, the numbers of pictures stated, the floor beside each figure."""
    yield f"generated  {evaluation.generated_pictures:,} pictures: {evaluation.generated}"
    yield f"real       {evaluation.real_pictures:,} pictures: {evaluation.real}"
    yield f"features   {evaluation.features}"
    if evaluation.scores:
        half, rest = evaluation.real_pictures // 2, evaluation.real_pictures - evaluation.real_pictures // 2
        yield f"\n{'':10} {'score':>{COLUMN}} {'floor':>{COLUMN}}"
        for name in (name for name in NAMES if name in evaluation.scores):
            label = NAMES[name][0] if evaluation.features == INCEPTION else NAMES[name][0].replace("ID", "D")
            cells = " ".join(
                f"{format_score(values, name):>{COLUMN}}" for values in (evaluation.scores, evaluation.floor)
            )
            yield f"{label:10} {cells}   {NAMES[name][1]}"
        yield f"\nfloor: {half:,} of the real pictures against the other {rest:,}, the best that can be hoped for"
    if "kid" in evaluation.scores:
        sizes = f"{evaluation.kid_subset:,} pictures, for the floor of {evaluation.floor_subset:,}"
        yield f"±: {KID_SUBSETS} subsets of {sizes}"
    if evaluation.scores and evaluation.features != INCEPTION:
        yield f"KD and FD are those of {evaluation.features}: not to be compared with anybody's KID and FID"
    if evaluation.memorisation:
        ratios = ", ".join(f"{value:.2f} by {space}" for space, value in evaluation.memorisation.items())
        yield f"\nmemorisation: {ratios} (near 0: copies; about 1: as new as real pictures)"
        yield f"   distance to the nearest training picture, next to that of {evaluation.compared_with}"
        yield f"look for yourself: {evaluation.board}"
    yield f"all figures: {settings.out / SCORES_FILE}"


def format_score(values: dict[str, float], name: str) -> str:
    """A figure with as many digits as mean something."""
    if name == "kid":
        return f"{values['kid']:.4f} ± {values['kid_std']:.4f}"
    return f"{values[name]:.1f}" if name == "fid" else f"{values[name]:.3f}"
