"""Settings: what a recipe is resolved to, and settings files that version 0.1.0 wrote."""

from dataclasses import replace

import pytest

from gan.config import PRESETS, TrainConfig
from gan.errors import SettingsError


def test_a_recipe_that_is_given_is_taken_and_its_batch_replaced_by_the_one_that_is_named():
    recipe = replace(PRESETS["dcgan"], r1_gamma=7.0)
    assert TrainConfig(recipe=recipe).recipe == recipe
    assert TrainConfig(recipe=recipe, batch=8).recipe == replace(recipe, batch=8)
    assert TrainConfig(preset="r3gan").recipe == PRESETS["r3gan"]
    assert TrainConfig(preset="my own", recipe=recipe).preset == "my own"
    with pytest.raises(
        SettingsError, match="--preset my own: choose one of student, dcgan-2015, dcgan, projected, r3gan"
    ):
        TrainConfig(preset="my own")


def test_a_run_that_names_no_preset_has_the_one_for_its_start():
    assert TrainConfig().preset == TrainConfig(init_from="some-run").preset == "dcgan"
    assert TrainConfig(init_from="base").recipe == PRESETS["projected"]
    assert TrainConfig(init_from="base", preset="dcgan").recipe == PRESETS["dcgan"]


def test_settings_with_the_names_of_the_first_version_mean_the_same():
    config = TrainConfig(preset="student", batch=8, grad_accum=4)
    old = config.to_json()
    old["split"] = old.pop("grad_accum")
    old["preset"] = "seed"
    recipe = old["recipe"] = dict(old["recipe"], batch=40)  # --batch stood beside it then
    recipe["augment"] = recipe.pop("augment_p")
    for network in ("generator", "discriminator"):
        architecture = recipe[network] = dict(recipe[network])
        architecture["batch_spread"] = architecture.pop("minibatch_std_group")
    assert TrainConfig.from_json(old) == config
