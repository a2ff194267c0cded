"""The lesions of two tumour masks of one image, matched by overlap (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from liverseg.analysis.measure import amount
from liverseg.analysis.metrics.overlap import Counts, dice
from liverseg.analysis.report import Amount
from liverseg.core.components import Components, find_components, joined
from liverseg.core.image import CTImage


@dataclass(frozen=True)
class LesionMatch:
    """Lesions of A and of B that lie over each other; often one of each, one of them empty: unmatched."""

    a: tuple[int, ...]  # numbers of the lesions of A's report
    b: tuple[int, ...]
    amount_a: Amount  # all lesions of `a` together
    amount_b: Amount
    dice: float  # of all pixels of `a` with all of `b`; 0 where one is empty

    @property
    def found_in(self) -> str:
        """In which it is: "both", "a" or "b"."""
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
    """Lesions of two boolean (S, H, W) tumour masks, joined where they share a pixel.

    One lesion of A over two of B makes one match of the three. Those in both come first, then those
    only in A, then those only in B, each the largest first.
    """
    lesions_a, lesions_b = (find_components(mask.__getitem__, len(mask)) for mask in (a, b))
    by_size = [np.argsort(-lesions.sizes, kind="stable") for lesions in (lesions_a, lesions_b)]  # as reported
    shared = _shared(lesions_a, lesions_b)[np.ix_(*by_size)]  # (lesions of A, lesions of B) pixels
    sizes_a, sizes_b = lesions_a.sizes[by_size[0]], lesions_b.sizes[by_size[1]]
    matches = []
    for group_a, group_b in _linked(shared):
        count_a, count_b = int(sizes_a[group_a].sum()), int(sizes_b[group_b].sum())
        both = int(shared[np.ix_(group_a, group_b)].sum())
        matches.append(
            LesionMatch(
                tuple(k + 1 for k in group_a),
                tuple(k + 1 for k in group_b),
                amount(ct, count_a),
                amount(ct, count_b),
                dice(Counts(both, count_b - both, count_a - both)),
            )
        )
    order = ("both", "a", "b")
    matches.sort(key=lambda m: (order.index(m.found_in), -m.amount_a.count - m.amount_b.count))
    return tuple(matches)


def _shared(a: Components, b: Components) -> np.ndarray:
    """(lesions of A, lesions of B) the pixels that each lesion of A shares with each of B."""
    shared = np.zeros((len(a), len(b)), np.int64)
    for z, (parts_a, parts_b) in enumerate(zip(a.parts, b.parts, strict=True)):
        if parts_a is not None and parts_b is not None:
            own_a, own_b = a.numbers(z), b.numbers(z)
            meet = (own_a >= 0) & (own_b >= 0)
            np.add.at(shared, (own_a[meet], own_b[meet]), 1)
    return shared


def _linked(shared: np.ndarray) -> list[tuple[list[int], list[int]]]:
    """Groups of rows and columns linked by an element above 0; one without any is a group of its own."""
    rows, columns = shared.shape
    if rows + columns == 0:
        return []
    r, c = np.nonzero(shared)
    group = joined(r, rows + c, rows + columns)
    members = [np.flatnonzero(group == lowest).tolist() for lowest in np.unique(group)]
    return [([m for m in some if m < rows], [m - rows for m in some if m >= rows]) for some in members]
