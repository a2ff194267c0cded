"""Entries over scans, compared with NumPy and the plain bootstrap."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from liverseg.analysis.metrics import bootstrap_interval
from train.evaluation.statistics import defined, mean_entry, number_entry, pooled_entry, ratio


def test_an_undefined_number_is_none_and_a_defined_one_a_python_float():
    assert defined(math.nan) is None
    value = defined(np.float32(0.25))
    assert type(value) is float and value == 0.25


def test_an_interval_is_left_out_unless_both_ends_are_defined():
    assert number_entry(0.5, 3, (0.25, 0.75)) == {"value": 0.5, "n": 3, "interval_95": [0.25, 0.75]}
    for interval in (None, (math.nan, 0.75), (0.25, math.nan)):
        assert number_entry(0.5, 3, interval) == {"value": 0.5, "n": 3}


def test_a_mean_has_the_median_quartiles_and_interval_of_its_defined_values():
    values = np.random.default_rng(0).uniform(size=9).tolist()
    entry = mean_entry([*values[:4], math.nan, *values[4:], math.nan], seed=5)
    assert entry["n"] == 9 and entry["value"] == pytest.approx(np.mean(values))
    assert entry["median"] == pytest.approx(np.median(values))
    assert entry["quartiles"] == pytest.approx(np.quantile(values, [0.25, 0.75]))
    assert entry["interval_95"] == pytest.approx(bootstrap_interval(values, seed=5))
    json.dumps(entry, allow_nan=False)


def test_one_scan_has_no_interval():
    assert mean_entry([0.5], seed=0) == {"value": 0.5, "n": 1, "median": 0.5, "quartiles": [0.5, 0.5]}
    assert pooled_entry([(1, 4)], ratio(0, 1), seed=0) == {"value": 0.25, "n": 1}


def test_a_pooled_entry_is_the_statistic_of_the_sums():
    rows = np.random.default_rng(1).integers(1, 50, (7, 3))
    entry = pooled_entry(rows.tolist(), ratio(2, 0), seed=3)
    assert entry["value"] == pytest.approx(rows[:, 2].sum() / rows[:, 0].sum()) and entry["n"] == 7

    def of(drawn):
        return np.sum(drawn, axis=0)[2] / np.sum(drawn, axis=0)[0]

    assert entry["interval_95"] == pytest.approx(bootstrap_interval(list(rows), seed=3, statistic=of))


def test_a_pooled_entry_without_scans_or_with_an_empty_whole_is_undefined():
    assert pooled_entry([], ratio(0, 1), seed=0) == {"value": None, "n": 0}
    assert pooled_entry([(0, 0), (0, 0)], ratio(0, 1), seed=0) == {"value": None, "n": 2}
