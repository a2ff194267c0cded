"""Calibration of the tumour probability on a validation split, and its curve of sensitivity and precision.

The network's own probability p becomes sigmoid(slope · logit(p) + shift): Platt scaling (Platt, 1999),
which is temperature scaling (Guo et al., 2017) with a shift for classes that were trained at another
prevalence than they have. Both numbers maximise the likelihood of the split's pixels where the network
or the reference shows liver; outside there is next to no tumour and nothing to learn. The map is monotone:
a threshold that moves with it draws the same labels.

What was fitted on a split flatters itself there. So its worth is told twice: plainly, and cross-fitted,
each scan being calibrated by a fit to the other scans alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from liverseg.analysis.metrics.calibration import reliability_of_bins
from train.data.dataset import SlicesInMemory
from train.evaluation.predict import Predict, probabilities, reference_of
from train.models.graph import MAX_LOGIT

EDGES = np.linspace(-MAX_LOGIT, MAX_LOGIT, 641)
"""Of the bins of logit(p); finer than anything a probability is read for."""

CENTRES = (EDGES[1:] + EDGES[:-1]) / 2

CURVE_THRESHOLDS = (0.01, 0.02, *(round(0.05 * k, 2) for k in range(1, 20)))
"""Of the curve in the manifest."""

MIN_PIXELS = 100
"""Of tumour, and of something else: fewer are nothing to fit to."""

MAX_SLOPE = 20.0
REGION = "pixels where the network or the reference shows liver"


@dataclass(frozen=True)
class TumourCounts:
    """Pixels of a scan (or several: they add up) by logit(p), columns other and tumour."""

    in_liver: np.ndarray  # (640, 2) int64: of `REGION`
    everywhere: np.ndarray  # (640, 2) int64: every pixel whose label tells tumour from the rest

    def __add__(self, other: TumourCounts) -> TumourCounts:
        return TumourCounts(self.in_liver + other.in_liver, self.everywhere + other.everywhere)


NO_COUNTS = TumourCounts(*(np.zeros((len(CENTRES), 2), np.int64) for _ in range(2)))


@dataclass(frozen=True)
class Calibration:
    """p to sigmoid(slope · logit(p) + shift)."""

    slope: float
    shift: float

    def of_logits(self, logits: np.ndarray) -> np.ndarray:
        """logit(p), of any shape, to the calibrated probability."""
        return 1.0 / (1.0 + np.exp(-np.clip(self.slope * logits + self.shift, -700, 700)))

    def __call__(self, probability: float) -> float:
        """One calibrated probability.

        >>> round(Calibration(1.0, 0.0)(0.25), 3), round(Calibration(1.0, -1.0)(0.5), 3)
        (0.25, 0.269)
        """
        return float(self.of_logits(np.array(_logit(probability))))


IDENTITY = Calibration(1.0, 0.0)
CENTRES_AS_PROBABILITY = IDENTITY.of_logits(CENTRES)


@dataclass(frozen=True)
class Worth:
    """Of the tumour probability over `REGION`, pixels of all scans together."""

    ece: float  # expected calibration error
    ece_from_1_percent: float  # of those pixels alone whose own probability is 0.01 or more
    brier: float
    log_loss: float  # nats

    @classmethod
    def of(cls, probability: np.ndarray, counts: np.ndarray) -> Worth:
        """Of pixels (N, 2) that are not and are tumour, at each probability (N,).

        N is the number of bins, or that times the number of scans.
        """
        found = reliability_of_bins(probability, counts)
        told = np.tile(CENTRES >= _logit(0.01), len(counts) // len(CENTRES))
        p = np.clip(probability, 1e-12, 1 - 1e-12)
        loss = -(counts[:, 0] * np.log1p(-p) + counts[:, 1] * np.log(p)).sum() / counts.sum()
        return cls(found.error, reliability_of_bins(p[told], counts[told]).error, found.brier, float(loss))


@dataclass(frozen=True)
class Calibrated:
    """What a split says of the tumour probability: the map that was chosen, and what it is worth."""

    chosen: Calibration
    before: Worth | None = None  # None: there was too little to fit to
    after: Worth | None = None  # of the fit to all scans, on the same scans; None: it was not taken
    cross_fitted: Worth | None = None  # None: too few scans with tumour
    scans: int = 0
    reason: str = ""  # why the probabilities stay the network's own, where they do


def count_tumour(slices: SlicesInMemory, predict: Predict, context_slices: int) -> dict[str, TumourCounts]:
    """Each scan's counts, in one pass over the slices. Pixels whose label leaves tumour open are left out."""
    found: dict[str, TumourCounts] = {}
    for position, organ, tumour in probabilities(slices, predict, context_slices):
        truth = reference_of(slices.labels[position])
        region = truth.tumour_known & (truth.organ | (organ >= 0.5) | (tumour >= 0.5))
        logits = _logits(tumour)
        one = TumourCounts(*(_histogram(logits, truth.tumour, w) for w in (region, truth.tumour_known)))
        scan = slices.rows[position].scan
        found[scan] = found.get(scan, NO_COUNTS) + one
    return found


def _logits(probability: np.ndarray) -> np.ndarray:
    p = np.clip(probability.astype(np.float64), 1e-12, 1 - 1e-12)
    return np.log(p) - np.log1p(-p)


