"""Even spacing, repeats, gaps and blocks of slice positions."""

from __future__ import annotations

import numpy as np
import pytest

import liverseg
from liverseg.errors import UnreadableInput
from liverseg.io.dicom.positions import check_even, even_blocks, is_even, position_cells, slice_normal


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
