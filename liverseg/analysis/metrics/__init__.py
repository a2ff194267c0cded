"""Metrics of a segmentation against a reference (pure: arrays in, numbers out).

- `overlap`: pixel counts, Dice and other ratios of these counts
- `surface_distance`: distances between boundaries
- `lesion_detection`: lesions found, missed and falsely predicted
- `calibration`: Brier score and calibration error of probabilities
- `bootstrap`: confidence intervals over scans

The **liver** is the whole organ, labels 1 and 2 together. The **tumour** is label 2. Both are the
conventions of the LiTS challenge (Bilic et al., 2023).

An undefined value (0 / 0, or the distance to an empty mask) is nan, never 0 or infinite. Reports leave it out
and count the cases.
"""

from liverseg.analysis.metrics.bootstrap import bootstrap_interval, pooled_interval
from liverseg.analysis.metrics.overlap import (
    STRUCTURES,
    Counts,
    FalsePositives,
    counts,
    dice,
    dice_global,
    dice_per_case,
    dice_summary,
    false_positives_without_reference,
    iou,
    mask_counts,
    pooled,
    precision,
    recall,
    relative_difference,
    relative_difference_lits,
    specificity,
    volume_overlap_error,
    with_reference,
)

__all__ = [
    "STRUCTURES",
    "Counts",
    "FalsePositives",
    "bootstrap_interval",
    "counts",
    "dice",
    "dice_global",
    "dice_per_case",
    "false_positives_without_reference",
    "iou",
    "mask_counts",
    "pooled",
    "pooled_interval",
    "precision",
    "recall",
    "relative_difference",
    "relative_difference_lits",
    "specificity",
    "dice_summary",
    "volume_overlap_error",
    "with_reference",
]
