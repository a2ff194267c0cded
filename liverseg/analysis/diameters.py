"""The longest axial diameter of a lesion and its perpendicular diameter (pure functions on masks).

RECIST 1.1 (Eisenhauer et al., 2009) measures in the axial plane, in the slice where the lesion is longest.
Conventions:

- The outline of a mask runs through the midpoints of the pixel edges, halfway between pixels inside and
  outside. So one pixel has length 1 and a row of n pixels has length n. Discs are measured within one pixel
  (0.8 pixels too long on average, because the longest of many directions is taken) and ellipses with axes
  3 : 1 without systematic error. Distances between pixel centres would make those ellipses 0.9 too short.
- The longest diameter is the exact largest distance between two points of the outline, in the unit of the
  spacing (rows and columns may differ). The line may leave a concave mask.
- The perpendicular diameter is the longest chord of the convex hull at right angles to the longest diameter.
- Parts of a lesion that do not touch within the slice (8-connected) are measured separately.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np


@dataclass(frozen=True)
class Diameters:
    """The longest and the perpendicular diameter of a mask, in the unit of the spacing and in pixels.

    The lengths in pixels belong to the same two lines.
    """

    longest: float
    perpendicular: float
    longest_px: float
    perpendicular_px: float
    slice_index: int = 0  # slice of the mask with the longest diameter


def outline_hull(mask: np.ndarray) -> np.ndarray:
    """Corners (n, 2) of the convex hull of the outline of a mask, as (row, column) in pixels.

    `mask` is a boolean (H, W) array with at least one pixel. The centre of a pixel is at its index.

    >>> outline_hull(np.array([[False, True]])).tolist()
    [[0.5, 1.0], [0.0, 1.5], [-0.5, 1.0], [0.0, 0.5]]
    """
    rows = np.flatnonzero(mask.any(axis=1))
    first = mask[rows].argmax(axis=1)
    last = mask.shape[1] - 1 - mask[rows, ::-1].argmax(axis=1)
    # Only the outermost pixels of a row can touch the hull. Coordinates are doubled to make them integers.
    r = 2 * np.tile(rows, 2)
    c = 2 * np.concatenate([first, last])
    midpoints = np.stack([np.concatenate([r, r, r - 1, r + 1]), np.concatenate([c - 1, c + 1, c, c])], axis=1)
    hull: np.ndarray = cv2.convexHull(midpoints.astype(np.int32))
    return hull.reshape(-1, 2) / 2.0


def plane_diameters(mask: np.ndarray, spacing: tuple[float, float] = (1.0, 1.0)) -> Diameters:
    """Diameters of a whole boolean (H, W) mask with at least one pixel; `spacing` between rows and columns.

    >>> plane_diameters(np.ones((3, 1), bool), spacing=(2.0, 0.5))
    Diameters(longest=6.0, perpendicular=0.5, longest_px=3.0, perpendicular_px=1.0, slice_index=0)
    """
    scale = np.asarray(spacing, dtype=np.float64)
    hull = outline_hull(mask) * scale  # (n, 2)
    steps = hull[:, None] - hull[None]  # (n, n, 2)
    squared = (steps**2).sum(axis=-1)
    start, end = np.unravel_index(squared.argmax(), squared.shape)
    longest = math.sqrt(squared[start, end])
    along = (hull[end] - hull[start]) / longest
    across = np.array([-along[1], along[0]])

    # On each side of the diameter the hull is a function of the position along it, and the length of a
    # perpendicular chord is concave in that position. So the longest chord passes through a corner.
    t, s = (hull - hull[start]) @ along, (hull - hull[start]) @ across
    order = np.argsort(t)
    t, s = t[order], s[order]
    above, below = s >= -1e-9, s <= 1e-9  # the ends of the diameter belong to both sides
    chords = np.interp(t, t[above], s[above]) - np.interp(t, t[below], s[below])
    perpendicular = float(chords.max())
    return Diameters(
        longest,
        perpendicular,
        longest * float(np.linalg.norm(along / scale)),
        perpendicular * float(np.linalg.norm(across / scale)),
    )


def lesion_diameters(mask: np.ndarray, spacing: tuple[float, float] = (1.0, 1.0)) -> Diameters:
    """The `plane_diameters` of the longest part in any slice of a boolean (S, H, W) mask.

    Raises `ValueError` for an empty mask.

    >>> mask = np.zeros((2, 5, 9), bool)
    >>> mask[0, 2, 2:5], mask[1, 2, 1:3], mask[1, 2, 6:9] = True, True, True
    >>> lesion_diameters(mask).longest, lesion_diameters(mask).slice_index
    (3.0, 0)
    """
    best: Diameters | None = None
    for index, plane in enumerate(mask):
        number, parts, boxes, _ = cv2.connectedComponentsWithStats(plane.astype(np.uint8), connectivity=8)
        for part in range(1, number):
            x, y, width, height = (int(v) for v in boxes[part, :4])
            bound = math.hypot(height * spacing[0], width * spacing[1])
            if best is not None and bound <= best.longest:
                continue
            diameters = plane_diameters(parts[y : y + height, x : x + width] == part, spacing)
            if best is None or diameters.longest > best.longest:
                best = replace(diameters, slice_index=index)
    if best is None:
        raise ValueError("an empty mask has no diameter")
    return best
