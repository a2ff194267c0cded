"""When not to believe a result: doubts about an input and what was found in it, one sentence each (pure).

Rules with a named limit (spacing, edge, confidence), the likeness of a slice to the CT that liverseg is made
for (`plausibility.ct_likeness`), and whether a rotated or mirrored copy looks more like CT
(`plausibility.orientation_check`). In a volume, slices with liver are checked and the majority decides.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from liverseg.analysis.plausibility.ct_likeness import GOOD, Likeness, likeness
from liverseg.analysis.plausibility.features import anatomy, body_of, box_of, placed, reduced, small_unit
from liverseg.analysis.plausibility.messages import CHECK, DO_NOT_TRUST, Doubt, doubt
from liverseg.analysis.plausibility.orientation_check import turning
from liverseg.analysis.plausibility.window_check import other_window
from liverseg.core.image import CTImage
from liverseg.core.segmentation import Segmentation

SPACING_MM = (0.4, 1.6)
"""Of pixels. LiTS has 0.56 to 1.0; the network's working size evens out the rest of this."""

THICKEST_MM = 8.0
"""Of slices. LiTS has 0.45 to 6."""

SMALLEST_SIDE_PX = 160
"""Below, edges of lesions are gone: training scans have 512 pixels a side, or 256."""

EDGE_SHARE = 0.02
"""Of one side of a slice that is liver, above which it is cut off."""

LEAST_SURE = 0.6
"""Mean probability of the pixels called liver, below which the network hardly believes itself: of the good
slices that `benchmarks.scope` fits on, 1 % lie below."""

LOOKED_AT = 9
"""Slices of a volume."""

RIGHTMOST = 0.1
"""Of the middle of the liver, from -1 at the left of the body in the picture to 1 at its right."""

SMALLEST_SHARE = 0.002
"""Of the body that liver takes, below which there is hardly any."""

LOWEST_HU = -10.0
"""Stored values whose lowest is above this are no HU: air is -1000, and fat -100."""

VERY_UNLIKE = 0.1
"""Of the least likeness: a result below this part of it is not to be trusted, above it to be checked."""


def doubts(ct: CTImage, seg: Segmentation, model: Likeness | None = None) -> tuple[Doubt, ...]:
    """The doubts about a result, those not to trust first; `seg` lies on the grid of `ct`."""
    slices = looked_at(seg.labels)
    found = [*doubts_of_result(ct, seg, slices), *doubts_of_input(ct, slices, model)]
    once = {one.reason: one for one in found}  # the later, of the input, may be the more severe
    return tuple(sorted(once.values(), key=lambda one: one.severity != DO_NOT_TRUST))


def doubts_of_input(ct: CTImage, slices: list[int], model: Likeness | None = None) -> list[Doubt]:
    """Those that no network is needed for: spacing, and what `slices` look like."""
    return [*_spacing(ct), *_unlike(ct, slices, model or likeness())]


def doubts_of_result(ct: CTImage, seg: Segmentation, slices: list[int]) -> list[Doubt]:
    """Those about what was found: nothing, at the edge, hardly sure in `slices`."""
    if not seg.labels.any():
        return [doubt(DO_NOT_TRUST, "no liver" if ct.kind == "slice" else "no liver in volume")]
    surest = float(np.median([sureness(seg.organ_probability[index]) for index in slices]))
    shares, columns = zip(*(located(ct.hu[index], seg.labels[index]) for index in slices), strict=True)
    place = []
    if float(np.median(columns)) > RIGHTMOST:
        place.append(doubt(CHECK, "mirrored"))
    if float(np.median(shares)) < SMALLEST_SHARE:
        place.append(doubt(CHECK, "elsewhere"))
    unsure = [doubt(CHECK, "confidence", sure=surest)] if surest < LEAST_SURE else []
    return [*_edge(seg), *place, *unsure]


