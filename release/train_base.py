"""``python -m release.train_base SET``: train the base, or go on with it where it stopped.

Each call is one piece, until it is stopped. A checkpoint is written every few minutes, atomically, and the next
call goes on from it exactly. One thread: what else runs on the machine goes first.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import torch

from gan.config import PRESET_FROM_BASE, PRESETS, TrainConfig
from gan.training.loop import resume, train

RUN = "base"
FOREVER_KIMG = 100_000.0
SAVE_MINUTES = 3.0
RECIPE = replace(PRESETS[PRESET_FROM_BASE], structure_weight=0.0)
"""The preset, free to draw the set's figures in place of those that it starts with."""


def train_piece(images: Path, output: Path, kimg: float = FOREVER_KIMG, init_from: str | None = None) -> Path:
    """Train the base, from fresh weights or from its last checkpoint.

    Args:
        images: ``rgb_images`` of `release.base_set`.
        output: gets or holds the run `RUN`.
        kimg: end of the run, thousands of pictures shown.
        init_from: what a run that is not there yet starts from, in place of fresh weights; see `vgc train --from`.

    Returns:
        The run's folder.
    """
    if (output / RUN / "config.json").is_file():
        return resume(RUN, output, {"kimg": kimg, "data": images}).run
    config = TrainConfig(
        data=images,
        output=output,
        run=RUN,
        device="cpu",
        kimg=kimg,
        save_minutes=SAVE_MINUTES,
        init_from=init_from,
        preset=PRESET_FROM_BASE,
        recipe=RECIPE,
    )
    return train(config).run


def main() -> None:
    """One piece of the base's training."""
    parser = argparse.ArgumentParser(prog="python -m release.train_base", description=__doc__)
    parser.add_argument("set", type=Path, help="folder that release.base_set made")
    parser.add_argument("--out", type=Path, default=Path("train_output"), help="folder that holds the run")
    parser.add_argument("--kimg", type=float, default=FOREVER_KIMG, help="end, thousands of pictures shown")
    parser.add_argument("--from", dest="init_from", help="what a new run starts from; where the run is lost: base")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(train_piece(arguments.set / "rgb_images", arguments.out, arguments.kimg, arguments.init_from))


if __name__ == "__main__":
    main()
