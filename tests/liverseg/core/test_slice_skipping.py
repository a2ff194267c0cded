"""Slices that were not run change nothing: the labels are those of all slices, whatever they show."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from liverseg.core.largest_component import keep_largest_body
from liverseg.core.slice_skipping import gaps, run_what_is_needed, sample_step, unsettled

relaxed = settings(deadline=None, max_examples=120)  # a shared machine may stall any example


def stack(shape, boxes, specks=0.0, seed=0):
    """Labels (S, H, W) of a few boxes (start, stop of each axis, label) and scattered voxels."""
    labels = np.zeros(shape, np.uint8)
    for (z0, z1), (y0, y1), (x0, x1), label in boxes:
        labels[z0:z1, y0:y1, x0:x1] = label
    labels[np.random.default_rng(seed).random(shape) < specks] = 1
    return labels


def run(truth, step):
    """Labels with the rule applied, and the slices that were run, in turn."""
    labels, todo, order = np.zeros_like(truth), np.ones(len(truth), bool), []

    def some(wanted):
        labels[wanted] = truth[wanted]
        order.extend(wanted)

    bodies = run_what_is_needed(labels, todo, step, some)
    removed = keep_largest_body(labels, bodies)
    assert sorted(order) == np.flatnonzero(~todo).tolist()
    return labels, order, removed


@st.composite
def scenes(draw):
    shape = draw(st.tuples(st.integers(6, 50), st.integers(2, 9), st.integers(2, 9)))

    def reach(size):
        low = draw(st.integers(0, size - 1))
        return low, draw(st.integers(low + 1, size))

    boxes = [
        (reach(shape[0]), reach(shape[1]), reach(shape[2]), draw(st.integers(1, 2)))
        for _ in range(draw(st.integers(0, 5)))
    ]
    return stack(shape, boxes, draw(st.sampled_from([0, 0, 0.004, 0.03])), draw(st.integers(0, 99)))


@relaxed
@given(scenes(), st.integers(2, 8))
def test_labels_are_those_of_all_slices(truth, step):
    labels, order, _ = run(truth, step)
    expected = truth.copy()
    keep_largest_body(expected)
    assert np.array_equal(labels, expected)
    assert len(order) == len(set(order))


def test_a_liver_in_a_long_scan_needs_its_own_slices_and_few_others():
    liver = ((60, 110), (8, 40), (8, 40), 1)
    truth = stack((300, 64, 64), [liver, ((80, 85), (20, 25), (20, 25), 2)])
    labels, order, removed = run(truth, 10)
    assert np.array_equal(labels, truth) and removed.bodies == 0
    assert set(range(59, 111)) <= set(order)
    assert len(order) < 110


def test_a_flat_body_between_samples_is_found_where_it_could_be_the_largest():
    truth = stack((80, 16, 16), [((3, 20), (2, 5), (2, 5), 1), ((61, 63), (0, 16), (0, 16), 1)])
    labels, _, removed = run(truth, 8)
    assert labels[61:63].all() and not labels[:20].any() and removed.bodies == 1


def test_without_any_liver_every_slice_is_run():
    assert len(run(np.zeros((40, 8, 8), np.uint8), 5)[1]) == 40


def test_a_body_that_goes_round_through_slices_not_run_is_one():
    """Two towers whose bridge lies between two samples."""
    towers = [((10, 31), (1, 3), (1, 9), 1), ((10, 31), (6, 8), (1, 9), 1)]
    truth = stack((60, 10, 10), [*towers, ((30, 31), (1, 8), (1, 3), 1)])
    labels, _, _ = run(truth, 8)
    assert np.array_equal(labels, truth)


def test_what_is_certain_is_told_from_what_is_not():
    from liverseg.core.largest_component import bodies_of

    labels = stack((20, 10, 10), [((4, 12), (0, 9), (0, 9), 1)])
    todo = np.zeros(20, bool)
    todo[14:18] = True
    assert unsettled(bodies_of(labels), todo, 100) == []  # at most 400 of the 648
    todo[12:19] = True
    assert unsettled(bodies_of(labels), todo, 100) == list(range(12, 19))  # it may go on there
    labels[10:12] = 0
    assert unsettled(bodies_of(labels), todo, 100) == [15]  # 700 could be hidden there
    assert [list(gap) for gap in gaps(todo)] == [list(range(12, 19))]


def test_low_volumes_and_thick_slices_are_run_whole():
    assert sample_step(30, (10.0, 1.0, 1.0)) == 1
    assert sample_step(11, (2.5, 1.0, 1.0)) == 1
    assert sample_step(1000, (0.5, 1.0, 1.0)) == 12
