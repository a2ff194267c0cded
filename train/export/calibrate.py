"""Calibrates a scripted network at export, and records the calibration in the manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from train.evaluation.predict import predictor
from train.evaluation.scans import LoadedSplit
from train.export.calibration import (
    IDENTITY,
    REGION,
    Calibration,
    CalibrationFit,
    fit_calibration,
    precision_recall_curve,
    tumour_counts,
    uncalibrated,
)
from train.export.fold_calibration import calibration_of
from train.export.torchscript import with_calibration
from train.models.graph import CalibratedTumour

OUT_OF_FOLD = "cross-validation"
"""The split of a calibration that was fitted out of fold."""

DIGITS = 6
"""Decimals of slope and shift, in the archive and in the manifest."""

_METRICS = {"brier_in_liver": "brier", "ece_in_liver": "ece", "ece_from_1_percent": "ece_from_1_percent"}
"""Manifest metrics and the fields of `CalibrationQuality` that hold them, in the order of the manifest."""


@dataclass(frozen=True)
class CalibratedNetwork:
    """A network after calibration on a validation split, which may have left it unchanged."""

    module: torch.jit.ScriptModule
    graph: nn.Module  # the trained network with the same calibration, for comparison with the archive
    threshold: float  # tumour threshold of the calibrated probability
    own_threshold: float  # the same threshold of the uncalibrated probability
    fit: CalibrationFit
    curve: dict  # `precision_recall_curve` of the calibrated probability
    dataset: str
    split: str
    facts: Mapping[str, Any] | None = None  # of a calibration out of fold: `fold_calibration`

    @property
    def note(self) -> str:
        """What the protocol of the split's scores must add; empty without calibration."""
        if self.fit.chosen == IDENTITY:
            return ""
        if self.facts is not None:
            return "tumour probability calibrated out of fold"
        return "tumour probability calibrated on this split, which changes no label"

    def record(self) -> dict:
        """The manifest's `calibration`."""
        chosen = self.fit.chosen
        record = {
            "method": "none" if chosen == IDENTITY else "platt",
            "slope": chosen.slope,
            "shift": chosen.shift,
            "own_threshold": self.own_threshold,
            "dataset": self.dataset,
            "split": self.split,
            "scans": self.fit.scans,
            "region": REGION,
        }
        record |= {"reason": self.fit.reason} if self.fit.reason else {}
        if self.facts is None:
            return record
        measured = ("prevalence", "before", "cross_fitted", "elsewhere")
        own = {name: self.facts[name] for name in measured if self.facts.get(name) is not None}
        return record | {"dataset": self.facts["dataset"], "split": OUT_OF_FOLD} | own

    def values(self) -> dict[str, dict]:
        """Metric -> "tumour" -> value and n, added to the split's entry in the manifest's `metrics`.

        The entry itself already holds `ece_in_liver` and `brier_in_liver` after calibration.
        """
        fit = self.fit
        values = {}
        for metric, field in _METRICS.items():
            qualities = {"_uncalibrated": fit.before, "_cross_fitted": fit.cross_fitted}
            if metric == "ece_from_1_percent":
                qualities[""] = fit.after or fit.before
            for suffix, quality in qualities.items():
                if quality is not None:
                    value = round(getattr(quality, field), 5)
                    values[f"{metric}{suffix}"] = {"tumour": {"value": value, "n": fit.scans}}
        return values


def calibrate_network(
    module: torch.jit.ScriptModule,
    trained: nn.Module,
    split: LoadedSplit,
    context_slices: int,
    own_threshold: float,
    wanted: bool | Mapping[str, Any] = True,
) -> CalibratedNetwork:
    """Calibrate a scripted network on a split, or only measure its calibration where it is not `wanted`.

    `wanted` may be a record of `fold_calibration`, which is applied instead of a fit to the split. `trained`
    is the checkpoint graph around the network as it was trained; it gets the same calibration.
    `own_threshold` is a tumour threshold of the uncalibrated probability.
    """
    counts = tumour_counts(split.slices, predictor(module), context_slices)
    facts = None if isinstance(wanted, bool) else wanted
    if facts is not None:
        reason = facts.get("reason", "")
        fit = CalibrationFit(calibration_of(facts), scans=int(facts["scans"]), reason=reason)
    elif wanted:
        fit = fit_calibration(counts, DIGITS)
    else:
        fit = uncalibrated(counts, "calibration was not asked for")
    chosen, threshold = fit.chosen, own_threshold
    if chosen != IDENTITY:
        module = with_calibration(module, chosen.slope, chosen.shift)
        trained = CalibratedTumour(trained, chosen.slope, chosen.shift).eval()
        threshold = calibrated_threshold(own_threshold, chosen)
    curve = precision_recall_curve(counts, chosen)
    return CalibratedNetwork(
        module, trained, threshold, own_threshold, fit, curve, split.slices.name, split.name, facts
    )


def calibrated_threshold(own_threshold: float, calibration: Calibration) -> float:
    """The threshold of the calibrated probability that equals one of the uncalibrated, to three decimals.

    >>> calibrated_threshold(0.5, Calibration(1.0, -1.0)), calibrated_threshold(1.0, Calibration(1.0, 0.0))
    (0.269, 1.0)
    """
    return min(max(round(calibration(own_threshold), 3), 0.001), 1.0)
