"""Evaluation of a checkpoint, and the numbers that go into its manifest.

Protocol: every slice of the split, slices without liver included, at the labels' own resolution;
the liver is label 1 and 2 together, the tumour label 2 (LiTS convention). Pixels are counted per
scan. `dice_global` pools the pixels of all scans; `dice_per_case` is the mean over the scans whose
reference shows the structure. Intervals are 95 % bootstrap intervals over scans. The full set of
measures, and how each is made, is in `train.evaluation`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from liverseg.analysis.metrics import dice_global
from train.data.dataset import SlicesInMemory
from train.evaluation.predict import CaseCounts, Predict, count
from train.evaluation.protocol import PROTOCOL, SPACES, STRUCTURES, THRESHOLDS, Protocol
from train.evaluation.record import numbers
from train.evaluation.scans import scans_in
from train.evaluation.score_scan import score_scans
from train.evaluation.scores import ScanScore
from train.evaluation.tables import csv_table

ENTRY_METRICS = (
    "dice_global",
    "dice_per_case",
    "precision_global",
    "recall_global",
    "specificity_global",
    "voe",
    "rvd",
    *(f"{measure}_{space}" for measure in ("assd", "hd95", "surface_dice") for space in SPACES),
    "lesion_recall",
    "lesion_precision",
    "lesion_f1",
    "burden_rmse",
    "brier_in_liver",
    "ece_in_liver",
    "clean_slices",
)
"""Of `Evaluation.entry`, in its order; those that the scans do not define are left out."""

_CENTRAL = ENTRY_METRICS[:4]


@dataclass(frozen=True)
class Evaluation:
    """The scores of one checkpoint on one split of one dataset."""

    dataset: str
    split: str
    scores: tuple[ScanScore, ...]
    note: str = ""  # what a reader must know besides the protocol

    @property
    def table(self) -> CaseCounts:
        """scan -> structure -> pixels."""
        return {s.scan: {name: found.counts for name, found in s.structures.items()} for s in self.scores}

    @property
    def slices(self) -> int:
        """Of all scans."""
        return sum(score.slices for score in self.scores)

    @property
    def structures(self) -> tuple[str, ...]:
        """What the dataset's labels can score."""
        return tuple(name for name in STRUCTURES if any(name in s.structures for s in self.scores))

    def entry(self) -> dict:
        """One entry of the manifest's `metrics`."""
        found = numbers(self.scores, seed=0)
        summary, values = found["summary"], {}
        for metric in ENTRY_METRICS:
            of = {name: _rounded(summary[name][metric]) for name in summary if metric in summary[name]}
            if metric in _CENTRAL or any(record["value"] is not None for record in of.values()):
                values[metric] = of
        kind = found["cases"]["tumour"]
        without = kind["both_empty"] + kind["reference_empty"]
        if without:
            values["tumour_free_scans"] = {
                "tumour": {
                    "value": kind["both_empty"],
                    "n": without,
                    "false_positive_px": kind["false_positive_px"],
                }
            }
        protocol = f"{PROTOCOL}; {self.slices} slices" + (f"; {self.note}" if self.note else "")
        return {"dataset": self.dataset, "split": self.split, "protocol": protocol, "values": values}

    def csv(self) -> str:
        """A row a scan, with the columns of every metrics.csv."""
        return csv_table(self.scores)


def evaluate(
    slices: SlicesInMemory,
    split: str,
    predict: Predict,
    context_slices: int,
    threshold: float,
    context: bool = True,
    note: str = "",
    about: dict | None = None,
) -> Evaluation:
    """Score every slice at one tumour threshold; `context` False hides the neighbouring slices.

    `about` is the `dataset.json` of the slices; without it lengths come out in pixels of the slice.
    """
    protocol = Protocol(threshold=threshold, context=context)
    scores = score_scans(scans_in(slices, split, about), predict, context_slices, protocol)
    return Evaluation(slices.name, split, tuple(scores), note)


def best_threshold(
    slices: SlicesInMemory, predict: Predict, context_slices: int, thresholds: Sequence[float] = THRESHOLDS
) -> float:
    """The tumour threshold with the highest pooled tumour Dice on these slices."""
    tables = count(slices, predict, context_slices, thresholds)
    return max(tables, key=lambda t: dice_global([case["tumour"] for case in tables[t].values()]))


def _rounded(entry: dict) -> dict:
    """Value, n and interval alone, to four places; a calibration error keeps its first digits."""
    short = {"value": _round(entry["value"]), "n": entry["n"]}
    if "interval_95" in entry:
        short["interval_95"] = [_round(end) for end in entry["interval_95"]]
    return short


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
