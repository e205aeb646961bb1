"""Whole commands against the least that could do the same: ``--help``, and ``generate`` from the built-in model.

    python -m benchmarks.commands [--rounds 5]

The bare script imports torch, reads the same weights, runs the same network on 64 latents and writes 64 PNGs.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from gan.runs.model_files import built_in_model

BARE = """
import sys
import torch
from PIL import Image
from gan.runs.checkpoint import load_generator
from pathlib import Path
generator, header = load_generator(Path(sys.argv[1]), torch.device("cpu"))
with torch.inference_mode():
    for start in range(0, 64, 16):
        z = torch.randn(16, header.architecture.latent_dim)
        pictures = generator(z).add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)
        for number, picture in enumerate(pictures):
            Image.fromarray(picture.permute(1, 2, 0).numpy()).save(f"{start + number:04d}.png")
"""


def time_command(arguments: list[str]) -> float:
    """Wall time of one run of a command in an empty folder."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        subprocess.run(arguments, cwd=folder, check=True, capture_output=True)
        return time.perf_counter() - start


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    vgc = str(Path(sys.executable).with_name("vgc"))
    commands = {
        "vgc --help": [vgc, "--help"],
        "vgc generate -n 64": [vgc, "generate", "-n", "64", "--device", "cpu"],
        "bare script": [sys.executable, "-c", BARE, str(built_in_model())],
    }
    taken = {name: [time_command(arguments)] for name, arguments in commands.items()}
    for _ in range(rounds - 1):
        for name, arguments in commands.items():
            taken[name].append(time_command(arguments))
    median = {name: statistics.median(values) for name, values in taken.items()}
    table = Table("command", "seconds, median", "least", title=f"{rounds} runs each, taken in turn")
    for name, values in taken.items():
        table.add_row(name, f"{median[name]:.2f}", f"{min(values):.2f}")
    Console().print(table)
    ratio = median["vgc generate -n 64"] / median["bare script"]
    print(f"vgc generate / bare script: {ratio:.2f} (goal: at most 1.3)")
    print(f"vgc --help: {median['vgc --help']:.2f} s (goal: under 0.3 s)")


if __name__ == "__main__":
    main()
