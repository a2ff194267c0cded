"""The lesions of two tumour masks of one image, matched by overlap (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from liverseg.ct import CTImage
from liverseg.measuring import amount
from liverseg.metrics.counts import Counts, dice
from liverseg.report import Amount

CONNECTIVITY = np.ones((3, 3, 3), bool)
"""As in `liverseg.lesions`: pixels that share a corner belong to one lesion."""


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
    numbers_a, box_a = _numbered(a)
    numbers_b, box_b = _numbered(b)
    shared = _shared(numbers_a, box_a, numbers_b, box_b)  # (lesions of A, lesions of B) pixels
    sizes_a, sizes_b = (np.bincount(n.ravel(), minlength=1)[1:] for n in (numbers_a, numbers_b))
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


def _numbered(tumour: np.ndarray) -> tuple[np.ndarray, tuple[slice, ...]]:
    """The lesions of a (S, H, W) mask, numbered as those of the report: from 1, the largest first.

    Returns the numbers (int32, 0 outside) within the smallest box that holds them all (a pixel where
    there is none), and that box.
    """
    from scipy import ndimage  # late: the page is served without it

    found = ndimage.find_objects(tumour.view(np.uint8), max_label=1)
    box = found[0] if found and found[0] else (slice(0, 1),) * 3
    components, number = ndimage.label(tumour[box], structure=CONNECTIVITY)
    sizes = np.bincount(components.ravel(), minlength=number + 1)[1:]
    rank = np.zeros(number + 1, np.int32)
    rank[1 + np.argsort(-sizes, kind="stable")] = np.arange(1, number + 1)
    return rank[components], box


def _shared(
    numbers_a: np.ndarray, box_a: tuple[slice, ...], numbers_b: np.ndarray, box_b: tuple[slice, ...]
) -> np.ndarray:
    """Pixels that each lesion of A shares with each of B, where their boxes meet."""
    starts = [max(p.start, q.start) for p, q in zip(box_a, box_b, strict=True)]
    stops = [min(p.stop, q.stop) for p, q in zip(box_a, box_b, strict=True)]
    shape = (int(numbers_a.max(initial=0)), int(numbers_b.max(initial=0)))
    if any(start >= stop for start, stop in zip(starts, stops, strict=True)):
        return np.zeros(shape, np.int64)
    part_a, part_b = (
        numbers[tuple(slice(s - p.start, e - p.start) for s, e, p in zip(starts, stops, box, strict=True))]
        for numbers, box in ((numbers_a, box_a), (numbers_b, box_b))
    )
    meet = (part_a > 0) & (part_b > 0)
    flat = (part_a[meet].astype(np.int64) - 1) * shape[1] + part_b[meet] - 1
    return np.bincount(flat, minlength=shape[0] * shape[1]).reshape(shape)


def _linked(shared: np.ndarray) -> list[tuple[list[int], list[int]]]:
    """Groups of rows and columns linked by an element above 0; one without any is a group of its own."""
    rows, columns = shared.shape
    if rows + columns == 0:
        return []
    r, c = np.nonzero(shared)
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    links = coo_array((np.ones(len(r)), (r, rows + c)), shape=(rows + columns, rows + columns))
    number, group = connected_components(links, directed=False)
    members = [np.flatnonzero(group == k).tolist() for k in range(number)]
    return [([m for m in some if m < rows], [m - rows for m in some if m >= rows]) for some in members]
