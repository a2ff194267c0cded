"""Lesions of two masks matched by overlap, in cases small enough to count by hand."""

from __future__ import annotations

import numpy as np
import pytest

from liverseg.analysis.lesion_matching import match_lesions
from liverseg.analysis.lesions import find_lesions
from tests.liverseg.analysis.scenes import blank_image, labelled


def lesions(*places):
    mask = np.zeros((2, 8, 12), bool)
    for place in places:
        mask[place] = True
    return mask


def test_matches_use_the_lesion_numbers_of_the_reports():
    large = (0, slice(0, 4), slice(0, 4))  # 16
    wide = (0, slice(0, 2), slice(0, 5))  # 10, 8 of them in `large`
    corner = (slice(None), 3, slice(3, 5))  # 4 in two slices, 1 of them in `large`
    lone_a, lone_b = (1, 7, slice(0, 3)), (1, slice(6, 8), slice(9, 12))  # 3 and 6
    a, b = lesions(large, lone_a), lesions(wide, corner, lone_b)
    matches = match_lesions(blank_image((2, 8, 12), kind="volume"), a, b)
    assert [(m.found_in, m.a, m.b) for m in matches] == [
        ("both", (1,), (1, 3)),
        ("a", (2,), ()),
        ("b", (), (2,)),
    ]
    joined, only_a, only_b = matches
    assert (joined.amount_a.count, joined.amount_b.count) == (16, 14)
    assert joined.dice == pytest.approx(2 * 9 / 30) and only_a.dice == only_b.dice == 0
    assert (only_a.amount_b.count, only_b.amount_b.count) == (0, 6)
    ct = blank_image((2, 8, 12), kind="volume")
    sizes = [lesion.count for lesion in find_lesions(ct, labelled(2 * b))[0]]
    assert sizes == [10, 6, 4]


def test_lesions_in_only_one_mask_and_in_none():
    ct, some, none = blank_image((2, 8, 12), kind="volume"), lesions((0, 1, 1)), lesions()
    assert [m.found_in for m in match_lesions(ct, some, none)] == ["a"]
    assert [m.found_in for m in match_lesions(ct, none, some)] == ["b"]
    assert match_lesions(ct, none, none) == ()
    apart = match_lesions(ct, some, lesions((1, 7, 7)))
    assert [m.found_in for m in apart] == ["a", "b"]
