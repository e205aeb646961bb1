"""What is installed, what this machine has, which presets there are: to read or to paste into a report."""

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from gan.config import DEFAULT_PRESET, PRESETS, Architecture, TrainConfig
from gan.device import bf16_speedup, choose_device, choose_precision
from gan.errors import SettingsError
from gan.networks.diagram import draw_network
from gan.networks.layer_summary import describe_recipe, discriminator_layers, generator_layers
from gan.runs.checkpoint import read_generator_header
from gan.runs.curve_image import save_curves
from gan.runs.model_files import built_in_model, find_model, list_runs, run_of
from gan.runs.run_folder import RunFolder
from kit.png import save_png

SHOWN_PACKAGES = (
    "vgc",
    "torch",
    "torchvision",
    "pillow",
    "numpy",
    "requests",
    "beautifulsoup4",
    "safetensors",
    "typer",
)


def collect_info() -> dict[str, Any]:
    """Versions, devices, models and presets, as plain values for ``--json``."""
    device = choose_device("auto")
    return {
        "versions": {"python": platform.python_version(), **{name: version(name) for name in SHOWN_PACKAGES}},
        "system": f"{platform.system()} {platform.release()} {platform.machine()}, {os.cpu_count()} cores",
        "devices": devices(),
        "auto": f"{device}, {choose_precision('auto', device)}",
        "built_in_generator": str(built_in_model()),
        "runs": [str(run) for run in list_runs(TrainConfig.output)],
        "default_preset": DEFAULT_PRESET,
        "presets": {name: describe_recipe(recipe) for name, recipe in PRESETS.items()},
    }


def devices() -> dict[str, str]:
    """Each device that PyTorch can use, in a few words."""
    devices = {
        "cpu": f"{torch.backends.cpu.get_cpu_capability()}, {torch.get_num_threads()} threads, "
        f"bf16 {bf16_speedup():.1f} times as fast as fp32"
    }
    for number in range(torch.cuda.device_count()):
        card = torch.cuda.get_device_properties(number)
        devices[f"cuda:{number}"] = f"{card.name}, {card.total_memory / 2**30:.0f} GiB"
    if torch.backends.mps.is_available():
        devices["mps"] = "Apple GPU"
    return devices


def draw_architectures(preset: str, folder: Path) -> list[Path]:
    """Write ``Generator_Arch.png`` and ``Discriminator_Arch.png`` of a preset; returns their paths."""
    recipe = PRESETS[preset]
    return draw_networks(f"the preset {preset}", recipe.generator, recipe.discriminator, folder)


def draw_model(model: str, folder: Path) -> list[Path]:
    """Write the same of a model; of a file that lies in no run, the generator alone.

    Args:
        model: a run or a generator file.
        folder: where to.

    Raises:
        GanError: there is no such model, or it is damaged.
    """
    file = find_model(model, TrainConfig.output)
    run = run_of(file)
    name = run.name if run else file.stem
    discriminator = RunFolder(run).read_config().recipe.discriminator if run else None
    generator = read_generator_header(file).architecture
    return draw_networks(f"the model {name}", generator, discriminator, folder)


def draw_curves(model: str | None, file: Path) -> Path:
    """Draw a run's curves into a ``.png`` or ``.svg`` file; returns the run.

    Raises:
        SettingsError: the model is no run's, or the file's suffix is another.
        GanError: there is no such model, or no curve of it; or the file cannot be written.
    """
    generator = find_model(model, TrainConfig.output)
    run = run_of(generator)
    if run is None:
        raise SettingsError(f"{generator}: no generator of a run, which has the curves; name one with --model")
    save_curves(run, file)
    return run


def draw_networks(
    owner: str, generator: Architecture, discriminator: Architecture | None, folder: Path
) -> list[Path]:
    """Write a diagram of each network; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    latent = f"latent {generator.latent_dim}"
    images = {
        "Generator_Arch.png": draw_network(f"Generator of {owner}", generator_layers(generator), latent),
    }
    if discriminator:
        side, channels = discriminator.size_px, discriminator.channels
        title, layers = f"Discriminator of {owner}", discriminator_layers(discriminator)
        images["Discriminator_Arch.png"] = draw_network(title, layers, f"picture\n{channels}x{side}x{side}")
    for name, image in images.items():
        save_png(image, folder / name)
    return [folder / name for name in images]
