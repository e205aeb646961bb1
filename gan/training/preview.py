"""The pictures that a run begins with: the real ones, and what the discriminator will see of them."""

import torch
from PIL import Image

from gan.sampling.sample import as_pictures, grid
from gan.training.augment import augment
from gan.training.step_noise import Chance
from gan.training.trainer import Game


def previews(game: Game, count: int) -> dict[str, Image.Image]:
    """Two boards by name: ``real``, and ``real-augmented``, the same mirrored and augmented as strongly as can be.

    The chance is the preview's own, so that the game stays as it is.

    Args:
        game: whose pictures they are.
        count: pictures on a board, evenly spread over the set.
    """
    places = torch.linspace(0, len(game.pictures) - 1, min(count, len(game.pictures))).long().to(game.device)
    dice = torch.Generator(game.device).manual_seed(game.seed)
    chance = Chance.draw(len(places), game.recipe.generator.latent_dim, dice)
    seen = game.real(places, chance)
    if game.recipe.augments:
        seen = augment(seen, game.background, chance.view("real"), torch.ones((), device=game.device))
    plain = game.pictures[places].float().div(127.5).sub(1)
    return {"real": grid(list(as_pictures(plain))), "real-augmented": grid(list(as_pictures(seen)))}
