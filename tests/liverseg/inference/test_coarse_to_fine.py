"""Locating the liver at low resolution and running its box, with masks in place of a network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liverseg.inference.coarse_to_fine import (
    SIDE_STEP_PX,
    SMALLEST_SIDE_PX,
    LiverBox,
    Location,
    locate_liver,
    run_in_box,
    square_box,
)
from liverseg.inference.rules import SearchRule

RULE = SearchRule(128, 0.05, 1.0)
SPACING = (2.0, 0.8, 0.8)  # a sample of every fourth slice


@st.composite
def extents(draw):
    """The shape of a slice, and rows and columns within it."""
    shape = draw(st.tuples(st.integers(64, 1024), st.integers(64, 1024)))
    ranges = []
    for length in shape:
        start = draw(st.integers(0, length - 1))
        ranges.append(slice(start, draw(st.integers(start + 1, length))))
    return shape, tuple(ranges)


@settings(deadline=None, max_examples=100)
@given(extents(), st.integers(0, 60))
def test_a_box_is_square_holds_its_extent_with_the_margin_and_lies_in_the_slice(made, margin):
    shape, extent = made
    box = square_box(extent, margin, shape)
    sides = [part.stop - part.start for part in extent]
    for part, given_part, length in zip((box.rows, box.columns), extent, shape, strict=True):
        assert 0 <= part.start and part.stop <= length
        assert part.start <= max(given_part.start - margin, 0)
        assert part.stop >= min(given_part.stop + margin, length)
    if box.shape != shape:
        assert box.shape[0] == box.shape[1] < min(shape)
        assert box.shape[0] % SIDE_STEP_PX == 0 and box.shape[0] >= SMALLEST_SIDE_PX
        assert box.shape[0] - SIDE_STEP_PX < max(SMALLEST_SIDE_PX, max(sides) + 2 * margin)
    else:
        assert max(SMALLEST_SIDE_PX, max(sides) + 2 * margin + SIDE_STEP_PX) >= min(shape)


def test_only_inner_borders_of_a_box_are_touched():
    box = LiverBox(slice(0, 20), slice(10, 30))
    for row, column, touched in (
        (0, 20, False),
        (19, 20, True),
        (5, 10, True),
        (5, 29, True),
        (5, 15, False),
    ):
        mask = np.zeros((40, 40), bool)
        mask[row, column] = True
        assert box.touched(mask) is touched, (row, column)
    whole = LiverBox(slice(0, 40), slice(0, 40))
    assert not whole.touched(np.ones((40, 40), bool))


class Coarse:
    """A run at low resolution that gives the mask (S, H, W) of a liver, and counts the slices."""

    def __init__(self, mask: np.ndarray) -> None:
        self.mask, self.runs = mask, []

    def __call__(self, indices: Sequence[int]):
        self.runs.append(list(indices))
        return (self.mask[z] * np.float32(0.9) for z in indices)


def volume(slices: int = 40, side: int = 256) -> np.ndarray:
    return np.zeros((slices, side, side), bool)


def test_the_largest_body_of_the_sample_gives_slices_and_box():
    mask = volume()
    mask[11:27, 90:150, 60:140] = True
    mask[2:38, 200:230, 200:230] = True  # in more slices, with fewer voxels
    run = Coarse(mask)
    found = locate_liver(run, RULE, mask.shape, SPACING)
    assert run.runs == [list(range(2, 40, 4))]
    assert (found.first, found.last, found.step) == (10, 30, 4)
    assert found.box == square_box((slice(90, 150), slice(60, 140)), round(0.05 * 256), (256, 256))


def test_a_liver_between_the_samples_is_found_in_all_slices():
    mask = volume()
    mask[7:9, 90:150, 60:140] = True
    run = Coarse(mask)
    found = locate_liver(run, RULE, mask.shape, SPACING)
    assert [len(runs) for runs in run.runs] == [10, 40]
    assert (found.first, found.last, found.step) == (6, 9, 1)


def test_without_a_liver_there_is_no_location():
    run = Coarse(volume())
    assert locate_liver(run, RULE, run.mask.shape, SPACING) is None
    assert [len(runs) for runs in run.runs] == [10, 40]
    few = Coarse(volume(5))
    assert locate_liver(few, RULE, few.mask.shape, SPACING) is None
    assert [len(runs) for runs in few.runs] == [5], "all slices are searched once"


def test_a_liver_at_the_border_of_the_image_and_in_the_end_slices():
    mask = volume()
    mask[:, 0:100, 180:256] = True
    found = locate_liver(Coarse(mask), RULE, mask.shape, SPACING)
    assert (found.first, found.last) == (0, 39)
    assert found.box == LiverBox(slice(0, 192), slice(64, 256))


def test_a_liver_larger_than_the_largest_square_has_the_whole_slice():
    mask = volume()[:, :, :200]
    mask[10:30, 20:220, 10:190] = True
    found = locate_liver(Coarse(mask), RULE, mask.shape, SPACING)
    assert found.box == LiverBox(slice(0, 256), slice(0, 200))


class Fine:
    """A run within boxes that labels the true mask there."""

    def __init__(self, mask: np.ndarray) -> None:
        self.mask = mask
        self.labels, self.todo = np.zeros(mask.shape, np.uint8), np.ones(len(mask), bool)
        self.runs: list[tuple[int, LiverBox]] = []

    def __call__(self, wanted: Sequence[int], box: LiverBox) -> None:
        for z in wanted:
            assert not self.labels[z].any(), "the slice is background before it is run"
            self.runs.append((z, box))
            self.labels[z, box.rows, box.columns] = self.mask[z, box.rows, box.columns]

    def run(self, location: Location) -> LiverBox:
        return run_in_box(self.labels, self.todo, location, self)


def once_per_box(fine: Fine) -> bool:
    places = [(z, str(box)) for z, box in fine.runs]
    return len(places) == len(set(places))


SMALL = LiverBox(slice(32, 224), slice(32, 224))


def test_a_liver_inside_its_box_and_range_is_run_once():
    mask = volume()
    mask[10:20, 60:120, 60:160] = True
    fine = Fine(mask)
    assert fine.run(Location(8, 22, SMALL, 4)) == SMALL
    assert [z for z, _ in fine.runs] == list(range(8, 23))
    assert np.flatnonzero(~fine.todo).tolist() == list(range(8, 23))
    assert np.array_equal(fine.labels, mask)


def test_the_range_grows_by_the_step_while_the_liver_goes_on():
    mask = volume()
    mask[5:31, 60:120, 60:160] = True
    fine = Fine(mask)
    fine.run(Location(12, 20, SMALL, 4))
    assert np.array_equal(fine.labels, mask) and once_per_box(fine)
    # Upward 21-24, 25-28, 29-32, downward 8-11, 4-7: the liver ends at 30 and at 5.
    assert np.flatnonzero(~fine.todo).tolist() == list(range(4, 33))


def test_the_range_grows_only_on_the_side_where_the_liver_goes_on():
    mask = volume()
    mask[12:31, 60:120, 60:160] = True
    fine = Fine(mask)
    fine.run(Location(11, 20, SMALL, 4))
    assert np.flatnonzero(~fine.todo).tolist() == list(range(11, 33))


@pytest.mark.parametrize("other", [(10, 16), (16, 22)])
def test_a_liver_found_in_one_slice_grows_in_both_directions(other):
    mask = volume()
    mask[slice(*other), 60:120, 60:160] = mask[16, 60:120, 60:160] = True
    fine = Fine(mask)
    fine.run(Location(16, 16, SMALL, 1))
    assert np.array_equal(fine.labels, mask) and once_per_box(fine)


def test_the_range_ends_with_the_volume():
    mask = volume(12)
    mask[:, 60:120, 60:160] = True
    fine = Fine(mask)
    fine.run(Location(4, 6, SMALL, 4))
    assert not fine.todo.any() and np.array_equal(fine.labels, mask)


def test_the_box_grows_until_the_liver_no_longer_reaches_its_border():
    mask = volume(18, 512)
    mask[6:14, 70:350, 120:260] = True
    fine = Fine(mask)
    box = fine.run(Location(4, 16, LiverBox(slice(128, 320), slice(128, 320)), 4))
    assert box.shape[0] == box.shape[1] == 320, "it grows by 64 pixels at a time"
    assert np.array_equal(fine.labels, mask) and once_per_box(fine)
    assert {box.shape for _, box in fine.runs} == {(192, 192), (256, 256), (320, 320)}


def test_a_box_at_the_border_of_the_image_grows_to_the_other_side():
    mask = volume(12, 512)
    mask[4:8, 0:250, 0:100] = True
    fine = Fine(mask)
    box = fine.run(Location(2, 9, LiverBox(slice(0, 192), slice(0, 192)), 2))
    assert box == LiverBox(slice(0, 256), slice(0, 256)) and np.array_equal(fine.labels, mask)


def test_a_liver_across_the_slice_is_run_in_the_whole_slice():
    mask = volume(12)
    mask[4:8, 10:246, 10:246] = True
    fine = Fine(mask)
    assert fine.run(Location(2, 9, SMALL, 2)) == LiverBox(slice(0, 256), slice(0, 256))
    assert np.array_equal(fine.labels, mask) and once_per_box(fine)


def test_slices_added_after_the_box_grew_are_run_in_the_new_box():
    mask = volume(30, 512)
    mask[6:14, 150:250, 150:250] = True
    mask[14:24, 150:340, 150:250] = True
    fine = Fine(mask)
    fine.run(Location(4, 14, LiverBox(slice(128, 320), slice(128, 320)), 4))
    assert np.array_equal(fine.labels, mask) and once_per_box(fine)


def test_another_body_does_not_let_box_or_range_grow():
    mask = volume()
    mask[10:20, 60:120, 60:160] = True
    mask[5:35, 32:40, 200:224] = True  # at the border of the box, and beyond the range
    fine = Fine(mask)
    assert fine.run(Location(8, 22, SMALL, 4)) == SMALL
    assert np.flatnonzero(~fine.todo).tolist() == list(range(8, 23))


def test_nothing_more_is_run_if_the_box_shows_no_body():
    fine = Fine(volume())
    assert fine.run(Location(8, 12, SMALL, 4)) == SMALL
    assert [z for z, _ in fine.runs] == [8, 9, 10, 11, 12]
