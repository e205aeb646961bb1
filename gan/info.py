"""What is installed, what this machine has, which presets there are: to read or to paste into a report."""

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from gan.config import DEFAULT_PRESET, PRESETS, TrainConfig
from gan.device import bf16_speedup, choose_device, choose_precision
from gan.networks.diagram import draw_network
from gan.networks.layer_summary import describe_recipe, discriminator_layers, generator_layers
from gan.runs.model_files import built_in_model, list_runs
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
    side = recipe.generator.size_px
    folder.mkdir(parents=True, exist_ok=True)
    images = {
        "Generator_Arch.png": draw_network(
            f"Generator of the preset {preset}",
            generator_layers(recipe.generator),
            f"latent {recipe.generator.latent_dim}",
        ),
        "Discriminator_Arch.png": draw_network(
            f"Discriminator of the preset {preset}",
            discriminator_layers(recipe.discriminator),
            f"picture\n3x{side}x{side}",
        ),
    }
    for name, image in images.items():
        save_png(image, folder / name)
    return [folder / name for name in images]
