"""How well a segmentation agrees with a reference (pure: arrays in, numbers out).

`counts` has the pixel counts and the metrics that follow from them, `surfaces` the distances between
boundaries, `detection` the lesions found and invented, `calibration` what a probability is worth,
`bootstrap` the intervals over scans. Everywhere the **liver** is the organ, label 1 and 2 together,
and the **tumour** is label 2, as in the LiTS challenge (Bilic et al., 2023).

A number that is not defined (0 / 0, the distance to an empty mask) is nan here, never 0 and never
infinite; reports write it as nothing and count the cases.
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
    false_positives_without_reference,
    iou,
    mask_counts,
    pooled,
    precision,
    recall,
    relative_difference,
    relative_difference_lits,
    specificity,
    summary,
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
    "summary",
    "volume_overlap_error",
    "with_reference",
]
