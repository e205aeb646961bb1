"""``python -m benchmarks``: every measurement, one after the other."""

import subprocess
import sys
from pathlib import Path

NEED_A_PERSON = {"blind"}
NEED_FOLDERS = {"diffusion", "rims", "spectrum", "sprite_sets"}


def main() -> None:
    """Run each script of this folder that needs nobody and nothing; they print their tables."""
    for script in sorted(Path(__file__).parent.glob("[a-z]*.py")):
        if script.stem in NEED_A_PERSON | NEED_FOLDERS:
            continue
        print(f"== benchmarks.{script.stem}", flush=True)
        subprocess.run([sys.executable, "-m", f"benchmarks.{script.stem}"], check=True)


if __name__ == "__main__":
    main()
