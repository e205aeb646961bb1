"""What a training starts from: its images, its settings resolved, a trainer, a checkpoint."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dataset.hold_out import split_files
from dataset.image_folder import image_channels, image_files, is_built_set
from dataset.reader import image_groups, load_images
from gan import old_names
from gan.config import Recipe, TrainConfig
from gan.device import choose_precision, is_out_of_memory, keep_freed_memory, use_algorithms
from gan.errors import GanError, SettingsError
from gan.evaluation.features import require_scorable
from gan.networks.build import build_discriminator, build_generator, without_weights
from gan.runs.run_folder import RunFolder
from gan.threads import ThreadTuner
from gan.training.distributed import DistributedContext
from gan.training.ema import TRAINED_WARM_UP_SHARE
from gan.training.trainer import Execution, Trainer, require_like
from gan.training.transfer import Source, find_source, with_generator_of
from kit.progress import Notify, noop

log = logging.getLogger(__name__)

MINUTES_ON_CPU = 20.0
"""Length of a run on a CPU by default; on a GPU it is the preset's kimg."""
FEW_IMAGES = 50
"""Fewer are trained on, but with a warning."""
RESUMABLE = {
    "kimg",
    "minutes",
    "device",
    "save_minutes",
    "data",
    "grad_accum",
    "deterministic",
    "cuda_graphs",
    "eval_every_kimg",
}
"""Settings that may change when a run is resumed. The images may have moved: they are known by their pixels."""


def load_training_images(config: TrainConfig) -> Tensor:
    """[N, C, H, W] uint8; GanError if there is nothing to learn from them."""
    channels = max(config.recipe.generator.channels, image_channels(config.data))
    files = training_files(config)
    images = load_images(config.data, channels, files)
    flat = images.flatten(2)
    blank = (flat.amax(2) == flat.amin(2)).all(1)
    if blank.any():
        first = (files or image_files(config.data))[int(blank.int().argmax())]
        message = f"{first}: one colour all over"
        if blank.all():
            raise GanError(
                f"{message}, and so is every picture there: nothing can be learned from them; "
                "make the set anew with vgc preprocess, or name another folder with --data"
            )
        remedy = "take away what is no character"
        if is_built_set(config.data):
            remedy = "delete such files in the raw folder, for what is deleted from the set comes back"
        log.warning("%s (%d such pictures); %s", message, int(blank.sum()), remedy)
    if len(images) < FEW_IMAGES:
        log.warning("%s: few pictures (%d); the generator may learn them by heart", config.data, len(images))
    return images


def training_files(config: TrainConfig) -> list[Path] | None:
    """The pictures that the training may see; None: all."""
    return split_files(config.data, config.hold_out)[0] if config.hold_out else None


def find_first_weights(config: TrainConfig, distributed: DistributedContext) -> Source | None:
    """What ``init_from`` names, the same in all processes; None for fresh weights.

    Raises:
        GanError: there is no such model, or it has changed since the run began.
    """
    if config.init_from is None:
        return None
    source = distributed.broadcast(find_source(config.init_from, config.output) if distributed.is_main else None)
    assert source is not None
    if config.lineage and config.lineage != source.lineage:
        raise GanError(f"--from {config.init_from}: it has changed since this run began; start a new run")
    return source


def resolve_config(
    config: TrainConfig, images: Tensor, device: torch.device, source: Source | None
) -> TrainConfig:
    """Fill in what was left open: the source's generator, the images' size and channels, the precision, the end.

    Raises:
        SettingsError: the recipe has no networks of that size, or the source is of another family.
    """
    recipe = with_generator_of(config.recipe, source) if source else config.recipe
    recipe = recipe.at_size(images.shape[-1]).with_channels(images.shape[1])
    config = replace(config, recipe=recipe, precision=choose_precision(config.precision, device))
    if config.kimg is not None or config.minutes is not None:
        return config
    if device.type == "cpu":
        return replace(config, minutes=MINUTES_ON_CPU)
    return replace(config, kimg=recipe.total_kimg)


