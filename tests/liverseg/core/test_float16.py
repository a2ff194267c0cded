"""float16 conversions and comparisons, compared with numpy."""

from __future__ import annotations

import numpy as np

from liverseg.core.float16 import at_least, store_sum, to_float32

RNG = np.random.default_rng(0)


def samples() -> np.ndarray:
    """Values of all magnitudes in float32, with zero, one and the smallest float16 values."""
    values = np.concatenate([RNG.random((40, 60)), 10 ** RNG.uniform(-9, 0, (40, 60))]).astype(np.float32)
    values[0, :5] = [0, 1, 2**-14, 2**-24, 2**-25]
    return values


def test_sums_are_rounded_as_numpy_rounds_them():
    a = samples()
    b = RNG.random(a.shape, np.float32) / 1000
    out = np.zeros((3, *a.shape), np.float16)
    store_sum(out[0], a)
    store_sum(out[1], a, b)
    store_sum(out[2].T, a.T, b.T)  # not contiguous
    assert np.array_equal(out[0], a.astype(np.float16))
    assert np.array_equal(out[1], (a + b).astype(np.float16)) and np.array_equal(out[2], out[1])


def test_float32_values_and_comparisons_are_those_of_numpy():
    halves = samples().astype(np.float16)
    assert np.array_equal(to_float32(halves), halves.astype(np.float32))
    for threshold in (0.1, 0.3, 0.5, 1.0):
        assert np.array_equal(at_least(halves, threshold), halves >= np.float16(threshold))
