"""Where overlapping patches lie in a volume, and how much each counts at each of its voxels (pure).

A voxel counts by a Gaussian of its distance from the patch's middle, with a standard deviation of an
eighth of the patch, and patches overlap by half or more, as in nnU-Net (Isensee et al., Nature
Methods 2021). The Gaussian of a volume is the product of those of its axes and the patches lie on a
grid, so weights are made to sum to one on each axis, and no sum of weights is kept or divided by.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

OVERLAP = 0.5
"""Share of a patch, along each axis, that the next one repeats at least."""

SIGMA = 1 / 8
"""Standard deviation of the weights, of the patch's side."""


@dataclass(frozen=True)
class Axis:
    """The patches along one axis."""

    size: int  # voxels of the volume
    patch: int  # voxels of a patch
    before: int  # voxels that a volume smaller than the patch is padded by before its first
    starts: tuple[int, ...]  # first voxel of each patch, in the padded volume
    weights: np.ndarray  # (patches, patch) float32; at each voxel of the padded volume they sum to 1


def axis_of(size: int, patch: int) -> Axis:
    """Patches that cover `size` voxels, the first and the last at the ends, evenly spread between.

    >>> axis_of(10, 4).starts, axis_of(3, 4).starts, axis_of(4, 4).starts
    ((0, 2, 4, 6), (0,), (0,))
    """
    padded = max(size, patch)
    steps = math.ceil((padded - patch) / max(1, math.floor(patch * (1 - OVERLAP))))
    starts = tuple(round(k * (padded - patch) / steps) if steps else 0 for k in range(steps + 1))
    bell = np.exp(-0.5 * ((np.arange(patch) - (patch - 1) / 2) / (SIGMA * patch)) ** 2)
    total = np.zeros(padded)
    for start in starts:
        total[start : start + patch] += bell
    weights = np.stack([bell / total[start : start + patch] for start in starts]).astype(np.float32)
    return Axis(size, patch, (padded - size) // 2, starts, weights)
