"""The traits that come with the built-in generator are those that measuring finds."""

import numpy as np
import pytest

from gan.runs.model_files import built_in_model
from gan.sampling.traits import LEAST_CORRELATION
from studio.directions import find_traits, known_traits
from studio.engine_loader import load_engine


def test_the_traits_that_come_with_the_built_in_generator_are_those_that_it_has():
    engine = load_engine(built_in_model())
    known, found = known_traits(engine), find_traits(engine)
    assert [each.name for each in known] == [each.name for each in found]
    for one, other in zip(known, found, strict=True):
        assert one.correlation == pytest.approx(other.correlation, abs=0.01)
        assert one.correlation >= LEAST_CORRELATION
        np.testing.assert_allclose(one.vector, other.vector, atol=0.01)
