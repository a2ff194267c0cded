"""Native grids, voxel volumes and slice references."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as hnp

from liverseg.core import geometry
from liverseg.core.image import CTImage, NativeGrid
from tests.liverseg.core.axis_orders import permutations, signed_permutation, signs


@settings(deadline=None, max_examples=50)
@given(permutations, signs, hnp.array_shapes(min_dims=3, max_dims=3, max_side=5))
def test_to_radiological_and_to_native_are_inverse(order, sign, shape):
    axes, flipped = geometry.nearest_axes(signed_permutation(order, sign))
    grid = NativeGrid(shape, axes, flipped)
    native = np.arange(np.prod(shape)).reshape(shape)
    np.testing.assert_array_equal(grid.to_native(grid.to_radiological(native)), native)


@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 1), (4, 3, 1, 1), (4, 3, 2, 1)])
def test_native_arrays_may_have_two_or_more_than_three_axes(shape):
    grid = NativeGrid(shape, (2, 1, 0), (False, True, True))
    native = np.arange(np.prod(shape)).reshape(shape)
    assert grid.to_radiological(native).shape == (shape[2] if len(shape) > 2 else 1, 3, 4)
    np.testing.assert_array_equal(grid.to_native(grid.to_radiological(native)), native)


@settings(deadline=None, max_examples=50)
@given(permutations, signs)
def test_the_radiological_affine_maps_each_voxel_to_the_point_of_the_native_affine(order, sign):
    axes, flipped = geometry.nearest_axes(signed_permutation(order, sign))
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = signed_permutation(order, sign) * (0.7, 0.8, 2.5), (5, -6, 7)
    grid = NativeGrid((3, 4, 5), axes, flipped, affine)
    native = np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), axis=-1)
    points = native @ affine[:3, :3].T + affine[:3, 3]
    for k in range(3):
        radiological = grid.to_radiological(points[..., k])
        index = np.stack(np.indices(radiological.shape), axis=-1)
        expected = index @ grid.radiological_affine[k, :3] + grid.radiological_affine[k, 3]
        np.testing.assert_allclose(radiological, expected, atol=1e-12)


def test_the_voxel_volume_of_a_sheared_grid_is_the_determinant_of_its_affine():
    hu = np.zeros((2, 3, 4), np.float32)
    affine = np.diag([2.0, 3.0, 4.0, 1.0])
    affine[1, 0] = 1.0  # shear
    spacing = geometry.spacing_from_affine(affine)
    sheared = CTImage(
        hu, spacing, "", "array", NativeGrid(hu.shape, (0, 1, 2), (False, False, False), affine), "volume"
    )
    assert sheared.voxel_volume_mm3 == pytest.approx(24.0) and np.prod(spacing) > 24.5
    unknown = CTImage(hu, None, "unknown", "array", geometry.upright_grid(hu.shape), "volume")
    assert unknown.voxel_volume_mm3 is None and unknown.pixel_area_mm2 is None
