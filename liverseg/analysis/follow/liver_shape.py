"""A liver on a grid of equal steps in patient coordinates, as the distance to its surface (pure)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from liverseg.core.geometry import orthogonal_affine
from liverseg.core.image import CTImage
from liverseg.core.labels import BACKGROUND

STEP_MM = 3.0
"""Distance of the grid's points in every direction."""

MARGIN_MM = 30.0
"""Space around the liver within the grid."""


def world_affine(ct: CTImage) -> np.ndarray:
    """(4, 4) matrix from (slice, row, column) of `ct` to mm to the right, to anterior and to superior (RAS).

    Where the file does not store the position of the image, the origin is its first voxel. `ct` must have a
    known spacing.
    """
    affine = ct.native.radiological_affine
    if affine is not None and any(ct.native.affine_codes):
        return affine
    by_column = orthogonal_affine(ct.spacing_mm)  # from (column, row, slice)
    return by_column[:, [2, 1, 0, 3]]


def moved(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points (..., 3) moved by a (4, 4) matrix.

    >>> moved(np.diag([2.0, 1.0, 1.0, 1.0]), np.array([1.0, 2.0, 3.0])).tolist()
    [2.0, 2.0, 3.0]
    """
    result: np.ndarray = points @ matrix[:3, :3].T + matrix[:3, 3]
    return result


@dataclass(frozen=True)
class LiverShape:
    """A liver with its tumours on a grid of `STEP_MM`, whose axes are those of patient coordinates."""

    distance_mm: np.ndarray  # (X, Y, Z) float64 to the surface, negative inside; float32 has no small steps
    seen: np.ndarray  # (X, Y, Z) bool: the scan shows this point
    origin_mm: np.ndarray  # (3,) RAS, of the first point

    @property
    def inside(self) -> np.ndarray:
        """(X, Y, Z) bool: the liver."""
        liver: np.ndarray = self.distance_mm < 0
        return liver

    def points_mm(self, mask: np.ndarray) -> np.ndarray:
        """(n, 3) RAS mm of the True elements of `mask` (X, Y, Z)."""
        points: np.ndarray = np.argwhere(mask) * STEP_MM + self.origin_mm
        return points

    def distance_at(self, points_mm: np.ndarray) -> np.ndarray:
        """(n,) distance to the surface at points (n, 3), linearly interpolated.

        Points beyond the grid have the distance of its border.
        """
        index = (points_mm - self.origin_mm) / STEP_MM
        found: np.ndarray = ndimage.map_coordinates(self.distance_mm, index.T, order=1, mode="nearest")
        return found

    def seen_at(self, points_mm: np.ndarray) -> np.ndarray:
        """(n,) bool: the scan shows the point of the grid that is nearest to each of the points (n, 3).

        Points beyond the grid count as its border.
        """
        index = np.rint((points_mm - self.origin_mm) / STEP_MM).astype(np.int64)
        index = np.clip(index, 0, np.array(self.seen.shape) - 1)
        shown: np.ndarray = self.seen[tuple(index.T)]
        return shown

    def surface_mm(self, most: int) -> np.ndarray:
        """(n, 3) points within one step of the surface, evenly chosen and at most `most` of them.

        Where the scan ends, the liver has no surface: points beside voxels that the scan does not show are
        left out, unless the scan is so thin that none would remain.
        """
        near = np.abs(self.distance_mm) < STEP_MM
        away = near & ndimage.binary_erosion(self.seen, border_value=1)
        points = self.points_mm(away if away.any() else near)
        return points[:: max(1, -(-len(points) // most))]


def liver_shape(ct: CTImage, labels: np.ndarray) -> LiverShape | None:
    """The liver of `labels` (S, H, W) of `ct`, whose spacing is known; None if there is none."""
    indices = _bounding_indices(labels > BACKGROUND)
    if indices is None:
        return None
    low, high = indices
    affine = world_affine(ct)
    corners = np.stack(np.meshgrid(*zip(low, high, strict=True), indexing="ij"), axis=-1).reshape(-1, 3)
    corners_mm = moved(affine, corners.astype(float))
    origin = corners_mm.min(axis=0) - MARGIN_MM
    shape = np.ceil((corners_mm.max(axis=0) + MARGIN_MM - origin) / STEP_MM).astype(int) + 1
    to_grid = np.diag([STEP_MM, STEP_MM, STEP_MM, 1.0])
    to_grid[:3, 3] = origin
    to_index = np.linalg.inv(affine) @ to_grid  # from the grid to (slice, row, column)

    start = np.maximum(low - 1, 0)
    box = tuple(slice(a, b + 2) for a, b in zip(start, high, strict=True))
    liver = ndimage.affine_transform(
        (labels[box] > BACKGROUND).astype(np.float32),
        to_index[:3, :3],
        to_index[:3, 3] - start,
        tuple(shape),
        order=1,
        mode="nearest",  # a liver that the scan cuts goes on beyond its end
    )
    inside = liver >= 0.5
    outward, inward = (ndimage.distance_transform_edt(mask, STEP_MM) for mask in (~inside, inside))
    distance = np.where(inside, STEP_MM / 2 - inward, outward - STEP_MM / 2)
    return LiverShape(distance, _seen(tuple(shape), to_index, ct.shape), origin)


def _bounding_indices(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """The lowest and the highest index (3,) of the True elements; None: there are none."""
    low, high = [], []
    for axis in range(mask.ndim):
        used = np.flatnonzero(mask.any(axis=tuple(a for a in range(mask.ndim) if a != axis)))
        if not len(used):
            return None
        low.append(used[0])
        high.append(used[-1])
    return np.array(low), np.array(high)


def _seen(shape: tuple[int, ...], to_index: np.ndarray, scan: tuple[int, int, int]) -> np.ndarray:
    """(X, Y, Z) bool: points of a grid within half a voxel of the voxel centres of a scan."""
    seen = np.ones(shape, bool)
    steps = np.ogrid[tuple(slice(n) for n in shape)]
    for row, size in zip(to_index[:3], scan, strict=True):
        index = sum((weight * step for weight, step in zip(row[:3], steps, strict=True)), row[3])
        seen &= (index >= -0.5) & (index <= size - 0.5)
    return seen
