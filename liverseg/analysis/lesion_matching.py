"""The lesions of two tumour masks of one image, matched by overlap (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from liverseg.analysis.measure import amount_from_count
from liverseg.analysis.metrics.overlap import Counts, dice
from liverseg.analysis.report import Amount
from liverseg.core.components import Components, find_components, graph_components
from liverseg.core.image import CTImage


@dataclass(frozen=True)
class LesionMatch:
    """A group of overlapping lesions of A and B, or one lesion found only in A or only in B."""

    a: tuple[int, ...]  # lesion numbers in the report of A; empty: found only in B
    b: tuple[int, ...]  # lesion numbers in the report of B; empty: found only in A
    amount_a: Amount  # all lesions in `a` together
    amount_b: Amount
    dice: float  # between all pixels of `a` and of `b`; 0 where one is empty

    @property
    def found_in(self) -> str:
        """The segmentations with this lesion: "both", "a" or "b"."""
        return "both" if self.a and self.b else "a" if self.a else "b"

    def to_dict(self) -> dict[str, Any]:
        """`found_in`, the numbers, the sizes and the Dice."""
        return {
            "found_in": self.found_in,
            "a": list(self.a),
            "b": list(self.b),
            "size_a": self.amount_a.to_dict(),
            "size_b": self.amount_b.to_dict(),
            "dice": self.dice,
        }


def match_lesions(ct: CTImage, a: np.ndarray, b: np.ndarray) -> tuple[LesionMatch, ...]:
    """Match the lesions of two boolean (S, H, W) tumour masks on the grid of `ct`.

    Lesions that share a pixel are in one match: one lesion of A that overlaps two of B makes one match of
    three lesions. Matches in both masks come first, then those only in A, then those only in B, each ordered
    from largest to smallest.
    """
    lesions_a, lesions_b = (find_components(mask.__getitem__, len(mask)) for mask in (a, b))
    by_size = [
        np.argsort(-lesions.sizes, kind="stable") for lesions in (lesions_a, lesions_b)
    ]  # order of the reports
    shared = _shared_pixels(lesions_a, lesions_b)[np.ix_(*by_size)]  # (lesions of A, lesions of B) pixels
    sizes_a, sizes_b = lesions_a.sizes[by_size[0]], lesions_b.sizes[by_size[1]]
    matches = []
    for group_a, group_b in _linked_groups(shared):
        count_a, count_b = int(sizes_a[group_a].sum()), int(sizes_b[group_b].sum())
        both = int(shared[np.ix_(group_a, group_b)].sum())
        matches.append(
            LesionMatch(
                tuple(k + 1 for k in group_a),
                tuple(k + 1 for k in group_b),
                amount_from_count(ct, count_a),
                amount_from_count(ct, count_b),
                dice(Counts(both, count_b - both, count_a - both)),
            )
        )
    order = ("both", "a", "b")
    matches.sort(key=lambda m: (order.index(m.found_in), -m.amount_a.count - m.amount_b.count))
    return tuple(matches)


def _shared_pixels(a: Components, b: Components) -> np.ndarray:
    """(lesions of A, lesions of B) int64: the pixels that each pair of lesions shares."""
    shared = np.zeros((len(a), len(b)), np.int64)
    for z, (parts_a, parts_b) in enumerate(zip(a.parts, b.parts, strict=True)):
        if parts_a is not None and parts_b is not None:
            numbers_a, numbers_b = a.numbers(z), b.numbers(z)
            both = (numbers_a >= 0) & (numbers_b >= 0)
            np.add.at(shared, (numbers_a[both], numbers_b[both]), 1)
    return shared


def _linked_groups(shared: np.ndarray) -> list[tuple[list[int], list[int]]]:
    """Groups of rows and columns linked by elements above 0; an unlinked row or column is its own group."""
    rows, columns = shared.shape
    if rows + columns == 0:
        return []
    r, c = np.nonzero(shared)
    group = graph_components(r, rows + c, rows + columns)
    groups = [np.flatnonzero(group == lowest).tolist() for lowest in np.unique(group)]
    return [
        ([m for m in members if m < rows], [m - rows for m in members if m >= rows]) for members in groups
    ]
