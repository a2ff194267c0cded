"""The float16 conversions agree with NumPy."""

from __future__ import annotations

import numpy as np

from liverseg.core.float16 import at_least, store_sum, widened
from liverseg.core.labels import labels_from_probabilities

RNG = np.random.default_rng(0)


def test_conversions_and_thresholds_agree_with_numpy():
    a = np.concatenate([RNG.random((40, 60)), 10 ** RNG.uniform(-9, 0, (40, 60))]).astype(np.float32)
    a[0, :5] = [0, 1, 2**-14, 2**-24, 2**-25]
    b = RNG.random(a.shape, np.float32) / 1000
    out = np.zeros((3, *a.shape), np.float16)
    store_sum(out[0], a)
    store_sum(out[1], a, b)
    store_sum(out[2].T, a.T, b.T)  # not contiguous
    assert np.array_equal(out[0], a.astype(np.float16))
    assert np.array_equal(out[1], (a + b).astype(np.float16)) and np.array_equal(out[2], out[1])
    assert np.array_equal(widened(out[0]), out[0].astype(np.float32))
    for threshold in (0.1, 0.3, 0.5, 1.0):
        assert np.array_equal(at_least(out[0], threshold), out[0] >= threshold)
    tumour = out[0] / 2
    labels = labels_from_probabilities(out[0], tumour, 0.3)
    assert np.array_equal(labels, np.where(tumour >= 0.3, 2, np.where(out[0] >= 0.5, 1, 0)))
