"""Overlap metrics: pixel counts of a segmentation and its reference, Dice and other ratios of these counts.

The conventions are those of the LiTS challenge (Bilic et al., 2023): the **liver** is every label >= 1 (the
organ with its tumours), the **tumour** is label 2. Pixels are counted per scan, over all slices. There are
two kinds of Dice, which must not be mixed:

- `dice_per_case`: the mean of the Dice of each scan. Scans whose reference lacks the structure have no
  meaningful Dice (0 / 0, or 0 whatever the size of the false prediction). They are left out of the mean and
  reported by `false_positives_without_reference` instead.
- `dice_global`: one Dice over the pooled pixels of all scans, so that large structures weigh more.

Neither is computed slice by slice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from liverseg.analysis.metrics.bootstrap import bootstrap_interval
from liverseg.core.segmentation import BACKGROUND, TUMOUR
from liverseg.errors import InvalidSetting

STRUCTURES = ("liver", "tumour")
"""The scored structures: the liver as an organ (label >= 1) and the tumour (label 2)."""


@dataclass(frozen=True)
class Counts:
    """True positive, false positive and false negative pixels of one structure.

    >>> Counts(tp=3, fp=1, fn=2) + Counts(tp=1, fp=0, fn=0)
    Counts(tp=4, fp=1, fn=2)
    """

    tp: int  # in the prediction and the reference
    fp: int  # in the prediction only
    fn: int  # in the reference only

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.tp + other.tp, self.fp + other.fp, self.fn + other.fn)

    @property
    def predicted(self) -> int:
        """Number of predicted pixels."""
        return self.tp + self.fp

    @property
    def reference(self) -> int:
        """Number of reference pixels."""
        return self.tp + self.fn


def mask_counts(prediction: np.ndarray, reference: np.ndarray, valid: np.ndarray | None = None) -> Counts:
    """Counts of two boolean masks of the same shape; pixels where `valid` is False are ignored.

    Raises `InvalidSetting` when the shapes differ.

    >>> mask_counts(np.array([True, True, False]), np.array([True, False, True]))
    Counts(tp=1, fp=1, fn=1)
    """
    if prediction.shape != reference.shape or (valid is not None and valid.shape != reference.shape):
        raise InvalidSetting("A prediction and its reference must have the same shape to be compared.")
    if valid is not None:
        prediction, reference = prediction & valid, reference & valid
    tp = int(np.count_nonzero(prediction & reference))
    return Counts(tp, int(np.count_nonzero(prediction)) - tp, int(np.count_nonzero(reference)) - tp)


def counts(prediction: np.ndarray, truth: np.ndarray, valid: np.ndarray | None = None) -> dict[str, Counts]:
    """Counts of each of `STRUCTURES` in two label arrays (0, 1, 2) of the same shape.

    Pixels where `valid` (bool, same shape) is False are ignored. The counts of the slices of a scan add up
    to the counts of the scan. Raises `InvalidSetting` when the shapes differ.

    >>> counts(np.array([0, 1, 2, 2]), np.array([0, 1, 1, 2]))["liver"]
    Counts(tp=3, fp=0, fn=0)
    >>> counts(np.array([0, 1, 2, 2]), np.array([0, 1, 1, 2]))["tumour"]
    Counts(tp=1, fp=1, fn=0)
    """
    return {
        "liver": mask_counts(prediction > BACKGROUND, truth > BACKGROUND, valid),
        "tumour": mask_counts(prediction == TUMOUR, truth == TUMOUR, valid),
    }


def pooled(cases: Sequence[Counts]) -> Counts:
    """The sum of the counts of all cases."""
    return sum(cases, Counts(0, 0, 0))


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


def dice(case: Counts) -> float:
    """2 TP / (2 TP + FP + FN); nan if prediction and reference are empty.

    >>> dice(Counts(tp=2, fp=1, fn=1)), dice(Counts(0, 5, 0)), dice(Counts(0, 0, 0))
    (0.6666666666666666, 0.0, nan)
    """
    return _ratio(2 * case.tp, 2 * case.tp + case.fp + case.fn)


def iou(case: Counts) -> float:
    """TP / (TP + FP + FN), the Jaccard index; nan if prediction and reference are empty."""
    return _ratio(case.tp, case.tp + case.fp + case.fn)


def volume_overlap_error(case: Counts) -> float:
    """1 - Jaccard index (VOE of LiTS); nan if prediction and reference are empty.

    >>> volume_overlap_error(Counts(tp=2, fp=1, fn=1))
    0.5
    """
    return 1 - iou(case)


def specificity(case: Counts, pixels: int) -> float:
    """TN / (TN + FP) among `pixels` scored pixels; nan if the reference fills all of them.

    >>> specificity(Counts(tp=2, fp=1, fn=1), pixels=8)
    0.8
    """
    negatives = pixels - case.reference
    return _ratio(negatives - case.fp, negatives)


def precision(case: Counts) -> float:
    """TP / (TP + FP): the correct share of the prediction; nan if the prediction is empty."""
    return _ratio(case.tp, case.predicted)


def recall(case: Counts) -> float:
    """TP / (TP + FN): the share of the reference that was found; nan if the reference is empty."""
    return _ratio(case.tp, case.reference)


def relative_difference(case: Counts) -> float:
    """(predicted - reference) / reference, in pixels; nan if the reference is empty.

    The RVD as defined in the LiTS paper: positive means over-segmentation.
    """
    return _ratio(case.predicted - case.reference, case.reference)


def relative_difference_lits(case: Counts) -> float:
    """(reference - predicted) / predicted; nan if the prediction is empty.

    The RVD as printed by the LiTS evaluation, which passes its arguments to `ravd` of medpy in reverse
    order. So sign and denominator differ from the definition in the paper.

    >>> relative_difference(Counts(3, 1, 5)), relative_difference_lits(Counts(3, 1, 5))
    (-0.5, 1.0)
    """
    return _ratio(case.reference - case.predicted, case.predicted)


def with_reference(cases: Sequence[Counts]) -> list[Counts]:
    """The cases whose reference contains the structure."""
    return [case for case in cases if case.reference]


def dice_per_case(cases: Sequence[Counts]) -> float:
    """Mean Dice over the cases whose reference contains the structure; nan if there are none.

    A case with a reference and an empty prediction has a Dice of 0.

    >>> dice_per_case([Counts(1, 0, 0), Counts(0, 0, 9), Counts(0, 7, 0)])
    0.5
    """
    values = [dice(case) for case in with_reference(cases)]
    return float(np.mean(values)) if values else math.nan


def dice_global(cases: Sequence[Counts]) -> float:
    """Dice of the pooled pixels of all cases, including those without reference.

    >>> round(dice_global([Counts(1, 0, 0), Counts(0, 0, 9), Counts(0, 7, 0)]), 4)
    0.1111
    """
    return dice(pooled(cases))


@dataclass(frozen=True)
class FalsePositives:
    """False positives in cases whose reference lacks the structure."""

    cases: int  # cases without reference
    clean_cases: int  # cases without reference and without prediction
    pixels: int  # predicted pixels in all cases without reference

    @property
    def specificity(self) -> float:
        """Share of clean cases among the cases without reference; nan if there are none."""
        return _ratio(self.clean_cases, self.cases)


def false_positives_without_reference(cases: Sequence[Counts]) -> FalsePositives:
    """False positives in the cases that `dice_per_case` leaves out.

    >>> false_positives_without_reference([Counts(1, 0, 0), Counts(0, 7, 0), Counts(0, 0, 0)])
    FalsePositives(cases=2, clean_cases=1, pixels=7)
    """
    without = [case for case in cases if not case.reference]
    clean = sum(case.predicted == 0 for case in without)
    return FalsePositives(len(without), clean, sum(case.predicted for case in without))


def dice_summary(cases: Sequence[Counts], seed: int = 0) -> dict[str, float | int | list[float] | None]:
    """Dice, precision, recall and false positives of one structure, ready for JSON.

    `cases` has one `Counts` per scan. Undefined values are None. Each Dice has a 95 % bootstrap interval
    over scans.

    >>> dice_summary([Counts(1, 0, 0), Counts(0, 7, 0)])["dice_per_case"]
    1.0
    >>> dice_summary([])["dice_global"] is None
    True
    """

    def defined(value: float) -> float | None:
        return None if math.isnan(value) else float(value)

    def interval(low_high: tuple[float, float]) -> list[float] | None:
        return None if math.isnan(low_high[0]) else list(low_high)

    total, scored = pooled(cases), with_reference(cases)
    false_positives = false_positives_without_reference(cases)
    return {
        "dice_per_case": defined(dice_per_case(cases)),
        "dice_per_case_interval": interval(bootstrap_interval([dice(case) for case in scored], seed)),
        "dice_global": defined(dice(total)),
        "dice_global_interval": interval(bootstrap_interval(cases, seed, dice_global)),
        "precision_global": defined(precision(total)),
        "recall_global": defined(recall(total)),
        "cases": len(cases),
        "cases_with_reference": len(scored),
        "cases_without_reference": false_positives.cases,
        "clean_cases_without_reference": false_positives.clean_cases,
        "false_positive_pixels_without_reference": false_positives.pixels,
    }
