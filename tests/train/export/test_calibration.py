"""Platt scaling of the tumour probability: the fit, its quality and the precision-recall curve."""

from __future__ import annotations

import numpy as np
import pytest

from liverseg.analysis.metrics.calibration import reliability
from train.export.calibration import (
    CENTRES,
    CURVE_THRESHOLDS,
    IDENTITY,
    NO_COUNTS,
    Calibration,
    CalibrationQuality,
    TumourCounts,
    fit_calibration,
    fit_platt,
    precision_recall_curve,
)

TRUE = Calibration(0.6, -1.2)
"""The calibration that the pixels of `counts_of` need by default."""


def counts_of(seed: int, truth: Calibration = TRUE, pixels: int = 400_000) -> TumourCounts:
    """Counts of random pixels that are tumour with the probability `truth` of the uncalibrated one."""
    rng = np.random.default_rng(seed)
    places = np.clip(rng.normal(320, 90, pixels).astype(int), 0, len(CENTRES) - 1)
    tumour = rng.random(pixels) < truth.of_logits(CENTRES[places])
    both = np.bincount(2 * places + tumour, minlength=2 * len(CENTRES)).reshape(-1, 2)
    return TumourCounts(both, both)


def test_the_fit_recovers_the_true_slope_and_shift():
    found = fit_platt(counts_of(0).in_liver)
    assert found.slope == pytest.approx(TRUE.slope, abs=0.01)
    assert found.shift == pytest.approx(TRUE.shift, abs=0.02)


def test_quality_of_binned_pixels_equals_that_of_the_pixels():
    rng = np.random.default_rng(1)
    logits = CENTRES[rng.integers(0, len(CENTRES), 3000)]
    p = IDENTITY.of_logits(logits)
    tumour = rng.random(3000) < 0.5
    places = np.searchsorted(CENTRES, logits - 1e-9)
    counts = np.bincount(2 * places + tumour, minlength=2 * len(CENTRES)).reshape(-1, 2)
    found, plain = CalibrationQuality.of(IDENTITY.of_logits(CENTRES), counts), reliability(p, tumour)
    assert found.ece == pytest.approx(plain.error, abs=1e-9)
    assert found.brier == pytest.approx(plain.brier, abs=1e-9)
    likely = reliability(p[p >= 0.01], tumour[p >= 0.01])
    assert found.ece_from_1_percent == pytest.approx(likely.error, abs=1e-9)


def test_calibration_of_similar_scans_improves_held_out_scans():
    found = fit_calibration({str(k): counts_of(k) for k in range(3)})
    assert found.chosen != IDENTITY and found.scans == 3 and not found.reason
    assert found.after.ece < 0.3 * found.before.ece and found.cross_fitted.ece < 0.5 * found.before.ece
    assert found.after.log_loss <= found.cross_fitted.log_loss < found.before.log_loss


def test_a_calibration_that_harms_held_out_scans_is_rejected():
    unlike = {"1": counts_of(1, Calibration(1.0, 3.0)), "2": counts_of(2, Calibration(1.0, -3.0))}
    found = fit_calibration(unlike)
    assert found.chosen == IDENTITY and "scan left out" in found.reason
    assert found.after is None and found.cross_fitted.ece > found.before.ece


@pytest.mark.parametrize("scans", [{}, {"1": NO_COUNTS}, {"1": counts_of(0, Calibration(1.0, -16.0), 500)}])
def test_too_little_tumour_gives_no_calibration(scans):
    found = fit_calibration(scans)
    assert found.chosen == IDENTITY and "too little" in found.reason


def test_the_curve_equals_counts_of_thresholded_pixels():
    scan, calibration = counts_of(3), Calibration(0.7, -0.9)
    points = precision_recall_curve({"3": scan}, calibration)
    p, counts = calibration.of_logits(CENTRES), scan.everywhere
    assert points["threshold"] == list(CURVE_THRESHOLDS)
    for t, hit, right in zip(*points.values(), strict=True):
        called = counts[p >= t].sum(axis=0)
        assert hit == pytest.approx(called[1] / counts[:, 1].sum(), abs=0.02)
        assert right == pytest.approx(called[1] / called.sum(), abs=0.02)
    assert precision_recall_curve({"0": NO_COUNTS}, IDENTITY)["precision"] == [None] * len(CURVE_THRESHOLDS)
