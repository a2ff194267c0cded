"""The metrics of a manifest, with the names that a model card gives them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

METRIC_NAMES = {
    "dice_global": "Dice, pooled over all slices",
    "dice_per_case": "Dice, mean over scans",
    "dice_per_slice": "Dice, mean over slices",
    "precision_global": "precision, pooled over all slices",
    "recall_global": "recall, pooled over all slices",
    "specificity_global": "specificity, pooled over all slices",
    "voe": "volumetric overlap error, mean over scans",
    "rvd": "relative volume difference, mean over scans",
    "lesion_recall": "lesions found, overlap above one half",
    "lesion_precision": "found lesions that are true, overlap above one half",
    "lesion_f1": "F1 of lesions, overlap above one half",
    "burden_rmse": "tumour burden, root mean square error",
    "brier_in_liver": "Brier score in the liver",
    "ece_in_liver": "expected calibration error in the liver",
    "brier_in_liver_uncalibrated": "Brier score in the liver, before calibration",
    "brier_in_liver_cross_fitted": "Brier score in the liver, calibrated on the other scans",
    "ece_in_liver_uncalibrated": "expected calibration error in the liver, before calibration",
    "ece_in_liver_cross_fitted": "expected calibration error in the liver, calibrated on the other scans",
    "ece_from_1_percent": "expected calibration error where the network gave 1 % or more",
    "ece_from_1_percent_uncalibrated": "the same, before calibration",
    "ece_from_1_percent_cross_fitted": "the same, calibrated on the other scans",
    "lesion_recall_any_overlap": "lesions found, any overlap",
    "lesion_precision_any_overlap": "found lesions that are true, any overlap",
    "false_lesions_per_scan": "false lesions per scan, no overlap",
    "candidate_recall_any_overlap": "lesions found, unsure ones included, any overlap",
    "candidate_precision_any_overlap": "found lesions that are true, unsure ones included, any overlap",
    "false_candidates_per_scan": "false lesions per scan, unsure ones included",
    "liver_free_slices": "slices without liver in which liver is found",
    "clean_slices": "slices without it that are left clean",
    "tumour_free_scans": "scans without tumour where none is found",
} | {
    f"{measure}_{space}": f"{name}, {place}"
    for measure, name in (
        ("assd", "average symmetric surface distance"),
        ("hd95", "95 % Hausdorff distance"),
        ("surface_dice", "surface Dice within 2"),
    )
    for space, place in (("mm", "mm"), ("2d_mm", "mm in slices"), ("2d_px", "pixels in slices"))
}
"""Metric in the manifest -> name on the card."""


def metric_values(entry: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Metric, class and record (`value`, `n`, ...) of every value in an entry of `metrics`."""
    for metric, labels in entry["values"].items():
        for label, record in labels.items():
            yield metric, label, record
