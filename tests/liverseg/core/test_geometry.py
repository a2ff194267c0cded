"""Axis orders and flips: all 48 of them, and oblique ones, against nibabel's own answer."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from liverseg.core import geometry
from liverseg.core.image import NativeGrid

permutations = st.permutations([0, 1, 2])
signs = st.tuples(*[st.sampled_from([-1.0, 1.0])] * 3)


def signed_permutation(order, sign) -> np.ndarray:
    directions = np.zeros((3, 3))
    for native, (world, s) in enumerate(zip(order, sign, strict=True)):
        directions[world, native] = s
    return directions


@settings(deadline=None, max_examples=50)
@given(permutations, signs, hnp.arrays(np.float64, 3, elements=st.floats(-0.3, 0.3)))
def test_nearest_axes_agree_with_nibabel_also_for_oblique_grids(order, sign, turn):
    skew = np.array([[0, -turn[2], turn[1]], [turn[2], 0, -turn[0]], [-turn[1], turn[0], 0]])
    rotation = np.linalg.solve(np.eye(3) - skew / 2, np.eye(3) + skew / 2)  # Cayley: a proper rotation
    directions = rotation @ signed_permutation(order, sign) * np.array([0.7, 0.8, 5.0])
    axes, flipped = geometry.nearest_axes(directions)
    expected = nibabel.io_orientation(nibabel.affines.from_matvec(directions))
    for native, (world, direction) in enumerate(expected):
        place = {2: 0, 1: 1, 0: 2}[int(world)]  # slice, row, column run along z, y, x
        assert axes[place] == native
        # slices run up (+z); rows from anterior (-y) and columns from the right (-x)
        assert flipped[place] == (direction < 0 if world == 2 else direction > 0)


@settings(deadline=None, max_examples=50)
@given(permutations, signs, hnp.array_shapes(min_dims=3, max_dims=3, max_side=5))
def test_native_grid_goes_there_and_back(order, sign, shape):
    axes, flipped = geometry.nearest_axes(signed_permutation(order, sign))
    grid = NativeGrid(shape, axes, flipped)
    native = np.arange(np.prod(shape)).reshape(shape)
    np.testing.assert_array_equal(grid.to_native(grid.to_radiological(native)), native)


@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 1), (4, 3, 1, 1), (4, 3, 2, 1)])
def test_native_grid_of_other_ranks(shape):
    grid = NativeGrid(shape, (2, 1, 0), (False, True, True))
    native = np.arange(np.prod(shape)).reshape(shape)
    assert grid.to_radiological(native).shape == (shape[2] if len(shape) > 2 else 1, 3, 4)
    np.testing.assert_array_equal(grid.to_native(grid.to_radiological(native)), native)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(0.1, 9), min_size=3, max_size=3), permutations, signs)
def test_spacing_is_the_norm_of_the_columns(spacing, order, sign):
    affine = nibabel.affines.from_matvec(signed_permutation(order, sign) * spacing, [1, 2, 3])
    np.testing.assert_allclose(geometry.spacing_from_affine(affine), spacing)


@pytest.mark.parametrize(
    "orientation, axes, flipped",
    [
        ((1, 0, 0, 0, 1, 0), (0, 1, 2), (False, False, False)),  # head first, supine
        ((-1, 0, 0, 0, -1, 0), (0, 1, 2), (False, True, True)),  # prone
        ((-1, 0, 0, 0, 1, 0), (0, 1, 2), (True, False, True)),  # seen from the head
        ((0, 1, 0, 1, 0, 0), (0, 2, 1), (True, False, False)),  # stored transposed
    ],
)
def test_dicom_orientation(orientation, axes, flipped):
    directions = geometry.directions_from_dicom(orientation)
    assert geometry.nearest_axes(directions) == (axes, flipped)
    assert geometry.is_axial(directions, 0)


@pytest.mark.parametrize("tilt, axial", [(0, True), (30, True), (44, True), (46, False), (90, False)])
def test_a_slice_is_axial_up_to_45_degrees(tilt, axial):
    c, s = np.cos(np.radians(tilt)), np.sin(np.radians(tilt))
    directions = geometry.directions_from_dicom((1, 0, 0, 0, c, s))
    assert geometry.is_axial(directions, 0) == axial
    assert geometry.tilt_deg(directions, (0, 1, 2)) == pytest.approx(tilt)


def test_degenerate_geometry_is_noticed():
    assert not geometry.is_usable(np.zeros((3, 3)))
    assert not geometry.is_usable(np.full((3, 3), np.nan))
    assert not geometry.is_usable(np.ones((3, 3)))
    assert not geometry.is_orientation((0, 0, 0, 0, 0, 0))
    assert not geometry.is_orientation((np.nan, 0, 0, 0, 1, 0))


@pytest.mark.parametrize("spacing", [(5, 0.001, 0.7), (5, 0.7, 700), (0, 0.7, 0.7), (float("nan"), 1, 1)])
def test_implausible_spacing(spacing):
    assert not geometry.is_plausible_spacing(spacing)
