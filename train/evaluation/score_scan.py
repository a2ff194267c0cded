"""Scores one scan: pixel measures slice by slice, then distances and lesions from the whole label volume."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import reduce
from operator import add

import cv2
import numpy as np

from liverseg.analysis.metrics import Counts, mask_counts, surface_distance
from liverseg.analysis.metrics.calibration import reliability
from liverseg.analysis.metrics.lesion_detection import Detection, label_lesions, score_detection
from liverseg.core.segmentation import LIVER, TUMOUR, labels_from_probabilities
from train.data.dataset import BACKGROUND_BIT, LIVER_BIT, TUMOUR_BIT
from train.evaluation.predict import Predict, Reference, hu_stack, reference_of, slice_probabilities
from train.evaluation.protocol import OVERLAP, STRUCTURES, THRESHOLDS, Protocol
from train.evaluation.scans import ScanSlices
from train.evaluation.scores import ScanScore, SliceTally, StructureScore
from train.evaluation.snapshots import Snapshot, informative_slices

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
    scan: ScanSlices, predict: Predict, context_slices: int, protocol: Protocol, snapshots: bool = False
) -> ScanScore:
    """All measures of one scan.

    The predicted labels of the whole scan are held in memory, its probabilities only slice by slice.
    """
    scores = {name: StructureScore() for name in STRUCTURES}
    sweep = {t: dict.fromkeys(STRUCTURES, Counts(0, 0, 0)) for t in THRESHOLDS}
    confusion: np.ndarray | None = np.zeros((3, 3), np.int64)
    predicted: list[np.ndarray] = []
    for position in scan.positions:
        organ, tumour = slice_probabilities(
            scan.slices, position, predict, context_slices, protocol.context, protocol.flips
        )
        bits = scan.slices.labels[position]
        reference = reference_of(bits)
        labels = labels_from_probabilities(organ, tumour, protocol.threshold)
        in_liver = (labels > 0) | reference.organ
        for name, mask, probability in (("liver", labels > 0, organ), ("tumour", labels == TUMOUR, tumour)):
            scores[name] = _add_slice(scores[name], mask, probability, *_truth(reference, name), in_liver)
        for threshold, counts in sweep.items():
            swept = labels_from_probabilities(organ, tumour, threshold)
            for name, mask in (("liver", swept > 0), ("tumour", swept == TUMOUR)):
                counts[name] += mask_counts(mask, *_truth(reference, name))
        if confusion is not None:
            slice_confusion = quarter_confusion(organ, tumour, bits)
            confusion = None if slice_confusion is None else confusion + slice_confusion
        predicted.append(labels)

    for name in STRUCTURES:
        if scores[name].unknown == 0:
            scores[name] = replace(scores[name], distances=_distances(scan, predicted, name, protocol))
    liver_scored = any(bool((scan.slices.labels[p] == BACKGROUND_BIT).any()) for p in scan.positions)
    if not liver_scored:  # no pixel is certainly outside the liver
        del scores["liver"]
    fully_labelled = liver_scored and all(score.unknown == 0 for score in scores.values())
    return ScanScore(
        dataset=scan.dataset,
        split=scan.split,
        scan=scan.scan,
        slices=len(scan.positions),
        space=scan.space,
        spacing_mm=scan.spacing_mm,
        contiguous=scan.contiguous,
        structures=scores,
        sweep=sweep if liver_scored else {t: {"tumour": counts["tumour"]} for t, counts in sweep.items()},
        lesions=_lesions(scan, predicted) if scores["tumour"].unknown == 0 else None,
        burden=_burden(scores) if fully_labelled else None,
        confusion=confusion,
        snapshots=tuple(_snapshots(scan, predicted)) if snapshots else (),
    )


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


def _truth(reference: Reference, name: str) -> tuple[np.ndarray, np.ndarray]:
    """The reference mask of a structure, and the pixels where it is known."""
    if name == "liver":
        return reference.organ, reference.organ_known
    return reference.tumour, reference.tumour_known


def _add_slice(
    score: StructureScore,
    mask: np.ndarray,
    probability: np.ndarray,
    truth: np.ndarray,
    known: np.ndarray,
    in_liver: np.ndarray,
) -> StructureScore:
    """The score of a structure after one more slice; the arrays are (H, W)."""
    counts = mask_counts(mask, truth, known)
    pixels = int(np.count_nonzero(known))
    free = not counts.reference and pixels == known.size
    tally = score.slices
    return replace(
        score,
        counts=score.counts + counts,
        pixels=score.pixels + pixels,
        unknown=score.unknown + known.size - pixels,
        slices=SliceTally(
            tally.shown + bool(counts.reference),
            tally.found + bool(counts.tp),
            tally.free + free,
            tally.clean + (free and not counts.predicted),
        ),
        calibration={
            "slice": score.calibration["slice"] + reliability(probability, truth, known),
            "in_liver": score.calibration["in_liver"] + reliability(probability, truth, known & in_liver),
        },
    )


def _masks(
    scan: ScanSlices, predicted: list[np.ndarray], name: str
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The predicted and the reference masks of a structure, one (H, W) mask per slice."""
    label = LIVER if name == "liver" else TUMOUR
    bits = [scan.slices.labels[position] for position in scan.positions]
    return [labels >= label for labels in predicted], [_truth(reference_of(b), name)[0] for b in bits]


