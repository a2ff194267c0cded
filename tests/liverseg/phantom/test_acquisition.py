"""The scanner's noise."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from liverseg.phantom.acquisition import Scanner


def test_noise_has_the_spectrum_of_ct():
    rng = np.random.default_rng(0)
    scanner = dataclasses.replace(Scanner.draw(rng), noise_hu=15.0, streaks_hu=0.0)
    grain = scanner.noise(rng, (128, 128), 0.75, np.ones((128, 128), np.float32))
    assert grain.std() == pytest.approx(15, rel=0.01) and grain.dtype == np.float32
    power = np.abs(np.fft.fftshift(np.fft.fft2(grain))) ** 2
    radius = np.hypot(*np.mgrid[-64:64, -64:64])
    low, middle = power[(radius > 1) & (radius < 6)].mean(), power[(radius > 18) & (radius < 34)].mean()
    assert middle > 2 * low  # the ramp filter attenuates low frequencies
