"""Percentile bootstrap confidence intervals over scans (Efron & Tibshirani 1993, ch. 13)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from liverseg.errors import InvalidSetting

RESAMPLES = 2000
"""Default number of bootstrap resamples."""

T = TypeVar("T")


def _mean(values: Sequence[Any]) -> float:
    return float(np.mean(values))


def resample_indices(n: int, seed: int, resamples: int = RESAMPLES) -> np.ndarray:
    """(resamples, n) int64: the indices of the scans in each resample, drawn with replacement."""
    return np.random.default_rng(seed).integers(0, n, size=(resamples, n))


def bootstrap_interval(
    values: Sequence[T],
    seed: int = 0,
    statistic: Callable[[Sequence[T]], float] = _mean,
    level: float = 0.95,
    resamples: int = RESAMPLES,
) -> tuple[float, float]:
    """Percentile bootstrap interval of a statistic over scans.

    `values` has one entry per scan, because slices of one scan are not independent. `statistic` takes a
    sequence of entries; the default is the mean of numbers. Resamples for which the statistic is nan (none
    of their scans has a reference) are left out. Returns (nan, nan) for fewer than two values, because one
    scan does not show the variation between scans. Raises `InvalidSetting` for a level outside (0, 1).

    >>> bootstrap_interval([0.5, 0.5, 0.5], seed=1)
    (0.5, 0.5)
    """
    _check_settings(level, resamples)
    n = len(values)
    if n < 2:
        return math.nan, math.nan
    draws = resample_indices(n, seed, resamples)
    return _quantiles(np.array([statistic([values[i] for i in draw]) for draw in draws]), level)


def pooled_interval(
    table: np.ndarray,
    statistic: Callable[[np.ndarray], np.ndarray],
    seed: int = 0,
    level: float = 0.95,
    resamples: int = RESAMPLES,
) -> tuple[float, float]:
    """`bootstrap_interval` of a statistic of sums over scans, vectorised over resamples.

    `table` (scans, K) holds the summands, one row per scan. `statistic` maps sums (resamples, K) to values
    (resamples,), with nan where it is undefined. The resamples are those of `bootstrap_interval` with the
    same seed.

    >>> counts = np.array([[8, 1, 1], [1, 4, 4]])  # TP, FP, FN of two scans
    >>> low, high = pooled_interval(counts, lambda s: 2 * s[:, 0] / (2 * s[:, 0] + s[:, 1] + s[:, 2]))
    >>> round(low, 2), round(high, 2)
    (0.2, 0.89)
    """
    _check_settings(level, resamples)
    n = len(table)
    if n < 2:
        return math.nan, math.nan
    draws = resample_indices(n, seed, resamples)
    times = np.stack([np.bincount(draw, minlength=n) for draw in draws])  # (resamples, n)
    with np.errstate(divide="ignore", invalid="ignore"):
        return _quantiles(np.asarray(statistic(times @ np.asarray(table, np.float64))), level)


def _check_settings(level: float, resamples: int) -> None:
    if not 0 < level < 1 or resamples < 1:
        raise InvalidSetting("A bootstrap needs a level between 0 and 1 and at least one resample.")


def _quantiles(estimates: np.ndarray, level: float) -> tuple[float, float]:
    estimates = estimates[~np.isnan(estimates)]
    if not estimates.size:
        return math.nan, math.nan
    low, high = np.quantile(estimates, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
