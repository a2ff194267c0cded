"""One scan and a network to a `ScanScore`: slice by slice for pixels, then the scan's labels as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import reduce
from operator import add

import cv2
import numpy as np

from liverseg.analysis.metrics import Counts, mask_counts, surface_distance
from liverseg.analysis.metrics.calibration import reliability
from liverseg.analysis.metrics.lesion_detection import Detection, detect, label_lesions
from liverseg.core.segmentation import LIVER, TUMOUR, labels_from_probabilities
from train.data.dataset import BACKGROUND_BIT, LIVER_BIT, TUMOUR_BIT
from train.evaluation.predict import Predict, Reference, hu_stack, reference_of, slice_probabilities
from train.evaluation.protocol import OVERLAP, STRUCTURES, THRESHOLDS, Protocol
from train.evaluation.scans import ScanSlices
from train.evaluation.scores import ScanScore, SliceTally, StructureScore
from train.evaluation.snapshots import Snapshot, telling_slices

SHRINK = 4
"""The first project's resolution: that of SegFormer's logits, a quarter of the slice's."""


def score_scans(
    scans: Iterable[ScanSlices],
    predict: Predict,
    context_slices: int,
    protocol: Protocol,
    snapshots: bool = False,
) -> Iterator[ScanScore]:
    """Score each scan in turn; nothing of it but its score is kept. `snapshots` keeps slices to draw."""
    for scan in scans:
        yield score_scan(scan, predict, context_slices, protocol, snapshots)


def score_scan(
    scan: ScanSlices, predict: Predict, context_slices: int, protocol: Protocol, snapshots: bool = False
) -> ScanScore:
    """All measures of one scan. Only its labels are held as a whole, its probabilities slice by slice."""
    scores = {name: StructureScore() for name in STRUCTURES}
    sweep = {t: dict.fromkeys(STRUCTURES, Counts(0, 0, 0)) for t in THRESHOLDS}
    confusion: np.ndarray | None = np.zeros((3, 3), np.int64)
    found: list[np.ndarray] = []
    for position in scan.positions:
        organ, tumour = slice_probabilities(
            scan.slices, position, predict, context_slices, protocol.context, protocol.flips
        )
        bits = scan.slices.labels[position]
        truth = reference_of(bits)
        labels = labels_from_probabilities(organ, tumour, protocol.threshold)
        in_liver = (labels > 0) | truth.organ
        for name, mask, probability in (("liver", labels > 0, organ), ("tumour", labels == TUMOUR, tumour)):
            scores[name] = _with_slice(scores[name], mask, probability, *_sides(truth, name), in_liver)
        for threshold, counts in sweep.items():
            drawn = labels_from_probabilities(organ, tumour, threshold)
            for name, mask in (("liver", drawn > 0), ("tumour", drawn == TUMOUR)):
                counts[name] += mask_counts(mask, *_sides(truth, name))
        if confusion is not None:
            confusion = _plus(confusion, quarter_confusion(organ, tumour, bits))
        found.append(labels)

    for name in STRUCTURES:
        if scores[name].unknown == 0:
            scores[name] = replace(scores[name], distances=_distances(scan, found, name, protocol))
    told = any(bool((scan.slices.labels[p] == BACKGROUND_BIT).any()) for p in scan.positions)
    if not told:  # no pixel is known to be outside the organ: there is nothing to score a liver against
        del scores["liver"]
    whole = all(score.unknown == 0 for score in scores.values()) and told
    return ScanScore(
        dataset=scan.dataset,
        split=scan.split,
        scan=scan.scan,
        slices=len(scan.positions),
        space=scan.space,
        spacing_mm=scan.spacing_mm,
        contiguous=scan.contiguous,
        structures=scores,
        sweep=sweep if told else {t: {"tumour": counts["tumour"]} for t, counts in sweep.items()},
        lesions=_lesions(scan, found) if scores["tumour"].unknown == 0 else None,
        burden=_burden(scores) if whole else None,
        confusion=confusion,
        snapshots=tuple(_snapshots(scan, found)) if snapshots else (),
    )


def _sides(truth: Reference, name: str) -> tuple[np.ndarray, np.ndarray]:
    """The reference of a structure, and where it is known."""
    return (truth.organ, truth.organ_known) if name == "liver" else (truth.tumour, truth.tumour_known)


