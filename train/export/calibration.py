"""Calibration of the tumour probability on a validation split, and its precision-recall curve.

The network's probability p becomes sigmoid(slope · logit(p) + shift), which is Platt scaling (Platt, 1999):
temperature scaling (Guo et al., 2017) plus a shift, which corrects for a class prevalence in training that
differs from the real one. Slope and shift maximise the likelihood of the split's pixels where the network or
the reference shows liver; there is almost no tumour elsewhere. The map is monotone, so a threshold that is
mapped with the probability gives the same labels.

Measured on the scans it was fitted to, a calibration looks better than it is. Its quality is therefore also
reported cross-fitted: each scan is calibrated by a fit to the other scans.
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
"""Edges of the bins of logit(p)."""

CENTRES = (EDGES[1:] + EDGES[:-1]) / 2
"""Centres of the bins of logit(p)."""

CURVE_THRESHOLDS = (0.01, 0.02, *(round(0.05 * k, 2) for k in range(1, 20)))
"""Tumour thresholds of the curve in the manifest."""

MIN_PIXELS = 100
"""The fit needs at least this many pixels of tumour and as many of other tissue."""

MAX_SLOPE = 20.0
REGION = "pixels where the network or the reference shows liver"


@dataclass(frozen=True)
class TumourCounts:
    """Pixel counts of one or more scans by bin of logit(p), with the columns "not tumour" and "tumour"."""

    in_liver: np.ndarray  # (640, 2) int64: pixels of `REGION`
    everywhere: np.ndarray  # (640, 2) int64: all pixels whose label decides whether they are tumour

    def __add__(self, other: TumourCounts) -> TumourCounts:
        return TumourCounts(self.in_liver + other.in_liver, self.everywhere + other.everywhere)


NO_COUNTS = TumourCounts(*(np.zeros((len(CENTRES), 2), np.int64) for _ in range(2)))


@dataclass(frozen=True)
class Calibration:
    """The map from p to sigmoid(slope · logit(p) + shift)."""

    slope: float
    shift: float

    def of_logits(self, logits: np.ndarray) -> np.ndarray:
        """The calibrated probability for logit(p) of any shape."""
        return 1.0 / (1.0 + np.exp(-np.clip(self.slope * logits + self.shift, -700, 700)))

    def __call__(self, probability: float) -> float:
        """The calibrated probability for one probability.

        >>> round(Calibration(1.0, 0.0)(0.25), 3), round(Calibration(1.0, -1.0)(0.5), 3)
        (0.25, 0.269)
        """
        return float(self.of_logits(np.array(_logit(probability))))


IDENTITY = Calibration(1.0, 0.0)
CENTRES_AS_PROBABILITY = IDENTITY.of_logits(CENTRES)


@dataclass(frozen=True)
class CalibrationQuality:
    """Calibration measures of the tumour probability over the pixels of `REGION`, pooled over scans."""

    ece: float  # expected calibration error
    ece_from_1_percent: float  # ECE of the pixels with an uncalibrated probability of at least 0.01
    brier: float  # Brier score
    log_loss: float  # nats

    @classmethod
    def of(cls, probability: np.ndarray, counts: np.ndarray) -> CalibrationQuality:
        """The quality for pixel counts (N, 2), "not tumour" and "tumour", at the probabilities (N,).

        N is the number of bins, or a multiple of it where the bins of several scans follow one another.
        """
        reliability = reliability_of_bins(probability, counts)
        likely = np.tile(CENTRES >= _logit(0.01), len(counts) // len(CENTRES))
        ece_of_likely = reliability_of_bins(probability[likely], counts[likely]).error
        p = np.clip(probability, 1e-12, 1 - 1e-12)
        loss = -(counts[:, 0] * np.log1p(-p) + counts[:, 1] * np.log(p)).sum() / counts.sum()
        return cls(reliability.error, ece_of_likely, reliability.brier, float(loss))


@dataclass(frozen=True)
class CalibrationFit:
    """The calibration chosen on a split, and its quality."""

    chosen: Calibration
    before: CalibrationQuality | None = None  # uncalibrated; None: there are no pixels
    after: CalibrationQuality | None = None  # of the fit to all scans, on these scans; None: not chosen
    cross_fitted: CalibrationQuality | None = None  # None: too few scans with tumour
    scans: int = 0
    reason: str = ""  # why the probability stays uncalibrated


def tumour_counts(slices: SlicesInMemory, predict: Predict, context_slices: int) -> dict[str, TumourCounts]:
    """The counts of each scan; pixels whose label does not decide whether they are tumour are left out."""
    counts: dict[str, TumourCounts] = {}
    for position, organ, tumour in probabilities(slices, predict, context_slices):
        reference = reference_of(slices.labels[position])
        region = reference.tumour_known & (reference.organ | (organ >= 0.5) | (tumour >= 0.5))
        logits = _logits(tumour)
        in_liver, everywhere = (
            _histogram(logits, reference.tumour, where) for where in (region, reference.tumour_known)
        )
        scan = slices.rows[position].scan
        counts[scan] = counts.get(scan, NO_COUNTS) + TumourCounts(in_liver, everywhere)
    return counts


def _logits(probability: np.ndarray) -> np.ndarray:
    p = np.clip(probability.astype(np.float64), 1e-12, 1 - 1e-12)
    return np.log(p) - np.log1p(-p)


def _logit(probability: float) -> float:
    p = min(max(probability, 1e-12), 1 - 1e-12)
    return math.log(p) - math.log1p(-p)


def _histogram(logits: np.ndarray, tumour: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Pixel counts (640, 2) of the pixels in the mask `where`; all arrays are (H, W)."""
    step = EDGES[1] - EDGES[0]
    bins = np.clip(((logits[where] - EDGES[0]) / step).astype(np.int64), 0, len(CENTRES) - 1)
    both = np.bincount(2 * bins + tumour[where], minlength=2 * len(CENTRES))
    return both.reshape(-1, 2)


