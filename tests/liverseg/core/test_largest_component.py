"""The rule that keeps only the largest body of a volume."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from scipy import ndimage

from liverseg.core.largest_component import NOTHING_REMOVED, find_bodies, keep_largest_body
from tests.liverseg.core.random_stacks import CORNERS, stacks


@settings(deadline=None, max_examples=80)  # a shared machine may stall any example
@given(stacks(values=(0, 1, 2)))
def test_only_the_largest_body_stays_and_the_rest_is_counted(labels):
    numbered, count = ndimage.label(labels > 0, CORNERS)
    before = labels.copy()
    removed = keep_largest_body(labels)
    if count < 2:
        assert removed == NOTHING_REMOVED and np.array_equal(labels, before)
        return
    sizes = np.bincount(numbered.ravel())[1:]
    kept = numbered == sizes.argmax() + 1
    assert np.array_equal(labels, np.where(kept, before, 0))
    assert removed.bodies == count - 1
    assert removed.liver == int((before[~kept] == 1).sum())
    assert removed.tumour == int((before[~kept] == 2).sum())
    assert removed.largest == int(np.delete(sizes, sizes.argmax()).max())


def test_tumour_that_touches_the_liver_stays_and_separate_tumour_is_removed():
    labels = np.zeros((3, 12, 12), np.uint8)
    labels[:, 2:7, 2:7] = 1
    labels[1, 3:5, 3:5] = 2  # inside the liver
    labels[2, 7, 7] = 2  # touches a corner of the liver
    labels[0, 10, 10] = labels[1, 11, 11] = 2  # separate
    removed = keep_largest_body(labels)
    assert (removed.bodies, removed.liver, removed.tumour, removed.voxels) == (1, 0, 2, 2)
    assert int((labels == 2).sum()) == 5


def test_empty_labels_have_no_bodies():
    empty = np.zeros((3, 4, 4), np.uint8)
    assert len(find_bodies(empty)) == 0
    assert keep_largest_body(empty) == NOTHING_REMOVED
