"""Metrics against their definitions, and the rules for empty references."""

from __future__ import annotations

import json
import math

import medpy.metric.binary as medpy
import numpy as np
import pytest
import surface_distance
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from liverseg.analysis import metrics
from liverseg.analysis.metrics import Counts
from liverseg.errors import InvalidSetting

label_arrays = hnp.arrays(np.uint8, (3, 6, 5), elements=st.integers(0, 2))
count = st.integers(0, 1000)
relaxed = settings(deadline=None, max_examples=30)  # a shared machine may stall any example
case_lists = st.lists(st.builds(Counts, count, count, count), max_size=4)


@relaxed
@given(label_arrays, label_arrays)
def test_dice_is_symmetric_and_matches_set_sizes(a, b):
    forth, back = metrics.counts(a, b), metrics.counts(b, a)
    for name, mask in (("liver", lambda x: x >= 1), ("tumour", lambda x: x == 2)):
        np.testing.assert_equal(metrics.dice(forth[name]), metrics.dice(back[name]))
        together = mask(a).sum() + mask(b).sum()
        if together:
            assert metrics.dice(forth[name]) == 2 * (mask(a) & mask(b)).sum() / together


@relaxed
@given(label_arrays, label_arrays)
def test_counts_of_slices_add_up_to_the_counts_of_the_scan(a, b):
    whole = metrics.counts(a, b)
    slices = [metrics.counts(x, y) for x, y in zip(a, b, strict=True)]
    for name in metrics.STRUCTURES:
        assert metrics.pooled([s[name] for s in slices]) == whole[name]


@relaxed
@given(label_arrays)
def test_a_perfect_prediction_scores_one_or_is_undefined(a):
    for case in metrics.counts(a, a).values():
        if case.reference:
            assert metrics.dice(case) == metrics.iou(case) == metrics.recall(case) == 1
            assert metrics.relative_difference(case) == 0
        else:
            assert math.isnan(metrics.dice(case))


@relaxed
@given(label_arrays, label_arrays)
def test_dice_follows_from_iou(a, b):
    for case in metrics.counts(a, b).values():
        if case.predicted or case.reference:
            assert metrics.dice(case) == pytest.approx(2 * metrics.iou(case) / (1 + metrics.iou(case)))


def test_the_liver_is_the_organ_with_its_tumour():
    truth = np.array([[0, 1, 2, 2]], np.uint8)
    as_liver = np.array([[0, 1, 1, 1]], np.uint8)
    found = metrics.counts(as_liver, truth)
    assert metrics.dice(found["liver"]) == 1
    assert found["tumour"] == Counts(0, 0, 2)


def test_invalid_pixels_are_not_counted():
    truth, prediction = np.array([1, 1, 2, 0]), np.array([1, 0, 2, 1])
    valid = np.array([True, False, True, False])
    assert metrics.counts(prediction, truth, valid)["liver"] == Counts(2, 0, 0)


def test_shapes_must_agree():
    with pytest.raises(InvalidSetting):
        metrics.counts(np.zeros((1, 4)), np.zeros((4, 1)))
    with pytest.raises(InvalidSetting):
        metrics.counts(np.zeros((4, 1)), np.zeros((4, 1)), np.ones(4, bool))


def test_cases_without_reference_are_counted_separately():
    cases = [Counts(10, 0, 0), Counts(0, 0, 10), Counts(0, 25, 0), Counts(0, 0, 0)]
    assert metrics.dice_per_case(cases) == 0.5
    assert metrics.dice_global(cases) == 20 / (20 + 25 + 10)
    invented = metrics.false_positives_without_reference(cases)
    assert (invented.cases, invented.clean_cases, invented.pixels) == (2, 1, 25)
    assert invented.specificity == 0.5
    assert math.isnan(metrics.dice_per_case(cases[2:]))


@relaxed
@given(case_lists)
def test_dice_summary_is_valid_json_with_dice_in_range(cases):
    numbers = metrics.dice_summary(cases)
    json.dumps(numbers, allow_nan=False)
    for key in ("dice_per_case", "dice_global"):
        assert numbers[key] is None or 0 <= numbers[key] <= 1
    assert numbers["cases"] == numbers["cases_with_reference"] + numbers["cases_without_reference"]


AGREE = {"abs": 1e-6, "rel": 1e-6}


def test_overlap_agrees_with_medpy_and_surface_distance(pair):
    a, b, _ = pair
    case = metrics.mask_counts(a, b)
    assert metrics.dice(case) == pytest.approx(medpy.dc(a, b), **AGREE)
    assert metrics.dice(case) == pytest.approx(surface_distance.compute_dice_coefficient(b, a), **AGREE)
    assert metrics.volume_overlap_error(case) == pytest.approx(1 - medpy.jc(a, b), **AGREE)
    assert metrics.precision(case) == pytest.approx(medpy.precision(a, b), **AGREE)
    assert metrics.recall(case) == pytest.approx(medpy.recall(a, b), **AGREE)
    assert metrics.specificity(case, a.size) == pytest.approx(medpy.specificity(a, b), **AGREE)


def test_relative_difference_agrees_with_medpy_and_lits_swaps_it(pair):
    a, b, _ = pair
    case = metrics.mask_counts(a, b)
    assert metrics.relative_difference(case) == pytest.approx(medpy.ravd(a, b), **AGREE)
    assert metrics.relative_difference_lits(case) == pytest.approx(medpy.ravd(b, a), **AGREE)
