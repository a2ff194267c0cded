"""Where overlapping patches lie in a volume, and how much each counts at each of its voxels (pure).

A voxel counts by a Gaussian of its distance from the patch's middle, with a standard deviation of an
eighth of the patch, and patches overlap by half or more, as in nnU-Net (Isensee et al., Nature
Methods 2021). The Gaussian of a volume is the product of those of its axes and the patches lie on a
grid, so weights are made to sum to one on each axis, and no sum of weights is kept or divided by.

The HU are resampled to the network's spacing, run patch by patch, blended (`inference.sliding_window`), and
the probabilities resampled back to the volume's own slices. A volume smaller than a patch is padded
with its outermost voxels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from liverseg.inference.resampling import grid_shape, line_weights, resize_plane

OVERLAP = 0.5
"""Share of a patch, along each axis, that the next one repeats at least."""

SIGMA = 1 / 8
"""Standard deviation of the weights, of the patch's side."""


@dataclass(frozen=True)
class AxisTiling:
    """The patches along one axis."""

    size: int  # voxels of the volume
    patch: int  # voxels of a patch
    before: int  # voxels that a volume smaller than the patch is padded by before its first
    starts: tuple[int, ...]  # first voxel of each patch, in the padded volume
    weights: np.ndarray  # (patches, patch) float32; at each voxel of the padded volume they sum to 1


def tile_axis(size: int, patch: int) -> AxisTiling:
    """Patches that cover `size` voxels, the first and the last at the ends, evenly spread between.

    >>> tile_axis(10, 4).starts, axis_of(3, 4).starts, axis_of(4, 4).starts
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
    return AxisTiling(size, patch, (padded - size) // 2, starts, weights)


PatchNetwork = Callable[[np.ndarray], np.ndarray]
"""(1, 1, D, H, W) float32 HU to (1, K, D, H, W) float32 probabilities."""

Triple = tuple[int, int, int]


class VolumeRun:
    """One volume on its way through the network."""

    def __init__(
        self,
        hu: np.ndarray,  # (S, H, W) float32
        spacing_mm: tuple[float, float, float] | None,
        patch: Triple,
        network_spacing_mm: tuple[float, float, float] | None = None,
    ) -> None:
        """`patch` counts voxels of the network's spacing; None for either spacing: the volume's own grid."""
        self._hu = hu
        self.shape: Triple = hu.shape
        if spacing_mm is not None and network_spacing_mm is not None:
            self.shape = grid_shape(self.shape, spacing_mm, network_spacing_mm)
        self._axes: tuple[AxisTiling, ...] = tuple(map(tile_axis, self.shape, patch))
        self._lines = line_weights(len(hu), self.shape[0])
        self.patches = int(np.prod([len(axis.starts) for axis in self._axes]))

    def probabilities(
        self, network: PatchNetwork, tell: Callable[[int], None] = lambda done: None
    ) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Slice by slice of the volume, from 0: its index, and of liver and of tumour (H, W) float32.

        `tell` is called before each patch with the number of those that are done; what it raises ends
        the work.
        """
        back = line_weights(self.shape[0], len(self._hu))
        held: dict[int, np.ndarray] = {}  # slices (2, h, w) of the network's grid that are finished
        slices = iter(enumerate(back))
        upcoming = next(slices, None)
        for at, finished in self._blended(network, tell):
            held[at] = finished
            while upcoming is not None and upcoming[1][0] + len(upcoming[1][1]) - 1 <= at:
                z, (first, weights) = upcoming
                mixed = sum(w * held[first + k] for k, w in enumerate(weights))
                liver, tumour = (resize_plane(p, *self._hu.shape[1:]) for p in mixed)
                yield z, liver, tumour
                upcoming = next(slices, None)
                for old in [k for k in held if upcoming is None or k < upcoming[1][0]]:
                    del held[old]

    def _blended(
        self, network: PatchNetwork, tell: Callable[[int], None]
    ) -> Iterator[tuple[int, np.ndarray]]:
        """Slices (2, h, w) of the network's grid in turn, with their index: liver and tumour."""
        depth, height, width = self._axes
        rows, columns = (max(axis.size, axis.patch) for axis in (height, width))
        slab = np.empty((depth.patch, rows, columns), np.float32)  # HU
        sums = np.zeros((2, depth.patch, rows, columns), np.float32)
        inside = (
            slice(height.before, height.before + height.size),
            slice(width.before, width.before + width.size),
        )
        start = -depth.patch  # of the slab, in the padded volume
        done = 0
        for number, next_start in enumerate(depth.starts):
            moved = min(next_start - start, depth.patch)
            slab[: depth.patch - moved] = slab[moved:].copy()
            sums[:, : depth.patch - moved] = sums[:, moved:].copy()
            sums[:, depth.patch - moved :] = 0
            start = next_start
            for k in range(depth.patch - moved, depth.patch):
                slab[k] = self._padded_slice(start + k - depth.before)
            for i, top in enumerate(height.starts):
                for j, left in enumerate(width.starts):
                    tell(done)
                    place = (slice(None), slice(top, top + height.patch), slice(left, left + width.patch))
                    found = network(np.ascontiguousarray(slab[place])[None, None])[0, 1:3]
                    found *= depth.weights[number][:, None, None]
                    found *= np.outer(height.weights[i], width.weights[j])
                    sums[(slice(None), *place)] += found
                    done += 1
            last = number + 1 == len(depth.starts)
            ready = depth.patch if last else depth.starts[number + 1] - start
            for k in range(ready):
                at = start + k - depth.before
                if 0 <= at < depth.size:
                    yield at, sums[(slice(None), k, *inside)].copy()

    def _padded_slice(self, at: int) -> np.ndarray:
        """Slice `at` of the network's grid, (rows, columns) float32 HU, with what lies outside repeated."""
        _, height, width = self._axes
        first, weights = self._lines[min(max(at, 0), self.shape[0] - 1)]
        mixed = np.tensordot(weights, self._hu[first : first + len(weights)], axes=1)
        plane = resize_plane(np.asarray(mixed, np.float32), *self.shape[1:])
        margins = [
            (axis.before, max(axis.size, axis.patch) - axis.size - axis.before) for axis in (height, width)
        ]
        return np.pad(plane, margins, mode="edge")
