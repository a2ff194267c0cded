"""Connected components of a stack of slices, found slice by slice so that memory stays small (pure).

Pixels that share a corner are connected: 8-connected in a slice, 26-connected across slices. What
`scipy.ndimage.label` does in one array of 4 bytes a voxel is done here with two slices at a time.

What `scipy.sparse.csgraph.connected_components` gives, whose import alone takes longer than the lesions of a
scan take to be found.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

Box = tuple[slice, slice, slice]
Planes = Callable[[int], np.ndarray]
"""From a slice's index to its boolean mask (H, W)."""


@dataclass(frozen=True)
class Parts:
    """The 8-connected parts of one slice."""

    first: np.ndarray  # (n,) flat index of each part's first pixel
    sizes: np.ndarray  # (n,) pixels
    boxes: np.ndarray  # (n, 4): first row, first column, and where they stop
    components: np.ndarray  # (n,) the component, from 0, that each part belongs to


@dataclass(frozen=True)
class Components:
    """The components of a mask (S, H, W), numbered from 0 in the order of their first voxels."""

    planes: Planes
    parts: tuple[Parts | None, ...]  # of each slice; None: it is empty
    sizes: np.ndarray  # (n,) voxels

    def __len__(self) -> int:
        return len(self.sizes)

    def voxels(self, z: int, component: int) -> tuple[int, int]:
        """Pixels of slice `z` that are the component's, and that are any other's."""
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
                ends = [np.insert(parts.boxes[:, half], 0, z + k, axis=1) for k, half in enumerate(_HALVES)]
                np.minimum.at(low, parts.components, ends[0])
                np.maximum.at(high, parts.components, ends[1])
        slices = [
            [slice(int(a), int(b)) for a, b in zip(*pair, strict=True)]
            for pair in zip(low, high, strict=True)
        ]
        return [(z, y, x) for z, y, x in slices]

    def plane(self, z: int, keep: np.ndarray) -> np.ndarray:
        """(H, W) bool: the pixels of slice `z` whose component has `keep` (n,) bool set."""
        mask, parts = _as_bytes(self.planes(z)), self.parts[z]
        if parts is None or not (kept := keep[parts.components]).any():
            return np.zeros(mask.shape, bool)
        if kept.all():
            return mask.view(bool)
        # Parts are told by a pixel of theirs: their numbers may differ from one labelling to the next.
        number, labels = cv2.connectedComponents(mask, connectivity=8)
        table = np.zeros(number, bool)
        table[labels.ravel()[parts.first]] = kept
        chosen: np.ndarray = table[labels]
        return chosen

    def numbers(self, z: int) -> np.ndarray:
        """(H, W) int64: which component each pixel of slice `z` belongs to; -1 where there is none."""
        mask, parts = _as_bytes(self.planes(z)), self.parts[z]
        if parts is None:
            return np.full(mask.shape, -1)
        number, labels = cv2.connectedComponents(mask, connectivity=8)
        table = np.full(number, -1)
        table[labels.ravel()[parts.first]] = parts.components
        numbers: np.ndarray = table[labels]
        return numbers

    def mask(self, component: int, box: Box) -> np.ndarray:
        """The component's mask within its box, or a larger one, of the stack."""
        return np.stack([self._part_of(component, z, box) for z in range(box[0].start, box[0].stop)])

    def _part_of(self, component: int, z: int, box: Box) -> np.ndarray:
        """(h, w) bool: the component in slice `z` of a box that holds it: its parts are whole in there."""
        whole, parts = self.planes(z), self.parts[z]
        inside = _as_bytes(whole[box[1:]])
        if parts is None:
            return np.zeros(inside.shape, bool)
        number, labels = cv2.connectedComponents(inside, connectivity=8)
        rows, columns = np.divmod(parts.first[parts.components == component], whole.shape[1])
        table = np.zeros(number, bool)
        table[labels[rows - box[1].start, columns - box[2].start]] = True
        chosen: np.ndarray = table[labels]
        return chosen


_HALVES = (slice(0, 2), slice(2, 4))


