"""Numbers over scans: a value, the n it is of, and its bootstrap interval, ready for JSON."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from liverseg.analysis.metrics import pooled_interval

Entry = dict
"""{"value": number or None, "n": scans, "interval_95": [low, high] where there is one}, and more keys."""


def defined(value: float) -> float | None:
    """The number, or None where it is nan: JSON knows no nan."""
    return None if math.isnan(value) else float(value)


def entry(value: float, n: int, interval: tuple[float, float] | None = None) -> Entry:
    """One number as a report gives it."""
    result: Entry = {"value": defined(value), "n": n}
    if interval is not None and not any(math.isnan(end) for end in interval):
        result["interval_95"] = [float(end) for end in interval]
    return result


def mean_of(values: Sequence[float], seed: int) -> Entry:
    """Mean, median and quartiles over the scans that have the number; nan among `values` is left out.

    >>> mean_of([0.5, math.nan, 1.0], seed=0)["value"], mean_of([], seed=0)
    (0.75, {'value': None, 'n': 0})
    """
    known = [value for value in values if not math.isnan(value)]
    if not known:
        return entry(math.nan, 0)
    low, middle, high = (float(q) for q in np.percentile(known, (25, 50, 75)))
    interval = pooled_interval(np.array([(value, 1.0) for value in known]), ratio(0, 1), seed)
    found = entry(float(np.mean(known)), len(known), interval)
    return {**found, "median": middle, "quartiles": [low, high]}


def pooled_of(
    rows: Sequence[Sequence[float]], statistic: Callable[[np.ndarray], np.ndarray], seed: int
) -> Entry:
    """A statistic of the sums over scans; `rows` has one row (K,) a scan, see `pooled_interval`.

    >>> pooled_of([(3, 1), (1, 3)], lambda sums: sums[:, 0] / sums.sum(axis=1), seed=0)["value"]
    0.5
    """
    if not len(rows):
        return entry(math.nan, 0)
    table = np.asarray(rows, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = float(statistic(table.sum(axis=0)[None])[0])
    return entry(value, len(table), pooled_interval(table, statistic, seed))


def ratio(part: int, whole: int) -> Callable[[np.ndarray], np.ndarray]:
    """The statistic "column `part` over column `whole`"."""
    return lambda sums: sums[:, part] / sums[:, whole]
