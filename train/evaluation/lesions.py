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


def lesion_numbers(
    scores: Sequence[ScanScore], seed: int = 0, field: str = "lesions"
) -> dict[str, dict[str, dict]]:
    """Detection rule -> "all" or size class -> entries of recall, precision and f1, and lesion counts.

    `field` is "lesions" for the likely lesions, "candidates" for all candidates. Scans of unknown spacing
    have size classes of their own, in pixels of the slice.
    """
    found = [(score.unit, getattr(score, field)) for score in scores]
    scored = [(unit, by_rule) for unit, by_rule in found if by_rule is not None]
    result: dict[str, dict[str, dict]] = {}
    for rule in scored[0][1] if scored else ():
        detections = {"all": [by_rule[rule] for _, by_rule in scored]}
        for unit in ("mm", "px"):
            by_size = [by_rule[rule].by_size() for own, by_rule in scored if own == unit]
            if by_size:
                detections |= {name: [d[k] for d in by_size] for k, name in enumerate(size_names(unit))}
        result[rule] = {name: _detection_numbers(items, seed) for name, items in detections.items()}
    return result


def headline_metrics(lesions: dict[str, dict[str, dict]], noun: str = "lesion") -> dict[str, Entry]:
    """The lesion metrics that are part of the tumour's summary; `noun` begins their names."""
    result = {}
    for rule, suffix in (("overlap_50", ""), ("overlap_any", "_any_overlap")):
        for measure in ("recall", "precision", "f1"):
            if rule in lesions:
                result[f"{noun}_{measure}{suffix}"] = lesions[rule]["all"][measure]
    if "overlap_any" in lesions:
        result[f"false_{noun}s_per_scan"] = lesions["overlap_any"]["all"]["false_per_scan"]
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
        "missed": reference - found,
        "predicted_lesions": predicted,
        "true": true,
        "false": predicted - true,
        "false_per_scan": pooled_entry([(row[3] - row[2], 1) for row in rows], ratio(0, 1), seed),
    }


def _f1(sums: np.ndarray) -> np.ndarray:
    """The harmonic mean of recall and precision; 0 where there are lesions but none is detected."""
    found, reference, true, predicted = sums.T
    both = found * predicted + true * reference  # the numerator of 1 / recall + 1 / precision
    value = np.where(both > 0, 2 * found * true / np.maximum(both, 1), 0.0)
    return np.where(reference + predicted > 0, value, np.nan)
