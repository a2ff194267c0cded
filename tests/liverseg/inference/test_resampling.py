"""Resampling keeps positions and amounts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liverseg.inference.resampling import grid_shape, line_weights, resize_plane

relaxed = settings(deadline=None, max_examples=60)  # a shared machine may stall any example


@relaxed
@given(st.integers(1, 40), st.integers(1, 40))
def test_resampling_a_line_keeps_a_constant_and_a_ramp(count, new_count):
    lines = line_weights(count, new_count)
    assert len(lines) == new_count
    places = (np.arange(new_count) + 0.5) * count / new_count - 0.5
    for place, (first, weights) in zip(places, lines, strict=True):
        assert weights.sum() == pytest.approx(1, abs=1e-6) and first + len(weights) <= count
        reach = max(1.0, count / new_count)
        if reach <= place <= count - 1 - reach:
            assert weights @ np.arange(first, first + len(weights)) == pytest.approx(place, abs=0.2)


def test_shapes_follow_the_spacing_and_an_equal_size_is_not_resized():
    assert grid_shape((10, 100, 100), (5.0, 0.8, 0.8), (2.5, 1.6, 0.4)) == (20, 50, 200)
    assert grid_shape((1, 1, 1), (1.0, 1.0, 1.0), (50.0, 9.0, 9.0)) == (1, 1, 1)
    plane = np.random.default_rng(0).random((12, 9)).astype(np.float32)
    assert resize_plane(plane, 12, 9) is plane
    assert resize_plane(plane, 6, 20).shape == (6, 20)
    assert resize_plane(plane, 4, 3).mean() == pytest.approx(plane.mean(), abs=1e-6)
