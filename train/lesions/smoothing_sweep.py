"""Widths of the smoothing across slices and tumour thresholds, compared on held-out scans.

The network runs once for each scan, without smoothing. Its probabilities are then smoothed, labelled and
scored at every width and threshold.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from liverseg.analysis.metrics import Counts, dice_global, dice_per_case, mask_counts
from liverseg.analysis.metrics.lesion_detection import label_lesions, score_detection
from liverseg.core.labels import TUMOUR, labels_of_volume
from liverseg.core.largest_component import keep_largest_body
from liverseg.core.slice_smoothing import SmoothingRule, smooth_across_slices
from liverseg.inference.segmenter import Segmenter
from train.evaluation.predict import reference_of
from train.evaluation.scan_image import not_a_volume, scan_image
from train.evaluation.scans import ScanSlices

Variant = tuple[float, float]
"""Standard deviation of the smoothing in slices (0: none), and tumour threshold."""


@dataclass(frozen=True)
class ScanResult:
    """One scan at one variant, any lesion rule aside."""

    scan: str
    liver: Counts
    tumour: Counts
    found: int  # reference lesions that share a voxel with the prediction
    lesions: int
    true: int  # predicted lesions that share a voxel with the reference
    predicted: int


def sweep_scan(
    scan: ScanSlices, segmenter: Segmenter, sigmas: Sequence[float], thresholds: Sequence[float]
) -> dict[Variant, ScanResult]:
    """The results of one scan; empty where its slices are no volume. `segmenter` must not smooth itself."""
    if not_a_volume(scan):
        return {}
    seg = segmenter.segment(scan_image(scan))
    references = [reference_of(scan.slices.labels[position]) for position in scan.positions]
    tumour = np.stack([r.tumour for r in references])
    known = np.stack([r.tumour_known for r in references])
    organ = np.stack([r.organ for r in references])
    organ_known = np.stack([r.organ_known for r in references])
    reference = label_lesions(tumour, contiguous=True)
    results = {}
    for sigma in sigmas:
        organ_p, tumour_p = seg.organ_probability.copy(), seg.tumour_probability.copy()
        if sigma > 0:
            weights = SmoothingRule(sigma, sigma).weights(None)
            for stack in (organ_p, tumour_p):
                smooth_across_slices(stack, weights)
        for threshold in thresholds:
            labels = labels_of_volume(organ_p, tumour_p, threshold)
            keep_largest_body(labels)
            prediction = label_lesions(labels == TUMOUR, contiguous=True)
            hits = score_detection(prediction, reference, 0.0).tallies
            results[sigma, threshold] = ScanResult(
                scan.scan,
                mask_counts(labels > 0, organ, organ_known),
                mask_counts(labels == TUMOUR, tumour, known),
                *hits,
            )
    return results


def sweep_rows(results: Iterable[dict[Variant, ScanResult]]) -> list[dict[str, float | int]]:
    """One row per variant over all scans: Dice, and lesions found, missed and false at any overlap."""
    by_variant: dict[Variant, list[ScanResult]] = {}
    for scan in results:
        for variant, result in scan.items():
            by_variant.setdefault(variant, []).append(result)
    rows = []
    for (sigma, threshold), scans in sorted(by_variant.items()):
        liver, tumour = [s.liver for s in scans], [s.tumour for s in scans]
        predicted, true = sum(s.predicted for s in scans), sum(s.true for s in scans)
        rows.append(
            {
                "sigma_slices": sigma,
                "threshold": threshold,
                "scans": len(scans),
                "liver_pooled": round(dice_global(liver), 4),
                "liver_per_scan": round(dice_per_case(liver), 4),
                "tumour_pooled": round(dice_global(tumour), 4),
                "tumour_per_scan": round(dice_per_case(tumour), 4),
                "lesions": sum(s.lesions for s in scans),
                "found": sum(s.found for s in scans),
                "predicted": predicted,
                "false": predicted - true,
            }
        )
    return rows
