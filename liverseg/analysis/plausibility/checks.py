"""Plausibility checks of an input and its segmentation; each failed check gives one `Doubt` (pure).

Input checks: spacing and size, likeness to abdominal CT (`ct_likeness`), orientation (`orientation_check`)
and window (`window_check`). Result checks: liver found, position and size of the liver, image edge,
confidence. In a volume a sample of slices with liver is checked and the majority or the median decides.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from liverseg.analysis.plausibility.ct_likeness import GOOD, load_likeness_model
from liverseg.analysis.plausibility.features import (
    body_mask,
    centre_and_spread,
    downsampled,
    slice_features,
    small_grey,
    smallest_box,
)
from liverseg.analysis.plausibility.messages import CHECK, DO_NOT_TRUST, Doubt, make_doubt
from liverseg.analysis.plausibility.orientation_check import load_orientation_model
from liverseg.analysis.plausibility.window_check import shows_other_window
from liverseg.core.image import CTImage
from liverseg.core.segmentation import Segmentation

PIXEL_SPACING_MM = (0.4, 1.6)
"""Supported pixel spacing. LiTS has 0.56 to 1.0 mm; the working size of the networks allows for the rest."""

MAX_SLICE_DISTANCE_MM = 8.0
"""Largest supported distance between slices. LiTS has 0.45 to 6 mm."""

LEAST_SIDE_PX = 160
"""Lesion edges are lost in smaller slices; training scans have 256 or 512 pixels a side."""

MAX_EDGE_SHARE = 0.02
"""If more than this share of one side of a slice is liver, the liver is cut off."""

MIN_CONFIDENCE = 0.6
"""Mean probability of the liver pixels below which the network is uncertain.

