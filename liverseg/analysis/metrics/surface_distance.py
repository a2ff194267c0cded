"""Distances between the surfaces of two masks: ASSD, RMSD, Hausdorff distance, HD95, surface Dice.

The surface of a mask consists of the elements that an erosion removes: those with a neighbour outside the
mask. Elements at the edge of the array belong to the surface. LiTS erodes with 18 neighbours in 3D (8 in
2D), which is `connectivity` 2 here. medpy gives the same values at the same connectivity, MONAI at
connectivity 1.

A distance runs from an element of one surface to the nearest element of the other surface, in both
directions. The two functions give values that are not comparable:

- `surface_distances` measures in the space of the arrays: in 3D for a volume with contiguous slices.
- `slice_surface_distances` measures within each slice and pools the slices of a scan. It is for scans with
  missing slices. Where only one of the masks of a slice has pixels, no distance exists. The surface
  elements of that slice are counted as `unmatched`: they lie outside any tolerance of the surface Dice and
  do not affect the other measures.
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
"""Neighbours share a face or an edge, 18 in 3D and 8 in 2D, as in LiTS."""

RELATIVE_ROUNDING = 1e-9
"""A distance that exceeds a tolerance by this relative rounding error is within the tolerance."""


@dataclass(frozen=True)
class SurfaceDistances:
    """Distances from every surface element to the other surface, in the unit of the spacing."""

    to_reference: np.ndarray  # (n,) float64, from the prediction's surface
    to_prediction: np.ndarray  # (m,) float64, from the reference's surface
    unmatched: int = 0  # surface elements in slices where the other mask is empty

    @property
    def all(self) -> np.ndarray:
        """(n + m,) float64: the distances of both directions."""
        return np.concatenate([self.to_reference, self.to_prediction])

    @property
    def defined(self) -> bool:
        """Whether there are any distances."""
        return self.to_reference.size > 0


def bounding_box(mask: np.ndarray) -> tuple[slice, ...] | None:
    """The smallest box around the True elements of a mask; None for an empty mask."""
    hits = [
        np.flatnonzero(mask.any(axis=tuple(a for a in range(mask.ndim) if a != axis)))
        for axis in range(mask.ndim)
    ]
    return tuple(slice(int(h[0]), int(h[-1]) + 1) for h in hits) if hits[0].size else None


def surface_points(mask: np.ndarray, connectivity: int = CONNECTIVITY) -> np.ndarray:
    """(n, ndim) int64: the indices of the surface elements of a boolean mask.

    >>> len(surface_points(np.ones((4, 4), bool))), len(surface_points(np.zeros((4, 4), bool)))
    (12, 0)
    """
    box = bounding_box(mask)
    if box is None:
        return np.zeros((0, mask.ndim), np.int64)
    inside = mask[box]
    # The mask is empty outside the box, which matches the border value 0 of the erosion.
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
    """Distances between the surfaces of two boolean masks of the same shape, 2D or 3D.

    `spacing` (ndim,) is the distance between elements along each axis (default 1). There are no distances if
    either mask is empty. Raises `InvalidSetting` when the shapes differ or a spacing is not above 0.

    >>> a, b = np.zeros((2, 8), bool)
    >>> a[1], b[4] = True, True
    >>> surface_distances(a, b, spacing=[0.5]).to_reference.tolist()
    [1.5]
    """
    if prediction.shape != reference.shape:
        raise InvalidSetting("A prediction and its reference must have the same shape to be compared.")
    scale = np.ones(prediction.ndim) if spacing is None else np.asarray(spacing, np.float64)
    if scale.shape != (prediction.ndim,) or not (scale > 0).all():
        raise InvalidSetting(f"A mask with {prediction.ndim} axes needs {prediction.ndim} spacings above 0.")
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
    """Pooled in-plane distances of the slices (H, W) of a scan; `spacing` between rows and columns."""
    slices = [
        surface_distances(p, r, spacing, connectivity) for p, r in zip(prediction, reference, strict=True)
    ]
    return SurfaceDistances(
        np.concatenate([np.zeros(0), *(d.to_reference for d in slices)]),
        np.concatenate([np.zeros(0), *(d.to_prediction for d in slices)]),
        sum(d.unmatched for d in slices),
    )


def average_distance(distances: SurfaceDistances) -> float:
    """Average symmetric surface distance (ASSD of LiTS): the mean of both directions; nan if undefined."""
    return float(distances.all.mean()) if distances.defined else math.nan


def root_mean_square_distance(distances: SurfaceDistances) -> float:
    """Root mean square distance of both directions (RMSD of LiTS); nan if undefined."""
    return float(np.sqrt(np.mean(distances.all**2))) if distances.defined else math.nan


def maximum_distance(distances: SurfaceDistances) -> float:
    """Hausdorff distance (MSD of LiTS): the largest distance of both directions; nan if undefined."""
    return float(distances.all.max()) if distances.defined else math.nan


def hausdorff_percentile(distances: SurfaceDistances, percent: float = 95) -> float:
    """HD95: the larger percentile of both directions, as in Metrics Reloaded and MONAI; nan if undefined."""
    if not distances.defined:
        return math.nan
    directions = (distances.to_reference, distances.to_prediction)
    return max(float(np.percentile(direction, percent)) for direction in directions)


def surface_dice(distances: SurfaceDistances, tolerance: float) -> float:
    """Surface Dice (NSD): the share of surface elements within `tolerance` of the other surface.

    After Nikolov et al. (2021), but elements are counted, not weighted by area. 0 if only one mask is
    empty, nan if both are.

    >>> a, b = np.zeros((2, 8, 8), bool)
    >>> a[2:5, 2:5], b[2:5, 3:6] = True, True
    >>> distances = surface_distances(a, b)
    >>> surface_dice(distances, 0), surface_dice(distances, 1), round(average_distance(distances), 3)
    (0.5, 1.0, 0.5)
    """
    elements = distances.all.size + distances.unmatched
    near = np.count_nonzero(distances.all <= tolerance * (1 + RELATIVE_ROUNDING))
    return float(near / elements) if elements else math.nan
