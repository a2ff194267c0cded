"""Patches blend to the answer of the whole volume, on any grid; resampling keeps places and amounts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liverseg.inference.resampling import grid_shape, line_weights, resize_plane
from liverseg.inference.sliding_window import OVERLAP, VolumeRun, tile_axis

relaxed = settings(deadline=None, max_examples=60)  # a shared machine may stall any example


def pointwise(hu):
    """A network that looks at each voxel alone: (1, 1, D, H, W) HU to (1, 3, D, H, W)."""
    organ = 1 / (1 + np.exp(-(hu - 50) / 30))
    return np.concatenate([1 - organ, 0.7 * organ, 0.3 * organ], axis=1).astype(np.float32)


def run(hu, patch, network=pointwise, spacing=None, network_spacing=None):
    """(2, S, H, W): liver and tumour of all slices, checked to come in order."""
    result = np.full((2, *hu.shape), np.nan, np.float32)
    volume, told, order = VolumeRun(hu, spacing, patch, network_spacing), [], []
    for z, liver, tumour in volume.probabilities(network, told.append):
        result[0, z], result[1, z] = liver, tumour
        order.append(z)
    assert order == list(range(len(hu)))
    assert told == list(range(volume.patches))
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
def test_patches_of_a_pointwise_network_blend_to_the_answer_of_the_whole(shape, patch, seed):
    hu = np.random.default_rng(seed).normal(50, 80, shape).astype(np.float32)
    assert np.abs(run(hu, patch) - pointwise(hu[None, None])[0, 1:]).max() < 1e-5


def test_where_patches_disagree_the_middle_of_a_patch_counts():
    """A network that gives the distance from the patch's first row shows how patches were weighed."""

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
def test_another_spacing_gives_nearly_the_same_answer_in_the_same_place(network_spacing):
    z, y, x = np.mgrid[:24, :60, :64]
    hu = (60 * np.sin(z / 6) + 60 * np.cos(y / 9) + x).astype(np.float32)
    found = run(hu, (8, 32, 32), spacing=(5.0, 0.8, 0.8), network_spacing=network_spacing)
    expected = pointwise(hu[None, None])[0, 1:]
    assert np.abs(found - expected)[:, 2:-2, 2:-2, 2:-2].max() < 0.04
    mean = (found - expected).mean(axis=(1, 2, 3))  # nothing is shifted or lost
    assert np.abs(mean).max() < 0.002


def test_a_ball_keeps_its_place_and_volume_through_an_uneven_grid():
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


@relaxed
@given(st.integers(1, 40), st.integers(1, 40))
def test_resampling_a_line_keeps_a_constant_and_puts_a_ramp_in_its_place(count, new_count):
    lines = line_weights(count, new_count)
    assert len(lines) == new_count
    places = (np.arange(new_count) + 0.5) * count / new_count - 0.5
    for place, (first, weights) in zip(places, lines, strict=True):
        assert weights.sum() == pytest.approx(1, abs=1e-6) and first + len(weights) <= count
        reach = max(1.0, count / new_count)
        if reach <= place <= count - 1 - reach:
            assert weights @ np.arange(first, first + len(weights)) == pytest.approx(place, abs=0.2)


def test_shapes_follow_the_spacing_and_a_plane_of_its_size_is_left_alone():
    assert grid_shape((10, 100, 100), (5.0, 0.8, 0.8), (2.5, 1.6, 0.4)) == (20, 50, 200)
    assert grid_shape((1, 1, 1), (1.0, 1.0, 1.0), (50.0, 9.0, 9.0)) == (1, 1, 1)
    plane = np.random.default_rng(0).random((12, 9)).astype(np.float32)
    assert resize_plane(plane, 12, 9) is plane
    assert resize_plane(plane, 6, 20).shape == (6, 20)
    assert resize_plane(plane, 4, 3).mean() == pytest.approx(plane.mean(), abs=1e-6)
