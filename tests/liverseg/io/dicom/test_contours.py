"""Polygons along the edges of pixels: filled by anyone's rule they are the mask."""

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
    """How often each pixel's middle is gone round, clockwise: 0 and 1 alone leave no fill rule a choice."""
    turns = np.zeros((shape[0], shape[1] + 1), int)
    for polygon in polygons:
        for (r, c), (to_r, to_c) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
            assert (r == to_r) != (c == to_c), "an edge follows the pixels"
            turns[min(r, to_r) : max(r, to_r), c] += np.sign(r - to_r)
    return turns.cumsum(axis=1)[:, :-1]


@settings(max_examples=150, deadline=None)
@given(masks)
def test_every_pixel_of_the_mask_is_gone_round_once_and_no_other(mask):
    polygons = closed_contours(mask)
    np.testing.assert_array_equal(winding(polygons, mask.shape), mask)


@settings(max_examples=50, deadline=None)
@given(masks)
def test_polygons_are_as_many_as_the_parts_and_of_their_area(mask):
    polygons = closed_contours(mask)
    areas = []
    for rows, columns in (polygon.T.astype(float) for polygon in polygons):
        areas.append((columns @ np.roll(rows, -1) - rows @ np.roll(columns, -1)) / 2)
    parts, count = ndimage.label(mask)  # by their edges
    sizes = np.bincount(parts.ravel(), minlength=count + 1)[1:]
    assert sorted(areas) == sorted(sizes)


def test_a_lone_pixel_is_a_square_of_its_own_size():
    mask = np.zeros((5, 6), bool)
    mask[2, 3] = True
    (square,) = closed_contours(mask)
    assert square.tolist() == [[2, 3], [2, 4], [3, 4], [3, 3]]


def test_holes_become_keyholes_and_an_island_stays_apart():
    mask = np.ones((9, 12), bool)
    mask[2:5, 2:5] = mask[3, 7] = False  # two holes on a row: one channel leads to the other
    mask[3, 3] = True
    outline, island = sorted(closed_contours(mask), key=len, reverse=True)
    assert island.tolist() == [[3, 3], [3, 4], [4, 4], [4, 3]]
    corners, times = np.unique(outline, axis=0, return_counts=True)
    assert corners[times == 2].tolist() == [[2, 0], [2, 2], [3, 5], [3, 7]]  # the ends of both channels


def test_nothing_has_no_contour():
    assert closed_contours(np.zeros((4, 4), bool)) == []


def test_a_ragged_mask_of_full_size_takes_no_time():
    mask = np.random.default_rng(0).random((128, 128)) < 0.5
    started = time.process_time()
    assert len(closed_contours(mask)) > 500
    assert time.process_time() - started < 10


@pytest.mark.parametrize("flip", [(1, 1), (-1, 1), (1, -1)])
def test_a_view_of_an_array_is_as_good_as_a_copy(flip):
    mask = np.arange(30).reshape(5, 6) % 7 < 4
    view = mask[:: flip[0], :: flip[1]]
    np.testing.assert_array_equal(winding(closed_contours(view), view.shape), view)
