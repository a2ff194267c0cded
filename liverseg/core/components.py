"""Connected components of a stack of slices and of a graph.

`find_components` gives the components that `scipy.ndimage.label` gives, but holds only two slices at a time
instead of an array of 4 bytes per voxel. Pixels that share a corner are connected: 8-connected within a
slice, 26-connected across slices.

`graph_components` gives what `scipy.sparse.csgraph.connected_components` gives. Importing scipy takes longer
than finding the lesions of a scan.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

Box = tuple[slice, slice, slice]
"""Index ranges of slices, rows and columns."""

SliceMask = Callable[[int], np.ndarray]
"""Function from a slice index to the boolean mask (H, W) of that slice."""

# --- Components of a stack of slices ---


@dataclass(frozen=True)
class SliceParts:
    """The 8-connected parts of one slice."""

    first: np.ndarray  # (n,) flat index of each part's first pixel
    sizes: np.ndarray  # (n,) pixels
    boxes: np.ndarray  # (n, 4) first row, first column, row stop, column stop
    components: np.ndarray  # (n,) number, from 0, of the component that each part belongs to


@dataclass(frozen=True)
class Components:
    """The components of a mask (S, H, W), numbered from 0 in the order of their first voxels."""

    slice_mask: SliceMask
    parts: tuple[SliceParts | None, ...]  # one per slice; None: the slice is empty
    sizes: np.ndarray  # (n,) voxels

    def __len__(self) -> int:
        return len(self.sizes)

    def voxels(self, z: int, component: int) -> tuple[int, int]:
        """Number of pixels of slice `z` that belong to `component`, and to all other components."""
        parts = self.parts[z]
        if parts is None:
            return 0, 0
        own = int(parts.sizes[parts.components == component].sum())
        return own, int(parts.sizes.sum()) - own

    def boxes(self) -> list[Box]:
        """The smallest box around each component."""
        low, high = np.full((len(self), 3), np.iinfo(np.int64).max), np.zeros((len(self), 3), np.int64)
        for z, parts in enumerate(self.parts):
            if parts:
                np.minimum.at(low, parts.components, np.insert(parts.boxes[:, :2], 0, z, axis=1))
                np.maximum.at(high, parts.components, np.insert(parts.boxes[:, 2:], 0, z + 1, axis=1))
        slices = [
            [slice(int(a), int(b)) for a, b in zip(*pair, strict=True)]
            for pair in zip(low, high, strict=True)
        ]
        return [(z, y, x) for z, y, x in slices]

    def plane(self, z: int, keep: np.ndarray) -> np.ndarray:
        """(H, W) bool: the pixels of slice `z` whose component is True in `keep` (n,) bool."""
        mask, parts = _as_bytes(self.slice_mask(z)), self.parts[z]
        if parts is None or not (kept := keep[parts.components]).any():
            return np.zeros(mask.shape, bool)
        if kept.all():
            return mask.view(bool)
        # Parts are identified by their first pixels: OpenCV may number them differently in each call.
        count, labels = cv2.connectedComponents(mask, connectivity=8)
        table = np.zeros(count, bool)
        table[labels.ravel()[parts.first]] = kept
        selected: np.ndarray = table[labels]
        return selected

    def numbers(self, z: int) -> np.ndarray:
        """(H, W) int64: the component number of each pixel of slice `z`; -1 for background."""
        mask, parts = _as_bytes(self.slice_mask(z)), self.parts[z]
        if parts is None:
            return np.full(mask.shape, -1)
        count, labels = cv2.connectedComponents(mask, connectivity=8)
        table = np.full(count, -1)
        table[labels.ravel()[parts.first]] = parts.components
        numbers: np.ndarray = table[labels]
        return numbers

    def mask(self, component: int, box: Box) -> np.ndarray:
        """The bool mask of `component` within `box`, which must contain the whole component."""
        return np.stack([self._mask_in_slice(component, z, box) for z in range(box[0].start, box[0].stop)])

    def _mask_in_slice(self, component: int, z: int, box: Box) -> np.ndarray:
        """(h, w) bool: `component` in slice `z`, within the rows and columns of `box`."""
        whole, parts = self.slice_mask(z), self.parts[z]
        inside = _as_bytes(whole[box[1:]])
        if parts is None:
            return np.zeros(inside.shape, bool)
        count, labels = cv2.connectedComponents(inside, connectivity=8)
        rows, columns = np.divmod(parts.first[parts.components == component], whole.shape[1])
        table = np.zeros(count, bool)
        table[labels[rows - box[1].start, columns - box[2].start]] = True
        selected: np.ndarray = table[labels]
        return selected


def find_components(slice_mask: SliceMask, slices: int) -> Components:
    """The components of the mask (S, H, W) whose slice z is `slice_mask(z)`, for z in range(`slices`).

    >>> mask = np.zeros((2, 3, 3), bool)
    >>> mask[0, 0, 0] = mask[1, 1, 1] = mask[1, 1, 2] = mask[0, 2, 0] = True
    >>> find_components(mask.__getitem__, 2).sizes.tolist()
    [4]
    """
    parts_by_slice: list[tuple[np.ndarray, np.ndarray, np.ndarray] | None] = []
    starts = [0]  # number of the first part of each slice, counted over all slices
    part_numbers, overlay_numbers = [], []  # pairs: a part, and the overlay component that contains it
    overlay_count, below = 0, None
    for z in range(slices):
        mask = _as_bytes(slice_mask(z))
        lower, upper = parts_by_slice[-1] if parts_by_slice else None, _slice_parts(mask)
        parts_by_slice.append(upper)
        starts.append(starts[-1] + (len(upper[0]) if upper else 0))
        if lower is not None and upper is not None:
            # Parts of two neighbouring slices are 26-connected exactly where they are 8-connected in the
            # overlay (union) of both slices, because each pixel touches the one above it.
            count, label_at = _label_overlay(mask | below)
            for start, parts in zip(starts[-3:-1], (lower, upper), strict=True):
                part_numbers.append(start + np.arange(len(parts[0])))
                overlay_numbers.append(overlay_count + label_at(parts[0]))
            overlay_count += count
        below = mask
    total = starts[-1]
    part, overlaid = (
        np.concatenate(numbers) if numbers else np.zeros(0, np.int64)
        for numbers in (part_numbers, overlay_numbers)
    )
    groups = graph_components(part, total + overlaid, total + overlay_count)
    _, first, component = np.unique(groups[:total], return_index=True, return_inverse=True)
    component = np.argsort(np.argsort(first))[component]  # number components by their first parts
    sizes = np.zeros(len(first), np.int64)
    numbered: list[SliceParts | None] = []
    for start, slice_parts in zip(starts, parts_by_slice, strict=False):
        if slice_parts is not None:
            own = component[start : start + len(slice_parts[0])]
            np.add.at(sizes, own, slice_parts[1])
            numbered.append(SliceParts(*slice_parts, own))
        else:
            numbered.append(None)
    return Components(slice_mask, tuple(numbered), sizes)


def _as_bytes(mask: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(mask, bool).view(np.uint8)


def _label_overlay(mask: np.ndarray) -> tuple[int, Callable[[np.ndarray], np.ndarray]]:
    """Label a mask (H, W) uint8; returns the number of labels with 0, and a lookup by flat pixel index."""
    x, y, width, height = cv2.boundingRect(mask)
    count, labels = cv2.connectedComponents(mask[y : y + height, x : x + width], connectivity=8)
    return count, lambda flat: labels[flat // mask.shape[1] - y, flat % mask.shape[1] - x]


def _slice_parts(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """`first`, `sizes` and `boxes` of `SliceParts` for a mask (H, W) uint8, ordered by first pixel."""
    x, y, width, height = cv2.boundingRect(mask)
    if not width:
        return None
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        mask[y : y + height, x : x + width], connectivity=8
    )
    flat = labels.ravel()[::-1]
    first = np.zeros(count, np.int64)
    first[flat] = np.arange(len(flat))[::-1]  # of repeated indices numpy keeps the last: the first pixel
    order = 1 + np.argsort(first[1:])
    rows, columns = np.divmod(first[order], width)
    left, top, part_width, part_height, sizes = stats[order].T.astype(np.int64)
    boxes = np.stack([top + y, left + x, top + y + part_height, left + x + part_width], axis=1)
    return (rows + y) * mask.shape[1] + columns + x, sizes, boxes


# --- Components of a graph ---


def graph_components(first: np.ndarray, second: np.ndarray, count: int) -> np.ndarray:
    """(count,) int64: the lowest node that each node of an undirected graph is connected with.

    The graph has `count` nodes and the edges `first[i]`-`second[i]`. Each node points to a lower one of its
    component. Edges merge the components that their nodes point to, and pointers are shortened, until
    nothing changes: about log(`count`) rounds (after Shiloach and Vishkin, 1982).

    >>> graph_components(np.array([1, 3]), np.array([2, 1]), 5).tolist()
    [0, 1, 1, 1, 4]
    """
    lowest = np.arange(count)
    while True:
        a, b = lowest[first], lowest[second]
        apart = a != b
        if not apart.any():
            return lowest
        first, second, a, b = first[apart], second[apart], a[apart], b[apart]
        np.minimum.at(lowest, np.maximum(a, b), np.minimum(a, b))
        while not np.array_equal(shorter := lowest[lowest], lowest):
            lowest = shorter
