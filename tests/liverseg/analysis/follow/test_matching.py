"""The assignment of lesions: places, sizes and tolerance."""

from __future__ import annotations

import numpy as np

from liverseg.analysis.follow.matching import assign


def pairs(a, b):
    """The assignment of lesions on a line, each as (place in mm, radius in mm)."""
    (places_a, radii_a), (places_b, radii_b) = (np.array(side, float).reshape(-1, 2).T for side in (a, b))
    return assign(np.abs(places_a[:, None] - places_b[None]), radii_a, radii_b)


def test_every_lesion_finds_its_own_although_all_have_moved():
    lesions = [(0, 5), (14, 5), (28, 5)]
    assert pairs(lesions, [(place + 6, radius) for place, radius in lesions]) == [(0, 0), (1, 1), (2, 2)]


def test_a_lesion_that_is_gone_does_not_push_the_others_along():
    assert pairs([(0, 5), (14, 5), (28, 5)], [(14, 5), (28, 5), (42, 5)]) == [(1, 0), (2, 1)]


def test_of_two_near_lesions_the_one_of_similar_size_is_taken():
    assert pairs([(0, 10)], [(-4, 2), (5, 9)]) == [(0, 1)]


def test_the_tolerance_grows_with_the_lesion_and_ends():
    assert pairs([(0, 5)], [(14.9, 5)]) == [(0, 0)]
    assert pairs([(0, 5)], [(15.1, 5)]) == []
    assert pairs([(0, 5)], [(25, 20)]) == [(0, 0)]
    assert pairs([], [(0, 5)]) == [] and pairs([(0, 5)], []) == []
