"""Recall, precision and F1 of lesions over all scans, in total and by size: `lesions` of metrics.json."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from liverseg.analysis.metrics.lesion_detection import SIZE_LIMITS, Detection
from train.evaluation.scores import ScanScore
from train.evaluation.statistics import Entry, pooled_entry, ratio

_LOW, _HIGH = (f"{limit:g}" for limit in SIZE_LIMITS)


def size_names(unit: str) -> tuple[str, str, str]:
    """The names of the three size classes, for diameters in `unit`.

    >>> size_names("px")
    ('under_10_px', '10_to_20_px', 'over_20_px')
    """
    return f"under_{_LOW}_{unit}", f"{_LOW}_to_{_HIGH}_{unit}", f"over_{_HIGH}_{unit}"


def lesion_numbers(scores: Sequence[ScanScore], seed: int = 0) -> dict[str, dict[str, dict]]:
    """Detection rule -> "all" or size class -> entries of recall, precision and f1, and lesion counts.

    Scans of unknown spacing have size classes of their own, in pixels of the slice.
    """
    scored = [score for score in scores if score.lesions is not None]
    result: dict[str, dict[str, dict]] = {}
    for rule in scored[0].lesions if scored else ():
        detections = {"all": [score.lesions[rule] for score in scored]}
        for unit in ("mm", "px"):
            by_size = [score.lesions[rule].by_size() for score in scored if score.unit == unit]
            if by_size:
                detections |= {name: [d[k] for d in by_size] for k, name in enumerate(size_names(unit))}
        result[rule] = {name: _detection_numbers(items, seed) for name, items in detections.items()}
    return result


def headline_metrics(lesions: dict[str, dict[str, dict]]) -> dict[str, Entry]:
    """The lesion metrics that are part of the tumour's summary."""
    result = {}
    for rule, suffix in (("overlap_50", ""), ("overlap_any", "_any_overlap")):
        for measure in ("recall", "precision", "f1"):
            if rule in lesions:
                result[f"lesion_{measure}{suffix}"] = lesions[rule]["all"][measure]
    return result


def _detection_numbers(detections: Sequence[Detection], seed: int) -> dict:
    rows = [detection.tallies for detection in detections]
    found, reference, true, predicted = (sum(column) for column in zip(*rows, strict=True))
    return {
        "recall": pooled_entry(rows, ratio(0, 1), seed),
        "precision": pooled_entry(rows, ratio(2, 3), seed),
        "f1": pooled_entry(rows, _f1, seed),
        "reference_lesions": reference,
        "found": found,
        "predicted_lesions": predicted,
        "true": true,
    }


def _f1(sums: np.ndarray) -> np.ndarray:
    """The harmonic mean of recall and precision; 0 where there are lesions but none is detected."""
    found, reference, true, predicted = sums.T
    both = found * predicted + true * reference  # the numerator of 1 / recall + 1 / precision
    value = np.where(both > 0, 2 * found * true / np.maximum(both, 1), 0.0)
    return np.where(reference + predicted > 0, value, np.nan)