Of the good slices that `benchmarks.scope` fits on, 1 % are below.
"""

SAMPLED_SLICES = 9
"""Number of slices of a volume that are checked."""

MAX_LIVER_COLUMN = 0.1
"""Rightmost plausible centre of the liver, from -1 (left of the body in the picture) to 1 (right)."""

MIN_LIVER_SHARE = 0.002
"""Share of the body below which there is hardly any liver."""

MAX_LOWEST_HU = -10.0
"""If the lowest stored value is above this, the values are not HU: air is -1000 HU and fat -100 HU."""

SEVERE_FRACTION = 0.1
"""A likeness below this fraction of `LikenessModel.least` means "do not trust", above it "check"."""


def find_doubts(ct: CTImage, seg: Segmentation) -> tuple[Doubt, ...]:
    """All doubts about a result, the severe ones first. `seg` lies on the grid of `ct`."""
    slices = sampled_slices(seg.labels)
    doubts = [*result_doubts(ct, seg, slices), *input_doubts(ct, slices)]
    by_reason = {doubt.reason: doubt for doubt in doubts}  # input doubts win: they may be more severe
    return tuple(sorted(by_reason.values(), key=lambda doubt: doubt.severity != DO_NOT_TRUST))


def input_doubts(ct: CTImage, slices: list[int]) -> list[Doubt]:
    """Doubts about the spacing and the appearance of `slices`. They need no segmentation."""
    return [*_spacing_doubts(ct), *_appearance_doubts(ct, slices)]


def result_doubts(ct: CTImage, seg: Segmentation, slices: list[int]) -> list[Doubt]:
    """Doubts about the segmentation: no liver, liver at the edge or implausibly placed, low confidence.

    Labels of a file have no confidence to doubt.
    """
    if not seg.labels.any():
        return [make_doubt(DO_NOT_TRUST, "no liver" if ct.kind == "slice" else "no liver in volume")]
    doubts = _edge_doubts(seg)
    shares, columns = zip(
        *(liver_share_and_column(ct.hu[index], seg.labels[index]) for index in slices), strict=True
    )
    if float(np.median(columns)) > MAX_LIVER_COLUMN:
        doubts.append(make_doubt(CHECK, "mirrored"))
    if float(np.median(shares)) < MIN_LIVER_SHARE:
        doubts.append(make_doubt(CHECK, "elsewhere"))
    if not seg.has_probabilities:
        return doubts
    confidence = float(np.median([mean_confidence(seg.organ_probability[index]) for index in slices]))
    if confidence < MIN_CONFIDENCE:
        doubts.append(make_doubt(CHECK, "confidence", confidence=confidence))
    return doubts


def _spacing_doubts(ct: CTImage) -> list[Doubt]:
    doubts = []
    low, high = PIXEL_SPACING_MM
    if ct.spacing_mm is not None and not all(low <= mm <= high for mm in ct.spacing_mm[1:]):
        pixels = " × ".join(f"{mm:.3g}" for mm in ct.spacing_mm[1:])
        doubts.append(make_doubt(CHECK, "pixels", pixels=pixels, low=low, high=high))
    elif min(ct.shape[1:]) < LEAST_SIDE_PX:
        doubts.append(make_doubt(CHECK, "small", pixels=f"{ct.shape[2]} × {ct.shape[1]}"))
    distance = ct.spacing_mm[0] if ct.kind == "volume" and ct.spacing_mm is not None else 0.0
    if distance > MAX_SLICE_DISTANCE_MM:
        doubts.append(make_doubt(CHECK, "thickness", distance=distance, limit=MAX_SLICE_DISTANCE_MM))
    return doubts


def _edge_doubts(seg: Segmentation) -> list[Doubt]:
    labels = seg.labels
    sides = (labels[:, 0], labels[:, -1], labels[:, :, 0], labels[:, :, -1])  # (S, side) each
    share = max(float((side > 0).mean(axis=1).max()) for side in sides)
    return [make_doubt(CHECK, "edge")] if share > MAX_EDGE_SHARE else []


def _appearance_doubts(ct: CTImage, slices: list[int]) -> list[Doubt]:
    """At most one doubt: not HU, another window, or the kind of defect that most of `slices` show."""
    if ct.assumed_window is None and float(ct.hu.min()) > MAX_LOWEST_HU:
        return [make_doubt(DO_NOT_TRUST, "not_hu")]
    model = load_likeness_model()
    defects: Counter[str] = Counter()
    good = []
    units = [small_grey(ct.hu[index]) for index in slices]
    for unit in units:
        probabilities = model.probabilities(slice_features(unit))
        good.append(probabilities.pop(GOOD))
        defects[max(probabilities, key=probabilities.__getitem__)] += 1
    median_likeness = float(np.median(good))
    defect = defects.most_common(1)[0][0]
    severe = median_likeness < SEVERE_FRACTION * model.least and defect != "elsewhere"
    if ct.assumed_window is not None and shows_other_window(ct.hu[slices[0]], ct.assumed_window):
        if not (severe and defect == "not_ct"):  # a photograph has no fat peak either
            return [make_doubt(CHECK, "window")]
    orientation = _orientation_defect(units)
    if median_likeness >= model.least:
        return [make_doubt(CHECK, orientation)] if orientation else []
    if defect == "mirrored" and orientation:
        defect = orientation
    reason = "not_hu" if defect == "window" and ct.assumed_window is None else defect
    return [make_doubt(DO_NOT_TRUST if severe else CHECK, reason)]


def _orientation_defect(units: list[np.ndarray]) -> str:
    """ "turned", "mirrored", or "" for the right orientation."""
    turned, mirrored = np.median([load_orientation_model().excess(unit) for unit in units], axis=0)
    return "turned" if turned > 0 else "mirrored" if mirrored > 0 else ""


def sampled_slices(labels: np.ndarray) -> list[int]:
    """The slices of labels (S, H, W) to check: evenly spread over the slices with much liver.

    >>> labels = np.zeros((5, 2, 2), np.uint8); labels[1:3] = 1
    >>> sampled_slices(labels), sampled_slices(labels[:1])
    ([1, 2], [0])
    """
    if len(labels) == 1:
        return [0]
    areas = np.array([np.count_nonzero(plane) for plane in labels])
    with_liver = np.flatnonzero(areas > 0.3 * areas.max())
    if not areas.any():
        with_liver = np.arange(len(labels))
    positions = np.linspace(0, len(with_liver) - 1, min(SAMPLED_SLICES, len(with_liver)))
    return [int(with_liver[round(position)]) for position in positions]


def mean_confidence(organ_probability: np.ndarray) -> float:
    """Mean probability of the pixels labelled liver or tumour, in a map of any shape; 0 if there are none.

    >>> mean_confidence(np.array([0.1, 0.6, 0.8])), mean_confidence(np.zeros(3))
    (0.7, 0.0)
    """
    organ = organ_probability[organ_probability >= 0.5]
    return float(organ.mean(dtype=np.float64)) if organ.size else 0.0


def liver_share_and_column(hu: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """The liver in a slice (H, W): its share of the body, and the column of its centre. Includes tumours.

    The column runs from -1 at the left of the body in the picture to 1 at its right. Both are 0 without
    liver or body.
    """
    body, organ = body_mask(small_grey(hu)), downsampled((labels > 0).astype(np.float32)) >= 0.5
    if not body.any() or not organ.any():
        return 0.0, 0.0
    _, column, _, _ = centre_and_spread(organ, smallest_box(body))
    return float(organ.sum() / body.sum()), column
