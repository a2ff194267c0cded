"""Metrics against their definitions, and the rules for empty references."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
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
def test_a_prediction_equal_to_its_reference_scores_one_or_nothing(a):
    for case in metrics.counts(a, a).values():
        if case.reference:
            assert metrics.dice(case) == metrics.iou(case) == metrics.recall(case) == 1
            assert metrics.relative_difference(case) == 0
        else:
            assert math.isnan(metrics.dice(case))


@relaxed
@given(label_arrays, label_arrays)
def test_dice_and_iou_are_one_another_s_function(a, b):
    for case in metrics.counts(a, b).values():
        if case.predicted or case.reference:
            assert metrics.dice(case) == pytest.approx(2 * metrics.iou(case) / (1 + metrics.iou(case)))


def test_the_liver_is_the_organ_with_its_tumour():
    truth = np.array([[0, 1, 2, 2]], np.uint8)
    as_liver = np.array([[0, 1, 1, 1]], np.uint8)
    found = metrics.counts(as_liver, truth)
    assert metrics.dice(found["liver"]) == 1
    assert found["tumour"] == Counts(0, 0, 2)


def test_pixels_that_are_not_valid_are_not_counted():
    truth, prediction = np.array([1, 1, 2, 0]), np.array([1, 0, 2, 1])
    valid = np.array([True, False, True, False])
    assert metrics.counts(prediction, truth, valid)["liver"] == Counts(2, 0, 0)


def test_shapes_must_agree():
    with pytest.raises(InvalidSetting):
        metrics.counts(np.zeros((1, 4)), np.zeros((4, 1)))
    with pytest.raises(InvalidSetting):
        metrics.counts(np.zeros((4, 1)), np.zeros((4, 1)), np.ones(4, bool))


def test_cases_without_reference_are_left_out_of_the_mean_and_counted_apart():
    cases = [Counts(10, 0, 0), Counts(0, 0, 10), Counts(0, 25, 0), Counts(0, 0, 0)]
    assert metrics.dice_per_case(cases) == 0.5
    assert metrics.dice_global(cases) == 20 / (20 + 25 + 10)
    invented = metrics.false_positives_without_reference(cases)
    assert (invented.cases, invented.clean_cases, invented.pixels) == (2, 1, 25)
    assert invented.specificity == 0.5
    assert math.isnan(metrics.dice_per_case(cases[2:]))


@relaxed
@given(case_lists)
def test_summary_is_valid_json_and_its_dice_lie_in_range(cases):
    numbers = metrics.dice_summary(cases)
    json.dumps(numbers, allow_nan=False)
    for key in ("dice_per_case", "dice_global"):
        assert numbers[key] is None or 0 <= numbers[key] <= 1
    assert numbers["cases"] == numbers["cases_with_reference"] + numbers["cases_without_reference"]


def test_bootstrap_interval_repeats_with_its_seed_and_brackets_the_mean():
    values = [0.2, 0.5, 0.7, 0.9, 0.65]
    low, high = metrics.bootstrap_interval(values, 3)
    assert (low, high) == metrics.bootstrap_interval(values, 3)
    assert min(values) < low < np.mean(values) < high < max(values)
    narrow = metrics.bootstrap_interval(values, 3, level=0.5)
    assert low < narrow[0] < narrow[1] < high


def test_bootstrap_interval_of_normal_data_agrees_with_the_textbook():
    values = list(np.random.default_rng(0).normal(0.7, 0.1, 400))
    low, high = metrics.bootstrap_interval(values, 1)
    half = 1.96 * np.std(values) / 20
    assert low == pytest.approx(np.mean(values) - half, abs=0.002)
    assert high == pytest.approx(np.mean(values) + half, abs=0.002)


def test_bootstrap_interval_of_too_few_values_is_undefined():
    assert all(math.isnan(x) for x in metrics.bootstrap_interval([0.7]))
    with pytest.raises(InvalidSetting):
        metrics.bootstrap_interval([0.1, 0.2], level=1.0)
