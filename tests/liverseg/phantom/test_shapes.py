"""Smooth fields and signed distances of shapes."""

from __future__ import annotations

import numpy as np
import pytest

from liverseg.phantom.shapes import SlicePlane, SmoothField, coverage, ellipsoid, rounded_path, tube


def test_a_smooth_field_does_not_depend_on_the_grid():
    field = SmoothField.draw(np.random.default_rng(0), 20.0)
    coarse, fine = np.arange(-100.0, 100, 10), np.arange(-100.0, 100, 2.5)
    np.testing.assert_allclose(
        field.sample(fine, fine, 7.0)[::4, ::4], field.sample(coarse, coarse, 7.0), atol=1e-5
    )
    assert field.sample(fine, fine, 0.0).std() == pytest.approx(1, abs=0.35)


def test_coverage_adds_up_to_the_area_of_ellipses_and_tubes():
    axis = np.arange(-50.0, 50, 0.5)
    zeros = np.zeros((len(axis), len(axis)), np.float32)
    plane = SlicePlane(axis, axis, 0.0, 0.5, zeros + axis, zeros + axis[:, None], zeros, zeros, zeros)
    disc = coverage(ellipsoid(plane, (3, -2, 0), (30, 12, 9), turn_deg=20), 0.5).sum() * 0.25
    assert disc == pytest.approx(np.pi * 30 * 12, rel=0.01)
    points, radii = rounded_path([(-20, 0, 0), (20, 0, 0)], [6, 6])
    capsule = coverage(tube(plane, points, radii)[0], 0.5).sum() * 0.25
    assert capsule == pytest.approx(40 * 12 + np.pi * 36, rel=0.01)
