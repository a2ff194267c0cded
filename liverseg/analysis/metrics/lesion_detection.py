"""Lesion detection: lesions found, missed and falsely predicted, by matching two tumour masks.

A lesion is a connected component: 26-connected in a volume with contiguous slices, otherwise 8-connected
within each slice. A lesion is found by one of two rules:

- **Any overlap**: the lesion shares a pixel with the other mask.
- **Overlap above a share** (0.5 in LiTS): predicted and reference lesions are matched many to many, because
  one lesion is often split into several parts in the other mask. Every reference lesion joins the predicted
  lesion that covers most of it, and the reference lesions of one predicted lesion form a group. Every
  predicted lesion joins the group of which it covers most. All lesions of a group are found if the
  intersection over union of its predicted and reference lesions exceeds the share.

Recall counts reference lesions, precision counts predicted lesions. The LiTS evaluation uses the number of
found reference lesions as the numerator of both, which differs only where lesions were grouped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from liverseg.analysis.diameters import lesion_diameters
from liverseg.errors import InvalidSetting

SIZE_LIMITS = (10.0, 20.0)
"""Small lesions are shorter than the first limit, large lesions longer than the second (mm in LiTS)."""

NEIGHBOURS_26 = ndimage.generate_binary_structure(3, 3)
NEIGHBOURS_8 = NEIGHBOURS_26 & np.array([False, True, False])[:, None, None]


@dataclass(frozen=True)
class LabelledLesions:
    """The connected components of a mask."""

    components: np.ndarray  # (S, H, W) int32: 0 background, lesions from 1 to `number`
    number: int
    diameters: tuple[float, ...]  # longest axial diameter of each, in the unit of the spacing


def label_lesions(
    mask: np.ndarray, contiguous: bool, spacing: Sequence[float] = (1.0, 1.0)
) -> LabelledLesions:
    """Label the lesions of a boolean (S, H, W) mask.

    With `contiguous` slices a lesion may extend over several slices. `spacing` between rows and between
    columns sets the unit of the diameters. Raises `InvalidSetting` for a mask that is not 3D.

    >>> two = np.ones((2, 1, 3), bool)
    >>> label_lesions(two, contiguous=True).number, label_lesions(two, contiguous=False).diameters
    (1, (3.0, 3.0))
    """
    if mask.ndim != 3:
        raise InvalidSetting("Lesions are labelled in a stack of slices, (S, H, W).")
    components, number = ndimage.label(mask, NEIGHBOURS_26 if contiguous else NEIGHBOURS_8)
    plane = (float(spacing[0]), float(spacing[1]))
    diameters = tuple(
        lesion_diameters(components[box] == k, plane).longest
        for k, box in enumerate(ndimage.find_objects(components), start=1)
    )
    return LabelledLesions(components, number, diameters)


@dataclass(frozen=True)
class Detection:
    """Diameter and outcome of every lesion of one or several scans. Detections can be added."""

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
        """Split into lesions below, between and above `SIZE_LIMITS`, each lesion by its own diameter.

        >>> [d.tallies for d in Detection((4.0, 20.0), (True, False), (30.0,), (True,)).by_size()]
        [(1, 1, 0, 0), (0, 1, 0, 0), (0, 0, 1, 1)]
        """
        small, medium, large = (
            Detection(
                *_of_size(self.reference_diameters, self.reference_found, size),
                *_of_size(self.predicted_diameters, self.predicted_true, size),
            )
            for size in range(3)
        )
        return small, medium, large

    @property
    def tallies(self) -> tuple[int, int, int, int]:
        """Found reference lesions, all reference lesions, true predicted lesions, all predicted lesions."""
        return (
            sum(self.reference_found),
            len(self.reference_found),
            sum(self.predicted_true),
            len(self.predicted_true),
        )


NO_LESIONS = Detection((), (), (), ())


def _of_size(
    diameters: tuple[float, ...], hits: tuple[bool, ...], size: int
) -> tuple[tuple[float, ...], tuple[bool, ...]]:
    """The diameters and hits of the lesions of one size: 0 small, 1 medium, 2 large."""
    low, high = SIZE_LIMITS
    kept = [(d, hit) for d, hit in zip(diameters, hits, strict=True) if (d >= low) + (d > high) == size]
    return tuple(d for d, _ in kept), tuple(hit for _, hit in kept)


def score_detection(
    prediction: LabelledLesions, reference: LabelledLesions, min_overlap: float = 0.5
) -> Detection:
    """Match predicted and reference lesions by the rules in the module docstring.

    `min_overlap` 0 selects the rule of any overlap. Raises `InvalidSetting` for a value outside [0, 1) or
    when the shapes differ.
    """
    if not 0 <= min_overlap < 1:
        raise InvalidSetting("The minimum overlap of a found lesion must lie in [0, 1).")
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


def _sizes(lesions: LabelledLesions) -> np.ndarray:
    return np.bincount(lesions.components.ravel(), minlength=lesions.number + 1)[1:]


def _intersections(prediction: LabelledLesions, reference: LabelledLesions) -> np.ndarray:
    """(predicted, reference) int64: the pixels that each pair of lesions shares."""
    if prediction.components.shape != reference.components.shape:
        raise InvalidSetting("A prediction and its reference must have the same shape to be compared.")
    both = (prediction.components > 0) & (reference.components > 0)
    p, r = prediction.components[both] - 1, reference.components[both] - 1
    flat = np.bincount(p * reference.number + r, minlength=prediction.number * reference.number)
    return flat.reshape(prediction.number, reference.number)


def _matched(
    shared: np.ndarray, predicted_px: np.ndarray, reference_px: np.ndarray, min_overlap: float
) -> tuple[np.ndarray, np.ndarray]:
    """(reference,) and (predicted,) bool: the lesions whose group exceeds the minimum overlap."""
    found, true = np.zeros(shared.shape[1], bool), np.zeros(shared.shape[0], bool)
    rows, columns = np.flatnonzero(shared.any(axis=1)), np.flatnonzero(shared.any(axis=0))
    if not rows.size:
        return found, true
    touching = shared[np.ix_(rows, columns)]
    # Each group is identified by the predicted lesion that its reference lesions join.
    groups, group_of = np.unique(touching.argmax(axis=0), return_inverse=True)
    grouped = np.zeros((len(rows), len(groups)), np.int64)  # (predicted, group) pixels
    np.add.at(grouped.T, group_of, touching.T)
    joined_group = grouped.argmax(axis=1)
    for group in range(len(groups)):
        references, predictions = columns[group_of == group], rows[joined_group == group]
        intersection = grouped[joined_group == group, group].sum()
        union = predicted_px[predictions].sum() + reference_px[references].sum() - intersection
        if intersection > min_overlap * union:
            found[references], true[predictions] = True, True
    return found, true
