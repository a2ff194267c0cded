"""Lesions found and missed: sizes, joined pieces, the two rules of overlap."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from liverseg.analysis.metrics.lesion_detection import NO_LESIONS, Detection, label_lesions, score_detection
from liverseg.errors import InvalidSetting

relaxed = settings(deadline=None, max_examples=40)
masks = hnp.arrays(bool, (2, 6, 7), elements=st.booleans())


def row(*spans):
    """A (1, 1, 40) mask that is True in the half-open spans."""
    mask = np.zeros((1, 1, 40), bool)
    for start, stop in spans:
        mask[..., start:stop] = True
    return mask


def tallies(prediction, reference, min_overlap=0.5):
    sides = (label_lesions(mask, contiguous=True) for mask in (prediction, reference))
    return score_detection(*sides, min_overlap).tallies


def test_a_lesion_is_found_if_more_than_half_of_the_union_overlaps():
    assert tallies(row((0, 8)), row((2, 8))) == (1, 1, 1, 1)
    assert tallies(row((0, 8)), row((4, 8))) == (0, 1, 0, 1)  # a half is not more than a half
    assert tallies(row((0, 8)), row((4, 8)), 0.0) == (1, 1, 1, 1)
    assert tallies(row((0, 4)), row((10, 14)), 0.0) == (0, 1, 0, 1)


def test_one_prediction_over_two_lesions_finds_both():
    assert tallies(row((0, 12)), row((0, 5), (6, 12))) == (2, 2, 1, 1)


def test_two_predictions_in_one_lesion_are_both_true():
    assert tallies(row((0, 5), (6, 12)), row((0, 12))) == (1, 1, 2, 2)


def test_a_false_lesion_affects_only_precision():
    assert tallies(row((0, 5), (20, 25)), row((0, 5))) == (1, 1, 1, 2)
    assert tallies(row((20, 25)), row()) == (0, 0, 0, 1)
    assert tallies(row(), row((20, 25))) == (0, 1, 0, 0)


def test_a_prediction_that_extends_into_a_second_lesion_stays_with_its_own():
    reference = row((0, 10), (12, 30))
    prediction = row((0, 13), (14, 30))
    assert tallies(prediction, reference) == (2, 2, 2, 2)


def test_lesions_span_slices_only_if_slices_are_contiguous():
    mask = np.zeros((2, 4, 4), bool)
    mask[0, 1, 1] = mask[1, 2, 2] = True  # share a corner
    assert label_lesions(mask, contiguous=True).number == 1
    assert label_lesions(mask, contiguous=False).number == 2


def test_diameters_are_in_the_unit_of_the_spacing():
    mask = np.zeros((1, 3, 12), bool)
    mask[0, 1, 1:11] = True
    assert label_lesions(mask, True).diameters == (10.0,)
    assert label_lesions(mask, True, (0.5, 2.0)).diameters == (20.0,)


def test_size_classes_use_the_diameter_of_each_lesion():
    found = Detection((9.9, 10.0, 20.0, 20.1), (True,) * 4, (5.0, 25.0), (False, True))
    small, medium, large = found.by_size()
    assert small.tallies == (1, 1, 0, 1) and medium.tallies == (2, 2, 0, 0) and large.tallies == (1, 1, 1, 1)
    assert NO_LESIONS + small + medium + large == Detection(
        found.reference_diameters, found.reference_found, (5.0, 25.0), (False, True)
    )


@relaxed
@given(masks, masks)
def test_any_overlap_matches_its_definition_and_finds_at_least_as_much(a, b):
    prediction, reference = label_lesions(a, True), label_lesions(b, True)
    anything, half = score_detection(prediction, reference, 0.0), score_detection(prediction, reference, 0.5)
    pieces, number = ndimage.label(b, np.ones((3, 3, 3)))
    assert list(anything.reference_found) == [bool((a & (pieces == k + 1)).any()) for k in range(number)]
    for more, less in (
        (anything.reference_found, half.reference_found),
        (anything.predicted_true, half.predicted_true),
    ):
        assert all(m or not f for m, f in zip(more, less, strict=True))


@relaxed
@given(masks)
def test_a_perfect_prediction_finds_everything(a):
    lesions = label_lesions(a, contiguous=False)
    assert score_detection(lesions, lesions).tallies == (lesions.number,) * 4


def test_settings_out_of_range_are_refused():
    lesions = label_lesions(row((0, 2)), True)
    with pytest.raises(InvalidSetting):
        score_detection(lesions, lesions, 1.0)
    with pytest.raises(InvalidSetting):
        label_lesions(np.ones((2, 2), bool), True)
    with pytest.raises(InvalidSetting):
        score_detection(lesions, label_lesions(np.ones((1, 1, 3), bool), True))