def _with_slice(
    score: StructureScore,
    mask: np.ndarray,
    probability: np.ndarray,
    truth: np.ndarray,
    known: np.ndarray,
    in_liver: np.ndarray,
) -> StructureScore:
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


def quarter_confusion(organ: np.ndarray, tumour: np.ndarray, bits: np.ndarray) -> np.ndarray | None:
    """(3, 3) pixels, reference by prediction, of the first project's protocol for one slice (H, W).

    Zeros for a slice without annotation; None where a label leaves the class of a pixel open.
    """
    classes = np.full(256, -1)
    classes[[BACKGROUND_BIT, LIVER_BIT, TUMOUR_BIT]] = range(3)
    truth = classes[bits]
    if (truth < 0).any():
        return None
    if not truth.any():
        return np.zeros((3, 3), np.int64)
    rows, columns = (-(-side // SHRINK) for side in truth.shape)
    small = [cv2.resize(p, (columns, rows), interpolation=cv2.INTER_AREA) for p in (organ - tumour, tumour)]
    liver, lesion = small
    predicted = np.argmax(np.stack([1 - liver - lesion, liver, lesion]), axis=0)
    nearest = cv2.resize(truth.astype(np.uint8), (columns, rows), interpolation=cv2.INTER_NEAREST)
    return np.bincount(3 * nearest.ravel().astype(np.int64) + predicted.ravel(), minlength=9).reshape(3, 3)


def _plus(total: np.ndarray, one: np.ndarray | None) -> np.ndarray | None:
    return None if one is None else total + one


def _masks(scan: ScanSlices, found: list[np.ndarray], name: str) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Prediction and reference of a structure, a mask (H, W) a slice."""
    label = LIVER if name == "liver" else TUMOUR
    bits = [scan.slices.labels[position] for position in scan.positions]
    return [labels >= label for labels in found], [_sides(reference_of(b), name)[0] for b in bits]


def _distances(scan: ScanSlices, found: list[np.ndarray], name: str, protocol: Protocol) -> dict[str, float]:
    """Of `scores.DISTANCES`, for a scan whose reference answers for every pixel."""
    prediction, reference = _masks(scan, found, name)
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


def _lesions(scan: ScanSlices, found: list[np.ndarray]) -> dict[str, Detection]:
    prediction, reference = _masks(scan, found, "tumour")
    plane = (1.0, 1.0) if scan.spacing_mm is None else scan.spacing_mm[1:]
    if len({mask.shape for mask in reference}) > 1:  # slices of several sizes: each by itself
        stacks = [(p[None], r[None]) for p, r in zip(prediction, reference, strict=True)]
    else:
        stacks = [(np.stack(prediction), np.stack(reference))]
    stacks = [_cropped(*pair) for pair in stacks]
    sides = [tuple(label_lesions(mask, scan.contiguous, plane) for mask in pair) for pair in stacks]
    rules = {"overlap_50": OVERLAP, "overlap_any": 0.0}
    return {rule: reduce(add, [detect(p, r, share) for p, r in sides]) for rule, share in rules.items()}


def _cropped(prediction: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both masks cut to the box around what either shows: a volume is mostly empty."""
    box = surface_distance.bounding_box(prediction | reference)
    return (prediction, reference) if box is None else (prediction[box], reference[box])


def _burden(scores: dict[str, StructureScore]) -> tuple[float, float] | None:
    liver, tumour = scores["liver"].counts, scores["tumour"].counts
    if not liver.reference:
        return None
    predicted = tumour.predicted / liver.predicted if liver.predicted else 0.0
    return tumour.reference / liver.reference, predicted


def _snapshots(scan: ScanSlices, found: list[np.ndarray]) -> Iterator[Snapshot]:
    organ, tumour = (_masks(scan, found, name)[1] for name in STRUCTURES)
    reference = [o.astype(np.uint8) + t for o, t in zip(organ, tumour, strict=True)]
    plane = None if scan.spacing_mm is None else scan.spacing_mm[1:]
    for k in telling_slices(reference, found):
        position = scan.positions[k]
        hu = hu_stack(scan.slices, position, [0])[0]
        yield Snapshot.take(scan.slices.rows[position].index, hu, reference[k], found[k], plane)
