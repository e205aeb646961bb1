"""What the sliders move along: traits that a person can name, and below them what else the generator varies."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from gan import pretrained
from gan.sampling.measures import Floats, join, measure
from gan.sampling.traits import Trait, fit_traits, left_of, trait_latents
from kit.atomic import write_text
from kit.typed_json import is_finite, read_object
from studio.engine import MAX_IMAGES, Engine

KNOWN = Path(pretrained.__path__[0]) / "traits.json"
"""The traits of the generators that come with vgc, by their hash: what `measured_traits` finds takes seconds."""
DIGITS = 4
"""Of a vector's values in such a file."""


def known_traits(engine: Engine) -> list[Trait] | None:
    """The traits of a generator that comes with vgc, or beside which they were kept; None of any other."""
    for file in (KNOWN, *([kept_beside(engine.path)] if engine.path else [])):
        try:
            return [read_trait(each, engine.info.latent_dim) for each in read_object(file)[engine.info.hash]]
        # Of another generator, or damaged: measured anew.
        except (OSError, ValueError, LookupError, TypeError, OverflowError):
            continue
    return None


def read_trait(values: Mapping[str, Any], latent_dim: int) -> Trait:
    """A trait from a file; ValueError, LookupError, TypeError or OverflowError if it is none of such latents."""
    name, correlation = values["name"], values["correlation"]
    vector = np.array(values["vector"], np.float32)
    if vector.shape != (latent_dim,) or not 0 < np.linalg.norm(vector) < np.inf:
        raise ValueError("no direction")
    if not isinstance(name, str) or not is_finite(correlation):
        raise ValueError("no trait")
    return Trait(name, vector, correlation)


def kept_beside(model: Path) -> Path:
    """Where the traits of a generator file are kept."""
    return model.with_name(f"{model.name}.traits.json")


def keep_traits(engine: Engine, traits: list[Trait]) -> None:
    """Keep them beside the generator, where that can be written, for the next start."""
    if engine.path:
        with suppress(OSError):
            write_traits(kept_beside(engine.path), {engine.info.hash: traits})


def write_traits(file: Path, traits: Mapping[str, list[Trait]]) -> None:
    """Write the traits of generators by their hash."""
    content = {
        model_hash: [
            {
                "name": each.name,
                "vector": [round(float(value), DIGITS) for value in each.vector],
                "correlation": round(each.correlation, 2),
            }
            for each in known
        ]
        for model_hash, known in traits.items()
    }
    write_text(file, json.dumps(content, sort_keys=True) + "\n")


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
