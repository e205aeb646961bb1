"""What is printed of scores: their names, a judgement, and the next step."""

import pytest

from gan.evaluation.evaluate import EvaluateSettings, Evaluation
from gan.evaluation.score_table import judgement, score_table
from gan.runs.score_names import score_name
from kit.quoting import quoted


def test_only_torch_fidelitys_features_may_be_called_fid_and_kid():
    assert [score_name("inception-v3", name) for name in ("kid", "fid", "recall")] == ["kid", "fid", "recall"]
    assert score_name("efficientnet-lite0", "kid") == "kd_efficientnet_lite0"
    assert score_name("efficientnet-lite0", "fid") == "fd_efficientnet_lite0"
    assert score_name("efficientnet-lite0", "recall") == "recall_efficientnet_lite0"


@pytest.mark.parametrize(
    ("coverage", "memorisation", "expected"),
    [
        (0.05, 1.0, "not like the real pictures yet"),
        (0.05, 0.1, "not like the real pictures yet"),
        (0.4, 1.0, "some are like real pictures"),
        (0.4, 0.3, "many nearly copy training pictures"),
        (0.8, 1.0, "in part"),
        (0.95, 1.0, "as much like the real pictures as these features can tell"),
    ],
)
def test_an_evaluation_ends_with_a_judgement_and_the_next_step(coverage, memorisation, expected):
    evaluation = Evaluation("model", "data", "efficientnet-lite0", 100, 100, 50, 50)
    evaluation.scores, evaluation.floor = {"coverage": coverage}, {"coverage": 1.0}
    evaluation.memorisation = {"pixels": memorisation, "features": 1.0}
    *_, last = score_table(evaluation, EvaluateSettings())
    assert expected in last
    assert "Next: " in last
    assert "RUN" not in last
    says_as_new = any("as new as real pictures" in line for line in score_table(evaluation, EvaluateSettings()))
    assert says_as_new == (coverage > 0.1)


def test_the_next_step_is_a_command_that_can_be_pasted():
    evaluation = Evaluation("model", "my data", "efficientnet-lite0", 100, 100, 50, 50)
    assert judgement(evaluation).endswith("the same command with prdc among --metrics")
    evaluation.scores, evaluation.floor = {"coverage": 0.8}, {"coverage": 1.0}
    assert f"Next: vgc train --data {quoted('my data')} --minutes 60; or vgc generate --best" in judgement(
        evaluation
    )
    evaluation.run = "r"
    assert "Next: vgc train --resume r --minutes 60; or vgc generate --model r --best-of 8" in judgement(
        evaluation
    )
