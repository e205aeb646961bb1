"""What the sliders move along: traits that a person can name, and below them what else the generator varies."""

from collections.abc import Mapping, Sequence
from typing import Any

from gan.sampling.measures import Floats, join, measure
from gan.sampling.traits import fit_traits, left_of, trait_latents
from studio.engine import MAX_IMAGES, Engine


def find_named_directions(engine: Engine) -> list[dict[str, Any]]:
    """Draw and measure in this thread, seconds long; see `named_directions`."""
    return named_directions(engine, [measure(engine.draw(part)) for part in latents_to_measure(engine)])


def latents_to_measure(engine: Engine) -> list[Floats]:
    """The latents whose pictures are to be measured, [N, latent_dim] each, N up to MAX_IMAGES."""
    latents = trait_latents(engine.info.latent_dim)
    return [latents[start : start + MAX_IMAGES] for start in range(0, len(latents), MAX_IMAGES)]


def named_directions(engine: Engine, measured: Sequence[Mapping[str, Floats]]) -> list[dict[str, Any]]:
    """The sliders of the page, those with names first, all at right angles to each other. May take seconds.

    Args:
        engine: gives the free directions.
        measured: `gan.sampling.measures.measure` of the pictures of each of `latents_to_measure`.

    Returns:
        ``name``; ``vector``: latent_dim floats, one step; ``correlation``: `gan.sampling.traits.Trait`, None of a
        free direction.
    """
    named = fit_traits(trait_latents(engine.info.latent_dim), join(measured))
    free = left_of(engine.directions(), named)
    return [
        *({"name": each.name, "vector": each.vector.tolist(), "correlation": each.correlation} for each in named),
        *(
            {"name": f"Trait {number + 1}", "vector": vector.tolist(), "correlation": None}
            for number, vector in free.items()
        ),
    ]
