"""Least mean probabilities of a body of a lone slice (`core.sure_bodies`), compared on held-out scans.

The network runs once for each slice. Its bodies are then removed and scored at every least probability.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from liverseg.analysis.metrics import Counts, dice_global, dice_per_case, mask_counts
from liverseg.core.sure_bodies import remove_unsure_bodies
from liverseg.inference.segmenter import Segmenter
from train.evaluation.predict import reference_of
from train.evaluation.scan_image import scan_image
from train.evaluation.scans import ScanSlices

NO_COUNTS = Counts(0, 0, 0)


@dataclass
class ScanResult:
    """The slices of one scan, each segmented alone, at one least probability."""

    liver: Counts = NO_COUNTS
    liver_free: int = 0  # slices without liver in the reference
    false_liver: int = 0  # of these, slices with a body
    with_liver: int = 0  # slices with liver in the reference
    empty: int = 0  # of these, slices without a body


def sweep_scan(scan: ScanSlices, segmenter: Segmenter, least: Sequence[float]) -> dict[float, ScanResult]:
    """The results of one scan by least probability. `segmenter` must not remove bodies itself."""
    results = {value: ScanResult() for value in least}
    for position in scan.positions:
        seg = segmenter.segment(scan_image(scan, position))
        reference = reference_of(scan.slices.labels[position])
        for value, result in results.items():
            labels = seg.labels[0].copy()
            remove_unsure_bodies(labels, seg.organ_probability[0], value)
            _count(result, labels > 0, reference.organ, reference.organ_known)
    return results


def _count(result: ScanResult, found: np.ndarray, organ: np.ndarray, known: np.ndarray) -> None:
    result.liver = result.liver + mask_counts(found, organ, known)
    if organ.any():
        result.with_liver += 1
        result.empty += not found.any()
    elif known.all():
        result.liver_free += 1
        result.false_liver += bool(found.any())


def sweep_rows(results: Iterable[dict[float, ScanResult]]) -> list[dict[str, float | int]]:
    """One row per least probability over all scans.

    `liver_kept` is the share of the true positive liver pixels of the first row that is left.
    """
    by_value: dict[float, list[ScanResult]] = {}
    for scan in results:
        for value, result in scan.items():
            by_value.setdefault(value, []).append(result)
    rows, all_true = [], None
    for value, scans in sorted(by_value.items()):
        liver = [s.liver for s in scans]
        true = sum(counts.tp for counts in liver)
        all_true = true if all_true is None else all_true
        rows.append(
            {
                "least_body_probability": value,
                "scans": len(scans),
                "liver_pooled": round(dice_global(liver), 4),
                "liver_per_scan": round(dice_per_case(liver), 4),
                "liver_kept": round(true / max(all_true, 1), 5),
                "liver_free_slices": sum(s.liver_free for s in scans),
                "with_false_liver": sum(s.false_liver for s in scans),
                "liver_slices": sum(s.with_liver for s in scans),
                "without_any": sum(s.empty for s in scans),
            }
        )
    return rows
