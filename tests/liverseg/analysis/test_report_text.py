"""Measures as text."""

from __future__ import annotations

from dataclasses import replace

import pytest

from liverseg.analysis.measure import measure
from liverseg.analysis.report import Amount
from liverseg.analysis.report_text import (
    ORIENTATION_ASSUMED,
    lesion_headline,
    number_text,
    operating_point_sentence,
    provenance_rows,
    size_and_unit,
    slice_range_text,
    unsure_text,
)
from tests.liverseg.analysis.scenes import disc_scene, scene
from tests.liverseg.lesion_scenes import LIKELY_VOXELS, POINTS, UNSURE_VOXELS, VOXEL_ML, decided


@pytest.mark.parametrize("value", [0.0123, 0.5, 1.2345, 9.996, 45.67, 99.96, 123.4, 98765.4])
def test_a_number_is_within_half_of_its_last_digit(value):
    text = number_text(value).replace("\u202f", "")
    decimals = len(text.partition(".")[2])
    assert float(text) == pytest.approx(value, abs=0.5 * 10**-decimals)
    assert decimals <= 3 and len(text.replace(".", "").lstrip("0")) <= 3 or value >= 1000


def test_a_small_size_is_never_shown_as_zero():
    assert size_and_unit(Amount("volume", 1, volume_ml=0.0002)) == ("< 0.001", "mL")
    assert size_and_unit(Amount("volume", 0, volume_ml=0.0)) == ("0", "mL")


def test_sizes_are_counts_without_spacing():
    assert size_and_unit(Amount("slice", 12)) == ("12", "pixels")
    assert size_and_unit(Amount("volume", 1)) == ("1", "voxel")


def test_slices_are_counted_from_one():
    labels = [[[2] * 64] * 64] * 3
    (lesion,) = measure(*scene(labels)).lesions
    assert slice_range_text(lesion) == "1–3"
    assert slice_range_text(replace(lesion, slice_range=(4, 4))) == "5"


def test_provenance_names_input_spacing_and_weights():
    rows = dict(provenance_rows(measure(*disc_scene())))
    assert rows["Input"] == "ARRAY, 192 × 192 pixels"
    assert rows["Spacing"] == "0.8 × 0.8 mm (NIfTI header)"
    assert rows["Weights"] == "sha256 abababababab… from bundled"
    assert "Slices run" not in rows and rows["Threshold"] == "0.50"


def test_the_headline_has_the_likely_lesions_and_the_unsure_ones_beside_them():
    report = measure(*decided())
    assert lesion_headline(report) == "1 lesion, 0.230 mL; 1 unsure, 0.029 mL"
    assert LIKELY_VOXELS * VOXEL_ML == pytest.approx(0.2304) and UNSURE_VOXELS * VOXEL_ML == pytest.approx(
        0.0288
    )
    ct, seg = decided()
    assert lesion_headline(measure(ct, seg.at_threshold(0.5, 0.0))) == "2 lesions, 0.259 mL"
    assert lesion_headline(measure(ct, seg.at_threshold(0.5, 1.0))) == "no likely lesion; 2 unsure, 0.259 mL"
    assert lesion_headline(measure(*disc_scene())).startswith("1 lesion, 80") and not unsure_text(
        report_without()
    )


def report_without():
    return measure(*disc_scene())


def test_the_lesion_cut_is_a_row_only_where_there_is_a_model():
    assert dict(provenance_rows(measure(*decided())))["Lesion cut"] == "0.50"
    assert "Lesion cut" not in dict(provenance_rows(report_without()))


def test_an_assumed_orientation_is_said_with_the_input():
    ct, seg = disc_scene()
    assert "Orientation" not in dict(provenance_rows(measure(ct, seg)))
    report = measure(replace(ct, orientation_known=False), seg)
    assert dict(provenance_rows(report))["Orientation"] == ORIENTATION_ASSUMED
    assert report.to_dict()["input"]["orientation_known"] is False


def test_an_operating_point_is_one_sentence():
    assert operating_point_sentence(POINTS[1]) == (
        "In cross-validation this setting found 55 % of the lesions, with 0.8 false ones per scan."
    )
    assert "was not measured" in operating_point_sentence(None)
