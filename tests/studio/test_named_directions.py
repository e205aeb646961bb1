"""The traits that come with the built-in generator are those that measuring finds."""

import json
from dataclasses import replace

import numpy as np
import pytest
from studio_server import FlatEngine

from gan.runs.model_files import built_in_model
from gan.sampling.traits import LEAST_CORRELATION, Trait
from kit.typed_json import MAX_OBJECT_BYTES
from studio.directions import find_traits, keep_traits, kept_beside, known_traits
from studio.engine_loader import load_engine


def test_the_traits_that_come_with_the_built_in_generator_are_those_that_it_has():
    engine = load_engine(built_in_model())
    known, found = known_traits(engine), find_traits(engine)
    assert [each.name for each in known] == [each.name for each in found]
    for one, other in zip(known, found, strict=True):
        assert one.correlation == pytest.approx(other.correlation, abs=0.01)
        assert one.correlation >= LEAST_CORRELATION
        np.testing.assert_allclose(one.vector, other.vector, atol=0.01)


def test_traits_are_kept_beside_a_generator_for_as_long_as_it_stays_the_same(tmp_path):
    engine = FlatEngine()
    engine.path = tmp_path / "mine.safetensors"
    assert known_traits(engine) is None
    keep_traits(engine, [Trait("Brightness", np.array([1, 0.5, 0, 0], np.float32), 0.8)])
    (kept,) = known_traits(engine)
    assert (kept.name, kept.vector.tolist(), kept.correlation) == ("Brightness", [1, 0.5, 0, 0], 0.8)
    engine.info = replace(engine.info, hash="another")
    assert known_traits(engine) is None
    trait = {"name": "Size", "vector": [0, 1, 0, 0], "correlation": 0.8}
    lies = ({"name": 7}, {"vector": [1, 2]}, {"vector": [0, 0, 0, 0]}, {"vector": [1, 0, 0, 10**400]})
    for lie in (*lies, {"vector": "x"}, {"correlation": "1"}, {"more": "x" * MAX_OBJECT_BYTES}):
        kept_beside(engine.path).write_text(json.dumps({"another": [{**trait, **lie}]}))
        assert known_traits(engine) is None
    for damaged in ("{", "[" * 90_000):
        kept_beside(engine.path).write_text(damaged)
        assert known_traits(engine) is None
