"""Skipping slices never changes the labels."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from liverseg.core.largest_component import find_bodies, keep_largest_body
from liverseg.core.slice_skipping import run_needed_slices, sample_step, true_ranges, undecided_slices

relaxed = settings(deadline=None, max_examples=120)  # a shared machine may stall any example


def stack(shape, boxes, specks=0.0, seed=0):
    """Labels (S, H, W) with `boxes` (three (start, stop), label) and a share `specks` of random voxels."""
    labels = np.zeros(shape, np.uint8)
    for (z0, z1), (y0, y1), (x0, x1), label in boxes:
        labels[z0:z1, y0:y1, x0:x1] = label
    labels[np.random.default_rng(seed).random(shape) < specks] = 1
    return labels


def run(truth, step):
    """Labels of the largest body, the slices that were run, in order, and what was removed."""
    labels, todo, order = np.zeros_like(truth), np.ones(len(truth), bool), []

    def run_slices(indices):
        labels[indices] = truth[indices]
        order.extend(indices)

    bodies = run_needed_slices(labels, todo, step, run_slices)
    removed = keep_largest_body(labels, bodies)
    assert sorted(order) == np.flatnonzero(~todo).tolist()
    return labels, order, removed


@st.composite
def scenes(draw):
    shape = draw(st.tuples(st.integers(6, 50), st.integers(2, 9), st.integers(2, 9)))

    def interval(size):
        low = draw(st.integers(0, size - 1))
        return low, draw(st.integers(low + 1, size))

    boxes = [
        (interval(shape[0]), interval(shape[1]), interval(shape[2]), draw(st.integers(1, 2)))
        for _ in range(draw(st.integers(0, 5)))
    ]
    return stack(shape, boxes, draw(st.sampled_from([0, 0, 0.004, 0.03])), draw(st.integers(0, 99)))


@relaxed
@given(scenes(), st.integers(2, 8))
def test_labels_equal_those_from_running_all_slices(truth, step):
    labels, order, _ = run(truth, step)
    expected = truth.copy()
    keep_largest_body(expected)
    assert np.array_equal(labels, expected)
    assert len(order) == len(set(order))


def test_a_long_scan_runs_the_slices_of_the_liver_and_few_others():
    liver = ((60, 110), (8, 40), (8, 40), 1)
    truth = stack((300, 64, 64), [liver, ((80, 85), (20, 25), (20, 25), 2)])
    labels, order, removed = run(truth, 10)
    assert np.array_equal(labels, truth) and removed.bodies == 0
    assert set(range(59, 111)) <= set(order)
    assert len(order) < 110


def test_a_flat_body_between_samples_is_found_if_it_could_be_the_largest():
    truth = stack((80, 16, 16), [((3, 20), (2, 5), (2, 5), 1), ((61, 63), (0, 16), (0, 16), 1)])
    labels, _, removed = run(truth, 8)
    assert labels[61:63].all() and not labels[:20].any() and removed.bodies == 1


def test_every_slice_is_run_if_there_is_no_liver():
    assert len(run(np.zeros((40, 8, 8), np.uint8), 5)[1]) == 40


def test_parts_connected_only_between_samples_are_one_body():
    """Two towers are connected by a bridge that lies between two samples."""
    towers = [((10, 31), (1, 3), (1, 9), 1), ((10, 31), (6, 8), (1, 9), 1)]
    truth = stack((60, 10, 10), [*towers, ((30, 31), (1, 8), (1, 3), 1)])
    labels, _, _ = run(truth, 8)
    assert np.array_equal(labels, truth)


def test_undecided_slices_are_those_that_could_change_the_largest_body():
    labels = stack((20, 10, 10), [((4, 12), (0, 9), (0, 9), 1)])
    todo = np.zeros(20, bool)
    todo[14:18] = True
    assert (
        undecided_slices(find_bodies(labels), todo, 100) == []
    )  # the skipped slices hold at most 400 voxels, the body has 648
    todo[12:19] = True
    assert undecided_slices(find_bodies(labels), todo, 100) == list(
        range(12, 19)
    )  # the body may extend there
    labels[10:12] = 0
    assert undecided_slices(find_bodies(labels), todo, 100) == [
        15
    ]  # the skipped slices could hold 700 voxels
    assert [list(gap) for gap in true_ranges(todo)] == [list(range(12, 19))]


def test_short_volumes_and_thick_slices_are_not_sampled():
    assert sample_step(30, (10.0, 1.0, 1.0)) == 1
    assert sample_step(11, (2.5, 1.0, 1.0)) == 1
    assert sample_step(1000, (0.5, 1.0, 1.0)) == 12
