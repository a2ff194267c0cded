"""The measures of one scan, added up slice by slice; distances and lesions come from all its slices."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from operator import add

import numpy as np

from liverseg.analysis.metrics import Counts, mask_counts, surface_distance
from liverseg.analysis.metrics.calibration import reliability
from liverseg.analysis.metrics.lesion_detection import Detection, label_lesions, score_detection
from liverseg.core.segmentation import LIVER, TUMOUR
from train.data.dataset import BACKGROUND_BIT
from train.evaluation.predict import Reference, hu_stack, reference_of
from train.evaluation.protocol import OVERLAP, STRUCTURES, THRESHOLDS, Protocol
from train.evaluation.scans import ScanSlices
from train.evaluation.scores import ScanScore, SliceTally, StructureScore
from train.evaluation.snapshots import Snapshot, informative_slices


class ScanMeasures:
    """Collects the prediction for a scan and gives its score. The labels of the whole scan are held."""

    def __init__(self, scan: ScanSlices, protocol: Protocol) -> None:
        self.scan, self.protocol = scan, protocol
        self._scores = {name: StructureScore() for name in STRUCTURES}
        self._sweep = {t: dict.fromkeys(STRUCTURES, Counts(0, 0, 0)) for t in THRESHOLDS}
        self._labels: list[np.ndarray] = []

    def add(self, labels: np.ndarray, organ: np.ndarray, tumour: np.ndarray) -> None:
        """Add the prediction for the next slice: labels and both probabilities, (H, W) each."""
        reference = self._reference(len(self._labels))
        in_liver = (labels > 0) | reference.organ
        for name, mask, probability in (("liver", labels > 0, organ), ("tumour", labels == TUMOUR, tumour)):
            truth, known = _truth(reference, name)
            self._scores[name] = _add_slice(self._scores[name], mask, truth, known)
            calibration = self._scores[name].calibration
            self._scores[name] = replace(
                self._scores[name],
                calibration={
                    "slice": calibration["slice"] + reliability(probability, truth, known),
                    "in_liver": calibration["in_liver"] + reliability(probability, truth, known & in_liver),
                },
            )
        self._labels.append(labels)

    def add_sweep(self, k: int, threshold: float, labels: np.ndarray) -> None:
        """Add the labels of the scan's k-th slice at a threshold of the sweep."""
        reference, counts = self._reference(k), self._sweep[threshold]
        for name, mask in (("liver", labels > 0), ("tumour", labels == TUMOUR)):
            counts[name] += mask_counts(mask, *_truth(reference, name))

    def score(
        self,
        contiguous: bool,
        candidates: list[np.ndarray] | None = None,
        confusion: np.ndarray | None = None,
        snapshots: bool = False,
    ) -> ScanScore:
        """The score after all slices were added.

        With `contiguous` lesions extend over slices. `candidates` are the (H, W) masks of all candidate
        lesions, where a lesion model chose the likely ones. `confusion` is that of the first project.
        """
        scan, scores = self.scan, dict(self._scores)
        for name in STRUCTURES:
            if scores[name].unknown == 0:
                scores[name] = replace(scores[name], distances=self._distances(name))
        liver_scored = any(bool((scan.slices.labels[p] == BACKGROUND_BIT).any()) for p in scan.positions)
        if not liver_scored:  # no pixel is certainly outside the liver
            del scores["liver"]
        fully_labelled = liver_scored and all(score.unknown == 0 for score in scores.values())
        sweep = self._sweep
        if not liver_scored:
            sweep = {t: {"tumour": counts["tumour"]} for t, counts in sweep.items()}
        decided = scores["tumour"].unknown == 0
        tumours = [labels == TUMOUR for labels in self._labels]
        return ScanScore(
            dataset=scan.dataset,
            split=scan.split,
            scan=scan.scan,
            slices=len(scan.positions),
            space=scan.space,
            spacing_mm=scan.spacing_mm,
            contiguous=scan.contiguous,
            structures=scores,
            sweep=sweep,
            lesions=self._lesions(tumours, contiguous) if decided else None,
            burden=_burden(scores) if fully_labelled else None,
            confusion=confusion,
            snapshots=self._snapshots() if snapshots else (),
            mode=self.protocol.mode,
            candidates=self._lesions(candidates, contiguous) if decided and candidates is not None else None,
        )

    def _reference(self, k: int) -> Reference:
        return reference_of(self.scan.slices.labels[self.scan.positions[k]])

    def _masks(self, name: str) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """The predicted and the reference masks of a structure, one (H, W) mask per slice."""
        label = LIVER if name == "liver" else TUMOUR
        truths = [_truth(self._reference(k), name)[0] for k in range(len(self._labels))]
        return [labels >= label for labels in self._labels], truths

    def _distances(self, name: str) -> dict[str, float]:
        """The measures of `scores.DISTANCES`, for a structure whose reference is known in every pixel."""
        prediction, reference = self._masks(name)
        scan, protocol = self.scan, self.protocol
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

    def _lesions(self, prediction: list[np.ndarray], contiguous: bool) -> dict[str, Detection]:
        """The lesions of a scan by detection rule."""
        reference = self._masks("tumour")[1]
        plane = (1.0, 1.0) if self.scan.spacing_mm is None else self.scan.spacing_mm[1:]
        if len({mask.shape for mask in reference}) > 1:  # slices of different sizes are matched separately
            pairs = [(p[None], r[None]) for p, r in zip(prediction, reference, strict=True)]
        else:
            pairs = [(np.stack(prediction), np.stack(reference))]
        pairs = [_cropped(*pair) for pair in pairs]
        labelled = [tuple(label_lesions(mask, contiguous, plane) for mask in pair) for pair in pairs]
        rules = {"overlap_50": OVERLAP, "overlap_any": 0.0}
        return {
            rule: reduce(add, [score_detection(p, r, share) for p, r in labelled])
            for rule, share in rules.items()
        }

    def _snapshots(self) -> tuple[Snapshot, ...]:
        organ, tumour = (self._masks(name)[1] for name in STRUCTURES)
        reference = [o.astype(np.uint8) + t for o, t in zip(organ, tumour, strict=True)]
        scan, taken = self.scan, []
        plane = None if scan.spacing_mm is None else scan.spacing_mm[1:]
        for k in informative_slices(reference, self._labels):
            position = scan.positions[k]
            hu = hu_stack(scan.slices, position, [0])[0]
            index = scan.slices.rows[position].index
            taken.append(Snapshot.take(index, hu, reference[k], self._labels[k], plane))
        return tuple(taken)


def _truth(reference: Reference, name: str) -> tuple[np.ndarray, np.ndarray]:
    """The reference mask of a structure, and the pixels where it is known."""
    if name == "liver":
        return reference.organ, reference.organ_known
    return reference.tumour, reference.tumour_known


def _add_slice(
    score: StructureScore, mask: np.ndarray, truth: np.ndarray, known: np.ndarray
) -> StructureScore:
    """The score of a structure after one more slice, calibration aside; the arrays are (H, W)."""
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
            tally.false_px + (counts.predicted if free else 0),
        ),
    )


def _cropped(prediction: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both masks cropped to their common bounding box, because most of a volume is empty."""
    box = surface_distance.bounding_slices(prediction | reference)
    return (prediction, reference) if box is None else (prediction[box], reference[box])


def _burden(scores: dict[str, StructureScore]) -> tuple[float, float] | None:
    """The tumour's share of the liver, (reference, prediction); None without a liver in the reference."""
    liver, tumour = scores["liver"].counts, scores["tumour"].counts
    if not liver.reference:
        return None
    predicted = tumour.predicted / liver.predicted if liver.predicted else 0.0
    return tumour.reference / liver.reference, predicted
