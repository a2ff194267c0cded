"""Sensitivity and precision of a tumour threshold on the checkpoint's validation split."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from registry import Manifest

NO_CURVE = (
    "This checkpoint has no curve of sensitivity and precision, so the effect of a threshold is unknown."
)


@dataclass(frozen=True)
class ThresholdCurve:
    """Sensitivity and precision of tumour pixels, all scans pooled, at thresholds in rising order."""

    thresholds: tuple[float, ...]
    sensitivity: tuple[float | None, ...]
    precision: tuple[float | None, ...]
    dataset: str
    split: str

    @classmethod
    def of(cls, manifest: Manifest) -> ThresholdCurve | None:
        """The curve of the first evaluation that has one, or None."""
        for entry in manifest.metrics:
            if (points := entry.get("curve")) is not None:
                lists = (tuple(points[key]) for key in ("threshold", "sensitivity", "precision"))
                return cls(*lists, entry["dataset"], entry["split"])
        return None

    def at(self, threshold: float) -> tuple[float | None, float | None]:
        """Sensitivity and precision at a threshold, interpolated linearly; None beyond the ends of the curve.

        >>> curve = ThresholdCurve((0.2, 0.4), (0.9, 0.7), (0.3, None), "lits-26", "val")
        >>> curve.at(0.3), curve.at(0.2), curve.at(0.9)
        ((0.8, None), (0.9, 0.3), (None, None))
        """
        return self._between(self.sensitivity, threshold), self._between(self.precision, threshold)

    def _between(self, values: tuple[float | None, ...], threshold: float) -> float | None:
        known = np.array([np.nan if value is None else value for value in values])
        if threshold in self.thresholds:  # an undefined neighbour does not matter here
            found = known[self.thresholds.index(threshold)]
        else:
            found = np.interp(threshold, self.thresholds, known, left=np.nan, right=np.nan)
        return None if np.isnan(found) else round(float(found), 6)


def expectation(curve: ThresholdCurve | None, threshold: float) -> str:
    """One sentence on the sensitivity and precision to expect of a threshold.

    >>> curve = ThresholdCurve((0.2, 0.4), (0.9, 0.7), (0.3, 0.5), "lits-26", "val")
    >>> expectation(curve, 0.3)
    'Expected sensitivity 80 %, precision 40 % of tumour pixels, as on lits-26 val.'
    """
    if curve is None:
        return NO_CURVE
    sensitivity, precision = curve.at(threshold)
    where = f"{curve.dataset} {curve.split}"
    if sensitivity is None:
        return (
            f"Sensitivity and precision on {where} are known for thresholds from "
            f"{curve.thresholds[0]:g} to {curve.thresholds[-1]:g} only."
        )
    shown = "not defined" if precision is None else f"{100 * precision:.0f} %"
    return (
        f"Expected sensitivity {100 * sensitivity:.0f} %, precision {shown} of tumour pixels, as on {where}."
    )
