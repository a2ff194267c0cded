"""Numbers over scans, ready for JSON: a value, the number of scans, and a bootstrap interval."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from liverseg.analysis.metrics import pooled_interval

Entry = dict
"""{"value": number or None, "n": number of scans, "interval_95": [low, high] where defined, ...}."""


def defined(value: float) -> float | None:
    """The number, or None for nan, which JSON cannot represent."""
    return None if math.isnan(value) else float(value)


def number_entry(value: float, n: int, interval: tuple[float, float] | None = None) -> Entry:
    """A value with its n and, where both ends are defined, its interval."""
    result: Entry = {"value": defined(value), "n": n}
    if interval is not None and not any(math.isnan(end) for end in interval):
        result["interval_95"] = [float(end) for end in interval]
    return result


def mean_entry(values: Sequence[float], seed: int) -> Entry:
    """Mean, median and quartiles of one value per scan; nan values are left out.

    >>> mean_entry([0.5, math.nan, 1.0], seed=0)["value"], mean_entry([], seed=0)
    (0.75, {'value': None, 'n': 0})
    """
    known = [value for value in values if not math.isnan(value)]
    if not known:
        return number_entry(math.nan, 0)
    low, middle, high = (float(q) for q in np.percentile(known, (25, 50, 75)))
    interval = pooled_interval(np.array([(value, 1.0) for value in known]), ratio(0, 1), seed)
    entry = number_entry(float(np.mean(known)), len(known), interval)
    return {**entry, "median": middle, "quartiles": [low, high]}


def pooled_entry(
    rows: Sequence[Sequence[float]], statistic: Callable[[np.ndarray], np.ndarray], seed: int
) -> Entry:
    """A statistic of the sums over scans; `rows` has one row (K,) per scan, see `pooled_interval`.

    >>> pooled_entry([(3, 1), (1, 3)], lambda sums: sums[:, 0] / sums.sum(axis=1), seed=0)["value"]
    0.5
    """
    if not len(rows):
        return number_entry(math.nan, 0)
    table = np.asarray(rows, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = float(statistic(table.sum(axis=0)[None])[0])
    return number_entry(value, len(table), pooled_interval(table, statistic, seed))


def ratio(part: int, whole: int) -> Callable[[np.ndarray], np.ndarray]:
    """The statistic "sum of column `part` over sum of column `whole`"."""
    return lambda sums: sums[:, part] / sums[:, whole]
