"""Bootstrap intervals against the textbook and against each other."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liverseg.analysis import metrics
from liverseg.analysis.metrics import Counts
from liverseg.errors import InvalidSetting

relaxed = settings(deadline=None, max_examples=30)


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


@relaxed
@given(st.lists(st.tuples(*[st.integers(0, 50)] * 3), min_size=1, max_size=6), st.integers(0, 3))
def test_the_pooled_interval_equals_the_plain_bootstrap(rows, seed):
    plain = metrics.bootstrap_interval(
        [Counts(*row) for row in rows], seed, metrics.dice_global, resamples=50
    )
    pooled = metrics.pooled_interval(
        np.array(rows), lambda s: 2 * s[:, 0] / (2 * s[:, 0] + s[:, 1] + s[:, 2]), seed, resamples=50
    )
    np.testing.assert_allclose(pooled, plain, rtol=1e-12)


def test_the_pooled_interval_checks_its_level():
    with pytest.raises(InvalidSetting):
        metrics.pooled_interval(np.ones((3, 1)), lambda s: s[:, 0], level=0)
