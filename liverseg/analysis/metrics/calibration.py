"""Calibration of probabilities: Brier score, expected calibration error (ECE), reliability diagram."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from liverseg.errors import InvalidSetting

BINS = 15
"""Number of bins of equal width over [0, 1], as in Guo et al. (2017)."""


@dataclass(frozen=True)
class Reliability:
    """Sums over pixels in bins of their predicted probability. Sums of several images can be added."""

    pixels: np.ndarray  # (BINS,) int64: number of pixels
    probability: np.ndarray  # (BINS,) float64: sum of the probabilities
    positives: np.ndarray  # (BINS,) int64: number of pixels that belong to the structure
    squared_error: float  # sum of (probability - truth)²

    def __add__(self, other: Reliability) -> Reliability:
        return Reliability(
            self.pixels + other.pixels,
            self.probability + other.probability,
            self.positives + other.positives,
            self.squared_error + other.squared_error,
        )

    @property
    def sums(self) -> np.ndarray:
        """(3 BINS + 1,) float64: all sums in one row, for `ece_of_sums` and `brier_of_sums`."""
        return np.concatenate([self.pixels, self.probability, self.positives, [self.squared_error]])

    @property
    def brier(self) -> float:
        """Mean of (probability - truth)² (Brier, 1950); nan without pixels."""
        return float(brier_of_sums(self.sums[None])[0]) if self.pixels.any() else math.nan

    @property
    def error(self) -> float:
        """ECE: |mean probability - share of positives| per bin, weighted by pixels; nan without pixels."""
        return float(ece_of_sums(self.sums[None])[0]) if self.pixels.any() else math.nan


NO_PIXELS = Reliability(np.zeros(BINS, np.int64), np.zeros(BINS), np.zeros(BINS, np.int64), 0.0)


def reliability(probability: np.ndarray, truth: np.ndarray, where: np.ndarray | None = None) -> Reliability:
    """Sums over the pixels `where` (all by default) of a probability map and a boolean truth.

    All arrays have the same shape. Probabilities are clipped to [0, 1].
    Raises `InvalidSetting` when the shapes differ.

    >>> sums = reliability(np.array([0.9, 0.9, 0.1, 0.1]), np.array([True, False, False, False]))
    >>> round(sums.brier, 3), round(sums.error, 3)
    (0.21, 0.25)
    """
    if probability.shape != truth.shape or (where is not None and where.shape != truth.shape):
        raise InvalidSetting("A probability map and its reference must have the same shape to be compared.")
    if where is not None:
        probability, truth = probability[where], truth[where]
    p = np.clip(probability.ravel().astype(np.float64), 0.0, 1.0)
    t = truth.ravel()
    bins = _bin_of(p)
    return Reliability(
        np.bincount(bins, minlength=BINS),
        np.bincount(bins, p, minlength=BINS),
        np.bincount(bins[t], minlength=BINS),
        float(np.sum((p - t) ** 2)),
    )


def reliability_of_bins(probability: np.ndarray, pixels: np.ndarray) -> Reliability:
    """The same sums from a histogram: pixels (N, 2) outside and inside the structure per probability (N,).

    >>> sums = reliability_of_bins(np.array([0.1, 0.9]), np.array([[2, 0], [1, 1]]))
    >>> round(sums.brier, 3), round(sums.error, 3)
    (0.21, 0.25)
    """
    p, counts = np.clip(probability, 0.0, 1.0), pixels.sum(axis=1)
    bins = _bin_of(p)

    def sum_per_bin(weights: np.ndarray) -> np.ndarray:
        return np.bincount(bins, weights, minlength=BINS)

    return Reliability(
        sum_per_bin(counts).astype(np.int64),
        sum_per_bin(p * counts),
        sum_per_bin(pixels[:, 1]).astype(np.int64),
        float((p**2 * pixels[:, 0] + (1 - p) ** 2 * pixels[:, 1]).sum()),
    )


def _bin_of(probability: np.ndarray) -> np.ndarray:
    bins: np.ndarray = np.minimum((probability * BINS).astype(np.int64), BINS - 1)
    return bins


def brier_of_sums(sums: np.ndarray) -> np.ndarray:
    """Brier scores (N,) of rows (N, 3 BINS + 1) of `Reliability.sums`."""
    scores: np.ndarray = sums[:, -1] / sums[:, :BINS].sum(axis=1)
    return scores


def ece_of_sums(sums: np.ndarray) -> np.ndarray:
    """Expected calibration errors (N,) of rows (N, 3 BINS + 1) of `Reliability.sums`."""
    gaps = np.abs(sums[:, BINS : 2 * BINS] - sums[:, 2 * BINS : 3 * BINS]).sum(axis=1)
    errors: np.ndarray = gaps / sums[:, :BINS].sum(axis=1)
    return errors
