"""``vgc evaluate``: a model or a folder of pictures against a set."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageChops, ImageOps
from slim_networks import slim

from dataset.errors import DatasetError
from dataset.reader import load_images
from gan.config import PRESETS, TrainConfig
from gan.errors import GanError, SettingsError
from gan.evaluation.evaluate import EvaluateSettings, evaluate, fakes_from_model
from gan.evaluation.score_table import score_table
from gan.networks.build import build_generator
from gan.runs.checkpoint import GeneratorHeader, load_generator, save_generator
from gan.runs.model_files import run_argument
from gan.runs.run_folder import RunFolder
from gan.sampling.sample import draw, latents_from_seeds
from gan.sampling.truncation import truncate

CPU = torch.device("cpu")


@pytest.fixture(autouse=True, scope="module")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One for all: the features of the discs are worked out once. They are coarse, as discs of 16 pixels are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("TORCH_HOME", str(tmp_path_factory.mktemp("torch")))
        patch.setattr("gan.evaluation.features.LITE0_SIDE_PX", 32)
        yield


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """An untrained generator of 16x16 pictures in a run whose settings name no data."""
    architecture = slim(PRESETS["dcgan"]).at_size(16).generator
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
    settings = EvaluateSettings(str(run), data=discs, out=tmp_path / "out", device="cpu", count=20, metrics="kid")
    assert evaluate(settings).run == run_argument(run)
    assert (run / "scores.json").read_bytes() == (tmp_path / "out/scores.json").read_bytes()
    assert "kd_efficientnet_lite0" in (run / "report.html").read_text("utf-8")


def test_the_scores_of_another_generator_beside_a_runs_own_leave_its_page_alone(discs, model, tmp_path):
    run = RunFolder.create(TrainConfig(output=tmp_path, run="r")).path
    friends = shutil.move(model, run / "from-a-friend.safetensors")
    settings = EvaluateSettings(str(friends), data=discs, out=tmp_path / "out", count=20, metrics="kid")
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
    result = evaluate(EvaluateSettings(str(run), out=Path("out"), device="cpu", count=20, metrics="kid"))
    assert result.real == str(tmp_path / "project/Data/discs")
    assert result.real_pictures == 40


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


def test_what_a_run_has_held_out_is_found_by_itself(discs, model, tmp_path):
    run = RunFolder.create(TrainConfig(data=discs, output=tmp_path, run="r", hold_out=0.25)).path
    shutil.move(model, run / "generator.safetensors")
    result = evaluate(EvaluateSettings(str(run), out=tmp_path / "out", device="cpu", count=20))
    assert result.real_pictures == 30
    assert result.compared_with == f"10 held-out pictures of {discs}"
    by_hand = EvaluateSettings(str(run), data=discs, out=tmp_path / "out", device="cpu", count=20, metrics="kid")
    assert evaluate(by_hand).real_pictures == 40


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


def test_settings_of_a_newer_version_are_told_before_the_work(discs, model, tmp_path):
    run = RunFolder.create(TrainConfig(output=tmp_path, run="r")).path
    shutil.move(model, run / "generator.safetensors")
    config = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps(config | {"precision": "fp4"}))
    with pytest.raises(GanError, match="fp4"):
        evaluate(EvaluateSettings(str(run), data=discs, out=tmp_path / "out", device="cpu"))
    assert not (tmp_path / "out").exists()


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
