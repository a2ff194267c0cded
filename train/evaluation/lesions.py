"""Recall, precision and F1 of lesions over scans, all together and by size: `lesions` of metrics.json."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from liverseg.analysis.metrics.lesion_detection import SIZE_LIMITS, Detection
from train.evaluation.scores import ScanScore
from train.evaluation.statistics import Entry, pooled_of, ratio

_LOW, _HIGH = (f"{limit:g}" for limit in SIZE_LIMITS)


def size_names(unit: str) -> tuple[str, str, str]:
    """Names of the three classes of size, in a unit.

    >>> size_names("px")
    ('under_10_px', '10_to_20_px', 'over_20_px')
    """
    return f"under_{_LOW}_{unit}", f"{_LOW}_to_{_HIGH}_{unit}", f"over_{_HIGH}_{unit}"


def lesion_numbers(scores: Sequence[ScanScore], seed: int = 0) -> dict[str, dict[str, dict]]:
    """rule -> "all" or a class of size -> recall, precision, f1 (entries), and the lesions counted.

    Classes of size are told apart by unit: scans of unknown spacing have theirs in pixels of the slice.
    """
    told = [score for score in scores if score.lesions is not None]
    result: dict[str, dict[str, dict]] = {}
    for rule in told[0].lesions if told else ():
        found = {"all": [score.lesions[rule] for score in told]}
        for unit in ("mm", "px"):
            of_unit = [score.lesions[rule].by_size() for score in told if score.unit == unit]
            if of_unit:
                found |= {name: [d[k] for d in of_unit] for k, name in enumerate(size_names(unit))}
        result[rule] = {name: _numbers(detections, seed) for name, detections in found.items()}
    return result


def _numbers(detections: Sequence[Detection], seed: int) -> dict:
    rows = [detection.tallies for detection in detections]
    found, reference, true, predicted = (sum(column) for column in zip(*rows, strict=True))
    return {
        "recall": pooled_of(rows, ratio(0, 1), seed),
        "precision": pooled_of(rows, ratio(2, 3), seed),
        "f1": pooled_of(rows, _f1, seed),
        "reference_lesions": reference,
        "found": found,
        "predicted_lesions": predicted,
        "true": true,
    }


def _f1(sums: np.ndarray) -> np.ndarray:
    """Harmonic mean of recall and precision; 0 where there are lesions and none was found."""
    found, reference, true, predicted = sums.T
    both = found * predicted + true * reference  # the denominator of 1 / recall + 1 / precision
    value = np.where(both > 0, 2 * found * true / np.maximum(both, 1), 0.0)
    return np.where(reference + predicted > 0, value, np.nan)


def headline(lesions: dict[str, dict[str, dict]]) -> dict[str, Entry]:
    """The lesion numbers that go into the summary of the tumour."""
    result = {}
    for rule, suffix in (("overlap_50", ""), ("overlap_any", "_any_overlap")):
        for measure in ("recall", "precision", "f1"):
            if rule in lesions:
                result[f"lesion_{measure}{suffix}"] = lesions[rule]["all"][measure]
    return result
