"""Conversions between HU and grey, for any HU and any valid window."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from liverseg.core.window import (
    MAX_CENTER_HU,
    MAX_WIDTH_HU,
    MIN_WIDTH_HU,
    PRESETS,
    Window,
    from_unit,
    to_grey,
    to_unit,
)
from liverseg.errors import InvalidSetting

windows = st.builds(
    Window,
    st.floats(-MAX_CENTER_HU, MAX_CENTER_HU, width=32),
    st.floats(MIN_WIDTH_HU, MAX_WIDTH_HU, width=32),
)
hus = hnp.arrays(
    np.float32, hnp.array_shapes(max_dims=3, max_side=5), elements=st.floats(-4000, 5000, width=32)
)
cheap = settings(deadline=None, max_examples=50)


@cheap
@given(hus, windows)
def test_grey_is_within_range_and_increases_with_hu(hu, window):
    unit, grey = to_unit(hu, window), to_grey(hu, window)
    assert unit.dtype == np.float32 and unit.shape == hu.shape and grey.dtype == np.uint8
    assert 0 <= unit.min() and unit.max() <= 1
    order = np.argsort(hu, axis=None, kind="stable")
    assert (np.diff(unit.reshape(-1)[order]) >= 0).all() and (
        np.diff(grey.reshape(-1)[order].astype(int)) >= 0
    ).all()
    assert (unit[hu <= window.low_hu - 1e-3 * window.width_hu] == 0).all()
    assert (unit[hu >= window.high_hu + 1e-3 * window.width_hu] == 1).all()


@cheap
@given(hus, windows)
def test_from_unit_restores_hu_clipped_to_the_window(hu, window):
    restored = from_unit(to_unit(hu, window), window)
    within = np.clip(hu, window.low_hu, window.high_hu)
    np.testing.assert_allclose(restored, within, atol=max(2e-2, 1e-5 * window.width_hu))
    grey = from_unit(to_grey(hu, window) / np.float32(255), window)
    np.testing.assert_allclose(
        grey, within, atol=window.width_hu / 255 / 2 + max(2e-2, 1e-5 * window.width_hu)
    )


@cheap
@given(st.floats(), st.floats())
def test_windows_beyond_the_limits_are_rejected(center, width):
    try:
        window = Window(center, width)
    except InvalidSetting as error:
        assert str(error).endswith(".")
        assert not (abs(center) <= MAX_CENTER_HU and MIN_WIDTH_HU <= width <= MAX_WIDTH_HU)
    else:
        assert window.low_hu < window.high_hu


@pytest.mark.parametrize("name", PRESETS)
def test_presets_show_their_centre_as_middle_grey(name):
    window = PRESETS[name]
    assert to_unit(np.array([window.center_hu]), window)[0] == pytest.approx(0.5)
