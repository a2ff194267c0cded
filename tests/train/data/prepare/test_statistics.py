"""Lesions, HU percentiles and volumes of one scan."""

import numpy as np

from train.data.prepare.statistics import PERCENTILES, count_lesions, hu_histogram, summarise_hu


def test_lesions_are_counted_through_slices():
    labels = np.zeros((20, 8, 8), np.uint8)
    labels[5:8, 2, 2] = 1
    labels[6, 4:6, 4] = labels[10, 1, 1] = 2
    lesions = count_lesions(labels)
    assert (lesions.count, lesions.largest_voxels) == (2, 2)


def test_mean_and_percentiles_equal_those_of_numpy():
    hu = np.random.default_rng(0).normal(100, 25, 5001).round()
    summary = summarise_hu(hu_histogram(hu))
    assert np.isclose(summary.mean, hu.mean())
    assert summary.percentiles == tuple(np.percentile(hu, PERCENTILES, method="inverted_cdf"))


def test_an_empty_region_has_no_percentiles():
    summary = summarise_hu(hu_histogram(np.zeros(0)))
    assert summary.mean is None and summary.percentiles == (None,) * 3
