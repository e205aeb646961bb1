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
    "density": ("density", "generated pictures amid the typical real ones"),
    "coverage": ("coverage", "real pictures with a generated one nearby"),
}
COLUMN = 17


def score_table(found: Evaluation, settings: EvaluateSettings) -> Iterator[str]:
    """The lines of the table, the numbers of pictures stated, the floor beside each figure."""
    yield f"generated  {found.generated_pictures:,} pictures: {found.generated}"
    yield f"real       {found.real_pictures:,} pictures: {found.real}"
    yield f"features   {found.features}"
    if found.scores:
        half, rest = found.real_pictures // 2, found.real_pictures - found.real_pictures // 2
        yield f"\n{'':10} {'score':>{COLUMN}} {'floor':>{COLUMN}}"
        for name in (name for name in NAMES if name in found.scores):
            label = NAMES[name][0] if found.features == INCEPTION else NAMES[name][0].replace("ID", "D")
            cells = " ".join(f"{cell(values, name):>{COLUMN}}" for values in (found.scores, found.floor))
            yield f"{label:10} {cells}   {NAMES[name][1]}"
        yield f"\nfloor: {half:,} of the real pictures against the other {rest:,}, the best that can be hoped for"
    if "kid" in found.scores:
        yield f"±: {KID_SUBSETS} subsets of {found.kid_subset:,} pictures, for the floor of {found.floor_subset:,}"
    if found.scores and found.features != INCEPTION:
        yield f"KD and FD are those of {found.features}: not to be compared with anybody's KID and FID"
    if found.memorisation:
        ratios = ", ".join(f"{value:.2f} by {space}" for space, value in found.memorisation.items())
        yield f"\nmemorisation: {ratios} (near 0: copies; about 1: as new as real pictures)"
        yield f"   distance to the nearest training picture, next to that of {found.compared_with}"
        yield f"look for yourself: {found.board}"
    yield f"all figures: {settings.out / SCORES_FILE}"


def cell(values: dict[str, float], name: str) -> str:
    """A figure with as many digits as mean something."""
    if name == "kid":
        return f"{values['kid']:.4f} ± {values['kid_std']:.4f}"
    return f"{values[name]:.1f}" if name == "fid" else f"{values[name]:.3f}"
