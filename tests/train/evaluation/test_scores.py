"""The score of one scan."""

from __future__ import annotations

import math

import pytest

from liverseg.analysis.metrics.calibration import reliability
from train.evaluation.scores import ScanScore, StructureScore


def scan_score(spacing_mm):
    return ScanScore("squares", "val", "1", 1, "2d_px", spacing_mm, False, {}, {}, None, None, None)


@pytest.mark.parametrize("spacing_mm, unit", [((5.0, 0.7, 0.7), "mm"), (None, "px")])
def test_lesion_diameters_are_in_mm_where_the_spacing_is_known(spacing_mm, unit):
    assert scan_score(spacing_mm).unit == unit


def test_a_score_without_pixels_has_no_calibration_and_changes_no_sum(scores):
    empty, other = StructureScore(), StructureScore()
    assert math.isnan(empty.calibration["slice"].error) and math.isnan(empty.calibration["in_liver"].brier)
    some = scores[0].structures["tumour"].calibration["slice"]
    assert (empty.calibration["slice"] + some).error == some.error
    empty.distances["assd"] = 1.0
    empty.calibration["slice"] = reliability(*2 * [some.positives > 0])
    assert other.distances == {} and not other.calibration["slice"].pixels.any()
