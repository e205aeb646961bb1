"""What tests of the GAN use."""

import pytest
from slim_networks import no_speedup, slim

from gan.config import PRESETS


@pytest.fixture
def slim_presets(monkeypatch: pytest.MonkeyPatch) -> None:
    """All presets slim, in this process."""
    for name, recipe in PRESETS.items():
        monkeypatch.setitem(PRESETS, name, slim(recipe))
    monkeypatch.setattr("gan.device.bf16_speedup", no_speedup)
