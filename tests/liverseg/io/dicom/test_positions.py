"""Even spacing, repeats, gaps and blocks of slice positions."""

from __future__ import annotations

import numpy as np
import pytest

import liverseg
from liverseg.errors import UnreadableInput
from liverseg.io.dicom.positions import (
    check_even,
    even_blocks,
    is_even,
    position_cells,
    rounded_spacing_mm,
    slice_normal,
    unrounded,
)


@pytest.mark.parametrize("digits, distance", [(3, 1.25), (1, 0.625), (2, 0.625)])
def test_rounded_positions_are_even(digits, distance, series):
    heights = [round(-301.33 + k * distance, digits) for k in range(12)]
    ct = liverseg.read(series(heights)[0])
    assert ct.shape[0] == 12 and ct.spacing_mm[0] == pytest.approx(distance, rel=0.02)
    assert ct.warnings == ()


def test_positions_with_jitter_are_even(series):
    jitter = np.random.default_rng(3).uniform(-1e-3, 1e-3, 12)
    ct = liverseg.read(series([5.0 * k + jitter[k] for k in range(12)])[0])
    assert ct.spacing_mm[0] == pytest.approx(5.0, abs=1e-3)


def test_a_missing_slice_is_not_even_however_long_the_series():
    heights = 0.625 * np.delete(np.arange(2000), 1000)
    assert not is_even(heights)
    with pytest.raises(UnreadableInput, match="after slice 1000 of 1999 is 1.25 mm away instead of 0.625 mm"):
        check_even(heights)


@pytest.mark.parametrize(
    "heights, reason",
    [
        ([0, 5, 5.01, 10], "same place"),
        ([0, 5, 15, 20, 25, 35], "the first of 2 gaps"),
        ([0, 5, 10, 15, 21, 28], "from 5 to 7 mm"),
    ],
)
def test_irregular_heights_are_refused_with_the_reason(heights, reason):
    with pytest.raises(UnreadableInput, match=reason):
        check_even(np.array(heights, float))


def test_blocks_share_no_slice_and_cover_all():
    heights = np.cumsum([0, 5, 5, 5, 2, 2, 2, 2, 1, 1])
    blocks = even_blocks(heights)
    assert [k for block in blocks for k in block] == list(range(len(heights)))
    assert [np.unique(np.diff(heights[block])).tolist() for block in blocks] == [[5], [2], [1]]


def test_heights_that_share_a_position_lie_in_neighbouring_cells():
    random = np.random.default_rng(0)
    for height in random.uniform(-500, 500, 200):
        near = height + random.uniform(-0.049, 0.049)
        assert position_cells(near)[1] in position_cells(height)


def test_the_normal_is_a_unit_vector_across_rows_and_columns():
    np.testing.assert_allclose(slice_normal((1, 0, 0, 0, 0.96, 0.28)), [0, -0.28, 0.96])


@pytest.mark.parametrize(
    "distance, count", [(1.25, 40), (1.1, 40), (1.5, 12), (2.5, 6), (2.5, 40), (3.2, 12), (3.75, 6), (7.5, 6)]
)
@pytest.mark.parametrize("start", [-301.33, 0.1])
def test_positions_rounded_to_whole_millimetres_are_even(distance, start, count, series):
    true = start + distance * np.arange(count)
    ct = liverseg.read(series(true.round(), SliceThickness=str(distance))[0])
    assert ct.spacing_mm[0] == distance
    assert ["rounded to whole millimetres" in w for w in ct.warnings] == [True]
    placed = ct.native.radiological_affine @ np.stack(
        [np.arange(count), *np.zeros((2, count)), np.ones(count)]
    )
    assert np.abs(placed[2] - true.round()).max() <= 0.51  # each slice where its file says, within rounding


def test_the_spacing_of_rounded_positions_without_a_header_is_the_middle_of_the_possible():
    heights = np.round(2.4 * np.arange(12))
    low, high = rounded_spacing_mm(heights)
    possible = [s for s in np.arange(2.2, 2.7, 0.001) if np.ptp(heights - s * np.arange(12)) <= 1]
    assert (low, high) == pytest.approx((min(possible), max(possible)), abs=0.005)
    assert unrounded(heights, (None, 5.0))[0] == pytest.approx((low + high) / 2)
    assert unrounded(heights, (2.4, 5.0))[0] == 2.4


@pytest.mark.parametrize(
    "distance, count", [(1.1, 40), (1.25, 40), (1.5, 12), (2.4, 12), (2.5, 12), (3.75, 12), (7.5, 12)]
)
def test_a_slice_missing_among_rounded_positions_is_refused(distance, count):
    heights = np.round(0.3 + distance * np.arange(count))
    assert is_even(heights)
    for missing in range(1, count - 1):
        with pytest.raises(UnreadableInput):
            check_even(np.delete(heights, missing))


def test_rounding_too_coarse_for_the_slices_is_refused_with_the_reason():
    with pytest.raises(UnreadableInput, match="rounded to whole millimetres"):
        check_even(np.round(1.25 * np.arange(20)))
    with pytest.raises(UnreadableInput, match="missing from the DICOM series"):
        check_even(np.delete(np.arange(20.0), 7))


def test_two_blocks_of_whole_millimetres_are_not_rounded():
    assert rounded_spacing_mm(np.cumsum([0.0, 2, 2, 2, 3, 3, 3])) is None
