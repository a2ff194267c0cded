"""Scores one scan as a volume: all its slices are segmented together by the segmenter that users get."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from liverseg.analysis.metrics import Counts, mask_counts
from liverseg.core.float16 import to_float32
from liverseg.core.lesion_candidates import FAINT
from liverseg.core.segmentation import TUMOUR, Segmentation
from liverseg.inference.segmenter import Segmenter
from train.evaluation.predict import reference_of
from train.evaluation.protocol import STRUCTURES, THRESHOLDS, Protocol
from train.evaluation.scan_image import scan_image
from train.evaluation.scan_measures import ScanMeasures
from train.evaluation.scans import ScanSlices
from train.evaluation.scores import ScanScore


def score_volume(
    scan: ScanSlices, segmenter: Segmenter, protocol: Protocol, snapshots: bool = False
) -> ScanScore:
    """All measures of a scan whose slices form a volume.

    Lesions are 26-connected over the slices in hand, also where these are not consecutive.
    """
    seg = segmenter.segment(scan_image(scan), threshold=protocol.threshold)
    measures = ScanMeasures(scan, protocol)
    for labels, organ, tumour in zip(seg.labels, seg.organ_probability, seg.tumour_probability, strict=True):
        measures.add(labels, *map(_float32, (organ, tumour)))
    for threshold in THRESHOLDS:
        for k, labels in enumerate(seg.at_threshold(threshold).labels):
            measures.add_sweep(k, threshold, labels)
    model = seg.lesion_rules.model
    return measures.score(True, None if model is None else list(listed_candidates(seg)), None, snapshots)


def count_volume_pixels(scan: ScanSlices, segmenter: Segmenter, threshold: float) -> dict[str, Counts]:
    """The pixel counts of liver and tumour of a scan whose slices form a volume.

    Pixels whose label does not decide membership in a structure are not counted.
    """
    found = segmenter.segment(scan_image(scan), threshold=threshold).labels
    counts = dict.fromkeys(STRUCTURES, Counts(0, 0, 0))
    for labels, position in zip(found, scan.positions, strict=True):
        reference = reference_of(scan.slices.labels[position])
        counts["liver"] += mask_counts(labels > 0, reference.organ, reference.organ_known)
        counts["tumour"] += mask_counts(labels == TUMOUR, reference.tumour, reference.tumour_known)
    return counts


def listed_candidates(seg: Segmentation) -> Iterator[np.ndarray]:
    """The mask (H, W) of the likely and unsure lesions of each slice; faint candidates are left out."""
    assert seg.candidates is not None  # a lesion model decided them
    listed = seg.candidates.status > FAINT
    for z in range(len(seg.labels)):
        yield seg.candidates.components.plane(z, listed)


def _float32(plane: np.ndarray) -> np.ndarray:
    return to_float32(plane) if plane.dtype == np.float16 else plane
