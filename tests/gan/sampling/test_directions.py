"""Directions of generators whose answer is known by hand, and of the built-in one."""

from itertools import product

import numpy as np
import torch
from torch import Tensor, nn

from gan.runs.model_files import built_in_model
from gan.sampling.directions import SHORTEST_STEP, find_directions
from gan.sampling.sample import latents_from_seeds
from studio.engine_loader import load_engine


class LinearGenerator(nn.Module):
    """Brightness of the upper half: 3 times z[5]; of the lower half: -2 times z[2]; the rest does nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))

    def forward(self, z: Tensor) -> Tensor:
        images = torch.zeros(len(z), 3, 20, 20)
        images[:, :, :10] = 3 * z[:, 5, None, None, None]
        images[:, :, 10:] = -2 * z[:, 2, None, None, None] + z[:, 7, None, None, None] ** 2
        return images


def test_directions_of_a_linear_generator_are_its_axes_by_strength_with_positive_sign():
    result = find_directions(LinearGenerator(), latent_dim=8, count=2)
    axes = np.zeros((2, 8))
    axes[0, 5] = SHORTEST_STEP
    axes[1, 2] = SHORTEST_STEP * 1.5**0.3
    # z[7] squared is even: no step turns it around, so up to the sample's chance it has no part.
    np.testing.assert_allclose(result, axes, atol=0.3)
    assert np.all(result[[0, 1], [5, 2]] > 1)


def test_directions_are_the_same_on_every_run():
    assert np.array_equal(find_directions(LinearGenerator(), 8), find_directions(LinearGenerator(), 8))


def test_the_built_in_generators_directions_are_different_changes():
    engine = load_engine(built_in_model())
    result = engine.directions()
    assert result.shape == (10, 100)
    assert result.dtype == np.float32
    lengths = np.linalg.norm(result, axis=1)
    np.testing.assert_allclose(result @ result.T, np.diag(lengths**2), atol=1e-3)
    for seed, steps in product(range(3), (-3, 3)):
        latent = latents_from_seeds([seed], 100).numpy()
        changes = engine.draw(latent + steps * result) - engine.draw(latent).astype(float)
        # Over all pixels: most of a black picture stays black whatever its figure does.
        assert np.abs(changes).mean((1, 2, 3)).min() > 4
        flat = changes.reshape(10, -1)
        flat /= np.linalg.norm(flat, axis=1, keepdims=True)
        assert (flat @ flat.T - np.eye(10)).max() < 0.9
