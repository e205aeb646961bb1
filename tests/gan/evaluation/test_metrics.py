"""Scores against answers known by hand, and what is told of them."""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageChops, ImageOps

from dataset.errors import DatasetError
from dataset.reader import load_images
from gan.config import PRESETS, TrainConfig
from gan.errors import GanError, SettingsError
from gan.evaluation.evaluate import EvaluateSettings, Evaluation, evaluate, fakes_from_model
from gan.evaluation.features import FeatureNetwork, cached_features, load_feature_network
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
from gan.evaluation.neighbours import (
    EmbeddedImages,
    EmbeddedTrainingSet,
    Nearest,
    NearestNeighbours,
    k_nearest,
    memorisation_ratios,
)
from gan.evaluation.score_table import judgement, score_table
from gan.networks.build import build_generator
from gan.runs.checkpoint import GeneratorHeader, load_generator, save_generator
from gan.runs.model_files import run_argument
from gan.runs.run_folder import RunFolder
from gan.runs.score_names import score_name
from gan.sampling.sample import draw, latents_from_seeds
from gan.sampling.truncation import truncate
from kit.quoting import quoted

CPU = torch.device("cpu")
ALL = frozenset({"kid", "fid", "prdc"})


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """No test looks up another's features, nor a developer's."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))


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


def test_the_nearest_are_found_across_blocks_and_a_picture_is_not_its_own(monkeypatch):
    monkeypatch.setattr("gan.evaluation.neighbours.ROWS_AT_ONCE", 2)
    line = torch.tensor([[0.0], [1.0], [3.0], [7.0], [7.5]])
    result = k_nearest(torch.tensor([[2.9], [7.1]]), [line], None, k=2)
    assert result.indices.tolist() == [[2, 1], [3, 4]]
    torch.testing.assert_close(result.distances, torch.tensor([[0.1, 1.9], [0.1, 0.4]]))
    alone = k_nearest(line, [line], torch.arange(5)[:, None], k=1)
    assert alone.indices.flatten().tolist() == [1, 0, 1, 4, 3]


def noise(count: int, seed: int) -> torch.Tensor:
    return torch.randint(0, 256, (count, 3, 8, 8), generator=torch.Generator().manual_seed(seed)).byte()


def embedded(images: torch.Tensor) -> EmbeddedImages:
    return EmbeddedImages(images, images.flatten(1).float())


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


def test_only_torch_fidelitys_features_may_be_called_fid_and_kid():
    assert [score_name("inception-v3", name) for name in ("kid", "fid", "recall")] == ["kid", "fid", "recall"]
    assert score_name("efficientnet-lite0", "kid") == "kd_efficientnet_lite0"
    assert score_name("efficientnet-lite0", "fid") == "fd_efficientnet_lite0"
    assert score_name("efficientnet-lite0", "recall") == "recall_efficientnet_lite0"


def test_another_file_than_torch_fidelitys_weights_is_refused(tmp_path):
    (tmp_path / "w.pth").write_bytes(b"some weights")
    with pytest.raises(GanError, match=r"--weights .*w\.pth: not torch-fidelity's weights-inception"):
        load_feature_network(tmp_path / "w.pth", CPU)
    with pytest.raises(GanError, match=r"--weights .*none: no such file"):
        load_feature_network(tmp_path / "none", CPU)


def test_weights_that_would_run_code_are_not_read_even_under_the_right_digest(tmp_path, monkeypatch):
    import hashlib

    torch.save(Harmful(), tmp_path / "w.pth")
    digest = hashlib.sha256((tmp_path / "w.pth").read_bytes()).hexdigest()
    monkeypatch.setattr("gan.evaluation.features.INCEPTION_SHA256", digest)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(GanError, match=r"w\.pth: damaged"):
        load_feature_network(tmp_path / "w.pth", CPU)
    assert not (tmp_path / "harm").exists()


class Harmful:
    """Makes a file when it is unpickled."""

    def __reduce__(self):
        return (open, ("harm", "w"))


def test_torch_fidelitys_weights_are_used_where_its_download_left_them(tmp_path, monkeypatch):
    import hashlib

    from torch import nn
    from torch_fidelity import feature_extractor_inceptionv3 as theirs

    with monkeypatch.context() as untrained:
        untrained.setattr(theirs, "load_state_dict_from_url", lambda *_, **__: {})
        untrained.setattr(nn.Module, "load_state_dict", lambda *_: None)
        network = theirs.FeatureExtractorInceptionV3("x", ["2048"])
    folder = tmp_path / "torch/hub/checkpoints"
    folder.mkdir(parents=True)
    file = folder / "weights-inception-2015-12-05-6726825d.pth"
    torch.save(network.state_dict(), file)
    monkeypatch.setattr("gan.evaluation.features.INCEPTION_SHA256", hashlib.sha256(file.read_bytes()).hexdigest())
    result = load_feature_network(None, CPU)
    assert result.name == "inception-v3"
    images = noise(2, 1)
    torch.testing.assert_close(result([images], 2, "noise"), network(images)[0])


def test_the_offline_features_see_alike_what_is_alike_and_the_random_state_stays():
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    network = load_feature_network(None, CPU)
    assert network.name == "efficientnet-lite0"
    rows, columns = np.mgrid[:32, :32]
    disc = ((rows - 16) ** 2 + (columns - 16) ** 2 < 100)[None].repeat(3, 0) * np.uint8(220)
    moved = np.roll(disc, 1, axis=2)
    three = torch.stack([torch.from_numpy(disc), torch.from_numpy(moved), noise(1, 5)[0].repeat(1, 4, 4)])
    features = network([three], 3, "some")
    assert features.shape == (3, 1280)
    assert (features[0] - features[1]).norm() < 0.5 * (features[0] - features[2]).norm()
    torch.testing.assert_close(features.norm(dim=1), torch.full((3,), 1280**0.5))
    assert torch.equal(torch.rand(3), expected)


def test_features_of_a_set_are_worked_out_once_and_a_damaged_cache_is_made_again(discs, tmp_path):
    network = load_feature_network(None, CPU)
    images = load_images(discs)[:4]
    output: list[int] = []
    first = cached_features(network, images, progress=lambda done, *_: output.append(done))
    assert output == [4]
    assert torch.equal(cached_features(network, images, progress=lambda done, *_: output.append(done)), first)
    assert output == [4]
    (file,) = (tmp_path / "cache").rglob("*.safetensors")
    file.write_bytes(file.read_bytes()[:100])
    assert torch.equal(cached_features(network, images, progress=lambda done, *_: output.append(done)), first)
    assert output == [4, 4]
    mirrored = cached_features(network, images, mirrored=True)
    assert torch.equal(mirrored, cached_features(network, images.flip(3)))


def test_a_home_that_cannot_be_written_costs_time_only(discs, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    network = FeatureNetwork("mean", lambda images: images.float().mean((2, 3)), CPU)
    images = load_images(discs)
    torch.testing.assert_close(cached_features(network, images), images.float().mean((2, 3)))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """An untrained generator of 16x16 pictures in a run whose settings name no data."""
    architecture = PRESETS["dcgan"].at_size(16).generator
    torch.manual_seed(0)
    path = tmp_path / "model.safetensors"
    save_generator(path, build_generator(architecture), GeneratorHeader(architecture, "dcgan", 7, "noise"))
    return path


def test_an_untrained_model_scores_worse_than_the_set_itself(discs, model, tmp_path):
    settings = EvaluateSettings(str(model), data=discs, out=tmp_path / "out", device="cpu", count=30)
    result = evaluate(settings)
    assert (result.generated_pictures, result.real_pictures, result.features) == (30, 40, "efficientnet-lite0")
    assert result.scores["kid"] > result.floor["kid"] + 10 * result.floor["kid_std"]
    assert result.scores["fid"] > result.floor["fid"]
    assert result.scores["coverage"] < 0.5 < result.floor["coverage"]
    assert all(ratio > 1 for ratio in result.memorisation.values())
    with Image.open(tmp_path / "out/neighbours.png") as grid:
        assert grid.width > 2 * 7 * 16
    written = json.loads((tmp_path / "out/scores.json").read_text())
    assert written["scores"]["kd_efficientnet_lite0"] == result.scores["kid"]
    message = "\n".join(score_table(result, settings))
    assert "30 pictures" in message
    assert "20 of the real pictures against the other 20" in message
    assert "not to be compared with anybody's KID and FID" in message
    assert "KID  " not in message


def test_the_scores_of_a_run_lie_in_its_folder_and_stand_on_its_page(discs, model, tmp_path):
    run = RunFolder.create(TrainConfig(output=tmp_path, run="r")).path
    shutil.move(model, run / "generator.safetensors")
    settings = EvaluateSettings(str(run), data=discs, out=tmp_path / "out", device="cpu", count=30, metrics="kid")
    assert evaluate(settings).run == run_argument(run)
    assert (run / "scores.json").read_bytes() == (tmp_path / "out/scores.json").read_bytes()
    assert "kd_efficientnet_lite0" in (run / "report.html").read_text("utf-8")


def test_the_scores_of_another_generator_beside_a_runs_own_leave_its_page_alone(discs, model, tmp_path):
    run = RunFolder.create(TrainConfig(output=tmp_path, run="r")).path
    friends = shutil.move(model, run / "from-a-friend.safetensors")
    settings = EvaluateSettings(str(friends), data=discs, out=tmp_path / "out", count=30, metrics="kid")
    evaluate(settings)
    assert (tmp_path / "out/scores.json").exists()
    assert not (run / "scores.json").exists()
    assert not (run / "report.html").exists()


def test_the_relative_pictures_of_a_run_are_found_beside_it_from_another_folder(
    discs, model, tmp_path, monkeypatch
):
    shutil.copytree(discs, tmp_path / "project/Data/discs")
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    config = TrainConfig(data=Path("Data/discs"), output=Path("train_output"), run="r")
    run = tmp_path / "project" / RunFolder.create(config).path
    shutil.move(model, run / "generator.safetensors")
    monkeypatch.chdir(tmp_path / "other")
    result = evaluate(EvaluateSettings(str(run), out=Path("out"), device="cpu", count=30, metrics="kid"))
    assert result.real == str(tmp_path / "project/Data/discs")
    assert result.real_pictures == 40


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


def test_a_model_is_scored_by_the_seeds_and_the_truncation_that_are_asked_for(discs, model):
    settings = EvaluateSettings(str(model), count=20, seed=5, truncation=0.5)
    (images,) = fakes_from_model(model, settings, load_images(discs), CPU)
    generator, header = load_generator(model, CPU)
    wanted = truncate(latents_from_seeds(range(5, 25), header.architecture.latent_dim), generator, 0.5)
    for output, expected in zip(images, draw(generator, wanted), strict=True):
        assert np.array_equal(output.permute(1, 2, 0), expected)


def test_a_folder_of_the_real_pictures_themselves_is_seen_to_be_copies(discs, tmp_path):
    copies = tmp_path / "copies"
    shutil.copytree(discs, copies)
    Image.new("RGB", (99, 99)).save(copies / "grid.png")
    unseen = tmp_path / "unseen"
    unseen.mkdir()
    for number, file in enumerate(sorted(discs.glob("*.png"))[:20]):
        with Image.open(file) as disc:
            ImageChops.offset(disc, 3).save(unseen / f"{number}.png")
    settings = EvaluateSettings(
        fakes=copies, data=discs, held_out=unseen, metrics="prdc,nn", out=tmp_path / "out", device="cpu"
    )
    result = evaluate(settings)
    assert all(ratio < 0.1 for ratio in result.memorisation.values())
    assert result.generated_pictures == 40
    assert result.scores["precision"] == result.scores["coverage"] == 1
    assert "fid" not in result.scores
    assert result.compared_with == f"20 held-out pictures of {unseen}"
    mirrored, further = tmp_path / "mirrored", tmp_path / "further"
    mirrored.mkdir()
    further.mkdir()
    for number, file in enumerate(sorted(discs.glob("*.png"))[:20]):
        with Image.open(file) as disc:
            ImageOps.mirror(disc).save(mirrored / f"{number}.png")
            ImageChops.offset(disc, 6).save(further / f"{number}.png")
    result = evaluate(replace(settings, fakes=mirrored, metrics="nn"))
    assert all(ratio < 0.1 for ratio in result.memorisation.values())
    result = evaluate(replace(settings, fakes=unseen, held_out=further, metrics="nn"))
    assert all(0.1 < ratio < 0.95 for ratio in result.memorisation.values())


def test_held_out_pictures_that_were_trained_on_are_refused(discs, tmp_path):
    held_out = tmp_path / "held-out"
    held_out.mkdir()
    Image.new("RGB", (16, 16)).save(held_out / "new.png")
    shutil.copy(discs / "003.png", held_out)
    with pytest.raises(GanError, match=r"held-out: 1 of 2 pictures are among the training ones too; take them"):
        evaluate(EvaluateSettings(fakes=discs, data=discs, held_out=held_out, device="cpu"))


def test_held_out_pictures_of_another_size_are_refused(discs, tmp_path):
    Image.new("RGB", (24, 24)).save(tmp_path / "new.png")
    with pytest.raises(GanError, match=r"pictures of 24 pixels, but the training ones have 16.*--size 16"):
        evaluate(EvaluateSettings(fakes=discs, data=discs, held_out=tmp_path, device="cpu"))


def test_pictures_of_another_size_or_too_few_are_refused(discs, tmp_path):
    folder = tmp_path / "others"
    folder.mkdir()
    for number in range(20):
        Image.new("RGB", (16, 24), (number, 0, 0)).save(folder / f"{number:04d}.png")
    with pytest.raises(GanError, match=r"a picture of 16x24, but the real ones are 16x16.*--size 16"):
        evaluate(EvaluateSettings(fakes=folder, data=discs, out=tmp_path / "out", device="cpu"))
    for number in range(30):
        Image.new("RGB", (24, 24), (number, 0, 0)).save(folder / f"{number:04d}.png")
    with pytest.raises(GanError, match=r"a picture of 24x24, but the real ones are 16x16.*--size 16"):
        evaluate(EvaluateSettings(fakes=folder, data=discs, out=tmp_path / "out", device="cpu"))
    with pytest.raises(GanError, match=r"others: 30 pictures; --count 31"):
        evaluate(EvaluateSettings(fakes=folder, data=discs, count=31, device="cpu"))
    for number in range(11):
        (folder / f"{number:04d}.png").unlink()
    for arguments in ({"fakes": folder, "data": discs}, {"fakes": discs, "data": folder}):
        with pytest.raises(GanError, match=r"others: 19 pictures; scores need 20 at least"):
            evaluate(EvaluateSettings(**arguments, device="cpu"))


def test_what_is_wrong_with_a_folder_is_said_before_the_work(discs, tmp_path):
    output: list[int] = []

    def progress(done: int, *_: object) -> None:
        output.append(done)

    with pytest.raises(DatasetError, match="nowhere: no such folder"):
        evaluate(EvaluateSettings(fakes=discs, data=discs, held_out=tmp_path / "nowhere", device="cpu"), progress)
    (tmp_path / "a-file").touch()
    with pytest.raises(GanError, match=r"a-file: cannot be made .*choose another --out"):
        evaluate(EvaluateSettings(fakes=discs, data=discs, out=tmp_path / "a-file", device="cpu"), progress)
    (tmp_path / "neighbours.png").write_text("mine")
    with pytest.raises(GanError, match=r"neighbours\.png: vgc did not make this"):
        evaluate(EvaluateSettings(fakes=discs, data=discs, out=tmp_path, device="cpu"), progress)
    assert output == []


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"metrics": "fod"}, "--metrics fod: choose from kid,fid,prdc,nn"),
        ({"metrics": ""}, "--metrics : choose"),
        ({"count": 3}, "--count 3: choose 20 to 100,000"),
        ({"truncation": float("nan")}, "--truncation nan"),
        ({"seed": -1}, "--seed -1"),
        ({"model": "a", "fakes": Path("b")}, "give one of the two"),
    ],
)
def test_settings_that_make_no_sense_are_refused(more, message):
    with pytest.raises(SettingsError) as error:
        EvaluateSettings(**more)
    assert message in str(error.value)


def test_a_missing_extra_names_the_command_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(GanError, match=r"package timm, which is not installed: pip install '\.\[evaluate\]'"):
        load_feature_network(None, CPU)
