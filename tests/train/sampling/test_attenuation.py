"""The shift of the liver's attenuation."""

import numpy as np
import pytest

from train.data.dataset import BACKGROUND_BIT, LIVER_BIT, TUMOUR_BIT
from train.sampling.attenuation import SHIFT_HU, shift_attenuation


def test_liver_and_tumour_are_shifted_together_and_the_body_is_unchanged():
    bits = np.full((64, 64), BACKGROUND_BIT, np.uint8)
    bits[16:48, 16:48] = LIVER_BIT
    bits[28:36, 28:36] = TUMOUR_BIT
    hu = np.where(bits == TUMOUR_BIT, 60, np.where(bits == LIVER_BIT, 100, 20)).astype(np.float32)[..., None]
    shifts = []
    for seed in range(40):
        shifted = shift_attenuation(hu, bits, np.random.default_rng(seed))
        shifts.append(float(shifted[20, 20, 0] - 100))
        assert shifted[32, 32, 0] == pytest.approx(60 + shifts[-1], abs=1e-3)
        assert abs(shifted[4, 4, 0] - 20) < 1e-3
    low, high = SHIFT_HU
    assert low <= min(shifts) < -50 and 15 < max(shifts) <= high


def test_a_slice_without_organ_is_returned_itself():
    hu = np.zeros((64, 64, 1), np.float32)
    background = np.full((64, 64), BACKGROUND_BIT, np.uint8)
    assert shift_attenuation(hu, background, np.random.default_rng(0)) is hu
