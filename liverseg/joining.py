"""Which things belong together when pairs of them do: connected components of a graph (pure).

What `scipy.sparse.csgraph.connected_components` gives, whose import alone takes longer than the lesions of a
scan take to be found.
"""

from __future__ import annotations

import numpy as np


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
