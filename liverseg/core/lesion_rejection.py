"""Lesions that a user rejects: they keep their number in the list, but are liver and do not count (pure).

A rejection belongs to the voxels of a lesion at the tumour threshold at which it was made. At another
threshold, or in one slice of the volume, a candidate is rejected if

- more than half of its voxels lie in lesions that were rejected, and
- none of them lies in a listed lesion that was not.

So a rejection never takes away a lesion that the user kept, nor one that is mostly new. A rejected lesion
that became part of a candidate that counts has *lapsed*; one that no listed candidate contains is *gone*.
Both are counted, and both are rejected again where the threshold returns to the former one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from liverseg.core.components import Components
from liverseg.core.lesion_candidates import FAINT, LesionCandidates
from liverseg.errors import InvalidSetting


@dataclass(frozen=True, eq=False)
class Rejections:
    """The rejected lesions, among the candidates at the threshold at which they were rejected."""

    candidates: LesionCandidates  # `rejected` are the rejected ones
    threshold: float  # tumour threshold at which `candidates` were found
    cut: float | None  # lesion cut that numbered them; None: no lesion model
    lapsed: int = 0  # rejected lesions that are part of lesions that count, in the present segmentation
    gone: int = 0  # rejected lesions that no listed lesion contains, in the present segmentation

    @property
    def numbers(self) -> tuple[int, ...]:
        """The numbers of the rejected lesions, at the threshold and the cut of the rejection."""
        return rejected_numbers(self.candidates)

    def applied_to(self, candidates: LesionCandidates) -> tuple[LesionCandidates, Rejections]:
        """Other candidates of the same image with those marked that follow, and these with new counts."""
        made = self.candidates
        old, new, voxels = shared_voxels(made.components, candidates.components)
        chosen = made.is_rejected
        kept = ~chosen & (made.status != FAINT)
        n = len(candidates.components)
        inside = np.bincount(new, voxels * chosen[old], n)
        touches_kept = np.bincount(new, kept[old], n) > 0
        listed = candidates.status != FAINT
        rejected = listed & (2 * inside > candidates.components.sizes) & ~touches_kept
        pairs = chosen[old] & listed[new]
        followed, lapsed = (
            np.isin(np.arange(len(chosen)), old[pairs & part[new]]) for part in (rejected, ~rejected)
        )
        gone = chosen & ~followed & ~lapsed
        counted = replace(self, lapsed=int(lapsed.sum()), gone=int(gone.sum()))
        return replace(candidates, rejected=rejected), counted

    def of_slice(self, z: int) -> Rejections:
        """The rejections in slice `z` alone, for the candidates of that slice."""
        made = self.candidates.components
        alone = Components(partial(_slice_of, made, z), made.parts[z : z + 1], made.sizes)
        return replace(self, candidates=replace(self.candidates, components=alone))


def reject(candidates: LesionCandidates, numbers: Iterable[int]) -> LesionCandidates:
    """The candidates with the listed ones of the given numbers rejected, and no others.

    Raises `InvalidSetting` for a number that no listed candidate has.
    """
    order = candidates.order()
    rejected = np.zeros(len(candidates.status), bool)
    for number in numbers:
        if not 1 <= number <= len(order):
            raise InvalidSetting(f"There is no lesion {number}: {_numbers_text(len(order))}.")
        rejected[order[number - 1]] = True
    return replace(candidates, rejected=rejected if rejected.any() else None)


def rejected_numbers(candidates: LesionCandidates) -> tuple[int, ...]:
    """The numbers of the rejected candidates, in rising order."""
    places = np.flatnonzero(candidates.is_rejected[candidates.order()])
    return tuple((places + 1).tolist())


def shared_voxels(a: Components, b: Components) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The pairs of components of `a` and `b` on one grid that share voxels.

    Returns three (n,) int64 arrays: the component of `a`, that of `b`, and the number of shared voxels.
    """
    found = []
    for z, (parts_a, parts_b) in enumerate(zip(a.parts, b.parts, strict=True)):
        if parts_a is not None and parts_b is not None:
            first, second = a.numbers(z), b.numbers(z)
            both = (first >= 0) & (second >= 0)
            found.append(first[both] * len(b) + second[both])
    joined = np.concatenate(found) if found else np.zeros(0, np.int64)
    pairs, voxels = np.unique(joined, return_counts=True)
    return *np.divmod(pairs, max(len(b), 1)), voxels


def _slice_of(components: Components, z: int, _: int) -> np.ndarray:
    return components.slice_mask(z)


def _numbers_text(count: int) -> str:
    if count == 0:
        return "the result has no lesions"
    return "the only one is lesion 1" if count == 1 else f"the lesions have the numbers 1 to {count}"
