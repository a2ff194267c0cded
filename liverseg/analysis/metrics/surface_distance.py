"""Distances between the boundaries of two masks: ASSD, RMSD, Hausdorff, HD95, surface Dice.

The surface of a mask are its elements that an erosion takes away: those with a neighbour outside,
where an element at the edge of the array counts as having one. LiTS erodes with the 18-neighbourhood
in 3D (8 in 2D), `connectivity` 2 here; medpy agrees at the same connectivity, MONAI's metrics at 1.

A distance runs from an element of one surface to the nearest element of the other, both ways. Two
forms are kept apart, because their numbers do not compare:

- `surface_distances`: in the space of the arrays, 3D for a volume whose slices touch;
- `slice_surface_distances`: in the plane of each slice, pooled over the slices of a scan. That is all
  that can be said where slices were left out between those at hand. Slices where only one of the
  masks has any pixel know no distance; their surface elements are counted as `unmatched`. They lie
  outside any tolerance of the surface Dice and have no part in the other measures.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial import KDTree

from liverseg.errors import InvalidSetting

CONNECTIVITY = 2
"""Of LiTS: neighbours that share a face or an edge, 18 in 3D and 8 in 2D."""


ROUNDING = 1e-9
"""Relative: a distance that equals a tolerance but for rounding lies within it."""


@dataclass(frozen=True)
class SurfaceDistances:
    """From every surface element to the other surface, in the unit of the spacing."""

    to_reference: np.ndarray  # (n,) float64, from the prediction's surface
    to_prediction: np.ndarray  # (m,) float64, from the reference's surface
    unmatched: int = 0  # surface elements in slices where the other mask is empty

    @property
    def all(self) -> np.ndarray:
        """(n + m,) both ways together."""
        return np.concatenate([self.to_reference, self.to_prediction])

    @property
    def defined(self) -> bool:
        """Whether there is any distance at all."""
        return self.to_reference.size > 0


def bounding_box(mask: np.ndarray) -> tuple[slice, ...] | None:
    """The smallest box around the True elements of a mask, None for an empty one."""
    hits = [
        np.flatnonzero(mask.any(axis=tuple(a for a in range(mask.ndim) if a != axis)))
        for axis in range(mask.ndim)
    ]
    return tuple(slice(int(h[0]), int(h[-1]) + 1) for h in hits) if hits[0].size else None


def surface_points(mask: np.ndarray, connectivity: int = CONNECTIVITY) -> np.ndarray:
    """(n, ndim) indices of the elements of a boolean mask that touch its outside.

    >>> len(surface_points(np.ones((4, 4), bool))), len(surface_points(np.zeros((4, 4), bool)))
    (12, 0)
    """
    box = bounding_box(mask)
    if box is None:
        return np.zeros((0, mask.ndim), np.int64)
    inside = mask[box]
    # Outside of the box there is nothing: erosion's own border value of 0 says the same.
    footprint = ndimage.generate_binary_structure(mask.ndim, connectivity)
    edge = inside ^ ndimage.binary_erosion(inside, footprint)
    points: np.ndarray = np.argwhere(edge) + np.array([s.start for s in box])
    return points


def surface_distances(
    prediction: np.ndarray,
    reference: np.ndarray,
    spacing: Sequence[float] | None = None,
    connectivity: int = CONNECTIVITY,
) -> SurfaceDistances:
    """Distances between the surfaces of two boolean masks of one shape, 2D or 3D.

    `spacing` (ndim,) is the step between elements along each axis; without it the unit is the element.
    No distance is `defined` where either mask is empty. Raises `InvalidSetting` when shapes differ.

    >>> a, b = np.zeros((2, 8), bool)
    >>> a[1], b[4] = True, True
    >>> surface_distances(a, b, spacing=[0.5]).to_reference.tolist()
    [1.5]
    """
    if prediction.shape != reference.shape:
        raise InvalidSetting("A prediction and its reference must have the same shape to be compared.")
    scale = np.ones(prediction.ndim) if spacing is None else np.asarray(spacing, np.float64)
    if scale.shape != (prediction.ndim,) or not (scale > 0).all():
        raise InvalidSetting(f"A mask of {prediction.ndim} axes needs as many spacings, all above 0.")
    a = surface_points(prediction, connectivity) * scale
    b = surface_points(reference, connectivity) * scale
    if not len(a) or not len(b):
        return SurfaceDistances(np.zeros(0), np.zeros(0), len(a) + len(b))
    return SurfaceDistances(KDTree(b).query(a)[0], KDTree(a).query(b)[0])


def slice_surface_distances(
    prediction: Sequence[np.ndarray],
    reference: Sequence[np.ndarray],
    spacing: Sequence[float] | None = None,
    connectivity: int = CONNECTIVITY,
) -> SurfaceDistances:
    """In-plane distances of the slices (H, W) of a scan, pooled; `spacing` of rows and columns."""
    found = [
        surface_distances(p, r, spacing, connectivity) for p, r in zip(prediction, reference, strict=True)
    ]
    return SurfaceDistances(
        np.concatenate([np.zeros(0), *(d.to_reference for d in found)]),
        np.concatenate([np.zeros(0), *(d.to_prediction for d in found)]),
        sum(d.unmatched for d in found),
    )


def average_distance(distances: SurfaceDistances) -> float:
    """ASSD of LiTS: (sum over A + sum over B) / (|A| + |B|); nan where undefined."""
    return float(distances.all.mean()) if distances.defined else math.nan


def root_mean_square_distance(distances: SurfaceDistances) -> float:
    """RMSD of LiTS: the square root of the mean squared distance, both ways pooled; nan where undefined."""
    return float(np.sqrt(np.mean(distances.all**2))) if distances.defined else math.nan


def maximum_distance(distances: SurfaceDistances) -> float:
    """MSD of LiTS, the Hausdorff distance: the largest distance of either way; nan where undefined."""
    return float(distances.all.max()) if distances.defined else math.nan


def hausdorff_percentile(distances: SurfaceDistances, percent: float = 95) -> float:
    """The larger of the two ways' percentiles (HD95), as Metrics Reloaded and MONAI define it."""
    if not distances.defined:
        return math.nan
    ways = (distances.to_reference, distances.to_prediction)
    return max(float(np.percentile(way, percent)) for way in ways)


def surface_dice(distances: SurfaceDistances, tolerance: float) -> float:
    """NSD: the share of both surfaces' elements within `tolerance` of the other (Nikolov et al., 2021).

    Elements are counted, not weighed by area. 0 where only one mask is empty, nan where both are.

    >>> a, b = np.zeros((2, 8, 8), bool)
    >>> a[2:5, 2:5], b[2:5, 3:6] = True, True
    >>> distances = surface_distances(a, b)
    >>> surface_dice(distances, 0), surface_dice(distances, 1), round(average_distance(distances), 3)
    (0.5, 1.0, 0.5)
    """
    elements = distances.all.size + distances.unmatched
    near = np.count_nonzero(distances.all <= tolerance * (1 + ROUNDING))
    return float(near / elements) if elements else math.nan
