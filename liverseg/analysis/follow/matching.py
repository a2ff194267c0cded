"""The lesions of two scans of one patient, matched after the registration of the livers (pure).

The rule follows Santoro-Fernandes et al. (Phys. Med. Biol. 66, 2021): registration, tolerance for its error,
and an optimal assignment instead of a greedy one.

1. Two lesions may be one if the distance d of their centroids, in the frame of the baseline, is below
   g = `TOLERANCE_MM` + the larger of their radii. A lesion's radius is that of a sphere of its volume.
2. Such a pair is worth (1 - d / g) times the smaller radius divided by the larger one. The pairs, each lesion
   in one at most, with the largest sum of worths are matched (the assignment problem; Kuhn, 1955).
3. A lesion left over is a part of the lesion that contains most of it, if at least half of its voxels lie
   inside that lesion of the other scan or within `REACH_MM` of it, and if that lesion is matched. So one
   baseline lesion becomes several (split), or several become one (merged).
4. What is still left over is gone or new; or not covered, where the other scan does not show its place.

Likely and unsure lesions are matched together, so that a lesion that only changed between the two is not
called new.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage, optimize

from liverseg.analysis.follow.liver_shape import moved
from liverseg.analysis.lesions import Lesion

TOLERANCE_MM = 10.0
"""Error of the registration that the centroids of one lesion may have, beyond its radius."""

REACH_MM = 3.0
"""Error of the registration that is allowed where a lesion must lie within another one."""

MAX_VOXELS = 2000
"""Voxels of a lesion that are looked up in the other scan."""


@dataclass(frozen=True, eq=False)
class Scan:
    """The lesions of one scan and where they are."""

    lesions: tuple[Lesion, ...]  # without rejected ones
    numbers: np.ndarray  # (S, H, W) uint16, the number (`Lesion.id`) of the lesion at each voxel
    affine: np.ndarray  # (4, 4) from (slice, row, column) to RAS mm of this scan

    def centroids_mm(self) -> np.ndarray:
        """(n, 3) RAS mm of this scan."""
        centroids = np.array([lesion.centroid_px for lesion in self.lesions], float).reshape(-1, 3)
        return moved(self.affine, centroids)

    def covers(self, points_mm: np.ndarray) -> np.ndarray:
        """(n,) bool: the scan shows the points (n, 3), RAS mm of this scan."""
        index = moved(np.linalg.inv(self.affine), points_mm)
        inside = (index >= -0.5) & (index <= np.array(self.numbers.shape) - 0.5)
        return np.asarray(inside.all(axis=1))


@dataclass(frozen=True)
class Match:
    """The lesions of both scans that are taken for the same; one side is empty for a new or a gone lesion."""

    baseline: tuple[Lesion, ...]
    follow_up: tuple[Lesion, ...]
    covered: bool = True  # False: the other scan does not show the place of the lesion
    distance_mm: float | None = None  # of the centroids of the first lesions, after registration


def radius_mm(lesion: Lesion) -> float:
    """Radius of a sphere of the lesion's volume, which is known, in mm."""
    assert lesion.volume_ml is not None
    return float((3000 * lesion.volume_ml / (4 * np.pi)) ** (1 / 3))


def assign(distances_mm: np.ndarray, radii_a: np.ndarray, radii_b: np.ndarray) -> list[tuple[int, int]]:
    """The pairs of the assignment (steps 1 and 2 of the module), by rising first index.

    `distances_mm` is (a, b), the radii are (a,) and (b,) in mm.

    >>> assign(np.array([[2.0, 30.0], [30.0, 40.0]]), np.array([5.0, 8.0]), np.array([6.0, 8.0]))
    [(0, 0)]
    """
    if not distances_mm.size:
        return []
    larger = np.maximum(radii_a[:, None], radii_b[None])
    worth = (1 - distances_mm / (TOLERANCE_MM + larger)) * np.minimum(radii_a[:, None], radii_b) / larger
    worth = np.maximum(worth, 0)
    rows, columns = optimize.linear_sum_assignment(worth, maximize=True)
    return [(int(a), int(b)) for a, b in zip(rows, columns, strict=True) if worth[a, b] > 0]