def _distances(
    scan: ScanSlices, predicted: list[np.ndarray], name: str, protocol: Protocol
) -> dict[str, float]:
    """The measures of `scores.DISTANCES`, for a structure whose reference is known in every pixel."""
    prediction, reference = _masks(scan, predicted, name)
    if scan.space == "mm":
        distances = surface_distance.surface_distances(
            np.stack(prediction), np.stack(reference), scan.spacing_mm, protocol.connectivity
        )
    else:
        plane = None if scan.spacing_mm is None else scan.spacing_mm[1:]
        connectivity = min(protocol.connectivity, 2)
        distances = surface_distance.slice_surface_distances(prediction, reference, plane, connectivity)
    return {
        "assd": surface_distance.average_distance(distances),
        "msd": surface_distance.maximum_distance(distances),
        "rmsd": surface_distance.root_mean_square_distance(distances),
        "hd95": surface_distance.hausdorff_percentile(distances),
        "surface_dice": surface_distance.surface_dice(distances, protocol.tolerance),
    }


def _lesions(scan: ScanSlices, predicted: list[np.ndarray]) -> dict[str, Detection]:
    """The lesions of a scan by detection rule."""
    prediction, reference = _masks(scan, predicted, "tumour")
    plane = (1.0, 1.0) if scan.spacing_mm is None else scan.spacing_mm[1:]
    if len({mask.shape for mask in reference}) > 1:  # slices of different sizes are matched separately
        pairs = [(p[None], r[None]) for p, r in zip(prediction, reference, strict=True)]
    else:
        pairs = [(np.stack(prediction), np.stack(reference))]
    pairs = [_cropped(*pair) for pair in pairs]
    labelled = [tuple(label_lesions(mask, scan.contiguous, plane) for mask in pair) for pair in pairs]
    rules = {"overlap_50": OVERLAP, "overlap_any": 0.0}
    return {
        rule: reduce(add, [score_detection(p, r, share) for p, r in labelled])
        for rule, share in rules.items()
    }


def _cropped(prediction: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both masks cropped to their common bounding box, because most of a volume is empty."""
    box = surface_distance.bounding_box(prediction | reference)
    return (prediction, reference) if box is None else (prediction[box], reference[box])


def _burden(scores: dict[str, StructureScore]) -> tuple[float, float] | None:
    """The tumour's share of the liver, (reference, prediction); None without a liver in the reference."""
    liver, tumour = scores["liver"].counts, scores["tumour"].counts
    if not liver.reference:
        return None
    predicted = tumour.predicted / liver.predicted if liver.predicted else 0.0
    return tumour.reference / liver.reference, predicted


def _snapshots(scan: ScanSlices, predicted: list[np.ndarray]) -> Iterator[Snapshot]:
    organ, tumour = (_masks(scan, predicted, name)[1] for name in STRUCTURES)
    reference = [o.astype(np.uint8) + t for o, t in zip(organ, tumour, strict=True)]
    plane = None if scan.spacing_mm is None else scan.spacing_mm[1:]
    for k in informative_slices(reference, predicted):
        position = scan.positions[k]
        hu = hu_stack(scan.slices, position, [0])[0]
        yield Snapshot.take(scan.slices.rows[position].index, hu, reference[k], predicted[k], plane)
