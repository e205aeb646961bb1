import numpy as np

from benchmarks.spectrum import FREQUENCIES, mean_spectra


def test_a_grid_of_two_pixels_shows_at_the_highest_frequency_of_its_own_direction():
    stripes = np.zeros((40, 40), np.uint8)
    stripes[::2] = 200
    down, across = mean_spectra([stripes, stripes])
    assert FREQUENCIES[int(down.argmax())] == 8
    assert across.max() < 1e-6 * down[-1]
    turned = mean_spectra([stripes.T])
    np.testing.assert_allclose(turned, (across, down), atol=1e-6 * down[-1])
    np.testing.assert_array_equal(mean_spectra([np.full((32, 32), 7, np.uint8)]), 0)
