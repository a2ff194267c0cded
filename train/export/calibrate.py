"""Calibration at export: a scripted network made to mean its tumour probability, and the record of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from train.data.dataset import SlicesInMemory
from train.evaluation.predict import predictor
from train.export.calibration import (
    IDENTITY,
    REGION,
    Calibrated,
    Calibration,
    Worth,
    as_it_is,
    calibrate,
    count_tumour,
    curve,
)
from train.export.torchscript import with_calibration
from train.models.graph import CalibratedTumour

DIGITS = 6
"""Of slope and shift, in the archive as in the manifest."""

_WORTH: dict[str, Callable[[Worth], float]] = {
    "brier_in_liver": lambda worth: worth.brier,
    "ece_in_liver": lambda worth: worth.ece,
    "ece_from_1_percent": lambda worth: worth.ece_from_1_percent,
}


@dataclass(frozen=True)
class Tuned:
    """A network whose tumour probability was looked at on a validation split."""

    module: torch.jit.ScriptModule
    graph: nn.Module  # the trained network with the same map, to compare the archive with
    threshold: float  # of the module's tumour probability
    own_threshold: float  # of the network's own
    found: Calibrated
    points: dict  # `train.export.calibration.curve` of the module's probability
    dataset: str
    split: str

    @property
    def note(self) -> str:
        """What a reader of the split's scores must know; empty where nothing was fitted."""
        if self.found.chosen == IDENTITY:
            return ""
        return "tumour probability calibrated on this split, which changes no label"

    def record(self) -> dict:
        """The manifest's `calibration`."""
        chosen = self.found.chosen
        record = {
            "method": "none" if chosen == IDENTITY else "platt",
            "slope": chosen.slope,
            "shift": chosen.shift,
            "own_threshold": self.own_threshold,
            "dataset": self.dataset,
            "split": self.split,
            "scans": self.found.scans,
            "region": REGION,
        }
        return record | ({"reason": self.found.reason} if self.found.reason else {})

    def values(self) -> dict[str, dict]:
        """metric -> tumour -> value, beside those of the split's entry in the manifest's `metrics`.

        The entry's own `ece_in_liver` and `brier_in_liver` are those of the module: after calibration.
        """
        found = self.found
        told = {"_uncalibrated": found.before, "_cross_fitted": found.cross_fitted}
        rows = [(name, suffix, worth) for suffix, worth in told.items() for name in _WORTH]
        rows.append(("ece_from_1_percent", "", found.after or found.before))
        return {
            f"{name}{suffix}": {"tumour": {"value": round(_WORTH[name](worth), 5), "n": found.scans}}
            for name, suffix, worth in sorted(rows, key=lambda row: list(_WORTH).index(row[0]))
            if worth is not None
        }


def tuned(
    module: torch.jit.ScriptModule,
    trained: nn.Module,
    slices: SlicesInMemory,
    split: str,
    context_slices: int,
    own_threshold: float,
    wanted: bool = True,
) -> Tuned:
    """Calibrate a scripted network on a split's slices; with `wanted` False only look at it.

    `trained` is contract 1's graph around the network as it was trained; it gets the same map.
    `own_threshold` is of the network's own tumour probability.
    """
    counts = count_tumour(slices, predictor(module), context_slices)
    found = calibrate(counts, DIGITS) if wanted else as_it_is(counts, "calibration was not asked for")
    chosen, threshold = found.chosen, own_threshold
    if chosen != IDENTITY:
        module = with_calibration(module, chosen.slope, chosen.shift)
        trained = CalibratedTumour(trained, chosen.slope, chosen.shift).eval()
        threshold = moved(own_threshold, chosen)
    points = curve(counts, chosen)
    return Tuned(module, trained, threshold, own_threshold, found, points, slices.name, split)


def moved(own_threshold: float, calibration: Calibration) -> float:
    """A threshold of the network's own probability as one of the calibrated, to three digits after the point.

    >>> moved(0.5, Calibration(1.0, -1.0)), moved(1.0, Calibration(1.0, 0.0))
    (0.269, 1.0)
    """
    return min(max(round(calibration(own_threshold), 3), 0.001), 1.0)