def match_scans(baseline: Scan, follow_up: Scan, to_baseline: np.ndarray) -> tuple[Match, ...]:
    """Match the lesions of two scans; `to_baseline` (4, 4) moves the follow-up scan onto the baseline scan.

    Matches with lesions of both scans come first, in the order of the baseline's lesions, then gone ones,
    then new ones. Volumes and spacings must be known.
    """
    to_follow_up = np.linalg.inv(to_baseline)
    a, b = baseline.centroids_mm(), moved(to_baseline, follow_up.centroids_mm())
    radii_a, radii_b = (
        np.array([radius_mm(lesion) for lesion in scan.lesions]) for scan in (baseline, follow_up)
    )
    distances = np.linalg.norm(a[:, None] - b[None], axis=2)
    pairs = assign(distances, radii_a, radii_b)
    partner_a, partner_b = dict(pairs), {j: i for i, j in pairs}

    to_index = np.linalg.inv(follow_up.affine) @ to_follow_up @ baseline.affine
    parts_a = _containing(baseline, follow_up, to_index, [i for i in range(len(a)) if i not in partner_a])
    parts_b = _containing(
        follow_up, baseline, np.linalg.inv(to_index), [j for j in range(len(b)) if j not in partner_b]
    )
    merged = {i: j for i, j in parts_a.items() if j in partner_b}
    split = {j: i for j, i in parts_b.items() if i in partner_a}

    matches = []
    for i, j in pairs:
        ones = (i, *(k for k, whole in merged.items() if whole == j))
        others = (j, *(k for k, whole in split.items() if whole == i))
        matches.append(
            Match(
                tuple(baseline.lesions[k] for k in ones),
                tuple(follow_up.lesions[k] for k in others),
                distance_mm=float(distances[i, j]),
            )
        )
    seen_a, seen_b = follow_up.covers(moved(to_follow_up, a)), baseline.covers(b)
    for k, lesion in enumerate(baseline.lesions):
        if k not in partner_a and k not in merged:
            matches.append(Match((lesion,), (), covered=bool(seen_a[k])))
    for k, lesion in enumerate(follow_up.lesions):
        if k not in partner_b and k not in split:
            matches.append(Match((), (lesion,), covered=bool(seen_b[k])))
    return tuple(matches)


def _containing(scan: Scan, other: Scan, to_index: np.ndarray, left_over: list[int]) -> dict[int, int]:
    """For lesions of `scan`, the lesion of `other` that contains most of each (step 3); both as positions.

    `to_index` (4, 4) leads from (slice, row, column) of `scan` to that of `other`.
    """
    found: dict[int, int] = {}
    spacing = np.linalg.norm(other.affine[:3, :3], axis=0)
    for k in left_over:
        lesion = scan.lesions[k]
        first, last = lesion.slice_range
        voxels = np.argwhere(scan.numbers[first : last + 1] == lesion.id) + [first, 0, 0]
        voxels = voxels[:: max(1, -(-len(voxels) // MAX_VOXELS))]
        index = moved(to_index, voxels.astype(float))
        low = np.maximum(np.floor(index.min(axis=0) - REACH_MM / spacing - 1).astype(int), 0)
        high = np.minimum(
            np.ceil(index.max(axis=0) + REACH_MM / spacing + 2).astype(int), other.numbers.shape
        )
        if (high <= low).any():
            continue
        around = other.numbers[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
        if not around.any():
            continue
        distance, nearest = ndimage.distance_transform_edt(around == 0, spacing, return_indices=True)
        inside = np.rint(index - low).astype(int)
        shown = ((inside >= 0) & (inside < around.shape)).all(axis=1)
        places = tuple(inside[shown].T)
        near = distance[places] <= REACH_MM
        numbers = around[tuple(axis[places] for axis in nearest)][near]
        number, count = _most_frequent(numbers)
        position = next((n for n, one in enumerate(other.lesions) if one.id == number), None)
        if position is not None and count >= len(voxels) / 2:
            found[k] = position
    return found


def _most_frequent(numbers: np.ndarray) -> tuple[int, int]:
    """The most frequent of the numbers (n,) and how often it occurs; (0, 0): there are none."""
    if not len(numbers):
        return 0, 0
    values, counts = np.unique(numbers, return_counts=True)
    return int(values[counts.argmax()]), int(counts.max())
