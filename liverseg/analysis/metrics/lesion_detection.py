"""Lesions found, missed and invented: connected components of two tumour masks, matched.

A lesion is a connected component: 26-connected in a volume whose slices touch, else 8-connected
within each slice. Two rules say whether a lesion was found:

- **any overlap**: a lesion that shares a pixel with the other mask's;
- **overlap above a share** (0.5 in LiTS): prediction and reference lesions are matched many to many,
  since one of the two is often one piece where the other is several. Every reference lesion joins
  the predicted lesion that covers most of it; the reference lesions of one predicted lesion form a
  group; every predicted lesion joins the group that it covers most of. All lesions of a group are
  found when the intersection over the union of its two sides is above the share.

Recall counts reference lesions, precision predicted ones. LiTS's own evaluation takes the reference
lesions found for both numerators; the two differ only where pieces were joined.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from liverseg.analysis.diameters import lesion_diameters
from liverseg.errors import InvalidSetting

SIZE_LIMITS = (10.0, 20.0)
"""Small lesions are shorter than the first, large ones longer than the second (mm in LiTS)."""

IN_VOLUME = ndimage.generate_binary_structure(3, 3)
IN_SLICE = IN_VOLUME & np.array([False, True, False])[:, None, None]


@dataclass(frozen=True)
class Lesions:
    """The connected components of a mask."""

    components: np.ndarray  # (S, H, W) int32: 0 outside, 1 to number
    number: int
    diameters: tuple[float, ...]  # longest in the plane of a slice, in the unit of the spacing


def label_lesions(mask: np.ndarray, contiguous: bool, spacing: Sequence[float] = (1.0, 1.0)) -> Lesions:
    """The lesions of a boolean (S, H, W) mask; `spacing` of rows and columns sets the diameters' unit.

    `contiguous` says that the slices touch, so that a lesion may reach from one to the next.

    >>> two = np.ones((2, 1, 3), bool)
    >>> label_lesions(two, contiguous=True).number, label_lesions(two, contiguous=False).diameters
    (1, (3.0, 3.0))
    """
    if mask.ndim != 3:
        raise InvalidSetting("Lesions are looked for in a stack of slices, (S, H, W).")
    components, number = ndimage.label(mask, IN_VOLUME if contiguous else IN_SLICE)
    plane = (float(spacing[0]), float(spacing[1]))
    diameters = tuple(
        lesion_diameters(components[place] == k, plane).longest
        for k, place in enumerate(ndimage.find_objects(components), start=1)
    )
    return Lesions(components, number, diameters)


@dataclass(frozen=True)
class Detection:
    """What became of every lesion of a scan, or of several scans."""

    reference_diameters: tuple[float, ...]
    reference_found: tuple[bool, ...]
    predicted_diameters: tuple[float, ...]
    predicted_true: tuple[bool, ...]

    def __add__(self, other: Detection) -> Detection:
        return Detection(
            self.reference_diameters + other.reference_diameters,
            self.reference_found + other.reference_found,
            self.predicted_diameters + other.predicted_diameters,
            self.predicted_true + other.predicted_true,
        )

    def by_size(self) -> tuple[Detection, Detection, Detection]:
        """The lesions below, between and above `SIZE_LIMITS`, each side by its own diameter.

        >>> [d.tallies for d in Detection((4.0, 20.0), (True, False), (30.0,), (True,)).by_size()]
        [(1, 1, 0, 0), (0, 1, 0, 0), (0, 0, 1, 1)]
        """
        small, medium, large = (
            Detection(
                *_of_class(self.reference_diameters, self.reference_found, size),
                *_of_class(self.predicted_diameters, self.predicted_true, size),
            )
            for size in range(3)
        )
        return small, medium, large

    @property
    def tallies(self) -> tuple[int, int, int, int]:
        """Reference lesions found and in all, predicted lesions that are true and in all."""
        return (
            sum(self.reference_found),
            len(self.reference_found),
            sum(self.predicted_true),
            len(self.predicted_true),
        )


NO_LESIONS = Detection((), (), (), ())


def _of_class(
    diameters: tuple[float, ...], marks: tuple[bool, ...], size: int
) -> tuple[tuple[float, ...], tuple[bool, ...]]:
    low, high = SIZE_LIMITS
    kept = [(d, m) for d, m in zip(diameters, marks, strict=True) if (d >= low) + (d > high) == size]
    return tuple(d for d, _ in kept), tuple(m for _, m in kept)


def detect(prediction: Lesions, reference: Lesions, min_overlap: float = 0.5) -> Detection:
    """Match two sets of lesions; `min_overlap` 0 means any overlap. The rules are in the module's text.

    Raises `InvalidSetting` for a share outside [0, 1), or when the shapes differ.
    """
    if not 0 <= min_overlap < 1:
        raise InvalidSetting("The overlap from which a lesion is found lies in [0, 1).")
    shared = _intersections(prediction, reference)  # (predicted, reference) pixels
    if min_overlap == 0:
        found, true = np.asarray(shared.any(axis=0)), np.asarray(shared.any(axis=1))
    else:
        found, true = _matched(shared, _sizes(prediction), _sizes(reference), min_overlap)
    return Detection(
        reference.diameters,
        tuple(bool(f) for f in found),
        prediction.diameters,
        tuple(bool(t) for t in true),
    )


def _sizes(lesions: Lesions) -> np.ndarray:
    return np.bincount(lesions.components.ravel(), minlength=lesions.number + 1)[1:]


def _intersections(prediction: Lesions, reference: Lesions) -> np.ndarray:
    if prediction.components.shape != reference.components.shape:
        raise InvalidSetting("A prediction and its reference must have the same shape to be compared.")
    both = (prediction.components > 0) & (reference.components > 0)
    p, r = prediction.components[both] - 1, reference.components[both] - 1
    flat = np.bincount(p * reference.number + r, minlength=prediction.number * reference.number)
    return flat.reshape(prediction.number, reference.number)


def _matched(
    shared: np.ndarray, predicted_px: np.ndarray, reference_px: np.ndarray, min_overlap: float
) -> tuple[np.ndarray, np.ndarray]:
    """Which reference and which predicted lesions are found, by the rule of the merged groups."""
    found, true = np.zeros(shared.shape[1], bool), np.zeros(shared.shape[0], bool)
    rows, columns = np.flatnonzero(shared.any(axis=1)), np.flatnonzero(shared.any(axis=0))
    if not rows.size:
        return found, true
    touching = shared[np.ix_(rows, columns)]
    # A group is named by the predicted lesion that founded it.
    founders, group_of = np.unique(touching.argmax(axis=0), return_inverse=True)
    grouped = np.zeros((len(rows), len(founders)), np.int64)  # (predicted, group) pixels
    np.add.at(grouped.T, group_of, touching.T)
    joins = grouped.argmax(axis=1)
    for group in range(len(founders)):
        members, sources = columns[group_of == group], rows[joins == group]
        overlap = grouped[joins == group, group].sum()
        union = predicted_px[sources].sum() + reference_px[members].sum() - overlap
        if overlap > min_overlap * union:
            found[members], true[sources] = True, True
    return found, true
