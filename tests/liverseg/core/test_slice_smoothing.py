"""Smoothing across slices against its definition, the weights, and the memory it needs."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from liverseg.core.slice_smoothing import MAX_NEIGHBOURS, SmoothingRule, smooth_across_slices


def directly(stack: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Each slice as the weighted mean of itself and its neighbours, in float64."""
    out = np.empty(stack.shape, float)
    reach = len(weights) - 1
    for z in range(len(stack)):
        near = range(max(0, z - reach), min(len(stack) - 1, z + reach) + 1)
        w = np.array([weights[abs(k - z)] for k in near], float)
        out[z] = np.tensordot(w, stack[list(near)].astype(float), 1) / w.sum()
    return out


@settings(deadline=None, max_examples=80)
@given(
    st.integers(1, 14),
    st.integers(1, 5),
    st.integers(1, 5),
    st.integers(0, MAX_NEIGHBOURS),
    st.sampled_from([np.float16, np.float32, np.float64]),
    st.integers(0, 2**32 - 1),
)
def test_each_slice_is_the_weighted_mean_of_its_neighbours(slices, rows, columns, reach, dtype, seed):
    rng = np.random.default_rng(seed)
    stack = rng.random((slices, rows, columns)).astype(dtype)
    weights = np.append(1, rng.uniform(0.01, 1, reach)).astype(np.float32)
    expected, smoothed = directly(stack, weights), stack.copy()
    assert smooth_across_slices(smoothed, weights) is None, "it works in place"
    assert smoothed.dtype == dtype
    np.testing.assert_allclose(smoothed, expected, atol=5e-4 if dtype == np.float16 else 2e-6)


def test_far_from_the_ends_it_is_the_gaussian_filter_of_scipy():
    stack = np.random.default_rng(0).random((40, 3, 4)).astype(np.float32)
    expected = ndimage.gaussian_filter1d(stack.astype(float), 2 / 1.5, axis=0, radius=3)
    smooth_across_slices(stack, SmoothingRule(2.0, 1.0).weights(1.5))
    np.testing.assert_allclose(stack[3:-3], expected[3:-3], atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_a_constant_stays_constant_up_to_the_first_and_last_slice(dtype):
    stack = np.full((9, 4, 4), 0.75, dtype)
    smooth_across_slices(stack, SmoothingRule(3.0, 1.0).weights(1.0))
    np.testing.assert_allclose(stack, 0.75, atol=1e-6)


def test_one_slice_and_weights_without_neighbours_change_nothing():
    one = np.random.default_rng(1).random((1, 5, 5)).astype(np.float32)
    before = one.copy()
    smooth_across_slices(one, SmoothingRule(5.0, 1.0).weights(1.0))
    assert np.array_equal(one, before)
    stack = np.random.default_rng(2).random((6, 5, 5)).astype(np.float16)
    before = stack.copy()
    smooth_across_slices(stack, SmoothingRule(2.0, 1.0).weights(10.0))
    assert np.array_equal(stack, before)
    smooth_across_slices(np.zeros((0, 5, 5), np.float16), SmoothingRule(2.0, 1.0).weights(1.0))


@pytest.mark.parametrize(("sigma", "distance", "neighbours"), [(2, 5, 1), (2, 5.1, 0), (4, 1, 8), (2, 1, 5)])
def test_neighbours_within_two_and_a_half_sigma_have_gaussian_weights(sigma, distance, neighbours):
    weights = SmoothingRule(sigma, 1.0).weights(distance)
    assert weights.dtype == np.float32
    expected = np.exp(-((distance * np.arange(neighbours + 1)) ** 2) / (2 * sigma**2))
    np.testing.assert_allclose(weights, expected, rtol=1e-5)


def test_an_unknown_distance_takes_the_width_in_slices():
    rule = SmoothingRule(6.0, 0.8)
    np.testing.assert_allclose(rule.weights(None), np.exp(-(np.arange(3) ** 2) / (2 * 0.8**2)), rtol=1e-5)
    assert len(rule.weights(0.01)) == MAX_NEIGHBOURS + 1, "thin slices do not make it slow"


def test_only_the_slices_within_reach_are_held_a_second_time():
    stack = np.ones((120, 128, 128), np.float16)
    weights = SmoothingRule(2.0, 1.0).weights(2.5)  # two neighbours
    plane = stack[0].size * 4  # float32
    tracemalloc.start()
    smooth_across_slices(stack, weights)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 14 * plane < stack.nbytes / 4
