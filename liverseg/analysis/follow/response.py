"""Sum of longest diameters and a suggested category after RECIST 1.1 (pure).

RECIST 1.1 (Eisenhauer et al., Eur. J. Cancer 45, 2009) follows up to five measurable target lesions, at most
two of one organ, and the liver is one organ. What only a reader can judge is left out: other organs, lymph
nodes, unequivocal progression of lesions that are not targets, and whether a new lesion is unequivocal. Where
a target lesion is split or merged no category is suggested either: RECIST 1.1 adds the diameters of
fragments, but a segmentation may break up a lesion that is whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from liverseg.analysis.follow.change import NEW, NOT_COVERED, FollowedLesion
from liverseg.analysis.lesions import MEASURABLE_MM
from liverseg.analysis.measure import RECIST_SLICE_MM

MAX_TARGETS = 2
"""Target lesions of one organ."""

PARTIAL, PROGRESSIVE, PROGRESSIVE_MM = -0.30, 0.20, 5.0
"""Relative change of the sum down to which it is a partial response; relative and absolute change from which
on it is progression."""

CATEGORIES = {
    "CR": "complete response",
    "PR": "partial response",
    "SD": "stable disease",
    "PD": "progressive disease",
}
"""The categories and their names."""

LIMITS = (
    "Suggested by rule and not verified by a reader: the liver is the only organ, the baseline is taken as "
    "the smallest sum so far, every likely lesion counts as tumour, and a new one counts as progression."
)
"""What the suggested category leaves out; it stands wherever the category does."""


@dataclass(frozen=True)
class Response:
    """The sum of the target lesions' longest diameters in both scans, and the suggested category."""

    targets: tuple[int, ...]  # `FollowedLesion.id`
    baseline_mm: float
    follow_up_mm: float
    category: str | None  # a key of `CATEGORIES`; None: none can be suggested
    reason: str  # why this category, or why none

    @property
    def change(self) -> float | None:
        """(follow-up - baseline) / baseline of the sums; None without targets."""
        return (self.follow_up_mm - self.baseline_mm) / self.baseline_mm if self.baseline_mm else None

    def to_dict(self) -> dict[str, Any]:
        """The fields by name, with the change and the limits."""
        return {
            "targets": list(self.targets),
            "baseline_mm": self.baseline_mm,
            "follow_up_mm": self.follow_up_mm,
            "change": self.change,
            "suggested_category": self.category,
            "reason": self.reason,
            "verified": False,
            "limits": LIMITS,
        }


def measurable_from_mm(slice_mm: float) -> float:
    """The longest diameter from which a lesion is measurable, by the distance between slices, in mm.

    >>> measurable_from_mm(2.5), measurable_from_mm(8.0)
    (10.0, 16.0)
    """
    return max(MEASURABLE_MM, 2 * slice_mm if slice_mm > RECIST_SLICE_MM else 0.0)


def target_lesions(lesions: tuple[FollowedLesion, ...], slice_mm: float) -> tuple[FollowedLesion, ...]:
    """The longest likely measurable lesions of the baseline scan, at most `MAX_TARGETS`, the longest first.

    `slice_mm` is the distance between slices of the baseline scan.
    """
    limit = measurable_from_mm(slice_mm)
    fit = [
        one
        for one in lesions
        if one.baseline.likely
        and max(part.longest_diameter_mm or 0.0 for part in one.baseline.lesions) >= limit
    ]
    return tuple(sorted(fit, key=lambda one: -one.baseline.diameter_mm)[:MAX_TARGETS])


def suggest_response(lesions: tuple[FollowedLesion, ...], slice_mm: float, registered: bool) -> Response:
    """The sums and the category of followed lesions.

    `slice_mm` is the distance between slices of the baseline scan; without a good registration
    (`registered`) the matches are doubtful, and no category is suggested.
    """
    targets = target_lesions(lesions, slice_mm)
    before = sum(one.baseline.diameter_mm for one in targets)
    after = sum(one.follow_up.diameter_mm for one in targets)
    category, reason = _category(lesions, targets, (before, after), registered)
    return Response(tuple(one.id for one in targets), before, after, category, reason)


def _category(
    lesions: tuple[FollowedLesion, ...],
    targets: tuple[FollowedLesion, ...],
    sums: tuple[float, float],
    registered: bool,
) -> tuple[str | None, str]:
    if not registered:
        return None, "the livers of the two scans match poorly"
    new = [one for one in lesions if one.state == NEW and one.follow_up.likely]
    if new:
        return "PD", f"{len(new)} new likely lesion{'' if len(new) == 1 else 's'}"
    if not targets:
        return None, "the baseline scan shows no likely lesion that is measurable"
    if any(one.state == NOT_COVERED for one in targets):
        return None, "the follow-up scan does not cover a target lesion"
    if any(one.pattern != "single" for one in targets):
        return None, "a target lesion is split or merged, so that a reader must measure it"
    before, after = sums
    change = (after - before) / before
    if after == 0:
        if any(one.follow_up.likely for one in lesions):
            return "PR", "the target lesions are gone, others remain"
        return "CR", "no likely lesion remains"
    if change >= PROGRESSIVE and after - before >= PROGRESSIVE_MM:
        return "PD", f"the sum grew by {change:.0%} and {after - before:.0f} mm"
    if change <= PARTIAL:
        return "PR", f"the sum fell by {-change:.0%}"
    return "SD", f"the sum changed by {change:+.0%}"
