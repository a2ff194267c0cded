"""Pixel counts of a segmentation against its reference, and the metrics that are functions of them.

The conventions are those of the LiTS challenge (Bilic et al., 2023): the **liver** is every
label >= 1 (liver and tumour together, the organ), the **tumour** is label 2. Pixels are counted
per scan (all slices of a scan in one count), and a Dice comes in two kinds that must not be mixed:

- `dice_per_case`: the mean over scans of each scan's Dice. Scans whose reference lacks the
  structure have no Dice (0/0, or a 0 that says nothing of how much was invented); they are left
  out of the mean and reported by `false_positives_without_reference` instead.
- `dice_global`: one Dice over the pooled pixels of all scans, so large structures weigh more.

Neither is ever taken slice by slice.
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
"""What is scored: the liver as an organ (label >= 1) and the tumour (label 2)."""


@dataclass(frozen=True)
class Counts:
    """Pixels of one structure that were found, invented and missed.

    >>> Counts(tp=3, fp=1, fn=2) + Counts(tp=1, fp=0, fn=0)
    Counts(tp=4, fp=1, fn=2)
    """

    tp: int  # in the prediction and in the reference
    fp: int  # in the prediction only
    fn: int  # in the reference only

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.tp + other.tp, self.fp + other.fp, self.fn + other.fn)

    @property
    def predicted(self) -> int:
        """Pixels of the prediction."""
        return self.tp + self.fp

    @property
    def reference(self) -> int:
        """Pixels of the reference."""
        return self.tp + self.fn


def mask_counts(prediction: np.ndarray, reference: np.ndarray, valid: np.ndarray | None = None) -> Counts:
    """Counts of two boolean masks of one shape; pixels where `valid` is False are not counted.

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
    """Counts of each of `STRUCTURES` between two label arrays (0, 1, 2) of one shape.

    `valid` (bool, the same shape) leaves pixels out. Counts of the slices of a scan add up to
    the counts of the scan. Raises `InvalidSetting` when the shapes differ.

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
    """2 TP / (2 TP + FP + FN); nan where prediction and reference are both empty.

    >>> dice(Counts(tp=2, fp=1, fn=1)), dice(Counts(0, 5, 0)), dice(Counts(0, 0, 0))
    (0.6666666666666666, 0.0, nan)
    """
    return _ratio(2 * case.tp, 2 * case.tp + case.fp + case.fn)


def iou(case: Counts) -> float:
    """TP / (TP + FP + FN), the Jaccard index; nan where both are empty."""
    return _ratio(case.tp, case.tp + case.fp + case.fn)


def volume_overlap_error(case: Counts) -> float:
    """VOE of LiTS: 1 - the Jaccard index; nan where both are empty.

    >>> volume_overlap_error(Counts(tp=2, fp=1, fn=1))
    0.5
    """
    return 1 - iou(case)


def specificity(case: Counts, pixels: int) -> float:
    """TN / (TN + FP) among `pixels` scored pixels: the share of what is not the structure left alone.

    nan where the reference fills all pixels.

    >>> specificity(Counts(tp=2, fp=1, fn=1), pixels=8)
    0.8
    """
    negatives = pixels - case.reference
    return _ratio(negatives - case.fp, negatives)


def precision(case: Counts) -> float:
    """TP / (TP + FP): the share of the prediction that is right; nan where nothing was predicted."""
    return _ratio(case.tp, case.predicted)


def recall(case: Counts) -> float:
    """TP / (TP + FN): the share of the reference that was found; nan where the reference is empty."""
    return _ratio(case.tp, case.reference)


def relative_difference(case: Counts) -> float:
    """(predicted - reference) / reference, in pixels; nan where the reference is empty.

    The sign is that of RVD in the LiTS paper's text: positive means too much was segmented.
    """
    return _ratio(case.predicted - case.reference, case.reference)


def relative_difference_lits(case: Counts) -> float:
    """(reference - predicted) / predicted; nan where nothing was predicted.

    The numbers that LiTS prints as RVD: its evaluation passes reference and prediction to medpy's
    `ravd` in the other order, so sign and denominator are not those of the paper's text.

    >>> relative_difference(Counts(3, 1, 5)), relative_difference_lits(Counts(3, 1, 5))
    (-0.5, 1.0)
    """
    return _ratio(case.reference - case.predicted, case.predicted)


def with_reference(cases: Sequence[Counts]) -> list[Counts]:
    """The cases whose reference has the structure at all."""
    return [case for case in cases if case.reference]


def dice_per_case(cases: Sequence[Counts]) -> float:
    """Mean Dice over the cases whose reference has the structure; nan when there is none.

    A case with a reference and an empty prediction counts as 0.

    >>> dice_per_case([Counts(1, 0, 0), Counts(0, 0, 9), Counts(0, 7, 0)])
    0.5
    """
    values = [dice(case) for case in with_reference(cases)]
    return float(np.mean(values)) if values else math.nan


def dice_global(cases: Sequence[Counts]) -> float:
    """Dice of the pooled pixels of all cases, those without reference included.

    >>> round(dice_global([Counts(1, 0, 0), Counts(0, 0, 9), Counts(0, 7, 0)]), 4)
    0.1111
    """
    return dice(pooled(cases))


@dataclass(frozen=True)
class FalsePositives:
    """What was predicted in cases whose reference lacks the structure."""

    cases: int  # cases without reference
    clean_cases: int  # of these, cases where nothing was predicted
    pixels: int  # predicted in all of them together

    @property
    def specificity(self) -> float:
        """Share of the cases without reference that were left clean; nan when there is none."""
        return _ratio(self.clean_cases, self.cases)


def false_positives_without_reference(cases: Sequence[Counts]) -> FalsePositives:
    """The counterpart of `dice_per_case`: how the cases that it leaves out were handled.

    >>> false_positives_without_reference([Counts(1, 0, 0), Counts(0, 7, 0), Counts(0, 0, 0)])
    FalsePositives(cases=2, clean_cases=1, pixels=7)
    """
    without = [case for case in cases if not case.reference]
    clean = sum(case.predicted == 0 for case in without)
    return FalsePositives(len(without), clean, sum(case.predicted for case in without))


def summary(cases: Sequence[Counts], seed: int = 0) -> dict[str, float | int | list[float] | None]:
    """All of the above for one structure, ready for JSON: None where a number is undefined.

    `cases` has one `Counts` a scan. Every Dice comes with its 95 % bootstrap interval over scans
    and with the number of scans it is of.

    >>> summary([Counts(1, 0, 0), Counts(0, 7, 0)])["dice_per_case"]
    1.0
    >>> summary([])["dice_global"] is None
    True
    """

    def defined(value: float) -> float | None:
        return None if math.isnan(value) else float(value)

    def interval(low_high: tuple[float, float]) -> list[float] | None:
        return None if math.isnan(low_high[0]) else list(low_high)

    total, scored = pooled(cases), with_reference(cases)
    invented = false_positives_without_reference(cases)
    return {
        "dice_per_case": defined(dice_per_case(cases)),
        "dice_per_case_interval": interval(bootstrap_interval([dice(case) for case in scored], seed)),
        "dice_global": defined(dice(total)),
        "dice_global_interval": interval(bootstrap_interval(cases, seed, dice_global)),
        "precision_global": defined(precision(total)),
        "recall_global": defined(recall(total)),
        "cases": len(cases),
        "cases_with_reference": len(scored),
        "cases_without_reference": invented.cases,
        "clean_cases_without_reference": invented.clean_cases,
        "false_positive_pixels_without_reference": invented.pixels,
    }
