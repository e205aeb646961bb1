"""A small diffusion model, to compare with: trained for so many minutes of one core, then as many images drawn.

    python -m benchmarks.diffusion IMAGES OUT [--minutes 20] [--count 400] [--steps 25] [--seed 0]

The network, its noise schedule and its sampler are those of diffusers, of the extra ``bench``: a U-Net with
attention at an eighth of the side, a cosine schedule, DDIM. Minutes are the process's own, so that what else runs
on the machine takes nothing away. ``vgc evaluate --data IMAGES --fakes OUT`` scores what is drawn.
"""

import argparse
import time
from pathlib import Path

import torch
from diffusers import DDIMScheduler, UNet2DModel
from diffusers.training_utils import EMAModel
from torch import Tensor
from torch.nn.functional import mse_loss
from torchvision.utils import save_image

from dataset.reader import load_images

BATCH = 16
LEARNING_RATE = 4e-4
TIMES = 1000
DRAWN_AT_ONCE = 25


def unet(side_px: int) -> UNet2DModel:
    """4.3 million parameters: one and a half times the two networks of the preset `projected`."""
    return UNet2DModel(
        sample_size=side_px,
        block_out_channels=(32, 64, 128, 128),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "DownBlock2D", "DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D", "UpBlock2D", "UpBlock2D"),
        norm_num_groups=8,
    )


def train(network: UNet2DModel, images: Tensor, noise: DDIMScheduler, minutes: float) -> int:
    """Train, leave the average in the network, and give the number of images shown.

    Args:
        network: predicts the noise.
        images: uint8, [N, 3, S, S].
        noise: the schedule.
        minutes: of this process.
    """
    optimizer = torch.optim.AdamW(network.parameters(), LEARNING_RATE)
    average = EMAModel(network.parameters(), decay=0.9995, use_ema_warmup=True, power=0.75)
    shown, end = 0, time.process_time() + 60 * minutes
    while time.process_time() < end:
        clean = images[torch.randint(len(images), (BATCH,))].float() / 127.5 - 1
        clean = torch.where(torch.rand(BATCH, 1, 1, 1) < 0.5, clean.flip(3), clean)
        added, times = torch.randn_like(clean), torch.randint(TIMES, (BATCH,))
        loss = mse_loss(network(noise.add_noise(clean, added, times), times).sample, added)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        average.step(network.parameters())
        shown += BATCH
        if shown % (100 * BATCH) == 0:
            print(f"{shown:,} images, loss {loss.item():.3f}", flush=True)
    average.copy_to(network.parameters())
    return shown


@torch.no_grad()
def draw(network: UNet2DModel, noise: DDIMScheduler, count: int, steps: int, side_px: int) -> Tensor:
    """Images of -1 to 1, [count, 3, S, S]."""
    noise.set_timesteps(steps)
    images = torch.randn(count, 3, side_px, side_px)
    for moment in noise.timesteps:
        images = noise.step(network(images, moment).sample, moment, images).prev_sample
    return images.clamp(-1, 1)


def main() -> None:
    """Train and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--steps", type=int, default=25)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    images = load_images(options.images, channels=3)
    network, side_px = unet(images.shape[-1]).to(memory_format=torch.channels_last), images.shape[-1]
    noise = DDIMScheduler(TIMES, beta_schedule="squaredcos_cap_v2")
    shown = train(network, images, noise, options.minutes)
    parameters = sum(each.numel() for each in network.parameters())
    print(f"{shown:,} images in {options.minutes:g} minutes, {parameters:,} parameters", flush=True)
    options.out.mkdir(parents=True, exist_ok=True)
    for first in range(0, options.count, DRAWN_AT_ONCE):
        count = min(DRAWN_AT_ONCE, options.count - first)
        for index, image in enumerate(draw(network, noise, count, options.steps, side_px), start=first):
            save_image(image, options.out / f"{index:05d}.png", normalize=True, value_range=(-1, 1))


if __name__ == "__main__":
    main()
