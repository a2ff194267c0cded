"""The first project's numbers, by its own protocol and under its own name (see `protocol.TEXTS`)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from liverseg.core.segmentation import CLASSES
from train.evaluation.scores import ScanScore
from train.evaluation.statistics import Entry, pooled_of

CLASS_ROWS = {"background": (0,), "liver": (1,), "tumour": (2,), "liver_with_tumour": (1, 2)}

MEASURES = {
    "dice": lambda s: 2 * s[:, 0] / (2 * s[:, 0] + s[:, 1] + s[:, 2]),
    "iou": lambda s: s[:, 0] / (s[:, 0] + s[:, 1] + s[:, 2]),
    "precision": lambda s: s[:, 0] / (s[:, 0] + s[:, 1]),
    "recall": lambda s: s[:, 0] / (s[:, 0] + s[:, 2]),
}


def first_project(scores: Sequence[ScanScore], seed: int = 0) -> dict | None:
    """Dice, IoU, precision and recall of each class, accuracy, and the means over the three classes.

    None where a label leaves the class of some pixel open, or no slice is annotated: the protocol
    then says nothing.
    """
    confusions = [score.confusion for score in scores]
    if any(c is None for c in confusions) or not any(c.any() for c in confusions):
        return None
    classes = {name: _of_class(confusions, rows, seed) for name, rows in CLASS_ROWS.items()}
    total = np.sum(confusions, axis=0)
    known = {m: [classes[name][m]["value"] for name in CLASSES] for m in MEASURES}
    return {
        **classes,
        "accuracy": float(np.trace(total) / total.sum()),
        "mean_of_classes": {m: None if None in v else float(np.mean(v)) for m, v in known.items()},
        "pixels": int(total.sum()),
    }


def _of_class(confusions: Sequence[np.ndarray], rows: tuple[int, ...], seed: int) -> dict[str, Entry]:
    """`confusions` are (3, 3), reference by prediction; `rows` the classes taken as one."""
    chosen = list(rows)
    counted = []
    for confusion in confusions:
        tp = confusion[np.ix_(chosen, chosen)].sum()
        counted.append((tp, confusion[:, chosen].sum() - tp, confusion[chosen].sum() - tp))
    return {measure: pooled_of(counted, of, seed) for measure, of in MEASURES.items()}
