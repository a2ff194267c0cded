"""Scores one scan slice by slice: every slice is decided on its own, as a lone slice is for a user."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import cv2
import numpy as np

from liverseg.core.lesion_candidates import NO_RULES, decide_lesions
from liverseg.core.segmentation import TUMOUR, labels_from_probabilities
from liverseg.core.sure_bodies import remove_unsure_bodies
from liverseg.inference.rules import InferenceRules
from train.data.dataset import BACKGROUND_BIT, LIVER_BIT, TUMOUR_BIT
from train.evaluation.predict import Predict, slice_probabilities
from train.evaluation.protocol import THRESHOLDS, Protocol
from train.evaluation.scan_measures import ScanMeasures
from train.evaluation.scans import ScanSlices
from train.evaluation.scores import ScanScore

NO_INFERENCE_RULES = InferenceRules()

LOGIT_STRIDE = 4
"""The first project scored at the resolution of SegFormer's logits, a quarter of that of the slice."""


def score_scans(
    scans: Iterable[ScanSlices],
    predict: Predict,
    context_slices: int,
    protocol: Protocol,
    snapshots: bool = False,
) -> Iterator[ScanScore]:
    """The score of each scan; with `snapshots` a score keeps some slices to draw."""
    for scan in scans:
        yield score_scan(scan, predict, context_slices, protocol, snapshots)


def score_scan(
    scan: ScanSlices,
    predict: Predict,
    context_slices: int,
    protocol: Protocol,
    snapshots: bool = False,
    rules: InferenceRules = NO_INFERENCE_RULES,
) -> ScanScore:
    """All measures of one scan; of the checkpoint's `rules`, those for a single slice apply.

    The predicted labels of the whole scan are held in memory, its probabilities only slice by slice.
    """
    measures = ScanMeasures(scan, protocol)
    confusion: np.ndarray | None = np.zeros((3, 3), np.int64)
    candidates: list[np.ndarray] = []
    for k, position in enumerate(scan.positions):
        organ, tumour = slice_probabilities(
            scan.slices, position, predict, context_slices, protocol.context, protocol.flips
        )
        labels = _labels(organ, tumour, protocol.threshold, rules)
        candidates.append(labels == TUMOUR)
        measures.add(_decided(labels, organ, tumour, protocol.threshold, rules), organ, tumour)
        for threshold in THRESHOLDS:
            swept = _labels(organ, tumour, threshold, rules)
            measures.add_sweep(k, threshold, _decided(swept, organ, tumour, threshold, rules))
        if confusion is not None:
            slice_confusion = quarter_confusion(organ, tumour, scan.slices.labels[position])
            confusion = None if slice_confusion is None else confusion + slice_confusion
    return measures.score(
        scan.contiguous, None if rules.slice_lesions.model is None else candidates, confusion, snapshots
    )


def _labels(organ: np.ndarray, tumour: np.ndarray, threshold: float, rules: InferenceRules) -> np.ndarray:
    """The labels (H, W) of one slice with the bodies that are kept, before its lesions are decided."""
    labels = labels_from_probabilities(organ, tumour, threshold)
    if rules.least_body_probability:
        remove_unsure_bodies(labels, organ, rules.least_body_probability)
    return labels


def _decided(
    labels: np.ndarray, organ: np.ndarray, tumour: np.ndarray, threshold: float, rules: InferenceRules
) -> np.ndarray:
    """The labels (H, W) of one slice after the rules have decided its candidate lesions."""
    if rules.slice_lesions == NO_RULES:
        return labels
    stack = labels[None].copy()
    decide_lesions(stack, organ[None], tumour[None], threshold, rules.slice_lesions)
    return stack[0]


def quarter_confusion(organ: np.ndarray, tumour: np.ndarray, bits: np.ndarray) -> np.ndarray | None:
    """The confusion matrix of one slice (H, W) by the first project's protocol.

    Pixel counts (3, 3), reference by prediction. Zeros for a slice without annotation; None where a label
    does not decide the class of a pixel.
    """
    classes = np.full(256, -1)
    classes[[BACKGROUND_BIT, LIVER_BIT, TUMOUR_BIT]] = range(3)
    reference = classes[bits]
    if (reference < 0).any():
        return None
    if not reference.any():
        return np.zeros((3, 3), np.int64)
    rows, columns = (-(-side // LOGIT_STRIDE) for side in reference.shape)
    liver, lesion = (
        cv2.resize(p, (columns, rows), interpolation=cv2.INTER_AREA) for p in (organ - tumour, tumour)
    )
    predicted = np.argmax(np.stack([1 - liver - lesion, liver, lesion]), axis=0)
    nearest = cv2.resize(reference.astype(np.uint8), (columns, rows), interpolation=cv2.INTER_NEAREST)
    return np.bincount(3 * nearest.ravel().astype(np.int64) + predicted.ravel(), minlength=9).reshape(3, 3)
