"""The three intensity models: conversion to stored values, back to HU, and JSON."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liverseg.core.window import PRESETS, Window, from_unit, to_grey
from train.data.intensity import Intensity
from train.errors import TrainError

ALL_HU = np.arange(-3024, 4096).astype(float)
windows = st.builds(Window, st.integers(-800, 800), st.integers(50, 2000))


@pytest.mark.parametrize("window", [*PRESETS.values(), Window(60, 200), Window(50, 150)], ids=str)
def test_one_window_equals_the_conversion_of_liverseg(window):
    one = Intensity((window,))
    assert np.array_equal(one.from_hu(ALL_HU), to_grey(ALL_HU, window))
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert np.array_equal(one.to_hu(grey), from_unit(grey.astype(np.float32) / 255, window))
    assert one.window == window


@settings(deadline=None)
@given(st.lists(windows, min_size=2, max_size=3))
def test_several_windows_restore_hu_to_half_a_step_of_the_narrowest_unsaturated_one(chosen):
    several = Intensity(tuple(chosen))
    stored = several.from_hu(ALL_HU)
    assert stored.shape == (*ALL_HU.shape, len(chosen)) and stored.dtype == np.uint8
    restored = several.to_hu(stored)
    widths = np.where((stored > 0) & (stored < 255), [w.width_hu for w in chosen], np.inf)
    narrowest = widths.min(axis=-1)  # among the windows that are not saturated
    error = np.abs(restored - ALL_HU)
    assert np.isfinite(narrowest).any()
    assert (error <= narrowest / 255 / 2 + 1e-3).all()
    lowest = min(w.low_hu for w in chosen)
    assert (restored[ALL_HU < lowest - 10] == lowest).all()


def test_hu_between_two_windows_become_the_middle_of_the_gap():
    lung, bone = Window(-800, 200), Window(700, 200)
    gap = Intensity((lung, bone))
    assert gap.to_hu(gap.from_hu(np.array([0.0]))) == pytest.approx(-50)  # -700 to 600
    assert gap.to_hu(gap.from_hu(np.array([2000.0]))) == 800


@given(st.floats(-1024, 3071))
def test_sixteen_bits_keep_whole_hu(hu):
    wide = Intensity.hu16()
    assert abs(wide.to_hu(wide.from_hu(np.array([hu])))[0] - hu) <= 0.5 + 1e-3
    assert (wide.to_hu(wide.from_hu(np.array([-1e9, 1e9]))) == [-1024, 65535 - 1024]).all()


@pytest.mark.parametrize(
    "model", [Intensity(), Intensity((Window(60, 200), Window(400, 1800))), Intensity.hu16()]
)
def test_json_and_back(model):
    assert Intensity.from_json(model.to_json()) == model


def test_json_of_one_window():
    assert Intensity((Window(60, 200),)).to_json() == {
        "kind": "window",
        "center_hu": 60,
        "width_hu": 200,
        "bits": 8,
    }


@pytest.mark.parametrize(
    "described",
    [
        None,
        {},
        {"kind": "window", "center_hu": 40, "bits": 8},
        {"kind": "window", "center_hu": 40, "width_hu": 0, "bits": 8},
        {"kind": "window", "center_hu": 40, "width_hu": 400, "bits": 12},
        {"kind": "windows", "windows": [], "bits": 8},
        {"kind": "windows", "windows": [{"center_hu": 40, "width_hu": 400}] * 4, "bits": 8},
        {"kind": "linear", "slope": 0, "intercept": 0, "bits": 16},
        {"kind": "suv"},
    ],
)
def test_an_invalid_description_is_refused(described):
    with pytest.raises(TrainError, match="intensity|windows"):
        Intensity.from_json(described)