def fit_platt(counts: np.ndarray) -> Calibration | None:
    """The maximum-likelihood calibration for pixel counts (640, 2) by bin of logit(p).

    None where there are too few pixels or the result is implausible. Newton's method maximises the logistic
    log likelihood, which is concave; a step is halved until it does not increase the loss.
    """
    if counts.sum(axis=0).min() < MIN_PIXELS:
        return None
    used = counts.sum(axis=1) > 0
    share = counts[used] / counts.sum()
    design = np.stack([CENTRES[used], np.ones(used.sum())])  # (2, N)
    parameters = np.array([1.0, 0.0])  # slope and shift
    loss = _log_loss(parameters, design, share)
    for _ in range(100):
        p = 1 / (1 + np.exp(-np.clip(parameters @ design, -700, 700)))
        weight = share.sum(axis=1)
        gradient = design @ (share[:, 1] - weight * p)
        curvature = (design * (weight * p * (1 - p))) @ design.T + 1e-12 * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        scale = 1.0
        while (new_loss := _log_loss(parameters + scale * step, design, share)) > loss and scale > 1e-6:
            scale /= 2
        parameters, loss = parameters + scale * step, min(new_loss, loss)
        if np.abs(scale * step).max() < 1e-9:
            break
    slope, shift = map(float, parameters)
    return Calibration(slope, shift) if 0 < slope <= MAX_SLOPE and abs(shift) <= MAX_LOGIT else None


def _log_loss(parameters: np.ndarray, design: np.ndarray, share: np.ndarray) -> float:
    z = parameters @ design
    return float((share[:, 0] * np.logaddexp(0, z) + share[:, 1] * np.logaddexp(0, -z)).sum())


def fit_calibration(scans: Mapping[str, TumourCounts], digits: int = 6) -> CalibrationFit:
    """Fit the calibration to all scans and measure its quality, also cross-fitted.

    Slope and shift are rounded to `digits` decimals. The probability stays uncalibrated where there is too
    little tumour, and where cross-fitting does not lower the log loss: the calibration would then not
    improve the probability on unseen scans.
    """
    inside = {scan: counts.in_liver for scan, counts in scans.items()}
    whole = sum(inside.values(), np.zeros_like(NO_COUNTS.in_liver))
    fitted = fit_platt(whole)
    if fitted is None:
        return uncalibrated(scans, "too little tumour or liver to fit to")
    fitted = Calibration(round(fitted.slope, digits), round(fitted.shift, digits))
    before, after = (CalibrationQuality.of(c.of_logits(CENTRES), whole) for c in (IDENTITY, fitted))
    others = [fit_platt(whole - counts) for counts in inside.values()]
    if any(other is None for other in others):
        return CalibrationFit(fitted, before, after, None, len(inside))
    held_out = np.concatenate([other.of_logits(CENTRES) for other in others if other is not None])
    cross_fitted = CalibrationQuality.of(held_out, np.concatenate(list(inside.values())))
    if cross_fitted.log_loss >= before.log_loss:
        reason = "fitted to the other scans, it increased the log loss on the scan left out"
        return CalibrationFit(IDENTITY, before, None, cross_fitted, len(inside), reason)
    return CalibrationFit(fitted, before, after, cross_fitted, len(inside))


def uncalibrated(scans: Mapping[str, TumourCounts], reason: str) -> CalibrationFit:
    """The identity as the chosen calibration, with the quality of the network's own probability."""
    whole = sum((counts.in_liver for counts in scans.values()), np.zeros_like(NO_COUNTS.in_liver))
    before = CalibrationQuality.of(CENTRES_AS_PROBABILITY, whole) if whole.any() else None
    return CalibrationFit(IDENTITY, before, scans=len(scans), reason=reason)


def precision_recall_curve(
    scans: Mapping[str, TumourCounts], calibration: Calibration
) -> dict[str, list[float | None]]:
    """Sensitivity and precision of tumour pixels at each of `CURVE_THRESHOLDS`, pooled over all scans.

    Pixels are assumed to be evenly distributed within a bin. A value is None where its denominator, the
    number of tumour pixels or of pixels labelled tumour, is 0.
    """
    counts = sum((c.everywhere for c in scans.values()), np.zeros_like(NO_COUNTS.everywhere))
    above = np.vstack([counts[::-1].cumsum(axis=0)[::-1], [[0, 0]]])  # (641, 2): pixels above each edge
    logits = [(_logit(t) - calibration.shift) / calibration.slope for t in CURVE_THRESHOLDS]
    others, hits = (np.interp(logits, EDGES, column) for column in above.T)
    total = counts[:, 1].sum()
    return {
        "threshold": list(CURVE_THRESHOLDS),
        "sensitivity": [_share(hit, total) for hit in hits],
        "precision": [_share(hit, hit + other) for hit, other in zip(hits, others, strict=True)],
    }


def _share(part: float, whole: float) -> float | None:
    return round(float(part / whole), 4) if whole > 0 else None
