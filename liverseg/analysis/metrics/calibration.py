"""What a probability is worth: Brier score, expected calibration error, reliability diagram."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from liverseg.errors import InvalidSetting

BINS = 15
"""Of equal width over [0, 1], as in Guo et al. (2017)."""


@dataclass(frozen=True)
class Reliability:
    """Sums over pixels, by the probability of the structure that they were given; they add up."""

    pixels: np.ndarray  # (BINS,) int64
    probability: np.ndarray  # (BINS,) float64, sum
    positives: np.ndarray  # (BINS,) int64, pixels that are the structure
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
        """(3 BINS + 1,) all of it as one row, for `error_of_sums` and `brier_of_sums`."""
        return np.concatenate([self.pixels, self.probability, self.positives, [self.squared_error]])

    @property
    def brier(self) -> float:
        """Mean of (probability - truth)² (Brier, 1950); nan without pixels."""
        return float(brier_of_sums(self.sums[None])[0]) if self.pixels.any() else math.nan

    @property
    def error(self) -> float:
        """ECE: the bins' |mean probability - share of positives|, weighed by pixels; nan without pixels."""
        return float(error_of_sums(self.sums[None])[0]) if self.pixels.any() else math.nan


NO_PIXELS = Reliability(np.zeros(BINS, np.int64), np.zeros(BINS), np.zeros(BINS, np.int64), 0.0)


def reliability(probability: np.ndarray, truth: np.ndarray, where: np.ndarray | None = None) -> Reliability:
    """Sums over the pixels `where` (all by default) of a probability map against a boolean truth.

    All arrays have one shape; a probability outside [0, 1] by rounding is taken as the nearer end.
    Raises `InvalidSetting` when the shapes differ.

    >>> found = reliability(np.array([0.9, 0.9, 0.1, 0.1]), np.array([True, False, False, False]))
    >>> round(found.brier, 3), round(found.error, 3)
    (0.21, 0.25)
    """
    if probability.shape != truth.shape or (where is not None and where.shape != truth.shape):
        raise InvalidSetting("A probability map and its reference must have the same shape to be compared.")
    if where is not None:
        probability, truth = probability[where], truth[where]
    p = np.clip(probability.ravel().astype(np.float64), 0.0, 1.0)
    t = truth.ravel()
    place = np.minimum((p * BINS).astype(np.int64), BINS - 1)
    return Reliability(
        np.bincount(place, minlength=BINS),
        np.bincount(place, p, minlength=BINS),
        np.bincount(place[t], minlength=BINS),
        float(np.sum((p - t) ** 2)),
    )


def reliability_of_bins(probability: np.ndarray, pixels: np.ndarray) -> Reliability:
    """The same sums from pixels (N, 2) that are not and that are the structure, at each probability (N,).

    >>> found = reliability_of_bins(np.array([0.1, 0.9]), np.array([[2, 0], [1, 1]]))
    >>> round(found.brier, 3), round(found.error, 3)
    (0.21, 0.25)
    """
    p, counts = np.clip(probability, 0.0, 1.0), pixels.sum(axis=1)
    place = np.minimum((p * BINS).astype(np.int64), BINS - 1)

    def sums(weights: np.ndarray) -> np.ndarray:
        return np.bincount(place, weights, minlength=BINS)

    return Reliability(
        sums(counts).astype(np.int64),
        sums(p * counts),
        sums(pixels[:, 1]).astype(np.int64),
        float((p**2 * pixels[:, 0] + (1 - p) ** 2 * pixels[:, 1]).sum()),
    )


def brier_of_sums(sums: np.ndarray) -> np.ndarray:
    """(N,) Brier scores of rows (N, 3 BINS + 1) of `Reliability.sums`."""
    scores: np.ndarray = sums[:, -1] / sums[:, :BINS].sum(axis=1)
    return scores


def error_of_sums(sums: np.ndarray) -> np.ndarray:
    """(N,) expected calibration errors of rows (N, 3 BINS + 1) of `Reliability.sums`."""
    gaps = np.abs(sums[:, BINS : 2 * BINS] - sums[:, 2 * BINS : 3 * BINS]).sum(axis=1)
    errors: np.ndarray = gaps / sums[:, :BINS].sum(axis=1)
    return errors
