"""The longest diameter of a lesion in a slice and its perpendicular (pure functions on masks).

Conventions, after RECIST 1.1 (Eisenhauer et al., 2009), which measures in the axial plane, in the
slice where the lesion is longest:

- A mask's outline runs halfway between the pixels inside and those outside, through the midpoints
  of the pixels' edges: one pixel is one pixel long, a row of n pixels n. Measured so, discs come out
  within one pixel (0.8 too long on average, as the best of many directions is taken), ellipses of
  axes 3 : 1 without systematic error; distances between pixel centres would cut those 0.9 short.
- The longest diameter is the largest distance between two points of the outline, exact, in mm when
  the spacing is given in mm (rows and columns may differ). The line may leave a crescent's mask.
- The perpendicular is the longest chord of the outline's convex hull at right angles to it.
- Parts of a lesion that do not touch in the slice (8-connected) are measured one by one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Diameters:
    """The longest diameter of a mask and its perpendicular, in the unit of the spacing and in pixels.

    Lengths in pixels are those of the same two lines, counted in pixel steps.
    """

    longest: float
    perpendicular: float
    longest_px: float
    perpendicular_px: float
    slice_index: int = 0  # of the mask, where it was measured


def outline_hull(mask: np.ndarray) -> np.ndarray:
    """Corners (n, 2) of the convex hull of a mask's outline, as (row, column) in pixels.

    `mask` is a boolean (H, W) array with at least one pixel; a pixel's centre is at its index.

    >>> outline_hull(np.array([[False, True]])).tolist()
    [[0.5, 1.0], [0.0, 1.5], [-0.5, 1.0], [0.0, 0.5]]
    """
    rows = np.flatnonzero(mask.any(axis=1))
    first = mask[rows].argmax(axis=1)
    last = mask.shape[1] - 1 - mask[rows, ::-1].argmax(axis=1)
    # Only the outermost pixels of a row can touch the hull. Doubled, the edge midpoints are integers.
    r = 2 * np.tile(rows, 2)
    c = 2 * np.concatenate([first, last])
    twice = np.stack([np.concatenate([r, r, r - 1, r + 1]), np.concatenate([c - 1, c + 1, c, c])], axis=1)
    hull: np.ndarray = cv2.convexHull(twice.astype(np.int32))
    return hull.reshape(-1, 2) / 2.0


def plane_diameters(mask: np.ndarray, spacing: tuple[float, float] = (1.0, 1.0)) -> Diameters:
    """Diameters of all of a boolean (H, W) mask with at least one pixel; `spacing` of rows, columns.

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

    # The hull is a function of the position along its diameter, on each side of it, and the length
    # of a chord is concave in that position: the longest chord passes through a corner.
    t, s = (hull - hull[start]) @ along, (hull - hull[start]) @ across
    order = np.argsort(t)
    t, s = t[order], s[order]
    above, below = s >= -1e-9, s <= 1e-9  # both ends of the diameter belong to both sides
    chords = np.interp(t, t[above], s[above]) - np.interp(t, t[below], s[below])
    perpendicular = float(chords.max())
    return Diameters(
        longest,
        perpendicular,
        longest * float(np.linalg.norm(along / scale)),
        perpendicular * float(np.linalg.norm(across / scale)),
    )


def lesion_diameters(mask: np.ndarray, spacing: tuple[float, float] = (1.0, 1.0)) -> Diameters:
    """The largest `plane_diameters` among the parts of all slices of a boolean (S, H, W) mask.

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
            found = plane_diameters(parts[y : y + height, x : x + width] == part, spacing)
            if best is None or found.longest > best.longest:
                best = Diameters(
                    found.longest, found.perpendicular, found.longest_px, found.perpendicular_px, index
                )
    if best is None:
        raise ValueError("an empty mask has no diameter")
    return best