def apply_overrides(config: TrainConfig, overrides: Mapping[str, Any]) -> TrainConfig:
    """A run's settings with the user's changes; SettingsError names those that may not change."""
    overrides = old_names.rename_keys(overrides, old_names.CONFIG)
    if "preset" in overrides:
        overrides["preset"] = old_names.preset_name(overrides["preset"])
    current = {name: config.recipe.batch if name == "batch" else getattr(config, name) for name in overrides}
    refused = [name for name, value in overrides.items() if name not in RESUMABLE and current[name] != value]
    if refused:
        options = {name: "from" if name == "init_from" else name.replace("_", "-") for name in refused}
        changes = ", ".join(
            f"--{options[name]} {overrides[name]} (the run has {current[name]})" for name in refused
        )
        raise SettingsError(f"--resume cannot change {changes}; leave it out, or start a new run")
    # A new end of either kind replaces both.
    ends = {"kimg": None, "minutes": None} if {"kimg", "minutes"} & set(overrides) else {}
    return replace(config, **{**ends, **overrides})


def make_trainer(
    config: TrainConfig, images: Tensor, device: torch.device, distributed: DistributedContext
) -> Trainer:
    """The trainer that ``config`` describes, from fresh weights; GanError if processes have different images."""
    if config.eval_every_kimg:
        require_scorable(images, config.data)
    use_algorithms(config.deterministic)
    if device.type == "cpu":
        keep_freed_memory()
    precision = choose_precision(config.precision, device)
    execution = Execution(device, precision, distributed, config.grad_accum, config.cuda_graphs)
    groups = image_groups(config.data, training_files(config))
    trainer = Trainer(config.recipe, images, config.seed, execution, groups)
    if config.init_from is not None:
        trainer.ema_warm_up_share = TRAINED_WARM_UP_SHARE
    fingerprint = trainer.training_set.fingerprint
    if distributed.broadcast(fingerprint) != fingerprint:
        raise GanError(f"{config.data}: process {distributed.rank} sees other pictures there than the first one")
    return trainer


def make_thread_tuner(trainer: Trainer, config: TrainConfig, notify: Notify = noop) -> ThreadTuner:
    """What chooses the number of threads on a CPU; it keeps all of them where ``config`` is deterministic."""
    on_cpu = trainer.execution.device.type == "cpu"
    return ThreadTuner(trainer.forward_pass, notify, enabled=on_cpu and not config.deterministic)


def restore(trainer: Trainer, state: dict[str, Any], folder: RunFolder, data: Path) -> None:
    """Load a checkpoint's state.

    Raises:
        GanError: it is of other images or other networks than the run's, or larger than the device's memory.
    """
    if "fingerprint" in state and state["fingerprint"] != trainer.training_set.fingerprint:
        raise GanError(
            f"{data}: the pictures, or their groups, have changed since {folder.path.name} began; "
            "put back what it had, name them with --data if they have moved, or start a new run"
        )
    try:
        trainer.load_state(state)
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        if is_out_of_memory(error):
            device = trainer.execution.device
            raise GanError(
                f"{folder.checkpoint}: no memory left on {device} to load it; end other programs, then go on"
            ) from error
        raise other_networks(folder) from error


def require_networks_of(recipe: Recipe, state: dict[str, Any], folder: RunFolder) -> None:
    """GanError if a checkpoint is of other networks than the recipe's; to be called before those are allocated."""
    with without_weights():
        generator, discriminator = build_generator(recipe.generator), build_discriminator(recipe.discriminator)
    try:
        for name, network in (
            ("generator", generator),
            ("generator_ema", generator),
            ("discriminator", discriminator),
        ):
            require_like(state[name], network.state_dict(), name)
    except (KeyError, ValueError) as error:
        raise other_networks(folder) from error


def other_networks(folder: RunFolder) -> GanError:
    """What to raise where a run's checkpoint is not its own."""
    return GanError(
        f"{folder.checkpoint}: of other networks than {folder.path.name}'s; put back its own, or start a new run"
    )
