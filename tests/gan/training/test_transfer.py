"""Trainings that start from the weights of an earlier one."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from slim_networks import slim

from gan.config import PRESETS, Recipe, TrainConfig
from gan.errors import GanError, SettingsError
from gan.images import to_uint8
from gan.networks.build import build_discriminator, build_generator
from gan.runs.checkpoint import load_checkpoint, read_generator_header, save_generator
from gan.runs.run_folder import RunFolder
from gan.sampling.sample import latents_from_seeds
from gan.training.alpha_start import TOLERANCE
from gan.training.loop import resume, train
from gan.training.losses import structure_loss
from gan.training.trainer import Execution, Trainer
from gan.training.transfer import copy_overlapping_weights, find_source, transfer, with_generator_of
from kit.foreground import foreground_masks

CPU = torch.device("cpu")
DCGAN = replace(slim(PRESETS["dcgan"]).at_size(16), batch=4)


@pytest.fixture
def runs(trained_run: Path, tmp_path: Path, slim_presets: None) -> Path:
    """A folder with a run called first, of 80 images."""
    shutil.copytree(trained_run, tmp_path / "first")
    return tmp_path


def config(discs: Path, output: Path, run: str, **settings: object) -> TrainConfig:
    given = {"device": "cpu", "precision": "fp32", "batch": 8, "kimg": 0.08, "run": run, **settings}
    return TrainConfig(discs, output=output, **given)


def trainer_of(recipe: Recipe, seed: int = 1) -> Trainer:
    side = recipe.generator.size_px
    images = torch.zeros(4, recipe.generator.channels, side, side, dtype=torch.uint8)
    return Trainer(recipe, images, seed, Execution(CPU))


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def drawn(state: dict[str, Any]) -> torch.Tensor:
    """What the average of a checkpoint of `DCGAN` draws."""
    generator = build_generator(DCGAN.generator)
    generator.load_state_dict(state["generator_ema"])
    with torch.no_grad():
        return generator.eval()(latents_from_seeds(range(16), DCGAN.generator.latent_dim))


def test_both_networks_and_the_average_of_a_run_come_along_and_all_else_is_fresh(runs):
    saved = load_checkpoint(runs / "first/checkpoint.pt")
    trainer = trainer_of(DCGAN)
    message = transfer(trainer, find_source("first", runs))
    state = trainer.state()
    for name in ("generator", "discriminator", "generator_ema"):
        assert same(state[name], saved[name])
    assert state["optimizer_g"]["state"] == state["optimizer_d"]["state"] == {}
    assert (state["steps"], float(state["augment_p"])) == (0, 0)
    assert message.startswith("from first (dcgan, 80 images, 40 pictures of ")
    assert message.endswith(": 100% of the generator's weights, 100% of the discriminator's")


@pytest.mark.parametrize("name", ["first", "first/", "first/checkpoint.pt", "first/generator.safetensors"])
def test_a_run_may_be_named_by_its_name_its_folder_or_its_files(runs, name):
    assert find_source(name, runs).header.images == 80
    assert find_source(str(runs / name), Path("elsewhere")).header.images == 80


def test_of_a_lone_generator_file_the_discriminator_is_fresh_and_the_message_says_so(runs):
    saved = load_checkpoint(runs / "first/checkpoint.pt")
    trainer, fresh = trainer_of(DCGAN), trainer_of(DCGAN)
    message = transfer(trainer, find_source("first/generator.safetensors", runs))
    assert same(trainer.state()["generator"], saved["generator_ema"])
    assert same(trainer.state()["discriminator"], fresh.state()["discriminator"])
    assert message.endswith("the discriminator starts from fresh weights, for the file has none")


def test_a_discriminator_that_lies_beside_a_generator_file_comes_along(runs):
    from release.publish_base import DISCRIMINATOR_FILE, GENERATOR_FILE, publish_base

    publish_base(runs / "first", runs)
    assert {GENERATOR_FILE, DISCRIMINATOR_FILE} <= {path.name for path in runs.iterdir()}
    trainer = trainer_of(DCGAN)
    transfer(trainer, find_source(GENERATOR_FILE, runs))
    saved = load_checkpoint(runs / "first/checkpoint.pt")["discriminator"]
    assert all(
        torch.equal(weight, saved[name].half().float())
        for name, weight in trainer.state()["discriminator"].items()
    )


def test_a_run_with_a_discriminator_on_features_goes_on_in_another(discs, tmp_path, slim_presets):
    train(config(discs, tmp_path, "first", preset="projected", kimg=0.008))
    saved = load_checkpoint(tmp_path / "first/checkpoint.pt")
    trainer = trainer_of(replace(slim(PRESETS["projected"]).at_size(16), batch=4))
    message = transfer(trainer, find_source("first", tmp_path))
    assert same(trainer.state()["discriminator"], saved["discriminator"])
    assert message.endswith("100% of the discriminator's")


@pytest.mark.parametrize("presets", [("projected", "dcgan"), ("dcgan", "projected")])
def test_of_a_discriminator_on_features_the_part_that_looks_at_pixels_is_a_dcgans_and_the_other_way_round(
    runs, presets
):
    source, trainer = (
        trainer_of(replace(slim(PRESETS[preset]).at_size(16), batch=4), seed)
        for seed, preset in enumerate(presets)
    )
    theirs, ours = source.networks.discriminator, trainer.networks.discriminator
    transfer(trainer, replace(find_source("first", runs), discriminator=theirs))
    one, other = (getattr(network, "pixels", network).state_dict() for network in (theirs, ours))
    assert same(one, other)


def test_a_larger_generator_keeps_its_stages_from_the_base_on_and_has_a_fresh_last_one():
    small, large = build_generator(DCGAN.generator), build_generator(DCGAN.at_size(32).generator)
    before = {name: tensor.clone() for name, tensor in large.state_dict().items()}
    copy_overlapping_weights(large, small)
    for name, tensor in small.state_dict().items():
        assert torch.equal(large.state_dict()[name], tensor), name
    extra = large.state_dict().keys() - small.state_dict().keys()
    assert extra
    assert all(torch.equal(large.state_dict()[name], before[name]) for name in extra)


def test_a_larger_discriminator_keeps_its_last_stages_and_has_a_fresh_one_before_them():
    small, large = build_discriminator(DCGAN.discriminator), build_discriminator(DCGAN.at_size(32).discriminator)
    assert (len(small.layers), len(large.layers)) == (5, 7)  # two a stage, and the minibatch standard deviation
    copy_overlapping_weights(large, small, from_end=True)
    one, other = small.state_dict(), large.state_dict()
    assert torch.equal(other["layers.4.weight"], one["layers.2.weight"])
    assert torch.equal(other["layers.0.weight"], one["layers.0.weight"])  # reads images in both
    assert torch.equal(other["score.weight"], one["score.weight"])


def test_wider_layers_keep_the_narrow_ones_as_their_first_channels_and_maps_their_middle():
    narrow = build_generator(replace(DCGAN.generator, widths=(4, 4, 4)))
    wide = build_generator(DCGAN.at_size(24).generator)  # on a base of 6x6 pixels in place of 4x4
    share = copy_overlapping_weights(wide, narrow)
    conv = wide.state_dict()["layers.5.weight"]
    assert torch.equal(conv[:4, :4], narrow.state_dict()["layers.5.weight"])
    base = wide.state_dict()["dense.weight"].view(8, 6, 6, 100)[:4, 1:5, 1:5]
    assert torch.equal(base, narrow.state_dict()["dense.weight"].view(4, 4, 4, 100))
    assert 0 < share < 0.5


@pytest.mark.parametrize("preset", ["dcgan", "dcgan-2015"])
def test_a_wider_generator_draws_at_first_what_the_narrow_one_did(preset):
    architecture = PRESETS[preset].at_size(16).generator
    narrow = build_generator(replace(architecture, widths=tuple(4 for _ in architecture.widths)))
    wide = build_generator(replace(architecture, widths=tuple(7 for _ in architecture.widths)))
    if modulation := getattr(narrow, "modulation", None):
        for layer in (*modulation.scales, *modulation.shifts):
            torch.nn.init.normal_(layer.weight, std=0.1)
    copy_overlapping_weights(wide, narrow)
    latents = torch.randn(2, architecture.latent_dim)
    torch.testing.assert_close(wide.eval()(latents), narrow.eval()(latents))
    wide(latents).square().sum().backward()
    assert all(parameter.grad.any() for parameter in wide.parameters())  # what is new can learn


def test_a_run_has_the_generator_of_the_model_that_it_starts_from(discs, runs):
    narrow = replace(DCGAN, generator=replace(DCGAN.generator, widths=(4, 4, 4), upsampling="bilinear"))
    train(config(discs, runs, "narrow", recipe=narrow))
    train(config(discs, runs, "second", init_from="narrow"))
    assert RunFolder.find("second", runs).read_config().recipe == replace(narrow, batch=8)
    resume("second", runs, {"kimg": 0.16})


@pytest.mark.parametrize("preset", PRESETS)
def test_networks_of_every_preset_start_from_their_like_at_another_size(preset):
    recipe = slim(PRESETS[preset])
    sizes = (40, 80) if preset == "student" else (16, 32)
    for build, from_end in ((build_generator, False), (build_discriminator, True)):
        small, large = (
            build(
                recipe.at_size(size).generator if build is build_generator else recipe.at_size(size).discriminator
            )
            for size in sizes
        )
        assert copy_overlapping_weights(large, large, from_end) == 1
        assert copy_overlapping_weights(large, small, from_end) > 0.1


@pytest.mark.parametrize("size_px", [64, 80, 96])
def test_alpha_starts_as_the_figures_of_the_base_in_any_size_of_as_many_stages(size_px, tmp_path):
    source = find_source("base", tmp_path)
    recipe = with_generator_of(PRESETS["dcgan"], source).at_size(size_px).with_channels(4)
    trainer = trainer_of(recipe)
    transfer(trainer, source)
    generator = trainer.generator_ema.eval()
    latents = latents_from_seeds(range(100, 132), trainer.recipe.generator.latent_dim)
    with torch.no_grad():
        drawn = to_uint8(generator(latents))
    figures = foreground_masks(drawn[:, :3].permute(0, 2, 3, 1).numpy(), TOLERANCE)
    opaque = drawn[:, 3].numpy() > 127
    assert (opaque & figures).sum() / (opaque | figures).sum() > 0.85
    *colours, alpha = generator.to_rgb.weight.abs().mean((1, 2, 3)).tolist()
    assert alpha < 2 * max(colours)  # else tanh is flat there, and alpha learns nothing


@pytest.mark.parametrize(("size_px", "keeps"), [(16, True), (20, True), (32, False)])
def test_the_structure_of_the_first_images_is_kept_where_they_are_figures(size_px, keeps, runs):
    source = find_source("first", runs)
    recipe = replace(with_generator_of(DCGAN, source).at_size(size_px), structure_weight=2.0)
    trainer = trainer_of(recipe)
    transfer(trainer, source)
    kept = trainer.networks.source_generator
    assert (kept is not None) == keeps
    if kept:
        assert same(kept.state_dict(), trainer.generator_ema.state_dict())


def test_what_keeps_its_structure_goes_on_bit_for_bit_and_nearer_to_its_source(discs, runs):
    recipes = {"free": DCGAN, "kept": replace(DCGAN, structure_weight=20.0, structure_half_life_kimg=0.5)}
    for run, recipe in recipes.items():
        train(config(discs, runs, run, kimg=0.16, init_from="first", recipe=recipe))
    train(config(discs, runs, "broken", init_from="first", recipe=recipes["kept"]))
    resume("broken", runs, {"kimg": 0.16})
    first, free, kept, broken = (
        load_checkpoint(runs / run / "checkpoint.pt") for run in ("first", *recipes, "broken")
    )
    assert same(kept["generator"], broken["generator"])
    assert same(kept["source_generator"], first["generator_ema"])
    assert "source_generator" not in free
    loss_kept, loss_free = (structure_loss(drawn(state), drawn(first)).item() for state in (kept, free))
    assert loss_kept < 0.8 * loss_free


def test_the_lineage_stands_in_settings_header_and_words_oldest_first(discs, runs):
    output: list[str] = []
    train(config(discs, runs, "second", init_from="first"), notify=output.append)
    train(config(discs, runs, "third", init_from=str(runs / "second/generator.safetensors")))
    header = read_generator_header(runs / "third/generator.safetensors")
    assert [line.split(" (")[0] for line in header.lineage] == ["first", "generator"]
    assert json.loads((runs / "third/config.json").read_text())["lineage"] == list(header.lineage)
    assert "; started from generator (dcgan, 80 images" in header.describe(Path("x"))
    assert output[0].startswith("from first (dcgan")


def test_a_run_that_started_from_another_goes_on_bit_for_bit(discs, runs):
    train(config(discs, runs, "straight", kimg=0.16, init_from="first"))
    train(config(discs, runs, "broken", init_from="first"))
    resume("broken", runs, {"kimg": 0.16})
    one, other = (load_checkpoint(runs / run / "checkpoint.pt") for run in ("straight", "broken"))
    for name in ("generator", "discriminator", "generator_ema"):
        assert same(one[name], other[name])
    assert not same(one["generator"], load_checkpoint(runs / "first/checkpoint.pt")["generator"])
    with pytest.raises(SettingsError, match=r"--resume cannot change --from other \(the run has first\)"):
        resume("broken", runs, {"init_from": "other"})


def test_a_run_killed_before_its_first_checkpoint_starts_from_the_same_model_again(discs, runs):
    train(config(discs, runs, "straight", init_from="first"))
    train(config(discs, runs, "killed", init_from="first"))
    folder = runs / "killed"
    for path in (*folder.glob("samples/*"), folder / "checkpoint.pt", folder / "generator.safetensors"):
        path.unlink()
    resume("killed", runs, {})
    one, other = (load_checkpoint(runs / run / "checkpoint.pt") for run in ("straight", "killed"))
    assert same(one["generator_ema"], other["generator_ema"])
    for path in (*folder.glob("samples/*"), folder / "checkpoint.pt", folder / "generator.safetensors"):
        path.unlink()
    resume("first", runs, {"kimg": 0.16})
    with pytest.raises(GanError, match="--from first: it has changed since this run began; start a new run"):
        resume("killed", runs, {})


def test_the_average_begins_with_the_models_and_forgets_it_as_fast_as_a_short_run_learns(discs, runs):
    train(config(discs, runs, "second", init_from="first", kimg=0.008))
    before, after = (load_checkpoint(runs / run / "checkpoint.pt") for run in ("first", "second"))
    name = "to_rgb.weight"
    moved = after["generator"][name] - before["generator_ema"][name]
    decay = 0.5 ** (8 / (0.2 * 8))
    torch.testing.assert_close(
        after["generator_ema"][name], before["generator_ema"][name] + (1 - decay) * moved, rtol=1e-3, atol=1e-7
    )


def test_what_cannot_be_started_from_is_one_clear_line_and_leaves_no_run(discs, runs):
    save_generator(
        runs / "residual.safetensors",
        build_generator(PRESETS["r3gan"].at_size(16).generator),
        header_of(runs, "r3gan"),
    )
    (runs / "broken.safetensors").write_bytes(b"no model")
    for name, error in {
        "nothing": "--from nothing: no such run in .*; or: --from base",
        "residual.safetensors": "its networks are of the preset r3gan; add --preset r3gan",
        "broken.safetensors": "broken.safetensors: damaged, or no generator file",
    }.items():
        with pytest.raises(GanError, match=error):
            train(config(discs, runs, "second", init_from=str(runs / name) if "." in name else name))
    assert not (runs / "second").exists()


def header_of(runs: Path, preset: str):
    header = read_generator_header(runs / "first/generator.safetensors")
    return replace(header, preset=preset, architecture=PRESETS[preset].at_size(16).generator)
