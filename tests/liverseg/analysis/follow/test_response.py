"""Sum of diameters and category: every row of RECIST 1.1 that one organ and two scans can give."""

from __future__ import annotations

from dataclasses import replace

import pytest

from liverseg.analysis.follow.change import GONE, NEW, NOT_COVERED, STABLE, FollowedLesion, Side
from liverseg.analysis.follow.response import suggest_response, target_lesions
from liverseg.analysis.lesions import Lesion

LESION = Lesion(
    1, (0, 1), (0.0, 0.0, 0.0), None, 10, None, 1.0, 20.0, 10.0, 20.0, 10.0, 0, True, 0.9, 0.9, 60.0,
    False, True,
)  # fmt: skip


def side(length: float | None, likely: bool = True) -> Side:
    return Side(() if length is None else (replace(LESION, longest_diameter_mm=length, likely=likely),))


def one(number: int, before: float | None, after: float | None, state: str = STABLE, likely: bool = True):
    """A lesion by its longest diameters; `likely` is meant in the scans that have it."""
    return FollowedLesion(number, state, side(before, likely), side(after, likely), None)


@pytest.mark.parametrize(
    "lesions, category, sums",
    [
        ([one(1, 30, 20), one(2, 20, 15)], "PR", (50, 35)),  # 30 %
        ([one(1, 30, 22), one(2, 20, 15)], "SD", (50, 37)),
        ([one(1, 30, 36)], "PD", (30, 36)),  # 20 %
        ([one(1, 20, 24)], "SD", (20, 24)),  # 20 %, but only 4 mm
        ([one(1, 30, 35)], "SD", (30, 35)),  # 5 mm, but only 17 %
        ([one(1, 30, None, GONE)], "CR", (30, 0)),
        ([one(1, 30, None, GONE), one(2, 8, 8)], "PR", (30, 0)),  # a lesion that is no target remains
        ([one(1, 30, None, GONE), one(2, 8, 8, likely=False)], "CR", (30, 0)),
        ([one(1, 30, 20), one(2, None, 6, NEW)], "PD", (30, 20)),
        ([one(1, 30, 30), one(2, None, 6, NEW, likely=False)], "SD", (30, 30)),
        ([one(1, 30, None, NOT_COVERED)], None, (30, 0)),
        ([one(1, 9, 20)], None, (0, 0)),  # not measurable at baseline
        ([one(1, 30, 60, likely=False)], None, (0, 0)),
        ([one(1, None, 12, NEW)], "PD", (0, 0)),
        ([], None, (0, 0)),
    ],
)
def test_the_category_follows_from_the_sum_and_new_lesions(lesions, category, sums):
    response = suggest_response(tuple(lesions), 3.0, True)
    assert response.category == category and response.reason
    assert (response.baseline_mm, response.follow_up_mm) == pytest.approx(sums)
    assert suggest_response(tuple(lesions), 3.0, False).category is None


def test_a_target_in_parts_is_left_to_a_reader():
    split = replace(one(1, 30, 12), follow_up=Side(side(12).lesions * 2))
    response = suggest_response((split,), 3.0, True)
    assert response.category is None and "split or merged" in response.reason
    assert response.follow_up_mm == 24
    assert suggest_response((split, one(2, None, 6, NEW)), 3.0, True).category == "PD"


def test_two_targets_at_most_the_longest_first():
    lesions = (one(1, 12, 12), one(2, 40, 40), one(3, 25, 25))
    assert [target.id for target in target_lesions(lesions, 3.0)] == [2, 3]
    assert [target.id for target in target_lesions(lesions, 8.0)] == [2, 3]
    assert [target.id for target in target_lesions(lesions, 15.0)] == [2]  # from 30 mm on, with thick slices


def test_a_target_that_is_unsure_later_still_counts_with_its_diameter():
    unsure_later = replace(one(1, 30, 20), follow_up=side(20, likely=False))
    assert suggest_response((unsure_later,), 3.0, True).follow_up_mm == 20
