"""Sliding-window inference: patches blend to the result of the whole volume, on any grid."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liverseg.inference.sliding_window import OVERLAP, VolumeRun, tile_axis

relaxed = settings(deadline=None, max_examples=60)  # a shared machine may stall any example


def pointwise(hu):
    """A network that uses each voxel separately: (1, 1, D, H, W) HU to (1, 3, D, H, W)."""
    organ = 1 / (1 + np.exp(-(hu - 50) / 30))
    return np.concatenate([1 - organ, 0.7 * organ, 0.3 * organ], axis=1).astype(np.float32)


def run(hu, patch, network=pointwise, spacing=None, network_spacing=None):
    """Liver and tumour of all slices, (2, S, H, W), after a check of their order."""
    result = np.full((2, *hu.shape), np.nan, np.float32)
    volume, finished, order = VolumeRun(hu, spacing, patch, network_spacing), [], []
    for z, liver, tumour in volume.probabilities(network, finished.append):
        result[0, z], result[1, z] = liver, tumour
        order.append(z)
    assert order == list(range(len(hu)))
    assert finished == list(range(volume.patches))
    return result


@relaxed
@given(st.integers(1, 90), st.integers(1, 24))
def test_patches_cover_an_axis_with_weights_that_sum_to_one(size, patch):
    axis = tile_axis(size, patch)
    padded = max(size, patch)
    total, most = np.zeros(padded), np.zeros(padded)
    for start, weights in zip(axis.starts, axis.weights, strict=True):
        total[start : start + patch] += weights
        most[start : start + patch] = np.maximum(most[start : start + patch], weights)
    assert np.allclose(total, 1, atol=1e-6)
    assert axis.starts[0] == 0 and axis.starts[-1] + patch == padded
    steps = np.diff(axis.starts)
    assert (steps <= max(1, np.ceil(patch * OVERLAP))).all() and (steps > 0).all()


def test_weights_are_a_gaussian_of_an_eighth_of_the_patch():
    weights = tile_axis(16, 16).weights  # a patch alone counts everywhere alike
    assert np.array_equal(weights, np.ones((1, 16), np.float32))
    first, second = tile_axis(24, 16).weights
    at = np.arange(8, 16)
    expected = np.exp(-0.5 * ((at - 7.5) / 2) ** 2), np.exp(-0.5 * ((at - 8 - 7.5) / 2) ** 2)
    assert first[8:] / second[:8] == pytest.approx(expected[0] / expected[1], rel=1e-4)


@relaxed
@given(
    st.tuples(st.integers(1, 20), st.integers(3, 30), st.integers(3, 30)),
    st.tuples(*[st.integers(2, 12)] * 3),
    st.integers(0, 99),
)
def test_patches_of_a_pointwise_network_blend_to_the_result_of_the_whole(shape, patch, seed):
    hu = np.random.default_rng(seed).normal(50, 80, shape).astype(np.float32)
    assert np.abs(run(hu, patch) - pointwise(hu[None, None])[0, 1:]).max() < 1e-5


def test_overlapping_patches_are_weighted_by_the_gaussian():
    """The network returns the distance from the first row of the patch, which reveals the weights."""

    def row(hu):
        value = np.broadcast_to(np.linspace(0, 1, hu.shape[3])[:, None], hu.shape[2:])
        return np.stack([1 - value, value, 0 * value])[None].astype(np.float32)

    found = run(np.zeros((4, 24, 8), np.float32), (4, 16, 8), row)[0, 0, :, 0]
    axis = tile_axis(24, 16)
    expected = np.zeros(24)
    for start, weights in zip(axis.starts, axis.weights, strict=True):
        expected[start : start + 16] += weights * np.linspace(0, 1, 16)
    assert found == pytest.approx(expected, abs=1e-5)
    assert found[11] == pytest.approx((11 / 15 + 3 / 15) / 2, abs=0.25)


def test_a_smaller_volume_is_padded_with_its_outermost_voxels():
    seen = []

    def look(hu):
        seen.append(hu.copy())
        return pointwise(hu)

    hu = np.arange(2 * 3 * 5, dtype=np.float32).reshape(2, 3, 5)
    found = run(hu, (4, 8, 8), look)
    (patch,) = seen
    assert patch.shape == (1, 1, 4, 8, 8)
    padded = np.pad(hu, [(1, 1), (2, 3), (1, 2)], mode="edge")
    assert np.array_equal(patch[0, 0], padded)
    assert np.abs(found - pointwise(hu[None, None])[0, 1:]).max() < 1e-6


@pytest.mark.parametrize("network_spacing", [(2.5, 1.0, 1.2), (5.0, 1.6, 0.8), (7.0, 0.4, 0.4)])
def test_another_spacing_gives_nearly_the_same_result(network_spacing):
    z, y, x = np.mgrid[:24, :60, :64]
    hu = (60 * np.sin(z / 6) + 60 * np.cos(y / 9) + x).astype(np.float32)
    found = run(hu, (8, 32, 32), spacing=(5.0, 0.8, 0.8), network_spacing=network_spacing)
    expected = pointwise(hu[None, None])[0, 1:]
    assert np.abs(found - expected)[:, 2:-2, 2:-2, 2:-2].max() < 0.04
    mean = (found - expected).mean(axis=(1, 2, 3))  # nothing is shifted or lost
    assert np.abs(mean).max() < 0.002


def test_a_ball_keeps_its_position_and_volume_on_an_uneven_grid():
    spacing = (4.0, 0.7, 0.9)
    grid = np.meshgrid(
        *(np.arange(n) * s for n, s in zip((30, 120, 100), spacing, strict=True)), indexing="ij"
    )
    centre = (57.0, 40.0, 47.0)
    ball = sum((g - c) ** 2 for g, c in zip(grid, centre, strict=True)) < 25.0**2
    hu = np.where(ball, 110, -50).astype(np.float32)

    def liver(values):
        organ = np.clip((values - 20) / 20, 0, 1)
        return np.concatenate([1 - organ, organ, 0 * organ], axis=1)

    found = run(hu, (24, 48, 48), liver, spacing, (2.0, 1.5, 1.5))[0] >= 0.5
    assert found.sum() == pytest.approx(ball.sum(), rel=0.03)
    for axis, g in enumerate(grid):
        assert g[found].mean() == pytest.approx(g[ball].mean(), abs=0.1 * spacing[axis])
