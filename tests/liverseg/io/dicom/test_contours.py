"""Polygons along pixel edges, which give back the mask under every fill rule."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage

from liverseg.io.dicom.contours import closed_contours

masks = array_shapes(min_dims=2, max_dims=2, max_side=9).flatmap(
    lambda shape: st.one_of(
        arrays(bool, shape), arrays(bool, shape, elements=st.just(True), fill=st.booleans())
    )
)


def winding(polygons, shape) -> np.ndarray:
    """Clockwise winding number of each pixel centre. With 0 and 1 only, all fill rules agree."""
    turns = np.zeros((shape[0], shape[1] + 1), int)
    for polygon in polygons:
        for (r, c), (to_r, to_c) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
            assert (r == to_r) != (c == to_c), "edges run along rows or columns"
            turns[min(r, to_r) : max(r, to_r), c] += np.sign(r - to_r)
    return turns.cumsum(axis=1)[:, :-1]


@settings(max_examples=150, deadline=None)
@given(masks)
def test_the_winding_number_is_1_in_the_mask_and_0_elsewhere(mask):
    polygons = closed_contours(mask)
    np.testing.assert_array_equal(winding(polygons, mask.shape), mask)


@settings(max_examples=50, deadline=None)
@given(masks)
def test_there_is_one_polygon_of_equal_area_per_connected_region(mask):
    polygons = closed_contours(mask)
    areas = []
    for rows, columns in (polygon.T.astype(float) for polygon in polygons):
        areas.append((columns @ np.roll(rows, -1) - rows @ np.roll(columns, -1)) / 2)
    regions, count = ndimage.label(mask)  # 4-connected
    sizes = np.bincount(regions.ravel(), minlength=count + 1)[1:]
    assert sorted(areas) == sorted(sizes)


def test_a_single_pixel_is_a_square():
    mask = np.zeros((5, 6), bool)
    mask[2, 3] = True
    (square,) = closed_contours(mask)
    assert square.tolist() == [[2, 3], [2, 4], [3, 4], [3, 3]]


def test_holes_become_keyholes_and_an_island_stays_separate():
    mask = np.ones((9, 12), bool)
    mask[2:5, 2:5] = mask[3, 7] = False  # two holes in a row, joined by one channel
    mask[3, 3] = True
    outline, island = sorted(closed_contours(mask), key=len, reverse=True)
    assert island.tolist() == [[3, 3], [3, 4], [4, 4], [4, 3]]
    corners, times = np.unique(outline, axis=0, return_counts=True)
    assert corners[times == 2].tolist() == [[2, 0], [2, 2], [3, 5], [3, 7]]  # the ends of both channels


def test_an_empty_mask_has_no_contour():
    assert closed_contours(np.zeros((4, 4), bool)) == []


def test_a_ragged_mask_takes_little_time():
    mask = np.random.default_rng(0).random((128, 128)) < 0.5
    started = time.process_time()
    assert len(closed_contours(mask)) > 500
    assert time.process_time() - started < 10


@pytest.mark.parametrize("flip", [(1, 1), (-1, 1), (1, -1)])
def test_a_strided_view_gives_the_same_contours(flip):
    mask = np.arange(30).reshape(5, 6) % 7 < 4
    view = mask[:: flip[0], :: flip[1]]
    np.testing.assert_array_equal(winding(closed_contours(view), view.shape), view)
