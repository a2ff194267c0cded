"""The change of a lesion between two scans: new, gone, grown, shrunk or stable (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from liverseg.analysis.follow.matching import Match
from liverseg.analysis.lesions import MEASURABLE_MM, Lesion

GROWN_RATIO, SHRUNK_RATIO = 1.55, 0.65
"""Volume of the follow-up divided by that of the baseline from which on, and down to which, a lesion changed.

Smaller changes lie within the error of measurement. These are the limits of Beaumont et al. (Cancer Imaging
15, 2015) for lung tumours measured with several programs. No limits of that kind are known for this
project's segmentations, nor for lesions shorter than `MEASURABLE_MM`.
"""

NEW, GONE, GROWN, SHRUNK, STABLE, NOT_COVERED = "new", "gone", "grown", "shrunk", "stable", "not covered"

STATES = (NEW, GONE, GROWN, SHRUNK, STABLE, NOT_COVERED)
"""All values of `FollowedLesion.state`."""


@dataclass(frozen=True)
class Side:
    """A lesion in one of the scans, in one or several parts."""

    lesions: tuple[Lesion, ...]  # the parts; empty: the scan does not have it

    @property
    def numbers(self) -> tuple[int, ...]:
        """`Lesion.id` of each part."""
        return tuple(lesion.id for lesion in self.lesions)

    @property
    def likely(self) -> bool | None:
        """Whether a part is a likely lesion; None without parts."""
        return any(lesion.likely for lesion in self.lesions) if self.lesions else None

    @property
    def volume_ml(self) -> float:
        """Volume of all parts together; 0 without parts."""
        return float(sum(lesion.volume_ml or 0.0 for lesion in self.lesions))

    @property
    def diameter_mm(self) -> float:
        """Sum of the parts' longest axial diameters, as in RECIST 1.1 for fragments; 0 without parts."""
        return float(sum(lesion.longest_diameter_mm or 0.0 for lesion in self.lesions))

    def to_dict(self) -> dict[str, Any]:
        """The parts' numbers and slices with the longest diameter, certainty and sizes."""
        return {
            "lesions": list(self.numbers),
            "slices": [lesion.diameter_slice for lesion in self.lesions],
            "likely": self.likely,
            "volume_ml": self.volume_ml,
            "longest_diameter_mm": self.diameter_mm,
        }


@dataclass(frozen=True)
class FollowedLesion:
    """One lesion in both scans."""

    id: int  # from 1
    state: str  # one of `STATES`
    baseline: Side
    follow_up: Side
    distance_mm: float | None  # between the centroids after registration; None: in one scan only

    @property
    def pattern(self) -> str:
        """ "split": several parts in the follow-up scan; "merged": several in the baseline; else "single"."""
        one, other = len(self.baseline.lesions), len(self.follow_up.lesions)
        if one > 1 and other > 1:
            return "merged and split"
        return "split" if other > 1 else "merged" if one > 1 else "single"

    @property
    def likely(self) -> bool:
        """Whether the lesion is likely in at least one of the scans; the others are listed apart."""
        return bool(self.baseline.likely or self.follow_up.likely)

    @property
    def volume_change(self) -> float | None:
        """(follow-up - baseline) / baseline; None for a lesion without a volume in the baseline scan."""
        before = self.baseline.volume_ml
        return (self.follow_up.volume_ml - before) / before if before else None

    @property
    def measurable(self) -> bool:
        """Whether a part is at least `MEASURABLE_MM` long in one of the scans."""
        parts = (*self.baseline.lesions, *self.follow_up.lesions)
        return any((lesion.longest_diameter_mm or 0.0) >= MEASURABLE_MM for lesion in parts)

    def to_dict(self) -> dict[str, Any]:
        """The fields and properties by name."""
        return {
            "id": self.id,
            "state": self.state,
            "pattern": self.pattern,
            "likely": self.likely,
            "measurable": self.measurable,
            "baseline": self.baseline.to_dict(),
            "follow_up": self.follow_up.to_dict(),
            "volume_change": self.volume_change,
            "distance_mm": self.distance_mm,
        }


def state_of(match: Match) -> str:
    """The state of a match, one of `STATES`; volumes of parts are added."""
    if not match.covered:
        return NOT_COVERED
    if not match.baseline:
        return NEW
    if not match.follow_up:
        return GONE
    ratio = Side(match.follow_up).volume_ml / Side(match.baseline).volume_ml
    return GROWN if ratio >= GROWN_RATIO else SHRUNK if ratio <= SHRUNK_RATIO else STABLE


def followed_lesions(matches: tuple[Match, ...]) -> tuple[FollowedLesion, ...]:
    """The matches with their states, numbered: those with a likely lesion first, otherwise in their order."""
    found = [
        FollowedLesion(0, state_of(match), Side(match.baseline), Side(match.follow_up), match.distance_mm)
        for match in matches
    ]
    found.sort(key=lambda lesion: not lesion.likely)
    return tuple(
        FollowedLesion(number, one.state, one.baseline, one.follow_up, one.distance_mm)
        for number, one in enumerate(found, start=1)
    )
