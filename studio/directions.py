"""What the sliders move along: traits that a person can name, and below them what else the generator varies."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gan import pretrained
from gan.sampling.measures import Floats, join, measure
from gan.sampling.traits import Trait, fit_traits, left_of, trait_latents
from studio.engine import MAX_IMAGES, Engine

KNOWN = Path(pretrained.__path__[0]) / "traits.json"
"""The traits of the generators that come with vgc, by their hash: what `measured_traits` finds takes seconds."""


def known_traits(engine: Engine) -> list[Trait] | None:
    """The traits of a generator that comes with vgc; None of any other."""
    known = json.loads(KNOWN.read_text("utf-8")).get(engine.info.hash)
    if known is None:
        return None
    return [Trait(each["name"], np.array(each["vector"], np.float32), each["correlation"]) for each in known]


def latents_to_measure(engine: Engine) -> list[Floats]:
    """The latents whose pictures are to be measured, [N, latent_dim] each, N up to MAX_IMAGES."""
    latents = trait_latents(engine.info.latent_dim)
    return [latents[start : start + MAX_IMAGES] for start in range(0, len(latents), MAX_IMAGES)]


def measured_traits(engine: Engine, measured: Sequence[Mapping[str, Floats]]) -> list[Trait]:
    """The traits that the measures of the pictures of `latents_to_measure` tell of."""
    return fit_traits(trait_latents(engine.info.latent_dim), join(measured))


def find_traits(engine: Engine) -> list[Trait]:
    """Draw, measure and fit in this thread, seconds long."""
    return measured_traits(engine, [measure(engine.draw(part)) for part in latents_to_measure(engine)])


def all_directions(engine: Engine, named: list[Trait]) -> list[dict[str, Any]]:
    """The sliders of the page, those with names first, all at right angles to each other. May take seconds.

    Returns:
        ``name``; ``vector``: latent_dim floats, one step; ``correlation``: `gan.sampling.traits.Trait`, None of a
        free direction.
    """
    free = left_of(engine.directions(), named)
    return [
        *({"name": each.name, "vector": each.vector.tolist(), "correlation": each.correlation} for each in named),
        *(
            {"name": f"Trait {number + 1}", "vector": vector.tolist(), "correlation": None}
            for number, vector in free.items()
        ),
    ]
