"""Resampling of a volume to another spacing and back, a few slices at a time (pure).

Both grids fill the same box: voxel i of n covers the i-th n-th of a side. Values are interpolated linearly.
Where the new grid is coarser, all voxels that a new voxel covers are averaged.
"""

from __future__ import annotations

import cv2
import numpy as np


def grid_shape(
    shape: tuple[int, int, int], spacing_mm: tuple[float, float, float], new_spacing_mm: tuple[float, ...]
) -> tuple[int, int, int]:
    """The shape of a grid with another spacing that fills the same box, rounded to whole voxels.

    >>> grid_shape((40, 512, 512), (5.0, 0.7, 0.7), (2.5, 1.4, 1.4))
    (80, 256, 256)
    """
    pairs = zip(shape, spacing_mm, new_spacing_mm, strict=True)
    return tuple(max(1, round(count * old / new)) for count, old, new in pairs)  # type: ignore[return-value]


def line_weights(count: int, new_count: int) -> list[tuple[int, np.ndarray]]:
    """The interpolation weights of a line of `count` voxels resampled to `new_count` voxels.

    For each new voxel: the index of its first old voxel, and the weights (n,) float32 of the n old voxels
    from there. The weights are a triangle, as wide as the larger of the two voxel sizes, cut off at the
    ends of the line and normalised.

    >>> [(first, weights.tolist()) for first, weights in line_weights(2, 4)]
    [(0, [1.0]), (0, [0.75, 0.25]), (0, [0.25, 0.75]), (1, [1.0])]
    >>> [(first, weights.tolist()) for first, weights in line_weights(3, 3)]
    [(0, [1.0]), (1, [1.0]), (2, [1.0])]
    """
    ratio = count / new_count
    reach = max(1.0, ratio)
    lines = []
    for centre in (np.arange(new_count) + 0.5) * ratio - 0.5:
        first = max(0, int(np.ceil(centre - reach + 1e-9)))
        last = min(count - 1, int(np.floor(centre + reach - 1e-9)))
        weights = np.maximum(0, 1 - np.abs(np.arange(first, last + 1) - centre) / reach)
        lines.append((first, (weights / weights.sum()).astype(np.float32)))
    return lines


def resize_plane(plane: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """A slice (h, w) float32 resized to (rows, columns); the same array if it has that shape."""
    if plane.shape == (rows, columns):
        return plane
    # One axis at a time, because OpenCV averages areas only if neither axis grows.
    for height, width in ((rows, plane.shape[1]), (rows, columns)):
        smaller = height < plane.shape[0] or width < plane.shape[1]
        method = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
        plane = cv2.resize(plane, (width, height), interpolation=method)
    return plane
