"""``python -m release.publish RUN``: make a run on the built-in characters the built-in generator."""

import argparse
from dataclasses import replace
from pathlib import Path

import torch

from gan.errors import GanError
from gan.export.onnx import export_onnx
from gan.pretrained import TRAINED_ON
from gan.runs.checkpoint import load_generator, save_generator
from gan.runs.model_files import built_in_model, find_model
from gan.sampling.directions import find_directions
from release.traits import main as write_traits

STUDIO_OPSET = 20
"""All ONNX Runtimes that the studio takes read it."""


def publish(model: Path, target: Path) -> None:
    """Copy a generator file in half precision, its header naming the built-in characters; the same as ONNX.

    Raises:
        GanError: it started from what learned from other pictures.
    """
    generator, header = load_generator(model, torch.device("cpu"))
    if not all(TRAINED_ON in ancestor for ancestor in header.lineage):
        raise GanError(
            f"{model}: started from {header.lineage[0]}; publish what knows the built-in characters alone"
        )
    save_generator(target, generator, replace(header, trained_on=TRAINED_ON, lineage=()), torch.float16)
    export_onnx(target, target.with_suffix(".onnx"), find_directions, STUDIO_OPSET, half=True)


def main() -> None:
    """Publish the run named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m release.publish", description=__doc__)
    parser.add_argument(
        "run", help="a run's name or folder, or a generator file, trained on the built-in characters"
    )
    model = find_model(parser.parse_args().run, Path("train_output"))
    publish(model, built_in_model())
    write_traits()
    print(f"{model} -> {built_in_model()}: {built_in_model().stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
