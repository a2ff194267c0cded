"""Scores by the protocol of the SegFormer project that preceded this one (`protocol.TEXTS`)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from liverseg.core.segmentation import CLASSES
from train.evaluation.scores import ScanScore
from train.evaluation.statistics import Entry, pooled_entry

CLASS_ROWS = {"background": (0,), "liver": (1,), "tumour": (2,), "liver_with_tumour": (1, 2)}
"""The rows of the confusion matrix that count as each class."""

CLASS_MEASURES = {
    "dice": lambda s: 2 * s[:, 0] / (2 * s[:, 0] + s[:, 1] + s[:, 2]),
    "iou": lambda s: s[:, 0] / (s[:, 0] + s[:, 1] + s[:, 2]),
    "precision": lambda s: s[:, 0] / (s[:, 0] + s[:, 1]),
    "recall": lambda s: s[:, 0] / (s[:, 0] + s[:, 2]),
}
"""Statistics of true positives, false positives and false negatives, (N, 3)."""


def first_project_scores(scores: Sequence[ScanScore], seed: int = 0) -> dict | None:
    """Dice, IoU, precision and recall of each class, their means over the classes, and the accuracy.

    None where a partial label leaves the class of some pixel undecided or no slice is annotated: the
    protocol is then undefined.
    """
    confusions = [score.confusion for score in scores]
    if any(c is None for c in confusions) or not any(c.any() for c in confusions):
        return None
    classes = {name: _class_entries(confusions, rows, seed) for name, rows in CLASS_ROWS.items()}
    total = np.sum(confusions, axis=0)
    values = {m: [classes[name][m]["value"] for name in CLASSES] for m in CLASS_MEASURES}
    return {
        **classes,
        "accuracy": float(np.trace(total) / total.sum()),
        "mean_of_classes": {m: None if None in v else float(np.mean(v)) for m, v in values.items()},
        "pixels": int(total.sum()),
    }


def _class_entries(confusions: Sequence[np.ndarray], rows: tuple[int, ...], seed: int) -> dict[str, Entry]:
    """The measures of one class; `confusions` are (3, 3), reference by prediction."""
    merged = list(rows)
    counts = []
    for confusion in confusions:
        tp = confusion[np.ix_(merged, merged)].sum()
        counts.append((tp, confusion[:, merged].sum() - tp, confusion[merged].sum() - tp))
    return {measure: pooled_entry(counts, of, seed) for measure, of in CLASS_MEASURES.items()}
