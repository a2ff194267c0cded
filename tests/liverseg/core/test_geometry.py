"""Orientation and spacing of grids: all axis orders and flips, and oblique grids, compared with nibabel."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from liverseg.core import geometry
from tests.liverseg.core.axis_orders import permutations, signed_permutation, signs


@settings(deadline=None, max_examples=50)
@given(permutations, signs, hnp.arrays(np.float64, 3, elements=st.floats(-0.3, 0.3)))
def test_nearest_axes_agree_with_nibabel_for_oblique_grids_too(order, sign, turn):
    skew = np.array([[0, -turn[2], turn[1]], [turn[2], 0, -turn[0]], [-turn[1], turn[0], 0]])
    rotation = np.linalg.solve(np.eye(3) - skew / 2, np.eye(3) + skew / 2)  # Cayley: a proper rotation
    directions = rotation @ signed_permutation(order, sign) * np.array([0.7, 0.8, 5.0])
    axes, flipped = geometry.nearest_axes(directions)
    expected = nibabel.io_orientation(nibabel.affines.from_matvec(directions))
    for native, (world, direction) in enumerate(expected):
        radiological = {2: 0, 1: 1, 0: 2}[int(world)]  # slice, row, column run along z, y, x
        assert axes[radiological] == native
        # Slices run to superior (+z), rows from anterior to posterior, columns from right to left.
        assert flipped[radiological] == (direction < 0 if world == 2 else direction > 0)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(0.1, 9), min_size=3, max_size=3), permutations, signs)
def test_spacing_is_the_norm_of_the_affine_columns(spacing, order, sign):
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
def test_nearest_axes_of_dicom_orientations(orientation, axes, flipped):
    directions = geometry.directions_from_dicom(orientation)
    assert geometry.nearest_axes(directions) == (axes, flipped)
    assert geometry.is_axial(directions, 0)


@pytest.mark.parametrize("tilt, axial", [(0, True), (30, True), (44, True), (46, False), (90, False)])
def test_a_slice_is_axial_up_to_45_degrees(tilt, axial):
    c, s = np.cos(np.radians(tilt)), np.sin(np.radians(tilt))
    directions = geometry.directions_from_dicom((1, 0, 0, 0, c, s))
    assert geometry.is_axial(directions, 0) == axial
    assert geometry.plane_angles_deg(directions, (0, 1, 2), 0) == pytest.approx((tilt, 0), abs=1e-9)


def test_degenerate_directions_are_rejected():
    assert not geometry.is_usable(np.zeros((3, 3)))
    assert not geometry.is_usable(np.full((3, 3), np.nan))
    assert not geometry.is_usable(np.ones((3, 3)))
    assert not geometry.is_orientation((0, 0, 0, 0, 0, 0))
    assert not geometry.is_orientation((np.nan, 0, 0, 0, 1, 0))


@pytest.mark.parametrize("spacing", [(5, 0.001, 0.7), (5, 0.7, 700), (0, 0.7, 0.7), (float("nan"), 1, 1)])
def test_spacing_no_scanner_has_is_rejected(spacing):
    assert not geometry.is_plausible_spacing(spacing)
