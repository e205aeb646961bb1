"""RGB networks that begin to learn alpha: what was learned of colours stays, and alpha starts as the figure."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gan.images import to_uint8
from gan.sampling.sample import DRAW_BATCH, latents_from_seeds
from kit.channels import RGB, RGBA
from kit.foreground import foreground_masks

IMAGES_FITTED = 32
STEPS = 20
"""Of L-BFGS; as many again lower the loss by less than 1 %."""
WEIGHT_DECAY = 0.01
"""Keeps alpha's weights as small as those of the colours. Where tanh is flat, alpha stays 0 or 1 for a whole
training, and what should be half transparent comes out as a comb."""
TOLERANCE = 12
"""Of the figures that alpha is fitted to: dark outlines count to them, as far as they are lighter than black."""


def fit_alpha(generator: nn.Module, latent_dim: int) -> None:
    """Let the fourth channel of a generator of three draw the figures that stand on its backgrounds.

    Its last layer's weights for alpha are fitted to the masks of `foreground_masks`, by logistic regression with
    weight decay on what that layer sees; all other weights stay, so the picture over black is the one that it
    was.

    Args:
        generator: of the families of `gan.networks.build`, with four channels; its mode is kept.
        latent_dim: of it.
    """
    layer = generator.to_rgb
    assert isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)
    features, masks = last_features(generator, layer, latent_dim)
    row = 1 if isinstance(layer, nn.ConvTranspose2d) else 0
    weight = torch.zeros_like(layer.weight.narrow(row, RGB, 1), memory_format=torch.contiguous_format)
    bias = None if layer.bias is None else torch.zeros_like(layer.bias[RGB:])
    fitted = [each.requires_grad_() for each in (weight, bias) if each is not None]
    optimizer = torch.optim.LBFGS(fitted, max_iter=STEPS, line_search_fn="strong_wolfe")  # the problem is convex
    convolve = F.conv_transpose2d if row else F.conv2d

    def loss_and_gradient() -> Tensor:
        optimizer.zero_grad()
        # tanh(x) in [-1, 1] is the logistic function of 2x in [0, 1].
        logits = 2 * convolve(features, weight, bias, stride=layer.stride, padding=layer.padding)  # type: ignore[arg-type]
        loss = F.binary_cross_entropy_with_logits(logits, masks) + WEIGHT_DECAY * weight.square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(loss_and_gradient)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        layer.weight.narrow(row, RGB, 1).copy_(weight)
        if bias is not None:
            layer.bias[RGB:].copy_(bias)  # type: ignore[index]


@torch.no_grad()
def last_features(generator: nn.Module, layer: nn.Module, latent_dim: int) -> tuple[Tensor, Tensor]:
    """What the last layer sees for some latents, and the masks of the figures in the first three channels.

    Returns:
        [N, width, h, w] float32 and [N, 1, H, W] float32, 0 or 1.
    """
    device = next(generator.parameters()).device
    seen: list[Tensor] = []
    handle = layer.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].float()))
    training = generator.training
    generator.eval()
    latents = latents_from_seeds(range(IMAGES_FITTED), latent_dim).to(device)
    drawn = torch.cat([generator(some) for some in latents.split(DRAW_BATCH)])  # type: ignore[no-untyped-call]
    generator.train(training)
    handle.remove()
    pixels = to_uint8(drawn[:, :RGB]).permute(0, 2, 3, 1).numpy()
    masks = torch.from_numpy(foreground_masks(pixels, TOLERANCE)).to(device)
    return torch.cat(seen), masks[:, None].float()


@torch.no_grad()
def ignore_alpha(discriminator: nn.Module) -> None:
    """Let a discriminator that judged colours start from those: its weights for alpha become 0."""
    layers = (layer for layer in discriminator.modules() if isinstance(layer, nn.Conv2d))
    first = next(layer for layer in layers if layer.in_channels == RGBA)
    first.weight[:, RGB:] = 0
