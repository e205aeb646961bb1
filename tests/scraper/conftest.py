"""What tests of the scraper use."""

from collections.abc import Iterator

import pytest
from webserver import Web, small_site


@pytest.fixture
def site() -> Iterator[Web]:
    """A site of two letters, a and b, with three characters each."""
    with small_site("ab", count=3) as web:
        yield web