def find_components(planes: Planes, slices: int) -> Components:
    """The components of the mask whose slice z is `planes(z)`, (H, W) bool, for z below `slices`.

    >>> mask = np.zeros((2, 3, 3), bool)
    >>> mask[0, 0, 0] = mask[1, 1, 1] = mask[1, 1, 2] = mask[0, 2, 0] = True
    >>> find_components(mask.__getitem__, 2).sizes.tolist()
    [4]
    """
    found: list[tuple[np.ndarray, np.ndarray, np.ndarray] | None] = []
    starts = [0]  # number of the first part of each slice, counted over all slices
    rows, columns = [], []  # a part and a piece of the two slices it was seen in, laid over each other
    pieces, below = 0, None
    for z in range(slices):
        mask = _as_bytes(planes(z))
        lower, upper = found[-1] if found else None, _parts(mask)
        found.append(upper)
        starts.append(starts[-1] + (len(upper[0]) if upper else 0))
        if lower is not None and upper is not None:
            # Two slices touch where they meet when they are laid over each other: 26-connected is
            # 8-connected there, as every pixel is a direct neighbour of the one above it.
            number, at = _labelled(mask | below)
            for start, one in zip(starts[-3:-1], (lower, upper), strict=True):
                rows.append(start + np.arange(len(one[0])))
                columns.append(pieces + at(one[0]))
            pieces += number
        below = mask
    total = starts[-1]
    part, piece = (np.concatenate(ends) if ends else np.zeros(0, np.int64) for ends in (rows, columns))
    groups = joined(part, total + piece, total + pieces)
    _, first, component = np.unique(groups[:total], return_index=True, return_inverse=True)
    component = np.argsort(np.argsort(first))[component]  # in the order of their first parts
    sizes = np.zeros(len(first), np.int64)
    parts_of: list[Parts | None] = []
    for start, parts in zip(starts, found, strict=False):
        if parts is not None:
            own = component[start : start + len(parts[0])]
            np.add.at(sizes, own, parts[1])
            parts_of.append(Parts(*parts, own))
        else:
            parts_of.append(None)
    return Components(planes, tuple(parts_of), sizes)


def _as_bytes(mask: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(mask, bool).view(np.uint8)


def _labelled(mask: np.ndarray) -> tuple[int, Callable[[np.ndarray], np.ndarray]]:
    """How many labels the parts of a mask (H, W) uint8 have, 0 included, and the labels at flat indices."""
    x, y, width, height = cv2.boundingRect(mask)
    number, labels = cv2.connectedComponents(mask[y : y + height, x : x + width], connectivity=8)
    return number, lambda flat: labels[flat // mask.shape[1] - y, flat % mask.shape[1] - x]


def _parts(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """First pixels, sizes and boxes of the parts of a mask (H, W) uint8, ordered by their first pixels."""
    x, y, width, height = cv2.boundingRect(mask)
    if not width:
        return None
    number, labels, stats, _ = cv2.connectedComponentsWithStats(
        mask[y : y + height, x : x + width], connectivity=8
    )
    flat = labels.ravel()[::-1]
    first = np.zeros(number, np.int64)
    first[flat] = np.arange(len(flat))[::-1]  # the last one written stays: the first pixel
    order = 1 + np.argsort(first[1:])
    rows, columns = np.divmod(first[order], width)
    left, top, wide, high, size = stats[order].T.astype(np.int64)
    boxes = np.stack([top + y, left + x, top + y + high, left + x + wide], axis=1)
    return (rows + y) * mask.shape[1] + columns + x, size, boxes


def joined(first: np.ndarray, second: np.ndarray, count: int) -> np.ndarray:
    """(count,) int64: of each of `count` things the lowest that it is connected with; pairs (n,) of indices.

    Every thing points to a lower one of its own; pairs make the two that they point to one, and pointers are
    shortened, until nothing changes: a logarithm of `count` rounds (after Shiloach and Vishkin, 1982).

    >>> joined(np.array([1, 3]), np.array([2, 1]), 5).tolist()
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
