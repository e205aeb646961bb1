"""What the discriminator sees: differentiable changes that leave the background as it is."""

import torch
from torch import Tensor

TRANSLATION = 0.125
"""Largest shift, as a share of the side; DiffAugment's."""
AUGMENT_DRAWS = 7
"""Random numbers that `augment` takes for a picture."""
ADAPT_IMAGES = 50_000
"""Real pictures in which an adaptive strength may go from never to always. Karras et al. 2020 take 500,000, but
their runs are a hundred times as long as one on a CPU."""
STRONGEST_ADAPTED = 0.8
"""Where an adaptive strength stops rising: a set of crisp drawings lets the discriminator win without learning a
picture by heart, and stronger augmentation only leaks then (Karras et al. 2020, section 2.2)."""


def flip_half(pictures: Tensor, uniform: Tensor) -> Tensor:
    """Mirror left to right each picture whose ``uniform`` [N] is below 1/2. [N, C, H, W] -> the same."""
    return torch.where(uniform.view(-1, 1, 1, 1) < 0.5, pictures.flip(3), pictures)


def augment(pictures: Tensor, background: Tensor, uniform: Tensor, strength: Tensor) -> Tensor:
    """Change light, saturation, contrast and place of pictures at random; differentiable.

    The policy is DiffAugment's (colour, milder, and translation; Zhao et al. 2020, arXiv:2006.10738, section 3),
    but it acts on the difference to the background: what is background stays so, and what a shift uncovers is
    filled with it, so that the generator has nothing to learn from the changes themselves. Colour and place change
    independently of each other, each with a probability of ``strength`` (Karras et al. 2020, arXiv:2006.06676,
    section 2.2: below .8, what is seen unchanged outweighs the rest, and nothing leaks).

    Args:
        pictures: [N, 3, H, W] float32 in about [-1, 1].
        background: [3, 1, 1] float32, the data set's background colour.
        uniform: [N, AUGMENT_DRAWS] float32 from U[0, 1): all the chance there is.
        strength: [] float32, 0 to 1.

    Returns:
        [N, 3, H, W] float32; values may leave [-1, 1].
    """
    difference = pictures - background
    recoloured, moved = (uniform[:, 5:] < strength).T
    difference = torch.where(recoloured[:, None, None, None], colour(difference, uniform[:, :3]), difference)
    # The middle of the range moves nothing.
    places = torch.where(moved[:, None], uniform[:, 3:5], 0.5)
    return translate(difference, places) + background


def adapt(strength: Tensor, sign_real: Tensor, target: float, batch: int) -> None:
    """Move the strength, in place, a step up where the discriminator is too sure of real pictures, else down.

    Args:
        strength: [] float32, 0 to `STRONGEST_ADAPTED`.
        sign_real: [] float32, mean sign of its scores on a batch of real pictures: r_t of Karras et al. 2020,
            equation 1.
        target: of ``sign_real``.
        batch: real pictures in the step.
    """
    strength.add_(torch.sign(sign_real - target) * batch / ADAPT_IMAGES).clamp_(0, STRONGEST_ADAPTED)


def colour(difference: Tensor, uniform: Tensor) -> Tensor:
    """Brightness ± .2 where there is a figure, saturation times .5 to 1.5, contrast times .75 to 1.25.

    Less than DiffAugment's ± .5, 0 to 2 and .5 to 1.5: a discriminator that sees every degree of saturation
    teaches no colours, and the pictures turn out grey. ``uniform`` [N, 3] decides.
    """
    brightness, saturation, contrast = uniform.T[..., None, None, None]
    figure = difference.detach().abs().amax(1, keepdim=True).mul(8).clamp(max=1)
    difference = difference + 0.4 * (brightness - 0.5) * figure
    grey = difference.mean(1, keepdim=True)
    coloured: Tensor = (grey + (difference - grey) * (saturation + 0.5)) * (0.5 * contrast + 0.75)
    return coloured


def translate(difference: Tensor, uniform: Tensor) -> Tensor:
    """Shift each picture by up to ± TRANSLATION of its sides, zeros moving in; ``uniform`` [N, 2] decides.

    A shift is a matrix of zeros and ones on either side, so that it has exact gradients of every order, needs
    no scatter and is two small batched products.
    """
    height, width = difference.shape[2:]
    with torch.autocast(difference.device.type, enabled=False):
        rows = shift_matrices(uniform[:, 0], height)
        columns = shift_matrices(uniform[:, 1], width)
        moved: Tensor = rows @ difference @ columns.transpose(2, 3)
    return moved


def shift_matrices(uniform: Tensor, side: int) -> Tensor:
    """Shifts as matrices: ``uniform`` [N] -> [N, 1, side, side] float32, ones on one diagonal."""
    reach = int(side * TRANSLATION + 0.5)
    shift = (uniform * (2 * reach + 1)).long().view(-1, 1, 1, 1) - reach
    place = torch.arange(side, device=uniform.device)
    return (place[:, None] + shift == place[None, :]).to(uniform.dtype)


def background_colour(pictures: Tensor) -> Tensor:
    """The colour that pictures have at their edges: the median over all border pixels, a channel at a time.

    Args:
        pictures: [N, 3, H, W] uint8.

    Returns:
        [3, 1, 1] float32 in [-1, 1]; for a set on black, exactly -1.
    """
    border = torch.cat([pictures[..., 0, :], pictures[..., -1, :], pictures[..., 0], pictures[..., -1]], dim=2)
    median = border.transpose(0, 1).flatten(1).median(dim=1).values
    return median.float().div(127.5).sub(1).view(3, 1, 1)
