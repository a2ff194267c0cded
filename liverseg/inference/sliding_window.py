"""Sliding-window inference: overlapping patches of a volume, blended with Gaussian weights (pure).

The HU are resampled to the spacing of the network, run patch by patch, blended, and the probabilities are
resampled back to the slices of the volume. A volume smaller than a patch is padded with its outermost voxels.

As in nnU-Net (Isensee et al., Nature Methods 2021), patches overlap by half or more, and a voxel is
weighted by a Gaussian of its distance from the centre of the patch with a standard deviation of an eighth
of the patch. The Gaussian of a volume is the product of the Gaussians of its axes and the patches lie on a
grid. So the weights are normalised per axis, and no volume of summed weights is needed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from liverseg.inference.resampling import grid_shape, line_weights, resize_plane

OVERLAP = 0.5
"""Smallest overlap of adjacent patches along each axis, as a share of the patch."""

SIGMA = 1 / 8
"""Standard deviation of the Gaussian weights, as a share of the side of the patch."""

Shape3 = tuple[int, int, int]
"""Voxels along slices, rows and columns."""

PatchNetwork = Callable[[np.ndarray], np.ndarray]
"""(1, 1, D, H, W) float32 HU to (1, K, D, H, W) float32 probabilities."""


@dataclass(frozen=True)
class AxisTiling:
    """The patches along one axis."""

    size: int  # voxels of the volume
    patch: int  # voxels of a patch
    before: int  # padding before the first voxel of a volume smaller than the patch
    starts: tuple[int, ...]  # first voxel of each patch, in the padded volume
    weights: np.ndarray  # (patches, patch) float32; they sum to 1 at each voxel of the padded volume


def tile_axis(size: int, patch: int) -> AxisTiling:
    """Cover `size` voxels with patches: the first and the last at the ends, evenly spaced between them.

    >>> tile_axis(10, 4).starts, tile_axis(3, 4).starts, tile_axis(4, 4).starts
    ((0, 2, 4, 6), (0,), (0,))
    """
    padded = max(size, patch)
    steps = math.ceil((padded - patch) / max(1, math.floor(patch * (1 - OVERLAP))))
    starts = tuple(round(k * (padded - patch) / steps) if steps else 0 for k in range(steps + 1))
    gaussian = np.exp(-0.5 * ((np.arange(patch) - (patch - 1) / 2) / (SIGMA * patch)) ** 2)
    total = np.zeros(padded)
    for start in starts:
        total[start : start + patch] += gaussian
    weights = np.stack([gaussian / total[start : start + patch] for start in starts]).astype(np.float32)
    return AxisTiling(size, patch, (padded - size) // 2, starts, weights)


class VolumeRun:
    """The sliding-window inference of one volume. It keeps the probabilities of a slab, not of the volume."""

    def __init__(
        self,
        hu: np.ndarray,
        spacing_mm: tuple[float, float, float] | None,
        patch: Shape3,
        network_spacing_mm: tuple[float, float, float] | None = None,
    ) -> None:
        """`hu` is (S, H, W) float32; `patch` counts voxels of the network's grid.

        Without either spacing, the network runs on the grid of the volume.
        """
        self._hu = hu
        self.shape: Shape3 = hu.shape  # of the network's grid
        if spacing_mm is not None and network_spacing_mm is not None:
            self.shape = grid_shape(self.shape, spacing_mm, network_spacing_mm)
        self._axes: tuple[AxisTiling, ...] = tuple(map(tile_axis, self.shape, patch))
        self._lines = line_weights(len(hu), self.shape[0])
        self.patches = int(np.prod([len(axis.starts) for axis in self._axes]))

    def probabilities(
        self, network: PatchNetwork, before_patch: Callable[[int], None]
    ) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Yield each slice of the volume in order: index, liver and tumour probability (H, W) float32.

        `before_patch` is called before each patch with the number of finished patches. An exception from it
        ends the run.
        """
        back = line_weights(self.shape[0], len(self._hu))
        held: dict[int, np.ndarray] = {}  # finished slices (2, h, w) of the network's grid
        slices = iter(enumerate(back))
        upcoming = next(slices, None)
        for index, blended in self._blended(network, before_patch):
            held[index] = blended
            while upcoming is not None and upcoming[1][0] + len(upcoming[1][1]) - 1 <= index:
                z, (first, weights) = upcoming
                mixed = sum(w * held[first + k] for k, w in enumerate(weights))
                liver, tumour = (resize_plane(p, *self._hu.shape[1:]) for p in mixed)
                yield z, liver, tumour
                upcoming = next(slices, None)
                for old in [k for k in held if upcoming is None or k < upcoming[1][0]]:
                    del held[old]

    def _blended(
        self, network: PatchNetwork, before_patch: Callable[[int], None]
    ) -> Iterator[tuple[int, np.ndarray]]:
        """Yield each slice of the network's grid in order: index, liver and tumour (2, h, w) float32."""
        depth, height, width = self._axes
        rows, columns = (max(axis.size, axis.patch) for axis in (height, width))
        slab = np.empty((depth.patch, rows, columns), np.float32)  # HU
        sums = np.zeros((2, depth.patch, rows, columns), np.float32)  # weighted probabilities
        inside = (
            slice(height.before, height.before + height.size),
            slice(width.before, width.before + width.size),
        )
        start = -depth.patch  # first slice of the slab, in the padded volume
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
                    before_patch(done)
                    box = (slice(None), slice(top, top + height.patch), slice(left, left + width.patch))
                    probabilities = network(np.ascontiguousarray(slab[box])[None, None])[0, 1:3]
                    probabilities *= depth.weights[number][:, None, None]
                    probabilities *= np.outer(height.weights[i], width.weights[j])
                    sums[(slice(None), *box)] += probabilities
                    done += 1
            is_last = number + 1 == len(depth.starts)
            finished = depth.patch if is_last else depth.starts[number + 1] - start
            for k in range(finished):
                index = start + k - depth.before
                if 0 <= index < depth.size:
                    yield index, sums[(slice(None), k, *inside)].copy()

    def _padded_slice(self, index: int) -> np.ndarray:
        """Slice `index` of the network's grid, padded at its edges: (rows, columns) float32 HU."""
        _, height, width = self._axes
        first, weights = self._lines[min(max(index, 0), self.shape[0] - 1)]
        mixed = np.tensordot(weights, self._hu[first : first + len(weights)], axes=1)
        plane = resize_plane(np.asarray(mixed, np.float32), *self.shape[1:])
        margins = [
            (axis.before, max(axis.size, axis.patch) - axis.size - axis.before) for axis in (height, width)
        ]
        return np.pad(plane, margins, mode="edge")
