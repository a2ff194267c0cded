"""Confidence intervals by bootstrap over scans (Efron & Tibshirani 1993, ch. 13)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from liverseg.errors import InvalidSetting

RESAMPLES = 2000

T = TypeVar("T")


def _mean(values: Sequence[Any]) -> float:
    return float(np.mean(values))


def draws(n: int, seed: int, resamples: int = RESAMPLES) -> np.ndarray:
    """(resamples, n) indices of the scans that each resample draws, with replacement."""
    return np.random.default_rng(seed).integers(0, n, size=(resamples, n))


def bootstrap_interval(
    values: Sequence[T],
    seed: int = 0,
    statistic: Callable[[Sequence[T]], float] = _mean,
    level: float = 0.95,
    resamples: int = RESAMPLES,
) -> tuple[float, float]:
    """Percentile bootstrap interval of a statistic over scans (Efron & Tibshirani 1993, ch. 13).

    `values` has one entry a scan, because slices of one scan are not independent: numbers for the
    mean, or anything else that `statistic` takes a sequence of. Resamples for which the statistic is nan (no
    reference drawn) are left out. Returns (nan, nan) for fewer than two values: one scan says
    nothing of the spread between scans. Raises `InvalidSetting` for a level outside (0, 1).

    >>> bootstrap_interval([0.5, 0.5, 0.5], seed=1)
    (0.5, 0.5)
    """
    _check(level, resamples)
    n = len(values)
    if n < 2:
        return math.nan, math.nan
    picks = draws(n, seed, resamples)
    return _quantiles(np.array([statistic([values[i] for i in pick]) for pick in picks]), level)


def pooled_interval(
    table: np.ndarray,
    statistic: Callable[[np.ndarray], np.ndarray],
    seed: int = 0,
    level: float = 0.95,
    resamples: int = RESAMPLES,
) -> tuple[float, float]:
    """`bootstrap_interval` of a statistic of sums over scans, all resamples at once.

    `table` (scans, K) holds what is summed, a row a scan; `statistic` maps sums (resamples, K) to
    values (resamples,), nan where it is undefined. The scans drawn are those of `bootstrap_interval`
    with the same seed.

    >>> counts = np.array([[8, 1, 1], [1, 4, 4]])  # TP, FP, FN of two scans
    >>> low, high = pooled_interval(counts, lambda s: 2 * s[:, 0] / (2 * s[:, 0] + s[:, 1] + s[:, 2]))
    >>> round(low, 2), round(high, 2)
    (0.2, 0.89)
    """
    _check(level, resamples)
    n = len(table)
    if n < 2:
        return math.nan, math.nan
    picks = draws(n, seed, resamples)
    times = np.stack([np.bincount(pick, minlength=n) for pick in picks])  # (resamples, n)
    with np.errstate(divide="ignore", invalid="ignore"):
        return _quantiles(np.asarray(statistic(times @ np.asarray(table, np.float64))), level)


def _check(level: float, resamples: int) -> None:
    if not 0 < level < 1 or resamples < 1:
        raise InvalidSetting("A bootstrap needs a level between 0 and 1 and at least one resample.")


def _quantiles(found: np.ndarray, level: float) -> tuple[float, float]:
    found = found[~np.isnan(found)]
    if not found.size:
        return math.nan, math.nan
    low, high = np.quantile(found, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
