"""Calibration fitted out of fold: the pixels of every scan come from the run that did not train on it.

A calibration is only worth shipping if it helps where nobody fitted it. So it is judged on scans left out of
the fit and, where one is given, on a dataset of another site; if it does not lower the log loss on both, the
identity is chosen and the reason recorded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from train.data.dataset import DatasetFolder
from train.evaluation.predict import Predict
from train.export.calibration import (
    CENTRES,
    IDENTITY,
    NO_COUNTS,
    REGION,
    Calibration,
    CalibrationQuality,
    TumourCounts,
    fit_calibration,
    tumour_counts,
)

DIGITS = 6


def fold_counts(
    folds: Sequence[tuple[DatasetFolder, Predict, int]],
) -> dict[str, TumourCounts]:
    """The counts of each scan of the val splits of the folds, by the fold's own network.

    Each fold is a dataset folder, a network and its number of context slices. A scan that an earlier folder
    holds already is not counted again.
    """
    counts: dict[str, TumourCounts] = {}
    for folder, predict, context_slices in folds:
        own = tumour_counts(folder.load("val"), predict, context_slices)
        counts |= {scan: value for scan, value in own.items() if scan not in counts}
    return counts


def fold_calibration(
    scans: Mapping[str, TumourCounts],
    dataset: str,
    elsewhere: Mapping[str, TumourCounts] | None = None,
    site: str = "",
) -> dict[str, Any]:
    """The calibration of all scans and its quality, ready for JSON.

    `dataset` names the datasets of `scans`. `elsewhere` are counts of the network to be shipped on a dataset
    of another site, named `site`.
    """
    fit = fit_calibration(scans, DIGITS)
    inside = sum((c.in_liver for c in scans.values()), np.zeros_like(NO_COUNTS.in_liver))
    record: dict[str, Any] = {
        "dataset": dataset,
        "scans": fit.scans,
        "region": REGION,
        "prevalence": round(float(inside[:, 1].sum() / max(inside.sum(), 1)), 5),
        "before": _quality(fit.before),
        "cross_fitted": _quality(fit.cross_fitted),
    }
    chosen, reason = fit.chosen, fit.reason
    if elsewhere and chosen != IDENTITY:
        other = sum((c.in_liver for c in elsewhere.values()), np.zeros_like(NO_COUNTS.in_liver))
        before, after = (CalibrationQuality.of(c.of_logits(CENTRES), other) for c in (IDENTITY, chosen))
        record["elsewhere"] = {
            "dataset": site,
            "scans": len(elsewhere),
            "before": _quality(before),
            "after": _quality(after),
        }
        if after.log_loss >= before.log_loss:
            chosen, reason = IDENTITY, f"it increased the log loss on {site}, a dataset of another site"
    return {
        "method": "none" if chosen == IDENTITY else "platt",
        "slope": chosen.slope,
        "shift": chosen.shift,
        **({"reason": reason} if reason else {}),
        **record,
    }


def calibration_of(record: Mapping[str, Any]) -> Calibration:
    """The calibration in a record of `fold_calibration`."""
    return Calibration(float(record["slope"]), float(record["shift"]))


def _quality(quality: CalibrationQuality | None) -> dict[str, float] | None:
    return None if quality is None else {name: round(value, 6) for name, value in asdict(quality).items()}
