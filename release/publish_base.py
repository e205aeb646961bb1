"""``python -m release.publish_base RUN``: publish the base, a generator file and a discriminator file in 16 bits.

``base.safetensors`` is an ordinary generator file: the averaged generator, from which both the generator and its
average of a new run start. ``base-discriminator.safetensors`` lies beside it; `gan.training.transfer` reads both.
"""

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path

import torch
from safetensors.torch import save

from gan.config import BASE
from gan.runs.checkpoint import load_checkpoint, load_generator, save_generator
from gan.runs.network_file import HEADER_KEY
from gan.runs.run_folder import RunFolder
from kit.atomic import write_bytes
from release.base_set import TRAINED_ON

GENERATOR_FILE = f"{BASE}.safetensors"
DISCRIMINATOR_FILE = f"{BASE}-discriminator.safetensors"


def publish_base(run: Path, folder: Path, trained_on: str = TRAINED_ON) -> None:
    """Write both files of a run's pair into ``folder``; ``trained_on``: a few words on its pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    generator, header = load_generator(run / "generator.safetensors", torch.device("cpu"))
    save_generator(folder / GENERATOR_FILE, generator, replace(header, trained_on=trained_on), torch.float16)
    weights = load_checkpoint(run / "checkpoint.pt")["discriminator"]
    architecture = RunFolder(run).read_config().recipe.discriminator
    about = {"architecture": asdict(architecture), "images": header.images, "trained_on": trained_on}
    tensors = {name: tensor.half().contiguous() for name, tensor in weights.items()}
    write_bytes(
        folder / DISCRIMINATOR_FILE, save(tensors, metadata={HEADER_KEY: json.dumps(about, sort_keys=True)})
    )


def main() -> None:
    """Publish the base's run."""
    parser = argparse.ArgumentParser(prog="python -m release.publish_base", description=__doc__)
    parser.add_argument("run", type=Path, help="the run's folder")
    parser.add_argument("--out", type=Path, default=Path("gan/pretrained"), help="folder for the two files")
    arguments = parser.parse_args()
    publish_base(arguments.run, arguments.out)
    print(arguments.out / GENERATOR_FILE, arguments.out / DISCRIMINATOR_FILE)


if __name__ == "__main__":
    main()
