"""Which programs open what ``vgc export --onnx`` writes, and draw the same: runtimes old and new.

    python -m benchmarks.runtimes [--opset 15] [--only cv2]

Each runtime is installed from the package index into an environment of its own, below a temporary folder. Drawn
are the built-in generator and one untrained network of each preset; a cell is the largest difference from PyTorch
of two pictures, in 255ths, or what the runtime said instead.
"""

import argparse
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from gan.config import PRESETS
from gan.export.onnx import LOWEST_OPSET, export_onnx
from gan.networks.build import build_generator
from gan.runs.checkpoint import GeneratorHeader, load_generator, save_generator
from gan.runs.model_files import built_in_model

RUNTIMES = [
    ("onnxruntime==1.15.0", "numpy==1.26.4"),
    ("onnxruntime==1.16.3", "numpy==1.26.4"),
    ("onnxruntime==1.20.1", "numpy"),
    ("onnxruntime==1.32.0", "numpy"),
    ("opencv-python-headless==4.5.5.64", "numpy==1.26.4"),
    ("opencv-python-headless==4.8.1.78", "numpy==1.26.4"),
    ("opencv-python-headless==4.14.0.94", "numpy"),
    ("opencv-python-headless==5.0.0.93", "numpy"),
]
COMPARE = """
import sys
from pathlib import Path

import numpy as np

def draw(path, latents):
    if sys.argv[1].startswith("onnxruntime"):
        import onnxruntime
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        return session.run(None, {"latents": latents})[0]
    import cv2
    network = cv2.dnn.readNetFromONNX(str(path))
    images = []
    for latent in latents:
        network.setInput(latent[None])
        images.append(network.forward().copy())
    return np.concatenate(images)

for path in sorted(Path(sys.argv[2]).glob("*.onnx"), key=lambda path: path.stem):
    expected = np.load(path.with_suffix(".npz"))
    try:
        difference = np.abs(draw(path, expected["latents"]) - expected["images"]).max() * 127.5
        print(f"{difference:.3f}")
    except Exception as error:
        print(" ".join(str(error).split())[:60])
"""


def no_directions(_: torch.nn.Module, latent_dim: int) -> NDArray[np.float32]:
    """In place of those of the studio, which no runtime looks at and which take long to find."""
    return np.zeros((1, latent_dim), np.float32)


def write_models(folder: Path, opset: int) -> list[str]:
    """Export the networks with what PyTorch draws beside each; their names, sorted."""
    models = {"built-in": built_in_model()}
    for preset, recipe in PRESETS.items():
        torch.manual_seed(0)
        models[preset] = folder / f"{preset}.safetensors"
        generator = build_generator(recipe.generator)
        save_generator(models[preset], generator, GeneratorHeader(recipe.generator, preset, 0, "noise"))
    for name, model in models.items():
        header = export_onnx(model, folder / f"{name}.onnx", no_directions, opset)
        latents = torch.randn(2, header.latent_dim)
        with torch.inference_mode():
            images = load_generator(model, torch.device("cpu"))[0](latents)
        np.savez(folder / f"{name}.npz", latents=latents.numpy(), images=images.numpy())
    return sorted(models)


def differences(packages: tuple[str, ...], models: Path) -> list[str]:
    """What one runtime draws, a cell a model."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder) / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
        install = [python, "-m", "pip", "install", "-q", "--only-binary", ":all:", *packages]
        if subprocess.run(install, check=False).returncode:
            return ["not to be had here"]
        compare = [python, "-c", COMPARE, packages[0], models]
        return subprocess.run(compare, check=True, text=True, stdout=subprocess.PIPE).stdout.splitlines()


def main() -> None:
    """Try the runtimes and print the table."""
    parser = argparse.ArgumentParser(description="Which programs open what vgc export --onnx writes.")
    parser.add_argument("--opset", type=int, default=LOWEST_OPSET, help="ONNX opset to write")
    parser.add_argument("--only", default="", help="only runtimes with this in their name")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        names = write_models(Path(folder), arguments.opset)
        table = Table("runtime", *names, title=f"opset {arguments.opset}: largest difference, 255ths")
        for packages in RUNTIMES:
            if arguments.only in packages[0]:
                table.add_row(packages[0], *differences(packages, Path(folder)))
    Console().print(table)


if __name__ == "__main__":
    main()
