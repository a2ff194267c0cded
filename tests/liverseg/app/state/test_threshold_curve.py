"""Sensitivity and precision expected of a threshold."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from liverseg.app.state.threshold_curve import NO_CURVE, ThresholdCurve, expectation

CURVE = ThresholdCurve((0.2, 0.4, 0.6), (0.9, 0.7, 0.4), (0.3, None, 0.8), "lits-26", "val")


def test_the_first_evaluation_with_a_curve_is_used():
    points = {"threshold": [0.1, 0.5], "sensitivity": [1.0, 0.5], "precision": [0.2, None]}
    metrics = [
        {"dataset": "a", "split": "val"},
        {"dataset": "b", "split": "test", "curve": points},
        {"dataset": "c", "split": "val", "curve": points},
    ]
    curve = ThresholdCurve.of(SimpleNamespace(metrics=metrics))
    assert (curve.dataset, curve.split, curve.precision) == ("b", "test", (0.2, None))
    assert ThresholdCurve.of(SimpleNamespace(metrics=metrics[:1])) is None


@pytest.mark.parametrize("threshold", [0.2, 0.25, 0.4, 0.55])
def test_sensitivity_is_interpolated_linearly(threshold):
    sensitivity, _ = CURVE.at(threshold)
    assert sensitivity == pytest.approx(np.interp(threshold, (0.2, 0.4, 0.6), (0.9, 0.7, 0.4)))


def test_undefined_values_and_thresholds_beyond_the_curve_are_none():
    assert CURVE.at(0.4) == (0.7, None) and CURVE.at(0.1) == (None, None)
    assert CURVE.at(0.6) == (0.4, 0.8)


def test_the_sentence_says_what_is_known():
    assert expectation(None, 0.5) == NO_CURVE
    assert "90 %" in expectation(CURVE, 0.2) and "30 %" in expectation(CURVE, 0.2)
    assert "not defined" in expectation(CURVE, 0.4)
    assert "from 0.2 to 0.6" in expectation(CURVE, 0.9)
