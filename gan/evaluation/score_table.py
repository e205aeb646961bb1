"""An evaluation in words: a table that a person can read."""

from collections.abc import Iterator

from gan.evaluation.evaluate import EvaluateSettings, Evaluation
from gan.evaluation.metrics import KID_SUBSETS
from gan.runs.score_names import INCEPTION, SCORES_FILE
from kit.quoting import quoted

NAMES = {
    "kid": ("KID", "lower is better; 0: the same distribution"),
    "fid": ("FID", "lower is better; falls with the number of pictures"),
    "precision": ("precision", "generated pictures that could be real ones"),
    "recall": ("recall", "real pictures that the generator could draw"),
    "density": ("density", "generated pictures in typical real neighbourhoods"),
    "coverage": ("coverage", "real pictures with a generated one nearby"),
}
COLUMN = 17
UNLIKE, NEAR, AS_GOOD = 0.1, 0.5, 0.9
"""Coverage over its floor, up to which the judgement is the next better one."""
COPYING = 0.5
"""Memorisation ratio below which many generated pictures are near copies."""


def score_table(evaluation: Evaluation, settings: EvaluateSettings) -> Iterator[str]:
    """The lines of the table, the numbers of pictures stated, the floor beside each figure."""
    yield f"generated  {evaluation.generated_pictures:,} pictures: {evaluation.generated}"
    yield f"real       {evaluation.real_pictures:,} pictures: {evaluation.real}"
    yield f"features   {evaluation.features}"
    if evaluation.ground:
        others = ", ".join(name for name in evaluation.grounds if name != evaluation.ground)
        yield f"ground     {evaluation.ground}, over which the scores are worst; {others} are in {SCORES_FILE}"
    if evaluation.scores:
        half, rest = evaluation.real_pictures // 2, evaluation.real_pictures - evaluation.real_pictures // 2
        yield ""
        yield f"{'':10} {'score':>{COLUMN}} {'floor':>{COLUMN}}"
        for name in (name for name in NAMES if name in evaluation.scores):
            label = NAMES[name][0] if evaluation.features == INCEPTION else NAMES[name][0].replace("ID", "D")
            cells = " ".join(
                f"{format_score(values, name):>{COLUMN}}" for values in (evaluation.scores, evaluation.floor)
            )
            yield f"{label:10} {cells}   {NAMES[name][1]}"
        yield ""
        yield f"floor: {half:,} of the real pictures against the other {rest:,}, the best that can be hoped for"
    if "kid" in evaluation.scores:
        sizes = f"{evaluation.kid_subset:,} pictures, for the floor of {evaluation.floor_subset:,}"
        yield f"±: {KID_SUBSETS} subsets of {sizes}"
    if evaluation.scores and evaluation.features != INCEPTION:
        yield f"KD and FD are those of {evaluation.features}: not to be compared with anybody's KID and FID"
    if evaluation.memorisation:
        ratios = ", ".join(f"{value:.2f} by {space}" for space, value in evaluation.memorisation.items())
        covered = covered_share(evaluation)
        is_unlike = covered is not None and covered < UNLIKE
        meaning = "says nothing of noise" if is_unlike else "near 0: copies; about 1: as new as real pictures"
        yield ""
        yield f"memorisation: {ratios} ({meaning})"
        yield f"   distance to the nearest training picture, next to that of {evaluation.compared_with}"
        yield f"look for yourself: {evaluation.board}"
    yield f"all figures: {settings.out / SCORES_FILE}"
    yield ""
    yield f"judgement: {judgement(evaluation)}"


def covered_share(evaluation: Evaluation) -> float | None:
    """Coverage over the best that can be hoped for; None where it was not measured."""
    floor = evaluation.floor.get("coverage")
    return evaluation.scores["coverage"] / floor if floor else None


def judgement(evaluation: Evaluation) -> str:
    """What the scores mean and what to do next; without coverage, how to have it."""
    covered = covered_share(evaluation)
    if covered is None:
        return "none without coverage. Next: the same command with prdc among --metrics"
    what = f"--resume {evaluation.run}" if evaluation.run else f"--data {quoted(evaluation.real)}"
    train_on = f"vgc train {what} --minutes 60"
    draw = f"vgc generate --model {evaluation.run}" if evaluation.run else "vgc generate"
    if covered < UNLIKE:
        return f"not like the real pictures yet. Next: {train_on}"
    if min(evaluation.memorisation.values(), default=1.0) < COPYING:
        return "many nearly copy training pictures. Next: look at the board; train on more pictures"
    if covered < NEAR:
        return f"some are like real pictures, most are not. Next: {train_on}"
    if covered < AS_GOOD:
        return f"like the real pictures, in part. Next: {train_on}; or {draw} --best-of 8"
    return f"as much like the real pictures as these features can tell. Next: {draw} -n 64"


def format_score(values: dict[str, float], name: str) -> str:
    """A figure with as many digits as mean something."""
    if name == "kid":
        return f"{values['kid']:.4f} ± {values['kid_std']:.4f}"
    return f"{values[name]:.1f}" if name == "fid" else f"{values[name]:.3f}"
