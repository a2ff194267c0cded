"""Calibration against plain definitions, and pooled intervals against the loop they replace."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from liverseg.analysis.metrics.calibration import BINS, NO_PIXELS, reliability
from liverseg.errors import InvalidSetting

relaxed = settings(deadline=None, max_examples=30)
maps = hnp.arrays(np.float32, (6, 5), elements=st.floats(0, 1, width=32))
truths = hnp.arrays(bool, (6, 5))


@relaxed
@given(maps, truths)
def test_brier_and_error_match_their_definitions(p, t):
    found = reliability(p, t)
    assert found.brier == pytest.approx(np.mean((p.astype(float) - t) ** 2), abs=1e-12)
    edges = np.minimum((p.astype(float) * BINS).astype(int), BINS - 1)
    gaps = [
        abs(p[edges == b].astype(float).mean() - t[edges == b].mean()) * (edges == b).mean()
        for b in range(BINS)
        if (edges == b).any()
    ]
    assert found.error == pytest.approx(sum(gaps), abs=1e-9)


@relaxed
@given(maps, truths, truths)
def test_sums_of_parts_add_up_to_the_whole(p, t, where):
    whole = reliability(p, t)
    parts = reliability(p, t, where) + reliability(p, t, ~where)
    np.testing.assert_allclose(parts.sums, whole.sums, rtol=1e-12, atol=1e-12)


def test_calibrated_probabilities_have_no_error():
    p = np.full(1000, 0.3)
    assert reliability(p, np.arange(1000) < 300).error == pytest.approx(0)
    assert reliability(p, np.arange(1000) < 500).error == pytest.approx(0.2)


def test_no_pixels_give_nan_and_rounding_is_clipped():
    assert math.isnan(NO_PIXELS.brier) and math.isnan(NO_PIXELS.error)
    assert reliability(np.array([1.0000001, -1e-7]), np.array([True, False])).error == 0
    with pytest.raises(InvalidSetting):
        reliability(np.zeros((2, 2)), np.zeros((2, 3), bool))
