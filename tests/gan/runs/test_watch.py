"""What is watched while a run trains: scores, the best generator, collapse, the first boards."""

import copy
import json
import logging
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from dataset.reader import load_images
from gan.config import PRESETS, TrainConfig
from gan.errors import GanError, SettingsError
from gan.networks.build import build_generator
from gan.runs.checkpoint import GeneratorHeader, load_checkpoint, load_generator
from gan.runs.health import HealthMonitor, median_coherence, median_nearest_distance
from gan.runs.model_files import find_model
from gan.runs.run_folder import RunFolder
from gan.runs.verdicts import COHERENT
from gan.training.loop import resume, train
from gan.training.preview import real_image_previews
from gan.training.scoring import Evaluator
from gan.training.trainer import Execution, Trainer

CPU = torch.device("cpu")
SCORE = "kd_efficientnet_lite0"

pytestmark = pytest.mark.usefixtures("slim_presets")


@pytest.fixture(autouse=True)
def own_cache_and_coarse_features(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    # Discs of 16 pixels hold no more than this, and features take a tenth of the time.
    monkeypatch.setattr("gan.evaluation.features.LITE0_SIDE_PX", 32)


def config(discs: Path, output: Path, **settings) -> TrainConfig:
    given = {"data": discs, "output": output, "run": "r", "device": "cpu", "precision": "fp32", "batch": 8}
    return TrainConfig(**{**given, **settings})


def metrics(run: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture
def folder(discs, tmp_path):
    """The open folder of a new run."""
    with RunFolder.create(config(discs, tmp_path / "runs", kimg=1)) as made:
        made.rewind(0)
        yield made


def header(images: int) -> GeneratorHeader:
    return GeneratorHeader(PRESETS["dcgan"].generator.at_size(16), "dcgan", images, "discs")


class Recall(nn.Module):
    """Draws pictures that it is given, noise or real ones, one a latent, again and again."""

    def __init__(self, images: torch.Tensor) -> None:
        super().__init__()
        self.images = nn.Parameter(images.float() / 127.5 - 1, requires_grad=False)
        self.next = 0

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        chosen = torch.arange(self.next, self.next + len(z)) % len(self.images)
        self.next += len(z)
        return self.images[chosen]


def test_a_run_is_scored_on_the_way_and_its_best_generator_kept(discs, tmp_path):
    output: list[str] = []
    train(config(discs, tmp_path, kimg=0.11, eval_every_kimg=0.048), notify=output.append)
    run = tmp_path / "r"
    scored = [line for line in metrics(run) if SCORE in line]
    assert [line["images"] for line in scored] == [48, 96]
    assert {"fd_efficientnet_lite0", "precision_efficientnet_lite0", "coverage_efficientnet_lite0"} <= set(
        scored[0]
    )
    best = min(scored, key=lambda line: line[SCORE])
    assert f"48 images: {SCORE} {scored[0][SCORE]:.3f}, the lowest so far, kept as best.safetensors" in output
    assert find_model("r/best.safetensors", tmp_path) == run / "best.safetensors"
    assert load_generator(run / "best.safetensors", CPU)[1].images == best["images"]


def test_scores_leave_the_training_as_it_is_and_survive_a_stop(discs, tmp_path):
    train(config(discs, tmp_path / "plain", kimg=0.12))
    train(config(discs, tmp_path / "scored", kimg=0.12, eval_every_kimg=0.048))
    train(config(discs, tmp_path / "broken", kimg=0.064, eval_every_kimg=0.048))
    resume("r", tmp_path / "broken", {"kimg": 0.12})
    plain, scored, broken = (
        load_checkpoint(tmp_path / name / "r/checkpoint.pt") for name in ("plain", "scored", "broken")
    )
    for name in ("generator", "discriminator", "generator_ema"):
        for key, expected in plain[name].items():
            assert torch.equal(scored[name][key], expected)
            assert torch.equal(broken[name][key], expected)
    assert torch.equal(plain["rng"]["cpu"], scored["rng"]["cpu"])
    scores = [[line for line in metrics(tmp_path / name / "r") if SCORE in line] for name in ("scored", "broken")]
    assert scores[0] == scores[1]
    assert len(scores[0]) == 2


def test_only_a_better_score_replaces_the_best_also_after_a_resume(discs, folder):
    images = load_images(discs)
    noise = torch.randint(0, 256, images.shape, generator=torch.Generator().manual_seed(1)).byte()
    good = Recall(images)
    Evaluator(folder, images, CPU)(good, header(1000), progress := ProgressRecorder())
    assert ("real", 40) in progress.seen
    assert ("generated", 40) in progress.seen
    again = Evaluator(folder, images, CPU)  # as a resumed run makes it
    again(Recall(noise), header(2000))
    kept = (folder.path / "best.safetensors").read_bytes()
    assert b'images\\": 1000' in kept
    blurred = (images.float() * 0.98).byte()
    (folder.path / "metrics.jsonl").write_text("")
    Evaluator(folder, images, CPU)(Recall(blurred), header(3000))
    assert b'images\\": 3000' in (folder.path / "best.safetensors").read_bytes()


class ProgressRecorder:
    """A progress that takes down what it is told."""

    def __init__(self) -> None:
        self.seen: set[tuple[str, int]] = set()

    def __call__(self, _done: int, total: int | None, text: str) -> None:
        self.seen.add((text.split()[2], total or 0))


@pytest.mark.parametrize("value", [0.0, -1.0, 1e-9, float("nan"), float("inf")])
def test_a_score_every_nothing_is_refused(value):
    with pytest.raises(SettingsError, match="--eval-every"):
        TrainConfig(eval_every_kimg=value)


def test_too_few_pictures_to_be_scored_are_refused_before_the_run_stands(discs, tmp_path):
    few = tmp_path / "few"
    few.mkdir()
    for path in sorted(discs.iterdir())[:19]:
        shutil.copy(path, few)
    with pytest.raises(GanError, match=r"few: 19 pictures; scores need 20 at least"):
        train(config(few, tmp_path, kimg=1, eval_every_kimg=1))
    assert not (tmp_path / "r").exists()


def test_a_run_may_be_scored_from_a_resume_on(discs, tmp_path):
    train(config(discs, tmp_path, kimg=0.04))
    resume("r", tmp_path, {"kimg": 0.064, "eval_every_kimg": 0.048})
    assert [line["images"] for line in metrics(tmp_path / "r") if SCORE in line] == [48]


def test_the_spread_of_pictures_is_the_median_distance_to_the_nearest_other():
    # On a line at 0, 1, 3, 7: nearest others at 1, 1, 2, 4; the lower median of them is 1.
    assert median_nearest_distance(torch.tensor([[0], [1], [3], [7]], dtype=torch.uint8)) == 1
    # Two pictures, each drawn twice: far apart on average, but every one has its double.
    assert median_nearest_distance(torch.tensor([[0], [0], [200], [200]], dtype=torch.uint8)) == 0


def samples_of(images: torch.Tensor) -> list[Image.Image]:
    return [Image.fromarray(image.permute(1, 2, 0).numpy()) for image in images]


def test_a_collapse_is_said_once_and_the_generator_from_before_is_kept(discs, folder, caplog):
    images = load_images(discs)
    health = HealthMonitor(folder, images, 40)
    torch.manual_seed(0)
    ema = build_generator(header(0).architecture).eval().requires_grad_(False)
    good = copy.deepcopy(ema.state_dict())
    collapsed = images[:1].expand(40, -1, -1, -1)
    health.check_samples(samples_of(images), ema, header(5000))
    for weights in ema.parameters():  # as training does, in place
        weights.zero_()
    health.check_samples(samples_of(collapsed), ema, header(10_000))
    health.check_samples(samples_of(collapsed), ema, header(15_000))
    assert [record.message for record in caplog.records if "collapsed" in record.message] == [
        "r has collapsed at 10,000 images: nearly all its pictures are one. It rarely recovers; "
        "start again with another --seed, a larger --batch or the preset dcgan. "
        "The generator from before, at 5,000 images, is kept: "
        f"--model {folder.path / 'generator-before-collapse.safetensors'}"
    ]
    lines = metrics(folder.path)
    assert [line["diversity"] for line in lines] == [1.0, 0.0, 0.0]
    assert [line.get("collapsed") for line in lines] == [None, 1.0, None]
    kept, result = load_generator(folder.path / "generator-before-collapse.safetensors", CPU)
    assert result.images == 5000
    assert all(torch.equal(kept.state_dict()[name], value) for name, value in good.items())


def test_a_collapse_told_before_a_stop_is_not_told_again_and_a_recovery_is(discs, folder, caplog):
    images = load_images(discs)
    generator = build_generator(header(0).architecture)
    collapsed = samples_of(images[:1].expand(40, -1, -1, -1))
    first = HealthMonitor(folder, images, 40)
    first.check_samples(samples_of(images), generator, header(5000))
    first.check_samples(collapsed, generator, header(10_000))
    caplog.clear()
    second = HealthMonitor(folder, images, 40)
    second.check_samples(collapsed, generator, header(15_000))
    assert not caplog.records
    second.check_samples(samples_of(images), generator, header(20_000))
    assert [record.message for record in caplog.records] == ["r: the pictures differ again"]
    HealthMonitor(folder, images, 40).check_samples(collapsed, generator, header(25_000))
    assert "has collapsed at 25,000 images" in caplog.records[-1].message


def test_an_untrained_generator_has_not_collapsed_yet_but_one_that_never_learns_has(discs, folder, caplog):
    images = load_images(discs)
    grey = samples_of(torch.full_like(images, 127))
    health = HealthMonitor(folder, images, 40)
    health.check_samples(grey, nn.Identity(), header(5000))
    assert not caplog.records
    health.check_samples(grey, nn.Identity(), header(50_000))
    assert "has collapsed at 50,000 images" in caplog.records[-1].message
    assert "The generator from before" not in caplog.records[-1].message


def test_pictures_that_are_all_the_same_are_no_measure_of_collapse(folder, caplog):
    same = torch.full((8, 3, 16, 16), 9, dtype=torch.uint8)
    HealthMonitor(folder, same, 8).check_samples(samples_of(same), nn.Identity(), header(60_000))
    assert not caplog.records


def test_a_discriminator_that_is_never_wrong_is_told_once(discs, folder, caplog):
    health = HealthMonitor(folder, load_images(discs), 8)
    output = (
        [health.check_scores(1.0, augmenting=False) for _ in range(19)]
        + [health.check_scores(0.5, augmenting=False)]
        + [health.check_scores(0.99, augmenting=False) for _ in range(30)]
    )
    assert [index for index, values in enumerate(output) if values] == [39]
    assert output[39] == {"discriminator_won": 1.0}
    assert len(caplog.records) == 1
    assert "may know them by heart" in caplog.records[0].message
    assert caplog.records[0].levelno == logging.WARNING
    for images in range(19):
        folder.log(images, {"sign_real": 1.0})
    resumed = HealthMonitor(folder, load_images(discs), 8)
    assert resumed.check_scores(1.0, augmenting=False)  # after a stop as well


def test_a_discriminator_is_not_judged_while_its_augmentation_still_grows(discs, folder, caplog):
    health = HealthMonitor(folder, load_images(discs), 8)
    assert not any(health.check_scores(1.0, augmenting=True) for _ in range(50))
    assert not any(health.check_scores(1.0, augmenting=False) for _ in range(19))
    assert health.check_scores(1.0, augmenting=False)


def test_noise_and_blur_are_told_from_drawings(discs, folder):
    real = load_images(discs)
    health = HealthMonitor(folder, real, 8)
    grain = torch.randint(0, 256, real.shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    blur = torch.nn.functional.avg_pool2d(real.float(), 9, stride=1, padding=4).byte()
    assert health.is_noise(samples_of(grain[:8]))
    assert health.is_noise(samples_of(blur[:8]))
    assert health.is_noise(samples_of(real[:1].repeat(8, 1, 1, 1)))
    assert not health.is_noise(samples_of(real[:8]))


def test_grain_in_the_shape_of_figures_has_no_lines(folder):
    rows, columns = torch.meshgrid(torch.arange(32), torch.arange(32), indexing="ij")
    radii = torch.arange(4, 12).view(8, 1, 1, 1)
    figure = ((rows - 15) ** 2 + (columns - 15) ** 2 < radii**2).expand(8, 3, 32, 32)
    shaded = figure * (40 + 4 * rows + 2 * columns).byte()
    grain = torch.randint(0, 256, shaded.shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    health = HealthMonitor(folder, shaded, 8)
    assert health.measure(samples_of(figure * grain))["coherence"] < COHERENT
    assert health.is_noise(samples_of(figure * grain))
    assert not health.is_noise(samples_of(shaded.flip(3)))


def test_coherence_is_1_along_lines_and_0_where_there_is_nothing():
    slope = torch.arange(32).expand(4, 3, 32, 32)
    assert median_coherence((slope + slope.mT).byte()) == pytest.approx(1)
    assert median_coherence(torch.full((4, 3, 32, 32), 7, dtype=torch.uint8)) == 0


def test_a_real_run_made_to_collapse_says_so(discs, tmp_path, monkeypatch, caplog):
    # A latent that no longer reaches the picture: one picture for all, from the second samples on.
    original = Trainer.train_step

    def step(trainer: Trainer) -> None:
        original(trainer)
        if trainer.images_shown >= 1600:
            with torch.no_grad():
                trainer.generator_ema.dense.weight.zero_()

    monkeypatch.setattr(Trainer, "train_step", step)
    monkeypatch.setattr("gan.training.run_logger.IMAGES_BETWEEN_SAMPLES", 800)
    train(config(discs, tmp_path, kimg=1.616, batch=16))
    assert "r has collapsed at 1,600 images" in caplog.text
    lines = [line for line in metrics(tmp_path / "r") if "diversity" in line]
    assert [line.get("collapsed") for line in lines] == [None, 1.0]
    _, result = load_generator(tmp_path / "r/generator-before-collapse.safetensors", CPU)
    assert result.images == 800


def test_a_run_begins_with_boards_of_what_it_learns_from(discs, tmp_path):
    train(config(discs, tmp_path, kimg=0.08))
    names = {path.name for path in (tmp_path / "r/samples").iterdir()}
    assert names == {"00000000.png", "00000080.png", "real.png", "real-augmented.png"}
    first = np.asarray(Image.open(sorted(discs.iterdir())[0]))
    grid = np.asarray(Image.open(tmp_path / "r/samples/real.png"))
    assert np.array_equal(grid[4:20, 4:20], first)


def test_the_preview_shows_what_the_discriminator_sees_and_leaves_the_trainer_alone(discs):
    images = load_images(discs)
    trainer = Trainer(PRESETS["dcgan"].at_size(16), images, 0, Execution(CPU))
    before, state = trainer.rng.get_state(), torch.get_rng_state()
    grids = real_image_previews(trainer, 9)
    assert set(grids) == {"real", "real-augmented"}
    assert grids["real"].size == grids["real-augmented"].size == (3 * 20 + 4, 3 * 20 + 4)
    assert grids["real"].tobytes() != grids["real-augmented"].tobytes()
    assert torch.equal(trainer.rng.get_state(), before)
    assert torch.equal(torch.get_rng_state(), state)
    plain = replace(PRESETS["dcgan"].at_size(16), augment_target=0.0, flips=False)
    same = real_image_previews(Trainer(plain, images, 0, Execution(CPU)), 9)
    assert same["real"].tobytes() == same["real-augmented"].tobytes()


def test_tensorboard_gets_the_boards_too(discs, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train(config(discs, tmp_path, kimg=0.08))
    events = EventAccumulator(str(tmp_path / "r"))
    events.Reload()
    assert set(events.Tags()["images"]) == {"samples", "real", "real-augmented"}
    assert [event.step for event in events.Images("samples")] == [0, 80]