def _logit(probability: float) -> float:
    p = min(max(probability, 1e-12), 1 - 1e-12)
    return math.log(p) - math.log1p(-p)


def _histogram(logits: np.ndarray, tumour: np.ndarray, where: np.ndarray) -> np.ndarray:
    step = EDGES[1] - EDGES[0]
    bins = np.clip(((logits[where] - EDGES[0]) / step).astype(np.int64), 0, len(CENTRES) - 1)
    both = np.bincount(2 * bins + tumour[where], minlength=2 * len(CENTRES))
    return both.reshape(-1, 2)


def fit(counts: np.ndarray) -> Calibration | None:
    """The likeliest map of pixels (640, 2) by logit(p); None where there is too little to tell.

    Newton's method on the logistic likelihood, which is concave; the steps are halved where they overshoot.
    """
    if counts.sum(axis=0).min() < MIN_PIXELS:
        return None
    used = counts.sum(axis=1) > 0
    share = counts[used] / counts.sum()
    design = np.stack([CENTRES[used], np.ones(used.sum())])  # (2, N)
    at = np.array([1.0, 0.0])
    loss = _log_loss(at, design, share)
    for _ in range(100):
        p = 1 / (1 + np.exp(-np.clip(at @ design, -700, 700)))
        both = share.sum(axis=1)
        gradient = design @ (share[:, 1] - both * p)
        curvature = (design * (both * p * (1 - p))) @ design.T + 1e-12 * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        scale = 1.0
        while (moved := _log_loss(at + scale * step, design, share)) > loss and scale > 1e-6:
            scale /= 2
        at, loss = at + scale * step, min(moved, loss)
        if np.abs(scale * step).max() < 1e-9:
            break
    slope, shift = map(float, at)
    return Calibration(slope, shift) if 0 < slope <= MAX_SLOPE and abs(shift) <= MAX_LOGIT else None


def _log_loss(at: np.ndarray, design: np.ndarray, share: np.ndarray) -> float:
    z = at @ design
    return float((share[:, 0] * np.logaddexp(0, z) + share[:, 1] * np.logaddexp(0, -z)).sum())


def calibrate(scans: Mapping[str, TumourCounts], digits: int = 6) -> Calibrated:
    """Fit the map to all scans, and tell what it is worth plainly and cross-fitted.

    Both numbers of the map are rounded to `digits`. The probabilities stay the network's own where there is
    too little tumour, or where the cross-fitted map has a larger log loss than none: it would have been a
    loss on a scan that it had not seen.
    """
    inside = {scan: counts.in_liver for scan, counts in scans.items()}
    whole = sum(inside.values(), np.zeros_like(NO_COUNTS.in_liver))
    fitted = fit(whole)
    if fitted is None:
        return as_it_is(scans, "too little tumour or liver to fit to")
    fitted = Calibration(round(fitted.slope, digits), round(fitted.shift, digits))
    before, after = (Worth.of(c.of_logits(CENTRES), whole) for c in (IDENTITY, fitted))
    others = [fit(whole - counts) for counts in inside.values()]
    if any(other is None for other in others):
        return Calibrated(fitted, before, after, None, len(inside))
    unseen = np.concatenate([other.of_logits(CENTRES) for other in others if other is not None])
    cross_fitted = Worth.of(unseen, np.concatenate(list(inside.values())))
    if cross_fitted.log_loss >= before.log_loss:
        reason = "fitted to the other scans it was a loss on the scan left out"
        return Calibrated(IDENTITY, before, None, cross_fitted, len(inside), reason)
    return Calibrated(fitted, before, after, cross_fitted, len(inside))


def as_it_is(scans: Mapping[str, TumourCounts], reason: str) -> Calibrated:
    """The network's own probability, and what it is worth."""
    whole = sum((counts.in_liver for counts in scans.values()), np.zeros_like(NO_COUNTS.in_liver))
    before = Worth.of(CENTRES_AS_PROBABILITY, whole) if whole.any() else None
    return Calibrated(IDENTITY, before, scans=len(scans), reason=reason)


def curve(scans: Mapping[str, TumourCounts], calibration: Calibration) -> dict[str, list[float | None]]:
    """Sensitivity and precision of tumour pixels at each of `CURVE_THRESHOLDS`, all scans pooled.

    Within a bin the pixels are taken as evenly spread. None where nothing is called tumour, or nothing is.
    """
    counts = sum((c.everywhere for c in scans.values()), np.zeros_like(NO_COUNTS.everywhere))
    above = np.vstack([counts[::-1].cumsum(axis=0)[::-1], [[0, 0]]])  # (641, 2): from each edge on
    at = [(_logit(t) - calibration.shift) / calibration.slope for t in CURVE_THRESHOLDS]
    others, hits = (np.interp(at, EDGES, column) for column in above.T)
    total = counts[:, 1].sum()
    return {
        "threshold": list(CURVE_THRESHOLDS),
        "sensitivity": [_share(hit, total) for hit in hits],
        "precision": [_share(hit, hit + other) for hit, other in zip(hits, others, strict=True)],
    }


def _share(part: float, whole: float) -> float | None:
    return round(float(part / whole), 4) if whole > 0 else None