def _spacing(ct: CTImage) -> list[Doubt]:
    told = []
    low, high = SPACING_MM
    if ct.spacing_mm is not None and not all(low <= mm <= high for mm in ct.spacing_mm[1:]):
        pixels = " × ".join(f"{mm:.3g}" for mm in ct.spacing_mm[1:])
        told.append(doubt(CHECK, "pixels", pixels=pixels, low=low, high=high))
    elif min(ct.shape[1:]) < SMALLEST_SIDE_PX:
        told.append(doubt(CHECK, "small", pixels=f"{ct.shape[2]} × {ct.shape[1]}"))
    thick = ct.spacing_mm[0] if ct.kind == "volume" and ct.spacing_mm is not None else 0.0
    if thick > THICKEST_MM:
        told.append(doubt(CHECK, "thickness", thick=thick, thickest=THICKEST_MM))
    return told


def _edge(seg: Segmentation) -> list[Doubt]:
    labels = seg.labels
    sides = (labels[:, 0], labels[:, -1], labels[:, :, 0], labels[:, :, -1])  # (S, side) each
    share = max(float((side > 0).mean(axis=1).max()) for side in sides)
    return [doubt(CHECK, "edge")] if share > EDGE_SHARE else []


def looked_at(labels: np.ndarray) -> list[int]:
    """The slices of labels (S, H, W) to look at: evenly over those with much liver; of one it.

    >>> labels = np.zeros((5, 2, 2), np.uint8); labels[1:3] = 1
    >>> looked_at(labels), looked_at(labels[:1])
    ([1, 2], [0])
    """
    if len(labels) == 1:
        return [0]
    areas = np.array([np.count_nonzero(plane) for plane in labels])
    with_liver = np.flatnonzero(areas > 0.3 * areas.max())
    if not areas.any():
        with_liver = np.arange(len(labels))
    places = np.linspace(0, len(with_liver) - 1, min(LOOKED_AT, len(with_liver)))
    return [int(with_liver[round(place)]) for place in places]


def _turned(units: list[np.ndarray]) -> str:
    """ "turned", "mirrored", or nothing."""
    beyond = np.median([turning().beyond(unit) for unit in units], axis=0)
    return "turned" if beyond[0] > 0 else "mirrored" if beyond[1] > 0 else ""


def _unlike(ct: CTImage, slices: list[int], model: Likeness) -> list[Doubt]:
    if ct.assumed_window is None and float(ct.hu.min()) > LOWEST_HU:
        return [doubt(DO_NOT_TRUST, "not_hu")]
    kinds: Counter[str] = Counter()
    good = []
    units = [small_unit(ct.hu[index]) for index in slices]
    for unit in units:
        shares = model.of(anatomy(unit))
        good.append(shares.pop(GOOD))
        kinds[max(shares, key=shares.__getitem__)] += 1
    like = float(np.median(good))
    kind = kinds.most_common(1)[0][0]
    severe = like < VERY_UNLIKE * model.least and kind != "elsewhere"
    if ct.assumed_window is not None and other_window(ct.hu[slices[0]], ct.assumed_window):
        if not (severe and kind == "not_ct"):  # a photograph has no fat either
            return [doubt(CHECK, "window")]
    lies = _turned(units)
    if like >= model.least:
        return [doubt(CHECK, lies)] if lies else []
    if kind == "mirrored" and lies:
        kind = lies
    reason = "not_hu" if kind == "window" and ct.assumed_window is None else kind
    return [doubt(DO_NOT_TRUST if severe else CHECK, reason)]


def sureness(organ_probability: np.ndarray) -> float:
    """Mean probability of the pixels called liver or tumour, of a map of any shape; 0 where there is none.

    >>> sureness(np.array([0.1, 0.6, 0.8])), sureness(np.zeros(3))
    (0.7, 0.0)
    """
    found = organ_probability[organ_probability >= 0.5]
    return float(found.mean(dtype=np.float64)) if found.size else 0.0


def located(hu: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Of a slice (H, W): the share of the body that liver and tumours take, and the column of their middle.

    The column runs from -1 at the left of the body in the picture to 1 at its right; 0 where there is none.
    """
    body, organ = body_of(small_unit(hu)), reduced((labels > 0).astype(np.float32)) >= 0.5
    if not body.any() or not organ.any():
        return 0.0, 0.0
    _, column, _, _ = placed(organ, box_of(body))
    return float(organ.sum() / body.sum()), column
