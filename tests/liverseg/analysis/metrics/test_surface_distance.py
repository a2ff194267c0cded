"""Surface distances against their definition, their invariances, and the rule for empty masks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from liverseg.analysis.metrics import surface_distance
from liverseg.errors import InvalidSetting

relaxed = settings(deadline=None, max_examples=30)
volumes = hnp.arrays(bool, (3, 5, 4))
steps = st.floats(0.3, 6.0)
spacings = st.tuples(steps, steps, steps)
MEASURES = (
    surface_distance.average_distance,
    surface_distance.root_mean_square_distance,
    surface_distance.maximum_distance,
    surface_distance.hausdorff_percentile,
)


def measured(a, b, spacing=None, tolerance=1.5):
    found = surface_distance.surface_distances(a, b, spacing)
    return np.array([*(of(found) for of in MEASURES), surface_distance.surface_dice(found, tolerance)])


def test_measures_of_two_bars_match_a_calculation_by_hand():
    a, b = np.zeros((2, 1, 6), bool)
    a[0, 0:2], b[0, 1:5] = True, True  # every element of a bar is surface: a 0 1, b 1 2 3 4
    found = surface_distance.surface_distances(a, b, (1.0, 2.0))
    assert found.to_reference.tolist() == [2, 0] and found.to_prediction.tolist() == [0, 2, 4, 6]
    assert surface_distance.average_distance(found) == pytest.approx(14 / 6)
    assert surface_distance.root_mean_square_distance(found) == pytest.approx(
        math.sqrt((4 + 4 + 16 + 36) / 6)
    )
    assert surface_distance.maximum_distance(found) == 6
    assert surface_distance.hausdorff_percentile(found, 50) == 3
    assert surface_distance.surface_dice(found, 2) == pytest.approx(4 / 6)


def test_connectivity_2_includes_elements_that_touch_the_outside_along_an_edge():
    cube = np.ones((5, 5, 5), bool)
    cube[0, 0, 2] = False  # shares an edge with (1, 1, 2), no face
    at_one, at_two = (surface_distance.surface_points(cube, connectivity).tolist() for connectivity in (1, 2))
    assert [1, 1, 2] in at_two and [1, 1, 2] not in at_one


@relaxed
@given(volumes, volumes, spacings)
def test_measures_do_not_change_when_the_masks_are_swapped(a, b, spacing):
    np.testing.assert_allclose(measured(a, b, spacing), measured(b, a, spacing), rtol=1e-12)


@relaxed
@given(volumes, volumes, st.tuples(*[st.integers(0, 4)] * 3))
def test_measures_do_not_change_when_both_masks_move(a, b, shift):
    room = [np.zeros((8, 10, 9), bool) for _ in range(4)]
    home = tuple(slice(1, 1 + n) for n in a.shape)
    moved = tuple(slice(s, s + n) for s, n in zip(shift, a.shape, strict=True))
    room[0][home], room[1][home], room[2][moved], room[3][moved] = a, b, a, b
    np.testing.assert_allclose(measured(*room[:2]), measured(*room[2:]), rtol=1e-12)


@relaxed
@given(volumes, volumes, spacings, st.floats(0.5, 3))
def test_distances_scale_with_the_spacing(a, b, spacing, factor):
    larger = tuple(factor * step for step in spacing)
    once, scaled = measured(a, b, spacing, 1.5), measured(a, b, larger, 1.5 * factor)
    np.testing.assert_allclose(scaled[:4], factor * once[:4], rtol=1e-9)
    assert scaled[4] == once[4] or np.isnan(scaled[4])


@relaxed
@given(volumes, volumes, spacings, st.permutations(range(3)))
def test_measures_do_not_depend_on_the_order_of_axes(a, b, spacing, order):
    turned = [mask.transpose(order) for mask in (a, b)]
    np.testing.assert_allclose(
        measured(*turned, [spacing[axis] for axis in order]), measured(a, b, spacing), rtol=1e-12
    )


@relaxed
@given(volumes, volumes)
def test_measures_are_ordered_and_zero_for_equal_masks(a, b):
    assume(a.any() and b.any())
    average, rms, largest, _, near = measured(a, b)
    assert average <= rms + 1e-12 <= largest + 1e-11 and 0 <= near <= 1
    assert measured(a, a).tolist() == [0, 0, 0, 0, 1]


def test_distances_to_an_empty_mask_are_undefined():
    nothing, something = np.zeros((4, 4), bool), np.eye(4, dtype=bool)
    for a, b in ((nothing, something), (something, nothing)):
        values = measured(a, b)
        assert np.isnan(values[:4]).all() and values[4] == 0
    assert np.isnan(measured(nothing, nothing)).all()


def test_slices_with_one_empty_mask_are_unmatched():
    square = np.zeros((6, 6), bool)
    square[1:3, 1:3] = True  # 4 elements, all surface
    nothing = np.zeros_like(square)
    found = surface_distance.slice_surface_distances([square, square, nothing], [square, nothing, nothing])
    assert found.unmatched == 4 and surface_distance.average_distance(found) == 0
    assert surface_distance.surface_dice(found, 1) == pytest.approx(8 / 12)


def test_slice_distances_are_in_plane():
    stack = np.zeros((2, 3, 5, 5), bool)
    stack[0, 0, 2, 2] = stack[1, 0, 2, 4] = stack[0, 1, 0, 0] = stack[1, 1, 3, 0] = True
    found = surface_distance.slice_surface_distances(*stack, spacing=(2.0, 0.5))
    assert sorted(found.to_reference) == [1, 6]


def test_unequal_shapes_and_wrong_spacings_are_refused():
    with pytest.raises(InvalidSetting):
        surface_distance.surface_distances(np.ones((2, 2), bool), np.ones((2, 3), bool))
    for spacing in ((1.0,), (1.0, 0.0)):
        with pytest.raises(InvalidSetting):
            surface_distance.surface_distances(np.ones((2, 2), bool), np.ones((2, 2), bool), spacing)
