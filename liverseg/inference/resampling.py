"""Between a volume's own grid and one of another spacing, a few slices at a time (pure).

Both grids fill the same box: voxel i of n covers the i-th n-th of the side. A value in between is
interpolated linearly; where a grid is made coarser, all voxels that a new one covers are averaged.
"""

from __future__ import annotations

import cv2
import numpy as np


def grid_shape(
    shape: tuple[int, int, int], spacing_mm: tuple[float, float, float], new_spacing_mm: tuple[float, ...]
) -> tuple[int, int, int]:
    """Voxels of the grid of another spacing that fills the same box, as nearly as whole voxels can.

    >>> grid_shape((40, 512, 512), (5.0, 0.7, 0.7), (2.5, 1.4, 1.4))
    (80, 256, 256)
    """
    pairs = zip(shape, spacing_mm, new_spacing_mm, strict=True)
    return tuple(max(1, round(count * old / new)) for count, old, new in pairs)  # type: ignore[return-value]


def line_weights(count: int, new_count: int) -> list[tuple[int, np.ndarray]]:
    """For each voxel of the new line the first voxel of the old one that it is made of, and their weights.

    A triangle as wide as the wider of both voxels, at the ends with what lies inside. Weights (n,) float32.

    >>> [(first, weights.tolist()) for first, weights in line_weights(2, 4)]
    [(0, [1.0]), (0, [0.75, 0.25]), (0, [0.25, 0.75]), (1, [1.0])]
    >>> [(first, weights.tolist()) for first, weights in line_weights(3, 3)]
    [(0, [1.0]), (1, [1.0]), (2, [1.0])]
    """
    ratio = count / new_count
    reach = max(1.0, ratio)
    lines = []
    for place in (np.arange(new_count) + 0.5) * ratio - 0.5:
        first = max(0, int(np.ceil(place - reach + 1e-9)))
        last = min(count - 1, int(np.floor(place + reach - 1e-9)))
        weights = np.maximum(0, 1 - np.abs(np.arange(first, last + 1) - place) / reach)
        lines.append((first, (weights / weights.sum()).astype(np.float32)))
    return lines


def resize_plane(plane: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """A slice (h, w) float32 at another size, (rows, columns); the same array where that is its own."""
    if plane.shape == (rows, columns):
        return plane
    # Axis by axis, for OpenCV averages areas only where neither axis grows.
    for height, width in ((rows, plane.shape[1]), (rows, columns)):
        smaller = height < plane.shape[0] or width < plane.shape[1]
        method = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
        plane = cv2.resize(plane, (width, height), interpolation=method)
    return plane
