"""What version 0.1.0 called things that now have another name, in files, commands and scripts that people have.

Names are translated where a file is read or an option is taken; nothing further in knows the old ones.
"""

from collections.abc import Mapping
from typing import Any

PRESETS = {"seed": "student"}
CONFIG = {"split": "grad_accum"}
RECIPE = {"augment": "augment_p"}
ARCHITECTURE = {"batch_spread": "minibatch_std_group"}
CHECKPOINT = {
    "average": "generator_ema",
    "strength": "augment_p",
    "watched": "stats",
    "watched_steps": "stats_steps",
    "dice": "rng",
}


def rename_keys(values: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """The same values, those with an old name under their new one."""
    return {names.get(name, name): value for name, value in values.items()}


def preset_name(name: str) -> str:
    """What a preset is called today."""
    return PRESETS.get(name, name)
